"""What padding, resampling and rearranging compute, one number at a time. See tests/oracles.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from tests.oracles import Host, Oracle

# For one axis: from a place of the output to places of the input and their weights.
Sources = Callable[[int], list[tuple[int, float]]]


def gathered(x: Host, sizes: list[int], sources: list[Sources]) -> Host:
    """Let every number of the output be a weighted sum of numbers of the input."""
    y = np.zeros((*x.shape[:2], *sizes))
    for place in np.ndindex(*y.shape):
        for pairs in product(*(source(o) for source, o in zip(sources, place[2:], strict=True))):
            at, weights = zip(*pairs, strict=True)
            y[place] += math.prod(weights) * x[(*place[:2], *at)]
    return y


def amounts(layer: Any, axes: int) -> list[tuple[int, int]]:
    """List what is added before and after each axis; PyTorch counts them from the last axis on."""
    flat = layer.padding if isinstance(layer.padding, tuple) else (layer.padding,) * (2 * axes)
    return [(flat[2 * i], flat[2 * i + 1]) for i in reversed(range(axes))]


def pad_with(inside: Callable[[int, int], int | None]) -> Oracle:
    """Make an oracle of a function from a place, which may be outside, and a size to the place that is copied."""

    def oracle(layer: Any, p: dict[str, Host], x: Host) -> Host:
        ends = list(zip(x.shape[2:], amounts(layer, x.ndim - 2), strict=True))
        y = np.full((*x.shape[:2], *(n + sum(pair) for n, pair in ends)), getattr(layer, "value", 0.0))
        for place in np.ndindex(*y.shape):
            at = [inside(o - before, n) for o, (n, (before, _)) in zip(place[2:], ends, strict=True)]
            if None not in at:
                y[place] = x[(*place[:2], *at)]
        return y

    return oracle


def mirrored(i: int, n: int) -> int:
    while not 0 <= i < n:
        i = -i if i < 0 else 2 * (n - 1) - i
    return i


constant_pad = pad_with(lambda i, n: i if 0 <= i < n else None)
reflection_pad = pad_with(mirrored)
replication_pad = pad_with(lambda i, n: min(max(i, 0), n - 1))
circular_pad = pad_with(lambda i, n: i % n)


def upsample(layer: Any, p: dict[str, Host], x: Host) -> Host:
    axes = x.ndim - 2
    option = layer.scale_factor if layer.size is None else layer.size
    given = option if isinstance(option, tuple) else (option,) * axes
    sizes = [math.floor(n * v) if layer.size is None else v for n, v in zip(x.shape[2:], given, strict=True)]
    steps = [1 / v if layer.size is None else n / v for n, v in zip(x.shape[2:], given, strict=True)]

    def source(n: int, out: int, step: float) -> Sources:
        def pairs(o: int) -> list[tuple[int, float]]:
            if layer.mode == "nearest" or n == out:
                return [(o if n == out else min(math.floor(o * step), n - 1), 1.0)]
            if layer.align_corners:
                position = o * (n - 1) / (out - 1) if out > 1 else 0.0
            else:
                position = min(max((o + 0.5) * step - 0.5, 0.0), n - 1.0)
            lower = math.floor(position)
            return [(lower, 1 - (position - lower)), (min(lower + 1, n - 1), position - lower)]

        return pairs

    return gathered(x, sizes, [source(*triple) for triple in zip(x.shape[2:], sizes, steps, strict=True)])


def pixel_shuffle(layer: Any, p: dict[str, Host], x: Host) -> Host:
    r = layer.upscale_factor
    y = np.zeros((x.shape[0], x.shape[1] // r**2, x.shape[2] * r, x.shape[3] * r))
    for n, c, h, w in np.ndindex(*y.shape):
        y[n, c, h, w] = x[n, c * r * r + h % r * r + w % r, h // r, w // r]
    return y


def pixel_unshuffle(layer: Any, p: dict[str, Host], x: Host) -> Host:
    r = layer.downscale_factor
    y = np.zeros((x.shape[0], x.shape[1] * r**2, x.shape[2] // r, x.shape[3] // r))
    for n, c, h, w in np.ndindex(*y.shape):
        y[n, c, h, w] = x[n, c // r**2, h * r + c % r**2 // r, w * r + c % r]
    return y


def permute(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y = np.zeros([x.shape[dim] for dim in layer.dims])
    for place in np.ndindex(*x.shape):
        y[tuple(place[dim] for dim in layer.dims)] = x[place]
    return y


def unflatten(layer: Any, p: dict[str, Host], x: Host) -> Host:
    axis, sizes = layer.dim % x.ndim, list(layer.unflattened_size)
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[axis] // -math.prod(sizes)
    return np.array(x.ravel()).reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])
