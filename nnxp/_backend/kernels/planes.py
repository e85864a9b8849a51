"""How a convolution's weights and images are laid out for its tiles to read."""

from typing import Any

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.tiles import copy_run

__all__ = ["arrange", "lay_out"]


@compiled
def arrange(weight: Any, strides: Any, taps: Any, shape: Any, out: Any) -> None:
    """Write the weight as ``out[g, block, k, r]``: blocks of rows whose numbers are used together, 0 behind the last.

    `shape` is (groups, rows, channels, rows in a block) and `strides` the steps of (group, row, channel, tap).
    """
    groups, rows, channels, together = shape
    blocks = -(-rows // together)
    at = 0
    for g in range(groups):
        for block in range(blocks):
            for c in range(channels):
                for tap in taps:
                    start = g * strides[0] + c * strides[2] + tap * strides[3]
                    for r in range(block * together, (block + 1) * together):
                        out[at] = weight[start + r * strides[1]] if r < rows else 0
                        at += 1


@compiled
def lay_out(
    x: Any, start: Any, channels: Any, sizes: Any, indexes: Any, phases: Any, first: Any, rows: Any, out: Any
) -> None:
    """Copy a sample's rows of every phase behind one another, with zeros where there is no source.

    The zeros beside a row are there already.
    """
    deep, tall, across = indexes[0].size // phases[0], indexes[1].size // phases[1], indexes[2].size // phases[2]
    at = 0
    for c in range(channels):
        for i in range(phases[0]):
            for j in range(phases[1]):
                for k in range(phases[2]):
                    source = indexes[2][k * across : (k + 1) * across]
                    low, run = _run(source)
                    for d in range(deep):
                        plane = indexes[0][i * deep + d]
                        for h in range(first, first + rows):
                            line = indexes[1][j * tall + h] if h < tall else -1
                            if plane < 0 or line < 0:
                                for n in range(at, at + across):
                                    out[n] = 0
                            else:
                                begin = start + ((c * sizes[0] + plane) * sizes[1] + line) * sizes[2]
                                if run >= 0:
                                    copy_run(out, at + low, x, begin + source[low], run)
                                else:
                                    for n in range(low, across):
                                        if source[n] >= 0:
                                            out[at + n] = x[begin + source[n]]
                            at += across


@compiled
def _run(source: Any) -> Any:
    """Return where the first source is, and how many follow in their order: -1 if that are not all."""
    low, across = 0, source.size
    while low < across - 1 and source[low] < 0:
        low += 1
    run = low
    while run < across and source[run] == source[low] + run - low and source[run] >= 0:
        run += 1
    for n in range(run, across):
        if source[n] >= 0:
            return low, -1
    return low, run - low
