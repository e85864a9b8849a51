"""Yes or no for each element: the cross-entropies of probabilities and of logits."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp.losses._values import Values, freeze, per_element
from nnxp.losses.elementwise import ElementwiseLoss
from nnxp.losses.loss import check_reduction

__all__ = ["BCELoss", "BCEWithLogitsLoss"]

# A logarithm never falls below this, so that a wrong certainty costs much and not everything.
_LOWEST_LOG = -100.0
# Stands for 0 under the logarithm, which NumPy would warn of; its own logarithm is below the lowest, in float32 too.
_TINY = 1e-44
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True)
class BCELoss(ElementwiseLoss):
    """Binary cross-entropy of probabilities, ``-(t log x + (1 - t) log(1 - x))`` with ``x`` the output.

    Backward: ``dy = (x - t) / max(x (1 - x), 1e-12)``, divided as the value is. Logarithms are kept above -100.
    `BCEWithLogitsLoss` of what goes into the sigmoid is more accurate, and cheaper.

    Parameters
    ----------
    weight : number or array, optional
        Multiplies the terms, broadcast to the output; the mean does not divide by it.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.

    Raises
    ------
    ValueError
        If the reduction is unknown, the target is not shaped as the output, or `weight` does not broadcast to it.
    TypeError
        If `weight` is not made of numbers.

    Notes
    -----
    An output outside of [0, 1] makes the loss NaN: it is on the device, and looking at it would make the host wait.
    """

    weight: Values = None
    _: KW_ONLY
    reduction: str = "mean"

    probabilities: ClassVar[str | None] = "identity"

    def __post_init__(self) -> None:
        check_reduction(self)
        if self.weight is not None:
            object.__setattr__(self, "weight", freeze("BCELoss", "weight", self.weight))

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the terms and slopes."""
        xp = namespace(output)
        rest = 1.0 - output
        terms = -(target * _log(output) + (1.0 - target) * _log(rest))
        slopes = (output - target) / xp.maximum(output * rest, constant(_LEAST_VARIANCE, like=output))
        return _weighted("BCELoss", self.weight, terms, slopes)


@dataclass(frozen=True)
class BCEWithLogitsLoss(ElementwiseLoss):
    """Binary cross-entropy of logits, ``-(p t log s(x) + (1 - t) log(1 - s(x)))``, with ``s`` the sigmoid.

    Written with ``log(1 + exp(-|x|))``, which neither overflows nor loses the small terms.
    Backward: ``dy = (p t + 1 - t) s(x) - p t``, divided as the value is.

    Parameters
    ----------
    weight : number or array, optional
        Multiplies the terms, broadcast to the output; the mean does not divide by it.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.
    pos_weight : number or array, optional
        The ``p`` above, broadcast to the output: what a yes counts for beside a no.

    Raises
    ------
    ValueError
        If the reduction is unknown, the target is not shaped as the output, or a weight does not broadcast to it.
    TypeError
        If a weight is not made of numbers.

    Examples
    --------
    >>> value, dy = BCEWithLogitsLoss()(np.array([[0.0]]), np.array([[1.0]]))
    >>> float(value), dy.tolist()
    (0.6931471805599453, [[-0.5]])
    """

    weight: Values = None
    _: KW_ONLY
    reduction: str = "mean"
    pos_weight: Values = None

    probabilities: ClassVar[str | None] = "sigmoid"

    def __post_init__(self) -> None:
        check_reduction(self)
        for name in ("weight", "pos_weight"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, freeze("BCEWithLogitsLoss", name, getattr(self, name)))

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the terms and slopes."""
        xp = namespace(output)
        decay = xp.exp(-xp.abs(output))
        softplus = xp.log1p(decay)
        above = xp.maximum(output, constant(0.0, like=output))
        yes = target
        if self.pos_weight is not None:
            yes = target * per_element("BCEWithLogitsLoss", "pos_weight", self.pos_weight, output)
            both = 1.0 - target + yes
            softplus *= both
            above *= both
        # In this order the two large parts cancel exactly, and the small one survives.
        above -= yes * output
        above += softplus
        slopes = xp.where(output >= 0.0, 1.0, decay)
        decay += 1.0
        slopes /= decay
        if self.pos_weight is not None:
            slopes *= both
        slopes -= yes
        return _weighted("BCEWithLogitsLoss", self.weight, above, slopes)


def _log(x: Array) -> Array:
    xp = namespace(x)
    return xp.maximum(xp.log(xp.where(x == 0.0, _TINY, x)), constant(_LOWEST_LOG, like=x))


def _weighted(where: str, weight: Values, terms: Array, slopes: Array) -> tuple[Array, Array]:
    if weight is not None:
        spread = per_element(where, "weight", weight, terms)
        terms *= spread
        slopes *= spread
    return terms, slopes
