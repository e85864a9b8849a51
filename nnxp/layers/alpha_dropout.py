"""Dropout that keeps mean and variance behind SELU."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import check_number
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.rectifiers import SELU_ALPHA, SELU_SCALE

__all__ = ["AlphaDropout"]

# Where SELU goes far on the left: what is dropped is put there.
FLOOR = -SELU_SCALE * SELU_ALPHA


@dataclass(frozen=True)
class AlphaDropout(Layer):
    """Dropout that sets to SELU's floor, ``y = a * (x * mask + floor * (1 - mask)) + b`` in training, else ``y = x``.

    With ``floor = -1.7580...``, where SELU goes on the left, ``a = 1 / sqrt((1 - p) * (1 + p * floor^2))`` and
    ``b = -a * p * floor`` keep mean 0 and variance 1. Backward: ``dx = a * dy * mask``, with the same mask.

    Parameters
    ----------
    p : float
        The probability that an element is dropped; 1 gives zeros.

    Raises
    ------
    ValueError
        If `p` is outside [0, 1].

    Notes
    -----
    The mask is drawn as by `Dropout`. The cache is the mask, in booleans; None where nothing is dropped.

    References
    ----------
    .. [1] Klambauer et al., "Self-Normalizing Neural Networks", 2017, arXiv:1706.02515, section 3.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_number("AlphaDropout", "p", self.p, low=0.0, high=1.0)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array | None]:
        """Return what is kept and the floor elsewhere, both scaled and shifted; the cache is the mask."""
        if not mode.training or self.p == 0:
            return x, None
        mask = mode.random.keep(x, self.p)
        y = namespace(x).astype(mask, x.dtype)
        y *= x - FLOOR
        y *= self._scale
        y += self._scale * FLOOR * (1.0 - self.p)
        return y, mask

    def backward(self, p: Views, g: Views, mask: Array | None, dy: Array) -> Array:
        """Return the gradient of what was kept."""
        if mask is None:
            return dy
        dx = namespace(dy).astype(mask, dy.dtype)
        dx *= self._scale
        dx *= dy
        return dx

    @property
    def _scale(self) -> float:
        return 1.0 / math.sqrt((1.0 - self.p) * (1.0 + self.p * FLOOR**2)) if self.p < 1 else 0.0
