"""Noise that switches elements off."""

from dataclasses import dataclass

from nnxp._backend import Array, fused, namespace
from nnxp._checks import check_number
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["Dropout", "masked", "survivors_scale"]


@dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout, ``y = x * mask / (1 - p)`` in training and ``y = x`` otherwise.

    Backward: ``dx = dy * mask / (1 - p)``, with the same mask.

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
    The mask is drawn from the network's seed, the layer's place and the step (see `nnxp.random`), so it is the same
    on every device. The cache is the mask, in booleans; None where nothing is dropped.

    References
    ----------
    .. [1] Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15 (2014).
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_number("Dropout", "p", self.p, low=0.0, high=1.0)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array | None]:
        """Return what is kept, scaled up to the same mean; the cache is the mask."""
        if not mode.training or self.p == 0:
            return x, None
        mask = mode.random.keep(x, self.p)
        return masked(x, mask, survivors_scale(self.p)), mask

    def backward(self, p: Views, g: Views, mask: Array | None, dy: Array) -> Array:
        """Return the gradient of what was kept."""
        return dy if mask is None else masked(dy, mask, survivors_scale(self.p))


@fused
def masked(x: Array, mask: Array, scale: float) -> Array:
    """Return ``x * scale`` where the mask keeps, and ``x * 0`` where it drops."""
    y = factors(mask, scale, x)
    y *= x
    return y


def survivors_scale(p: float) -> float:
    """Return ``1 / (1 - p)``, by which what is kept grows; 0 where nothing is."""
    return 1.0 / (1.0 - p) if p < 1 else 0.0


def factors(mask: Array, scale: float, like: Array) -> Array:
    """Return `scale` where the mask keeps and 0 where it drops, of the dtype of `like`."""
    kept = namespace(like).astype(mask, like.dtype)
    kept *= scale
    return kept
