"""Windows that move over an input of any number of dimensions, laid out as the columns of a matrix."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from nnxp._backend import Array, namespace
from nnxp.layers import borders

__all__ = ["Rows", "Sizes", "Window"]

Sizes = tuple[int, ...]
Rows = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """How a kernel moves over its input.

    Parameters
    ----------
    kernel, stride, dilation : tuple of int
        One number an axis.
    before, after : tuple of int
        How many places are added to each axis of the input.
    mode : {"zeros", "reflect", "replicate", "circular"}
        What is put there.

    Notes
    -----
    Rows are places along the first of the output's axes, given as the first and one past the last; `out` is the
    output's sizes. Columns are laid out as (C, prod(kernel), N, rows, *out[1:]).
    """

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    before: Sizes
    after: Sizes
    mode: str = "zeros"

    def count(self, axis: int, size: int) -> int:
        """Return how many windows lie along an axis of an input's size."""
        padded = self.before[axis] + size + self.after[axis]
        return (padded - self.reach(axis)) // self.stride[axis] + 1

    def reach(self, axis: int) -> int:
        """Return how many places a window spans."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def least_sizes(self) -> Sizes:
        """Return the sizes that an input must have for one window to fit and for its borders to be filled."""
        ends = enumerate(zip(self.before, self.after, strict=True))
        return tuple(max(self.reach(i) - b - a, borders.least_size(self.mode, b, a)) for i, (b, a) in ends)

    def pad(self, x: Array) -> Array:
        """Return (N, C, *sizes) with its borders."""
        return borders.pad(x, self.before, self.after, self.mode)

    def unpad(self, dx: Array) -> Array:
        """Return the gradient of the input from that of `pad`'s output, which is used up."""
        return borders.unpad(dx, self.before, self.after, self.mode)

    def padded_sizes(self, sizes: Sizes) -> Sizes:
        """Return the sizes of an input with its borders."""
        return tuple(b + n + a for b, n, a in zip(self.before, sizes, self.after, strict=True))

    def seen(self, axis: int, size: int) -> Sizes:
        """Tell which place of the input each place of a padded axis shows; -1 is a zero."""
        b, a = self.before[axis], self.after[axis]
        copies = {} if self.mode == "zeros" else borders.sources(self.mode, size, b, a)
        return tuple(i - b if b <= i < b + size else copies.get(i, b - 1) - b for i in range(b + size + a))

    def columns(self, padded: Array, rows: Rows, out: Sizes) -> Array:
        """Return what the windows of some rows see, a column each."""
        xp, (samples, channels) = namespace(padded), padded.shape[:2]
        shape = (channels, math.prod(self.kernel), samples, rows[1] - rows[0], *out[1:])
        views = self.views(padded, rows, out)
        if shape[1] == 1:
            # One sample's input, seen through a kernel of one place, is its columns already.
            return xp.reshape(next(views), shape)
        columns = xp.empty(shape, dtype=padded.dtype, device=padded.device)
        for k, seen in enumerate(views):
            columns[:, k, ...] = seen
        return columns

    def add_columns(self, columns: Array, padded: Array, rows: Rows, out: Sizes) -> None:
        """Add to each place of `padded` what the columns say about it: the transpose of `columns`."""
        for k, seen in enumerate(self.views(padded, rows, out)):
            seen += columns[:, k, ...]

    def views(self, padded: Array, rows: Rows, out: Sizes) -> Iterator[Array]:
        """Yield for each place in the kernel what it meets, as a strided view (C, N, rows, *out[1:]) of the input."""
        channels_first = namespace(padded).permute_dims(padded, (1, 0, *range(2, padded.ndim)))
        ranges = (rows, *((0, n) for n in out[1:]))
        for place in product(*map(range, self.kernel)):
            axes = zip(place, self.dilation, self.stride, ranges, strict=True)
            here = (slice(k * d + s * first, k * d + s * (last - 1) + 1, s) for k, d, s, (first, last) in axes)
            yield channels_first[(slice(None), slice(None), *here)]
