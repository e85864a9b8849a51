"""A rectifier whose slope on the left is drawn."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import check_number
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["RReLU"]


@dataclass(frozen=True)
class RReLU(Layer):
    """Randomised rectifier, ``y = x`` where ``x > 0``, else ``a * x``; backward ``dx = dy`` there, else ``a * dy``.

    In training a is drawn from U(lower, upper) for every element, else it is the middle of both.

    Parameters
    ----------
    lower, upper : float
        Ends of the interval of slopes, in this order.

    Raises
    ------
    ValueError
        If one of them is not finite, or they are in the wrong order.

    Notes
    -----
    The slopes are drawn from the network's seed, the layer's place and the step (see `nnxp.random`). The cache is the
    slopes, 1 where x > 0.

    References
    ----------
    .. [1] Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015, arXiv:1505.00853,
       section 2.4.
    """

    lower: float = 1 / 8
    upper: float = 1 / 3

    def __post_init__(self) -> None:
        check_number("RReLU", "lower", self.lower)
        check_number("RReLU", "upper", self.upper, low=self.lower)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the input times its slopes, which are the cache."""
        right = namespace(x).astype(x > 0, x.dtype)
        left = mode.random.uniform(x, self.lower, self.upper) if mode.training else (self.lower + self.upper) / 2
        slope = (1.0 - right) * left
        slope += right
        return x * slope, slope

    def backward(self, p: Views, g: Views, slope: Array, dy: Array) -> Array:
        """Return ``dy * slope``."""
        return dy * slope
