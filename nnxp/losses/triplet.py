"""An anchor, one like it, one unlike it."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp._checks import check_number, message
from nnxp.losses.counted_loss import SeveralInputsLoss
from nnxp.losses.loss import check_reduction

__all__ = ["TripletMarginLoss"]


@dataclass(frozen=True)
class TripletMarginLoss(SeveralInputsLoss):
    """Keeps an anchor nearer to its like than to another: ``max(0, margin + d(a, p) - d(a, n))`` [1]_.

    With ``d(x, y) = |x - y + eps|``. Called as ``value, (da, dp, dn) = loss(anchor, positive, negative)``.
    Backward: ``dd/dx = sign(z) (|z| / d)**(p - 1)`` with ``z = x - y + eps``, and 0 where ``d = 0``.

    Parameters
    ----------
    margin : float
        By how much; above 0.
    p : float
        Of the norm, over the last axis; above 0, and infinity is the largest element.
    eps : float
        Added to the differences.
    swap : bool
        Take ``d(p, n)`` for ``d(a, n)`` where it is smaller [1]_.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms, one for each vector; see `Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the three arrays are not of one shape (batch, ..., features).
    TypeError
        If they are not on one device, or not of one dtype.

    References
    ----------
    .. [1] Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural networks",
       BMVC 2016, eq. 1 and section 2.2.
    """

    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    _: KW_ONLY
    reduction: str = "mean"

    outputs: ClassVar[tuple[int, ...]] = (0, 1, 2)
    targets: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("TripletMarginLoss", "margin", self.margin, low=0.0, open_low=True)
        if self.p != math.inf:
            check_number("TripletMarginLoss", "p", self.p, low=0.0, open_low=True)
        check_number("TripletMarginLoss", "eps", self.eps, low=0.0)

    def terms_shape(self, output: Array) -> tuple[int, ...]:
        """Return the shape of the distances."""
        return tuple(output.shape[:-1])

    def __call__(  # type: ignore[override]
        self, anchor: Array, positive: Array, negative: Array, sample_weight: Array | None = None
    ) -> tuple[Array, tuple[Array, Array, Array]]:
        """Return the loss, and its gradients with respect to all three; see `Loss`."""
        xp = namespace(anchor)
        self._check("anchor", anchor, positive=positive, negative=negative)
        if anchor.ndim < 2:
            raise ValueError(
                message("TripletMarginLoss", "anchor of shape (batch, ..., features)", tuple(anchor.shape))
            )
        near, dp = self._distance(anchor, positive)
        far, dn = self._distance(anchor, negative)
        if self.swap:
            swapped, ds = self._distance(positive, negative)
            # At a tie the gradient is shared, as PyTorch's minimum shares it.
            share = 0.5 + 0.5 * xp.sign(far - swapped)
            far = xp.minimum(far, swapped)
            ds *= share
            dn *= 1.0 - share
        short = self.margin + near - far
        on = xp.astype(short >= 0.0, anchor.dtype)
        dp *= on
        dn *= on
        da, dpositive = dp - dn, -dp
        if self.swap:
            ds *= on
            dpositive -= ds
            dn += ds
        terms = xp.maximum(short, constant(0.0, like=short))[..., 0]
        return self._weighted(terms, (da, dpositive, dn), sample_weight)

    def _distance(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return the distances, the last axis kept, and their gradient with respect to `x`."""
        xp = namespace(x)
        z = x - y
        z += self.eps
        size, sign = xp.abs(z), xp.sign(z)
        if self.p == 1:
            return xp.sum(size, axis=-1, keepdims=True), sign
        if self.p == math.inf:
            d = xp.max(size, axis=-1, keepdims=True)
            largest = xp.astype(size == d, x.dtype)
            return d, sign * largest / xp.sum(largest, axis=-1, keepdims=True)
        d = xp.sum(size**self.p, axis=-1, keepdims=True) ** (1.0 / self.p)
        # A power below 0 of nothing is kept out; its sign is 0 anyway.
        ratio = xp.where(size == 0.0, 1.0, size) / xp.where(d == 0.0, 1.0, d)
        return d, sign * ratio ** (self.p - 1.0)
