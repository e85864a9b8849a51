"""Binary cross-entropy that attends to what is still wrong."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp._checks import check_number
from nnxp.losses.elementwise import ElementwiseLoss
from nnxp.losses.loss import check_reduction

__all__ = ["FocalLoss"]


@dataclass(frozen=True)
class FocalLoss(ElementwiseLoss):
    """Focal loss of logits: ``-alpha t (1 - p)**gamma log p - (1 - alpha)(1 - t) p**gamma log(1 - p)`` [1]_.

    In it ``p = sigmoid(x)``, with ``x`` the output. Backward: ``dy = alpha t (1 - p)**gamma (gamma p log p - (1 - p))
    + (1 - alpha)(1 - t) p**gamma (p - gamma (1 - p) log(1 - p))``, divided as the value is.

    Parameters
    ----------
    gamma : float
        How much less the elements count that are right already; 0 is the cross-entropy, 2 the paper's choice.
    alpha : float, optional
        What a yes counts for, in [0, 1], a no counting ``1 - alpha``; None counts both fully.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`. The paper divides the sum by the number of yeses.

    Raises
    ------
    ValueError
        If an argument is out of range, or the target is not shaped as the output.

    Notes
    -----
    Targets are 0 or 1; between them the two terms are mixed. Powers are taken of logarithms, so that nothing
    overflows, and no gamma has an infinite slope.

    References
    ----------
    .. [1] Lin et al., "Focal Loss for Dense Object Detection", 2017, arXiv:1708.02002, eq. 5.

    Examples
    --------
    >>> value, dy = FocalLoss(gamma=0.0, alpha=None)(np.array([[0.0]]), np.array([[1.0]]))
    >>> float(value), dy.tolist()
    (0.6931471805599453, [[-0.5]])
    """

    gamma: float = 2.0
    alpha: float | None = 0.25
    _: KW_ONLY
    reduction: str = "mean"

    probabilities: ClassVar[str | None] = "sigmoid"

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("FocalLoss", "gamma", self.gamma, low=0.0)
        if self.alpha is not None:
            check_number("FocalLoss", "alpha", self.alpha, low=0.0, high=1.0)

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the terms and slopes."""
        xp = namespace(output)
        nothing = constant(0.0, like=output)
        softplus = xp.log1p(xp.exp(-xp.abs(output)))
        # -log p and -log(1 - p), each without a difference of large numbers.
        cost_yes = softplus + xp.maximum(-output, nothing)
        cost_no = softplus + xp.maximum(output, nothing)
        p, q = xp.exp(-cost_yes), xp.exp(-cost_no)
        yes = target * xp.exp(-self.gamma * cost_no)
        no = (1.0 - target) * xp.exp(-self.gamma * cost_yes)
        if self.alpha is not None:
            yes *= self.alpha
            no *= 1.0 - self.alpha
        terms = yes * cost_yes + no * cost_no
        slopes = no * (p + self.gamma * q * cost_no) - yes * (q + self.gamma * p * cost_yes)
        return terms, slopes
