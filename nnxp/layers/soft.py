"""Smooth activations of one exponential or none: CELU, Mish, LogSigmoid and Softsign."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import check_number
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["CELU", "LogSigmoid", "Mish", "Softsign"]

# Beyond it Mish is x itself, in float64 too.
MISH_END = 20.0


@dataclass(frozen=True)
class CELU(Layer):
    """Continuously differentiable ELU, ``y = x`` where ``x > 0``, else ``alpha * (exp(x / alpha) - 1)``.

    Backward: ``dx = dy`` where ``y > 0``, else ``dy * (y / alpha + 1)`` (at 0 both are ``dy``).

    Parameters
    ----------
    alpha : float
        Minus the value far on the left, greater than 0.

    Raises
    ------
    ValueError
        If `alpha` is not greater than 0.

    Notes
    -----
    The cache is the output.

    References
    ----------
    .. [1] Barron, "Continuously Differentiable Exponential Linear Units", 2017, arXiv:1704.07483, eq. 2 and 3.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_number("CELU", "alpha", self.alpha, low=0.0, open_low=True)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output, which is also the cache."""
        xp = namespace(x)
        y = xp.expm1(xp.minimum(x, 0.0) / self.alpha)
        y *= self.alpha
        y += xp.maximum(x, 0.0)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` times the slope, which the output tells."""
        dx = namespace(y).minimum(y, 0.0)
        dx /= self.alpha
        dx += 1.0
        dx *= dy
        return dx


@dataclass(frozen=True)
class Mish(Layer):
    """Self-regularised rectifier, ``y = x * t`` with ``t = tanh(log(1 + exp(x)))``.

    Backward: ``dx = dy * (t + x * (1 - t^2) * sigmoid(x))``.

    Notes
    -----
    With ``e = exp(x)`` and ``n = e * (e + 2)`` it is ``t = n / (n + 2)``: one exponential. The cache is the slope.

    References
    ----------
    .. [1] Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2019, arXiv:1908.08681, eq. 1.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array | None]:
        """Return ``x * t``; the cache is the slope."""
        xp = namespace(x)
        e = xp.exp(xp.minimum(x, MISH_END))
        t = e * (e + 2.0)
        t /= t + 2.0
        y = x * t
        if not mode.keep_cache:
            return y, None
        slope = 1.0 - t * t
        slope *= x
        slope *= e / (e + 1.0)
        slope += t
        return y, slope

    def backward(self, p: Views, g: Views, slope: Array, dy: Array) -> Array:
        """Return ``dy * slope``."""
        return dy * slope


@dataclass(frozen=True)
class LogSigmoid(Layer):
    """Logarithm of the sigmoid, ``y = -log(1 + exp(-x))``; backward ``dx = dy * sigmoid(-x) = dy * (1 - exp(y))``.

    Notes
    -----
    Computed as ``min(x, 0) - log1p(exp(-|x|))``, in which nothing overflows. The cache is the output.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output, which is also the cache."""
        xp = namespace(x)
        y = xp.minimum(x, 0.0)
        y -= xp.log1p(xp.exp(-xp.abs(x)))
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return ``dy * (1 - exp(y))``."""
        dx = namespace(y).expm1(y)
        dx *= -dy
        return dx


@dataclass(frozen=True)
class Softsign(Layer):
    """Squash without an exponential, ``y = x / (1 + |x|)``; backward ``dx = dy / (1 + |x|)^2``.

    Notes
    -----
    The cache is ``1 + |x|``.

    References
    ----------
    .. [1] Glorot and Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", AISTATS 2010,
       section 2.3.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output; the cache is ``1 + |x|``."""
        size = namespace(x).abs(x)
        size += 1.0
        return x / size, size

    def backward(self, p: Views, g: Views, size: Array, dy: Array) -> Array:
        """Divide twice: the square of a large number would overflow."""
        dx = dy / size
        dx /= size
        return dx
