"""How alike two inputs are."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_number, check_same_shape
from nnxp.layers.combine import common_shape, every_shape
from nnxp.layers.gates import axis_in_parts, check_other_axis
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["CosineSimilarity"]


@dataclass(frozen=True)
class CosineSimilarity(Layer):
    """Cosine of the angle between two inputs, ``y = sum(z1 * z2)`` with ``z = x / max(|x|, eps)``, along an axis.

    Backward: ``dx1 = dy * (z2 - y * z1) / max(|x1|, eps)``, without ``y * z1`` if ``|x1| <= eps``; and
    ``dx2`` in the same way.

    Parameters
    ----------
    dim : int
        The axis that vanishes, the batch axis counted; not the batch axis itself.
    eps : float
        The least length that is divided by, greater than 0.

    Raises
    ------
    ValueError
        If `dim` is the batch axis, `eps` is not greater than 0, the inputs have no such axis, or differ in shape.
    TypeError
        If `dim` is not a whole number.

    Notes
    -----
    Where a length is below `eps`, PyTorch's gradient is not that of its formula; ours is. The cache is both z, both
    lengths and the output.
    """

    dim: int = 1
    eps: float = 1e-8

    def __post_init__(self) -> None:
        check_other_axis("CosineSimilarity", self.dim)
        check_number("CosineSimilarity", "eps", self.eps, low=0.0, open_low=True)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the shape of one input without the axis."""
        if in_shape is None:
            return None
        first, second = every_shape(in_shape, 2)
        shape = common_shape("CosineSimilarity", "inputs", (first, first if second is None else second))
        axis = axis_in_parts("CosineSimilarity", (None, *(shape or ())), self.dim, 1) - 1
        return (*in_shape[:axis], *in_shape[axis + 1 :])

    def forward(  # type: ignore[override]
        self, p: Views, x1: Array, x2: Array, mode: Mode
    ) -> tuple[Array, tuple[Array, ...]]:
        """Return the cosines; the cache is both z, both lengths and the cosines."""
        check_same_shape("CosineSimilarity.forward", "x2", x2.shape, x1.shape)
        axis, xp = axis_in_parts("CosineSimilarity.forward", tuple(x1.shape), self.dim, 1), namespace(x1)
        lengths = [xp.maximum(xp.sqrt(xp.sum(x * x, axis=axis, keepdims=True)), self.eps) for x in (x1, x2)]
        z1, z2 = x1 / lengths[0], x2 / lengths[1]
        y = xp.sum(z1 * z2, axis=axis, keepdims=True)
        return xp.squeeze(y, axis=axis), (z1, z2, *lengths, y)

    def backward(self, p: Views, g: Views, cache: tuple[Array, ...], dy: Array) -> tuple[Array, Array]:
        """Return the gradients of both inputs."""
        z1, z2, length1, length2, y = cache
        dy = namespace(dy).reshape(dy, y.shape)
        return self._gradient(z1, z2, length1, y, dy), self._gradient(z2, z1, length2, y, dy)

    def _gradient(self, own: Array, other: Array, length: Array, y: Array, dy: Array) -> Array:
        free = namespace(y).astype(length > self.eps, y.dtype)
        dx = other - own * (y * free)
        dx *= dy / length
        return dx
