"""How far one distribution is from another."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

from nnxp._backend import Array, namespace
from nnxp.losses.elementwise import ElementwiseLoss
from nnxp.losses.loss import REDUCTIONS, check_reduction

__all__ = ["KLDivLoss"]


@dataclass(frozen=True)
class KLDivLoss(ElementwiseLoss):
    """Kullback-Leibler divergence, ``t (log t - x)`` with ``x`` the output: a logarithm of probabilities [1]_.

    Backward: ``dy = -t``, divided as the value is. A target of 0 has the term 0.

    Parameters
    ----------
    reduction : {"mean", "sum", "none", "batchmean"}
        What becomes of the terms; ``"mean"`` is over all elements, and ``"batchmean"``, over samples, is the
        divergence of the formula.
    log_target : bool
        Whether the target is a logarithm too.

    Raises
    ------
    ValueError
        If the reduction is unknown, or the target is not shaped as the output.

    References
    ----------
    .. [1] Kullback and Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22 (1951), eq. 2.4.
    """

    _: KW_ONLY
    reduction: str = "mean"
    log_target: bool = False

    def __post_init__(self) -> None:
        check_reduction(self, (*REDUCTIONS, "batchmean"))

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the terms and slopes."""
        xp = namespace(output)
        if self.log_target:
            probability = xp.exp(target)
            return probability * (target - output), -probability
        # The limit of t log t at 0 is 0, and so is t times the logarithm of 1.
        entropy = target * xp.log(xp.where(target == 0.0, 1.0, target))
        return entropy - target * output, -target

    def _divisor(self, output: Array, weights: Array | None) -> Any:
        if self.reduction != "batchmean":
            return super()._divisor(output, weights)
        return float(output.shape[0]) if weights is None else namespace(output).sum(weights)
