"""Pooling to an output of a given size."""

from dataclasses import dataclass
from typing import Any, ClassVar

from nnxp._checks import check_positive_int, message
from nnxp.layers.pooling.average import AveragePool
from nnxp.layers.pooling.axis import Axis, ceil_div
from nnxp.layers.pooling.boxes import Boxes
from nnxp.layers.pooling.maximum import MaximumPool
from nnxp.layers.pooling.pool import Counts, Pool, Sizes, Windows, lay_axes

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d",
]  # fmt: skip

Target = int | None | tuple[int | None, ...]


class AdaptivePool(Pool):
    """What the adaptive poolings share: window `o` of `out` sees from ``o * size // out`` to its rounded-up end."""

    output_size: Target

    def __post_init__(self) -> None:
        target = self._target()
        if len(target) != self.axes:
            what = f"output_size to be a number, None, or a tuple of {self.axes} of them"
            raise ValueError(message(type(self).__name__, what, self.output_size))
        for n in target:
            if n is not None:
                check_positive_int(type(self).__name__, "output_size", n)

    def _target(self) -> tuple[int | None, ...]:
        return self.output_size if isinstance(self.output_size, tuple) else (self.output_size,) * self.axes

    def count(self, axis: int, size: int | None) -> int | None:
        """Return how many windows lie along an axis, and refuse one that is empty."""
        if size == 0:
            raise ValueError(message(type(self).__name__, f"axis {axis + 2} not to be empty", size))
        target = self._target()[axis]
        return size if target is None else target

    def _out(self, sizes: Sizes) -> Sizes:
        return tuple(self.count(i, n) or n for i, n in enumerate(sizes))

    def lay_windows(self, sizes: Sizes) -> Windows:
        """Lay the windows over an input: as any others, if they are all alike."""
        out = self._out(sizes)
        if all(n % count == 0 for n, count in zip(sizes, out, strict=True)):
            return lay_axes(tuple(Axis(n, n // count, n // count) for n, count in zip(sizes, out, strict=True)))
        return Boxes(sizes, tuple(spans(n, count) for n, count in zip(sizes, out, strict=True)))


def spans(size: int, count: int) -> tuple[slice, ...]:
    """Divide an axis into windows of nearly the same length, which may overlap by one place."""
    return tuple(slice(i * size // count, ceil_div((i + 1) * size, count)) for i in range(count))


@dataclass(frozen=True)
class AdaptiveAveragePool(AdaptivePool, AveragePool):
    """What the adaptive average poolings share."""

    output_size: Target

    def lay(self, sizes: Sizes) -> tuple[Windows, Counts]:
        """Lay the windows over an input, and count the places in each along each axis."""
        lengths = zip(sizes, self._out(sizes), strict=True)
        counts = tuple(tuple(span.stop - span.start for span in spans(n, count)) for n, count in lengths)
        return self.lay_windows(sizes), counts


@dataclass(frozen=True)
class AdaptiveMaximumPool(AdaptivePool, MaximumPool):
    """What the adaptive maximum poolings share."""

    output_size: Target
    return_indices: bool = False

    def lay(self, sizes: Sizes) -> Any:
        """Lay the windows over an input."""
        return self.lay_windows(sizes)


@dataclass(frozen=True)
class AdaptiveAvgPool1d(AdaptiveAveragePool):
    """Average pooling of series (N, C, length) to a given length; see `AdaptiveAvgPool2d`."""

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class AdaptiveAvgPool2d(AdaptiveAveragePool):
    """Average pooling of images to a size; window `o` goes from ``o * size // out`` to ``ceil((o + 1) * size / out)``.

    Backward: each ``dy[o]`` divided by the number of places that it is the mean of, added to ``dx`` at each of them.

    Parameters
    ----------
    output_size : int, None or tuple of (int or None)
        One number for both axes, or (height, width); None keeps the input's.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or an image is empty.

    Notes
    -----
    Input (N, C, height, width), output (N, C, *output_size). No array is cached.

    Examples
    --------
    >>> Network(AdaptiveAvgPool2d((7, None)), input_shape=(16, 32, 24)).output_shape
    (16, 7, 24)
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class AdaptiveAvgPool3d(AdaptiveAveragePool):
    """Average pooling of volumes (N, C, depth, height, width) to a given size; see `AdaptiveAvgPool2d`."""

    axes: ClassVar[int] = 3


@dataclass(frozen=True)
class AdaptiveMaxPool1d(AdaptiveMaximumPool):
    """Maximum pooling of series (N, C, length) to a given length; see `AdaptiveMaxPool2d`."""

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class AdaptiveMaxPool2d(AdaptiveMaximumPool):
    """Maximum pooling of images to a given size, over the windows of `AdaptiveAvgPool2d`.

    Backward: ``dy`` is added to ``dx`` where each maximum was found.

    Parameters
    ----------
    output_size : int, None or tuple of (int or None)
        One number for both axes, or (height, width); None keeps the input's.
    return_indices : bool
        Whether the output is ``(y, indices)``, with int64 indices into the flattened (height, width).

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or an image is empty.

    Notes
    -----
    Maxima, NaN, indices and the cache are those of `MaxPool2d`.
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class AdaptiveMaxPool3d(AdaptiveMaximumPool):
    """Maximum pooling of volumes (N, C, depth, height, width) to a given size; see `AdaptiveMaxPool2d`."""

    axes: ClassVar[int] = 3
