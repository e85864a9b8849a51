"""An activation made of any function and its derivative."""

from collections.abc import Callable
from dataclasses import dataclass

from nnxp._backend import Array
from nnxp._checks import check_same_shape, message
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["Activation"]


@dataclass(frozen=True)
class Activation(Layer):
    """A function applied element by element, ``y = function(x)``; backward ``dx = dy * derivative(x)``.

    Parameters
    ----------
    function : callable
        Takes an array of the network's library and returns one of the same shape, dtype and device.
    derivative : callable
        The same for its derivative, a function of the input ``x``.

    Raises
    ------
    TypeError
        If one of them cannot be called.
    ValueError
        If `function` changes the shape.

    Notes
    -----
    The cache is the input. The layers of `nnxp.layers` with names of their own are faster, and can be saved.

    Examples
    --------
    >>> square = Activation(lambda x: x * x, lambda x: 2.0 * x)
    >>> Network(square).forward(np.asarray([3.0], dtype="float32"))[0]
    array([9.], dtype=float32)
    """

    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]

    def __post_init__(self) -> None:
        for name in ("function", "derivative"):
            if not callable(getattr(self, name)):
                raise TypeError(message("Activation", f"{name} to be callable", getattr(self, name)))

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return ``function(x)``; the cache is the input."""
        y = self.function(x)
        check_same_shape("Activation.forward", "function(x)", y.shape, x.shape)
        return y, x

    def backward(self, p: Views, g: Views, x: Array, dy: Array) -> Array:
        """Return ``dy * derivative(x)``."""
        return dy * self.derivative(x)
