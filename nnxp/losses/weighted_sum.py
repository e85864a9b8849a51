"""Several losses of the same output and target."""

from dataclasses import dataclass
from typing import Any

from nnxp._backend import Array
from nnxp._checks import Shape, message
from nnxp.losses.combined import CombinedLoss

__all__ = ["WeightedSum"]


@dataclass(frozen=True)
class WeightedSum(CombinedLoss):
    """A weighted sum of losses of the same output and target, ``sum_i weights[i] * losses[i](output, target)``.

    Backward: ``dy = sum_i weights[i] * dy_i``.

    Parameters
    ----------
    losses : tuple of loss
        All means, or all sums; any callable counts as a mean unless it has a `reduction`.
    weights : tuple of float, optional
        What each counts for; None counts all alike.
    names : tuple of str, optional
        What each is called in a history, with ``_loss`` behind it; None makes ``mse`` of MSELoss, and so on.

    Raises
    ------
    TypeError
        If a part is no loss.
    ValueError
        If there are no parts, not one weight and one name for each, or parts of several reductions.

    Notes
    -----
    A history, and `evaluate`, have a column for the sum and one for each part, which is not weighted. The mean over
    several batches is exact part by part.

    Examples
    --------
    >>> value, dy = WeightedSum((MSELoss(), L1Loss()), (1.0, 0.5))(np.array([[2.0]]), np.array([[0.0]]))
    >>> float(value), dy.tolist()
    (5.0, [[4.5]])
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if None in self.losses:
            raise TypeError(message("WeightedSum", "every part to be a loss such as MSELoss()", None))

    @property
    def accepts_indices(self) -> bool:  # type: ignore[override]
        """Whether one of the parts takes labels."""
        return any(getattr(loss, "accepts_indices", False) for loss in self.losses)

    @property
    def probabilities(self) -> str | None:  # type: ignore[override]
        """What the parts that imply probabilities agree on."""
        told = {getattr(loss, "probabilities", None) for loss in self.losses} - {None}
        return str(told.pop()) if len(told) == 1 else None

    def arguments(self, output: Any, target: Any) -> list[tuple[Any, Any, Any]]:
        """Return each loss with the output and the target."""
        return [(loss, output, target) for loss in self.losses]

    def gather(self, slopes: list[Any]) -> Any:
        """Return the sum of the gradients."""
        first, *others = slopes
        for other in others:
            first = tuple(map(_plus, first, other)) if isinstance(first, tuple) else first + other
        return first

    def denominator(self, output: Any, target: Any, sample_weight: Array | None = None) -> Any:
        """Return what the first loss divides its mean by."""
        return self.denominators(output, target, sample_weight)[0]

    def check_labels(self, labels: Any, output_shape: Shape | None) -> None:
        """Let every part look; see `Loss`."""
        for loss in self.losses:
            if hasattr(loss, "check_labels"):
                loss.check_labels(labels, output_shape)


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b
