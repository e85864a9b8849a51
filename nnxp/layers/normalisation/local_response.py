"""Normalisation by what the neighbouring channels say."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_number, check_positive_int, message
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["LocalResponseNorm"]


@dataclass(frozen=True)
class LocalResponseNorm(Layer):
    """Division by the neighbouring channels, ``y = x * s^-beta`` with ``s = k + alpha / size * W(x^2)``.

    ``W`` sums over the window of `size` channels around each one, from ``size // 2`` before it to
    ``(size - 1) // 2`` behind it, where they exist. Backward, with the mirrored window ``W'``:
    ``dx = dy * s^-beta - 2 * alpha * beta / size * x * W'(dy * y / s)``.

    Parameters
    ----------
    size : int
        How many channels belong to a window.
    alpha : float
        Weight of their mean square, at least 0.
    beta : float
        The exponent.
    k : float
        What is added, greater than 0.

    Raises
    ------
    ValueError
        If an argument is outside its range, or the input is not shaped (N, C, *sizes).

    Notes
    -----
    The cache is the input, ``s`` and ``s^-beta``.

    References
    ----------
    .. [1] Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 3.3,
       with `alpha` divided by `size`, as in PyTorch.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def __post_init__(self) -> None:
        check_positive_int("LocalResponseNorm", "size", self.size)
        check_number("LocalResponseNorm", "alpha", self.alpha, low=0.0)
        check_number("LocalResponseNorm", "beta", self.beta)
        check_number("LocalResponseNorm", "k", self.k, low=0.0, open_low=True)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None and len(in_shape) < 2:
            raise ValueError(message("LocalResponseNorm", "samples of shape (channels, *sizes)", in_shape))
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, Array, Array]]:
        """Return the output; the cache is the input, ``s`` and ``s^-beta``."""
        if x.ndim < 3:
            raise ValueError(
                message("LocalResponseNorm.forward", "x of shape (batch, channels, *sizes)", tuple(x.shape))
            )
        s = window_sum(x * x, self.size // 2, (self.size - 1) // 2)
        s *= self.alpha / self.size
        s += self.k
        scale = s**-self.beta
        return x * scale, (x, s, scale)

    def backward(self, p: Views, g: Views, cache: tuple[Array, Array, Array], dy: Array) -> Array:
        """Return the input's gradient."""
        x, s, scale = cache
        direct = dy * scale
        shares = direct * x
        shares /= s
        dx = window_sum(shares, (self.size - 1) // 2, self.size // 2)
        dx *= -2.0 * self.alpha * self.beta / self.size
        dx *= x
        dx += direct
        return dx


def window_sum(x: Array, before: int, behind: int) -> Array:
    """Sum each channel with so many before it and behind it, as far as they exist."""
    total, channels = namespace(x).asarray(x, copy=True), x.shape[1]
    for step in range(1, min(before, channels - 1) + 1):
        total[:, step:, ...] += x[:, : channels - step, ...]
    for step in range(1, min(behind, channels - 1) + 1):
        total[:, : channels - step, ...] += x[:, step:, ...]
    return total
