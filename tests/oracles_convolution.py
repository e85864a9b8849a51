"""Convolutions said naively: one window, one channel, one place of the kernel at a time, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.oracles import Host


def each_axis(value: Any, axes: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * axes


def borders(layer: Any, kernel: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what is added before and after each axis."""
    if layer.padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if layer.padding == "same":
        total = [d * (k - 1) for k, d in zip(kernel, each_axis(layer.dilation, len(kernel)), strict=True)]
        return tuple(math.floor(n / 2) for n in total), tuple(math.ceil(n / 2) for n in total)
    return (each_axis(layer.padding, len(kernel)),) * 2


def look(image: Host, place: list[int], mode: str) -> float:
    """Return what lies at a place, inside the image or around it."""
    inside = []
    for i, size in zip(place, image.shape, strict=True):
        if mode == "zeros" and not 0 <= i < size:
            return 0.0
        if mode == "reflect":
            i = -i if i < 0 else 2 * (size - 1) - i if i >= size else i
        elif mode == "replicate":
            i = 0 if i < 0 else size - 1 if i >= size else i
        elif mode == "circular":
            i = i + size if i < 0 else i - size if i >= size else i
        inside.append(i)
    return float(image[tuple(inside)])


def convolution(layer: Any, p: dict[str, Host], x: Host) -> Host:
    weight = p["weight"]
    out_channels, channels, *kernel = weight.shape
    axes = len(kernel)
    stride, dilation = each_axis(layer.stride, axes), each_axis(layer.dilation, axes)
    before, after = borders(layer, tuple(kernel))
    sizes = [
        math.floor((n + b + a - d * (k - 1) - 1) / s) + 1
        for n, b, a, d, k, s in zip(x.shape[2:], before, after, dilation, kernel, stride, strict=True)
    ]
    y = np.zeros((len(x), out_channels, *sizes))
    for n, o, *place in np.ndindex(y.shape):
        group = o // (out_channels // layer.groups)
        for c, *k in np.ndindex(channels, *kernel):
            seen = [s * i + d * j - b for s, i, d, j, b in zip(stride, place, dilation, k, before, strict=True)]
            value = look(x[n, group * channels + c], seen, layer.padding_mode)
            y[(n, o, *place)] += weight[(o, c, *k)] * value
        y[(n, o, *place)] += p["bias"][o] if layer.bias else 0.0
    return y


def transposed_convolution(layer: Any, p: dict[str, Host], x: Host) -> Host:
    weight = p["weight"]
    in_channels, channels, *kernel = weight.shape
    axes = len(kernel)
    stride, dilation = each_axis(layer.stride, axes), each_axis(layer.dilation, axes)
    padding, extra = each_axis(layer.padding, axes), each_axis(layer.output_padding, axes)
    sizes = [
        (n - 1) * s - 2 * b + d * (k - 1) + e + 1
        for n, s, b, d, k, e in zip(x.shape[2:], stride, padding, dilation, kernel, extra, strict=True)
    ]
    y = np.zeros((len(x), channels * layer.groups, *sizes))
    for n, c, *place in np.ndindex(x.shape):
        group = c // (in_channels // layer.groups)
        for o, *k in np.ndindex(channels, *kernel):
            there = [s * i + d * j - b for s, i, d, j, b in zip(stride, place, dilation, k, padding, strict=True)]
            if all(0 <= i < size for i, size in zip(there, sizes, strict=True)):
                y[(n, group * channels + o, *there)] += weight[(c, o, *k)] * x[(n, c, *place)]
    if layer.bias:
        y += p["bias"].reshape(-1, *(1,) * axes)
    return y
