"""What the padding layers share: where their amounts stand, and which sizes they make."""

from typing import ClassVar

from nnxp._backend import Array
from nnxp._checks import Shape, message
from nnxp.layers.images import check_images, check_sample_images
from nnxp.layers.layer import Layer

__all__ = ["Padding", "Sizes"]

Sizes = tuple[int, ...]


class Padding(Layer):
    """A change of the lengths of the last `axes` axes of (N, C, *sizes)."""

    padding: int | Sizes

    axes: ClassVar[int]

    def ends(self) -> tuple[Sizes, Sizes]:
        """Return what is added before and after each axis, the first axis first: PyTorch begins with the last."""
        amounts = self.padding if isinstance(self.padding, tuple) else (self.padding,) * (2 * self.axes)
        return amounts[-2::-2], amounts[::-2]

    def least_size(self, before: int, after: int) -> int:
        """Return how long an axis must be."""
        raise NotImplementedError

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (C, *sizes) with what is added; a size that is unknown stays so."""
        if in_shape is None:
            return None
        check_sample_images(type(self).__name__, in_shape, self.axes)
        self._check_sizes(type(self).__name__, in_shape[1:])
        sizes = zip(in_shape[1:], *self.ends(), strict=True)
        return (in_shape[0], *(None if n is None else b + n + a for n, b, a in sizes))

    def check(self, x: Array) -> None:
        """Refuse a batch that cannot be padded."""
        where = f"{type(self).__name__}.forward"
        check_images(where, x, self.axes)
        self._check_sizes(where, tuple(x.shape[2:]))

    def _check_sizes(self, where: str, sizes: Shape) -> None:
        least = tuple(self.least_size(b, a) for b, a in zip(*self.ends(), strict=True))
        if any(n is not None and n < few for n, few in zip(sizes, least, strict=True)):
            raise ValueError(message(where, f"sizes of at least {least} for this padding", sizes))
