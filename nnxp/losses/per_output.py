"""A loss for each output of a network."""

from dataclasses import dataclass
from typing import Any

from nnxp._checks import Shape, Words, message
from nnxp.losses.combined import CombinedLoss

__all__ = ["PerOutput"]


@dataclass(frozen=True)
class PerOutput(CombinedLoss):
    """A loss for each output of a network, ``sum_i weights[i] * losses[i](outputs[i], targets[i])``.

    Called as ``value, (dy_0, dy_1, ...) = loss((y_0, y_1, ...), (t_0, t_1, ...))``.
    Backward: ``dy_i`` is ``weights[i]`` times the gradient of its own loss.

    Parameters
    ----------
    losses : tuple of (loss or None)
        One for each output, all means or all sums. None leaves an output without a loss; it has no target either.
    weights : tuple of float, optional
        What each counts for; None counts all alike.
    names : tuple of str, optional
        What each is called in a history, with ``_loss`` behind it; None takes ``output0``, ``output1``, ...

    Raises
    ------
    TypeError
        If a part is no loss.
    ValueError
        If there are no parts, not one weight and one name for each, parts of several reductions, or, when called,
        another number of outputs or targets.

    Notes
    -----
    Targets are a tuple, also where there is only one. A history, and `evaluate`, have a column for the sum and one for
    each part, which is not weighted. The mean over several batches is exact part by part.

    Examples
    --------
    >>> loss = PerOutput((CrossEntropyLoss(), MSELoss()), (1.0, 0.1), names=("class", "place"))
    >>> loss.columns
    ('class_loss', 'place_loss')
    """

    @property
    def accepts_indices(self) -> tuple[bool, ...]:  # type: ignore[override]
        """Whether each target's loss takes labels."""
        return tuple(bool(getattr(loss, "accepts_indices", False)) for loss in self.present)

    def default_names(self) -> tuple[str, ...]:
        """Return the places of the outputs."""
        return tuple(f"output{i}" for i in range(len(self.losses)))

    def of_output(self, place: int) -> Any:
        """Return the loss of one output, None where it has none."""
        if not 0 <= place < len(self.losses):
            raise ValueError(message("PerOutput", f"one of the outputs 0 to {len(self.losses) - 1}", place))
        return self.losses[place]

    def arguments(self, output: Any, target: Any) -> list[tuple[Any, Any, Any]]:
        """Return each loss with its own output and target."""
        if not isinstance(output, tuple) or len(output) != len(self.losses):
            got = len(output) if isinstance(output, tuple) else Words("one")
            raise ValueError(message("PerOutput", f"{len(self.losses)} outputs, one for each loss", got))
        self._check_targets(target)
        scored = [(loss, y) for loss, y in zip(self.losses, output, strict=True) if loss is not None]
        return [(loss, y, t) for (loss, y), t in zip(scored, target, strict=True)]

    def gather(self, slopes: list[Any]) -> Any:
        """Return the gradients as a tuple, None where an output has no loss."""
        waiting = iter(slopes)
        return tuple(None if loss is None else next(waiting) for loss in self.losses)

    def check_labels(self, labels: Any, output_shape: Shape | None) -> None:
        """Let each part look at its own target; of the outputs the shape of the first is known. See `Loss`."""
        self._check_targets(labels)
        for i, (loss, target) in enumerate(zip(self.present, labels, strict=True)):
            if hasattr(loss, "check_labels"):
                loss.check_labels(target, output_shape if i == 0 and self.losses[0] is not None else None)

    def _check_targets(self, target: Any) -> None:
        if not isinstance(target, tuple) or len(target) != len(self.present):
            got = Words(f"{len(target)}" if isinstance(target, tuple) else "an array")
            raise ValueError(message("PerOutput", f"a tuple of {len(self.present)} targets, one for each loss", got))
