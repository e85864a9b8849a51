"""How a convolution becomes sums over shifted views of an image: the offsets that its tiles read at.

Along an axis of stride `s` the padded image falls into `s` phases, each every `s`-th place. Within them every place of
the kernel meets its window at a constant shift, so all windows of a plane are one run of places, and the places
between its rows are computed in vain. The input's gradient is the same with the roles exchanged: each phase of `dx`
is a convolution of `dy` by the kernel's places that fall into that phase [1]_.

References
----------
.. [1] Dumoulin and Visin, "A Guide to Convolution Arithmetic for Deep Learning", 2016, arXiv:1603.07285, section 4.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

__all__ = ["Line", "Shifts", "for_gradient", "for_output", "merged"]

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """One axis: what is read, and what is written.

    Parameters
    ----------
    sources : tuple of tuple of int
        For each phase, the place of the image at each of its places; -1 is a zero.
    taps : tuple of (int, int, int)
        Places of the kernel that take part, with the phase and the shift at which each meets the first window.
    count, first, step : int
        How many places are written, and which: ``first + step * i``.
    """

    sources: tuple[Sizes, ...]
    taps: tuple[tuple[int, int, int], ...]
    count: int
    first: int = 0
    step: int = 1

    @property
    def length(self) -> int:
        """How long a phase is."""
        return len(self.sources[0])


def output_line(kernel: int, stride: int, dilation: int, seen: Sizes, out: int) -> Line:
    """Lay out an axis of the output; `seen` is what the places of the padded axis show."""
    phases = sorted({dilation * k % stride for k in range(kernel)})
    taps = [(k, phases.index(dilation * k % stride), dilation * k // stride) for k in range(kernel)]
    length = out + taps[-1][2]
    starts = [[stride * q + phase for q in range(length)] for phase in phases]
    sources = (tuple(seen[i] if i < len(seen) else -1 for i in places) for places in starts)
    return Line(tuple(sources), tuple(taps), out)


def gradient_lines(kernel: int, stride: int, dilation: int, before: int, size: int, out: int) -> list[Line]:
    """Lay out an axis of the input's gradient: a line for each phase, without taps where no window reaches it."""
    lines = []
    for phase in range(stride):
        first = -(-(before - phase) // stride)
        count = (before + size - 1 - phase) // stride - first + 1
        if count <= 0:
            continue
        met = [(k, (dilation * k - phase) // stride) for k in range(kernel) if (dilation * k - phase) % stride == 0]
        far = met[-1][1] if met else 0
        places = range(first - far, first + count - (met[0][1] if met else 0))
        sources = (tuple(p if 0 <= p < out else -1 for p in places),)
        taps = tuple((k, 0, far - shift) for k, shift in met)
        lines.append(Line(sources, taps, count, stride * first + phase - before, stride))
    return lines


class Shifts:
    """One run of tiles over images: three lines, and what follows from them.

    Parameters
    ----------
    lines : tuple of Line
        Of the three axes.
    kernel : tuple of int
        Its sizes.
    sizes : tuple of int
        Of what is read.

    Attributes
    ----------
    taps : array of int64
        Numbers of the kernel's places that take part.
    direct : bool
        Whether the image itself is read, since it has all places in their order.
    phases : tuple of int
        How many phases there are along each axis.
    indexes : tuple of array
        Along each axis, the sources of all phases.
    reach, pitch : int
        How many rows more are read than written, and how long they are.
    """

    def __init__(self, lines: tuple[Line, Line, Line], kernel: Sizes, sizes: Sizes) -> None:
        self.lines, self.sizes = lines, sizes
        places = np.arange(math.prod(kernel), dtype=np.int64).reshape(kernel)
        self.taps = places[np.ix_(*([k for k, _, _ in line.taps] for line in lines))].reshape(-1)
        self.direct = all(line.sources == (tuple(range(n)),) for line, n in zip(lines, sizes, strict=True))
        self.phases = tuple(len(line.sources) for line in lines)
        self.indexes = tuple(np.array(line.sources, dtype=np.int64).reshape(-1) for line in lines)
        self.reach, self.pitch = lines[1].length - lines[1].count, lines[2].length
        self._offsets: dict[Sizes, Any] = {}

    def room(self, rows: int) -> int:
        """Return how many numbers a channel takes, of which so many rows of windows are laid out."""
        return math.prod(self.phases) * self.lines[0].length * (rows + self.reach) * self.pitch

    def offsets(self, channels: int, rows: int, multiple: int = 1) -> Any:
        """Return where each channel and each tap begins to be read; the first again, up to a multiple in number."""
        key = channels, rows, multiple
        if key not in self._offsets:
            deep, tall, shifts = self.lines[0].length, rows + self.reach, []
            for (_, i, d), (_, j, h), (_, k, w) in product(*(line.taps for line in self.lines)):
                phase = (i * self.phases[1] + j) * self.phases[2] + k
                shifts.append(((phase * deep + d) * tall + h) * self.pitch + w)
            starts = np.arange(channels, dtype=np.int64) * self.room(rows)
            found = np.add.outer(starts, np.array(shifts, dtype=np.int64)).reshape(-1)
            self._offsets[key] = np.append(found, found[:1].repeat(-found.size % multiple))
        return self._offsets[key]


def merged(values: Any, fill: int) -> Sizes:
    """Lengthen one, two or three numbers to three: volumes one place deep, and images one place high."""
    return (fill,) * (3 - len(values)) + tuple(values)


@lru_cache(maxsize=128)
def for_output(window: Any, sizes: Sizes, out: Sizes) -> Shifts:
    """Lay out a convolution."""
    kernel, places = merged(window.kernel, 1), merged(out, 1)
    seen = ((0,),) * (3 - len(sizes)) + tuple(window.seen(i, n) for i, n in enumerate(sizes))
    given = zip(kernel, merged(window.stride, 1), merged(window.dilation, 1), seen, places, strict=True)
    first, second, third = (output_line(*axis) for axis in given)
    return Shifts((first, second, third), kernel, merged(sizes, 1))


@lru_cache(maxsize=128)
def for_gradient(window: Any, sizes: Sizes, out: Sizes) -> list[Shifts]:
    """Lay out the gradient of a convolution's input, phase by phase."""
    kernel, places = merged(window.kernel, 1), merged(out, 1)
    steps, before = (merged(window.stride, 1), merged(window.dilation, 1)), merged(window.before, 0)
    axes = [gradient_lines(*axis) for axis in zip(kernel, *steps, before, merged(sizes, 1), places, strict=True)]
    return [Shifts((first, second, third), kernel, places) for first, second, third in product(*axes)]
