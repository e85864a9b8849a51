"""The windows of a pooling along one axis."""

from dataclasses import dataclass
from functools import cached_property

__all__ = ["Axis"]


@dataclass(frozen=True)
class Axis:
    """Windows at equal distances: window `o` sees ``o * stride - padding + k * dilation`` for all ``k < kernel``.

    Parameters
    ----------
    size : int
        How many places there are; a window may see beyond them on both sides.
    kernel, stride, padding, dilation : int
        As above.
    ceil_mode : bool
        Whether a last window that is cut off counts, provided that it does not start in the padding.
    """

    size: int
    kernel: int
    stride: int
    padding: int = 0
    dilation: int = 1
    ceil_mode: bool = False

    @property
    def reach(self) -> int:
        """How many places a window spans."""
        return self.dilation * (self.kernel - 1) + 1

    @cached_property
    def count(self) -> int:
        """How many windows there are; less than 1 where none fits."""
        room = self.size + 2 * self.padding - self.reach
        if not self.ceil_mode:
            return room // self.stride + 1
        count = ceil_div(room, self.stride) + 1
        return count - ((count - 1) * self.stride >= self.size + self.padding)

    @property
    def fits(self) -> bool:
        """Whether there are windows, each of which sees something."""
        return self.count > 0 and all(span.start < span.stop for span in self.spans)

    @property
    def tiles(self) -> bool:
        """Whether every place is in one window."""
        apart = self.stride == self.kernel == self.reach and self.padding == 0
        return apart and self.size == self.count * self.kernel

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """What each window sees."""
        return tuple(self._span(o * self.stride - self.padding) for o in range(self.count))

    def _span(self, start: int) -> slice:
        first = start + max(0, ceil_div(-start, self.dilation)) * self.dilation
        return slice(first, max(first, min(start + self.reach, self.size)), self.dilation)

    @property
    def padded_lengths(self) -> tuple[int, ...]:
        """How many places of each window lie on the axis or in its padding."""
        starts = range(0, self.count * self.stride, self.stride)
        return tuple(min(self.kernel, self.size + 2 * self.padding - start) for start in starts)

    def seen(self, k: int) -> tuple[slice, slice] | None:
        """Return which places the windows see at place `k` of the kernel, and which windows these are."""
        shift = k * self.dilation - self.padding
        first = max(0, ceil_div(-shift, self.stride))
        last = min(self.count - 1, (self.size - 1 - shift) // self.stride)
        if first > last:
            return None
        return slice(first * self.stride + shift, last * self.stride + shift + 1, self.stride), slice(first, last + 1)

    @property
    def first_seen(self) -> list[int]:
        """The first place of the kernel with which each window that starts in the padding sees something."""
        starts = range(self.padding, 0, -self.stride)
        return [ceil_div(before, self.dilation) for before in starts][: self.count]


def ceil_div(a: int, b: int) -> int:
    """Divide and round up."""
    return -(-a // b)
