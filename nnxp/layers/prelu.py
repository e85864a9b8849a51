"""A rectifier whose slope on the left is learned."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_number, check_positive_int, message
from nnxp.initializers import constant
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views

__all__ = ["PReLU"]


@dataclass(frozen=True)
class PReLU(Layer):
    """Parametric rectifier, ``y = max(x, 0) + weight * min(x, 0)``.

    Backward: ``dx = dy`` where ``x > 0``, else ``weight * dy`` (also at the kink); ``dweight = sum(dy * min(x, 0))``.

    Parameters
    ----------
    num_parameters : int
        1 for one slope in all, else one for each channel of the input (N, num_parameters, *sizes).
    init : float
        How the slopes start.

    Raises
    ------
    ValueError
        If `num_parameters` is not a whole number of at least 1, `init` is not finite, or the input has other
        channels.

    Notes
    -----
    ``weight`` is shaped (num_parameters,); like a bias it is spared where decay is for weights only, since decay would
    pull towards ReLU. The cache is the input.

    References
    ----------
    .. [1] He et al., "Delving Deep into Rectifiers", 2015, arXiv:1502.01852, eq. 1 and section 2.1.
    """

    num_parameters: int = 1
    init: float = 0.25

    def __post_init__(self) -> None:
        check_positive_int("PReLU", "num_parameters", self.num_parameters)
        check_number("PReLU", "init", self.init)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight (num_parameters,)."""
        return {"weight": ParameterSpec((self.num_parameters,), constant(self.init), "bias")}

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None and self.num_parameters > 1 and in_shape[:1] not in {(None,), (self.num_parameters,)}:
            raise ValueError(message("PReLU", f"samples of shape ({self.num_parameters}, *)", in_shape))
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output; the cache is the input."""
        if self.num_parameters > 1 and tuple(x.shape[1:2]) != (self.num_parameters,):
            raise ValueError(message("PReLU.forward", f"x of shape (batch, {self.num_parameters}, *)", tuple(x.shape)))
        xp = namespace(x)
        y = xp.minimum(x, 0.0) * self._slopes(p, x)
        y += xp.maximum(x, 0.0)
        return y, x

    def backward(self, p: Views, g: Views, x: Array, dy: Array) -> Array:
        """Write ``g.weight``; return the input's gradient."""
        xp = namespace(x)
        shared = tuple(axis for axis in range(x.ndim) if axis != 1 or self.num_parameters == 1)
        g.weight[...] = xp.reshape(xp.sum(dy * xp.minimum(x, 0.0), axis=shared), g.weight.shape)
        right = xp.astype(x > 0, dy.dtype)
        dx = (1.0 - right) * self._slopes(p, x)
        dx += right
        dx *= dy
        return dx

    def _slopes(self, p: Views, x: Array) -> Array:
        """Shape the slopes to go with the input's channels."""
        if self.num_parameters == 1:
            return p.weight
        return namespace(x).reshape(p.weight, (self.num_parameters, *(1,) * (x.ndim - 2)))
