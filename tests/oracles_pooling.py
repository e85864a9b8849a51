"""What pooling computes: every window a list of places, every place looked up on its own. See tests/oracles.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from tests.oracles import Host, Oracle

Window = list[int]


def on_axes(option: Any, axes: int) -> tuple[Any, ...]:
    return option if isinstance(option, tuple) else (option,) * axes


def sliding(layer: Any, x: Host) -> list[list[Window]]:
    """List the windows of each axis with all their places, those in the padding among them."""
    axes = x.ndim - 2
    kernels = on_axes(layer.kernel_size, axes)
    strides = kernels if layer.stride is None else on_axes(layer.stride, axes)
    options = zip(
        x.shape[2:], kernels, strides, on_axes(layer.padding, axes), on_axes(layer.dilation, axes), strict=True
    )
    return [windows_of(*option, ceil_mode=layer.ceil_mode) for option in options]


def windows_of(size: int, kernel: int, stride: int, padding: int, dilation: int, *, ceil_mode: bool) -> list[Window]:
    windows, start = [], -padding
    while True:
        places = [start + k * dilation for k in range(kernel)]
        missing = places[-1] + 1 - (size + padding)
        # A window that is cut off counts if less than a stride is missing, and it does not start in the padding.
        if missing > 0 and not (ceil_mode and missing < stride and start < size):
            return windows
        windows.append(places)
        start += stride


def adaptive(layer: Any, x: Host) -> list[list[Window]]:
    axes = x.ndim - 2
    return [
        [list(range(math.floor(o * n / out), math.ceil((o + 1) * n / out))) for o in range(out)]
        for n, out in ((n, out or n) for n, out in zip(x.shape[2:], on_axes(layer.output_size, axes), strict=True))
    ]


def everything(layer: Any, x: Host) -> list[list[Window]]:
    return [[list(range(n))] for n in x.shape[2:]]


def pooled(windows: Callable[[Any, Host], list[list[Window]]], reduce: Callable[..., float]) -> Oracle:
    """Make an oracle of a function of the layer, the numbers in a window and how many places it has beside the axes."""

    def oracle(layer: Any, p: dict[str, Host], x: Host) -> Host:
        along = windows(layer, x)
        y = np.zeros((*x.shape[:2], *map(len, along)))
        for place in np.ndindex(*y.shape):
            window = [axis[o] for axis, o in zip(along, place[2:], strict=True)]
            inside = [at for at in product(*window) if all(0 <= i < n for i, n in zip(at, x.shape[2:], strict=True))]
            padding = on_axes(getattr(layer, "padding", 0), x.ndim - 2)
            sizes = zip(window, x.shape[2:], padding, strict=True)
            with_padding = math.prod(sum(i < n + p for i in places) for places, n, p in sizes)
            y[place] = reduce(layer, [x[(*place[:2], *at)] for at in inside], with_padding)
        return y

    return oracle


def mean(layer: Any, numbers: list[float], with_padding: int) -> float:
    if getattr(layer, "divisor_override", None):
        return sum(numbers) / layer.divisor_override
    return sum(numbers) / (with_padding if getattr(layer, "count_include_pad", False) else len(numbers))


def power_mean(layer: Any, numbers: list[float], with_padding: int) -> float:
    total = sum(v**layer.norm_type for v in numbers) / with_padding
    return (total * math.prod(on_axes(layer.kernel_size, layer.axes))) ** (1 / layer.norm_type)


def greatest(layer: Any, numbers: list[float], with_padding: int) -> float:
    return max(numbers)


max_pool = pooled(sliding, greatest)
avg_pool = pooled(sliding, mean)
lp_pool = pooled(sliding, power_mean)
adaptive_avg_pool = pooled(adaptive, mean)
adaptive_max_pool = pooled(adaptive, greatest)


def global_avg_pool(layer: Any, p: dict[str, Host], x: Host) -> Host:
    return pooled(everything, mean)(layer, p, x).reshape(x.shape[:2])


def global_max_pool(layer: Any, p: dict[str, Host], x: Host) -> Host:
    return pooled(everything, greatest)(layer, p, x).reshape(x.shape[:2])
