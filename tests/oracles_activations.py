"""The rest of the activations, channel noise and layers of two inputs said naively, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests import oracles as o
from tests.oracles import SEED, Host, each


def hardshrink_number(layer: Any, v: float) -> float:
    return v if abs(v) > layer.lambd else 0.0


def softshrink_number(layer: Any, v: float) -> float:
    return math.copysign(max(abs(v) - layer.lambd, 0.0), v)


hardtanh = each(lambda layer, v: min(max(v, layer.min_val), layer.max_val))
relu6 = each(lambda layer, v: min(max(v, 0.0), 6.0))
hardsigmoid = each(lambda layer, v: min(max(v + 3, 0.0), 6.0) / 6)
hardswish = each(lambda layer, v: v * min(max(v + 3, 0.0), 6.0) / 6)
threshold = each(lambda layer, v: v if v > layer.threshold else layer.value)
hardshrink = each(hardshrink_number)
softshrink = each(softshrink_number)
tanhshrink = each(lambda layer, v: v - math.tanh(v))
celu = each(lambda layer, v: v if v > 0 else layer.alpha * math.expm1(v / layer.alpha))
mish = each(lambda layer, v: v * math.tanh(math.log1p(math.exp(v))))
log_sigmoid = each(lambda layer, v: -math.log1p(math.exp(-v)))
softsign = each(lambda layer, v: v / (1 + abs(v)))
rrelu_middle = each(lambda layer, v: v if v > 0 else v * (layer.lower + layer.upper) / 2)


def prelu(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        slope = p["weight"][place[1] if layer.num_parameters > 1 else 0]
        y[place] = x[place] if x[place] > 0 else slope * x[place]
    return y


def softmin(layer: Any, p: dict[str, Host], x: Host) -> Host:
    return o.softmax(layer, p, -x)


def softmax2d(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(x.shape):
        y[n, c, i, j] = math.exp(x[n, c, i, j]) / sum(math.exp(v) for v in x[n, :, i, j])
    return y


def glu(layer: Any, p: dict[str, Host], x: Host) -> Host:
    a, b = np.split(x, 2, axis=layer.dim)
    return a * o.sigmoid(layer, p, b)


def maxout(layer: Any, p: dict[str, Host], x: Host) -> Host:
    lines = np.moveaxis(x, layer.dim, -1)
    y = np.zeros((*lines.shape[:-1], lines.shape[-1] // layer.pieces))
    for place in np.ndindex(y.shape):
        start = place[-1] * layer.pieces
        y[place] = max(lines[(*place[:-1], i)] for i in range(start, start + layer.pieces))
    return np.moveaxis(y, -1, layer.dim)


def words(count: int) -> list[int]:
    """Draw the words of a layer that is the whole model, in its first step."""
    return [o.philox((e // 4, 0, 0, 0), (SEED, 0))[e % 4] for e in range(count)]


def channel_dropout(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y, drawn = np.zeros(x.shape), words(x.shape[0] * x.shape[1])
    for i, channel in enumerate(np.ndindex(x.shape[:2])):
        if drawn[i] < (1 - layer.p) * 2**32:
            y[channel] = x[channel] / (1 - layer.p)
    return y


def alpha_dropout(layer: Any, p: dict[str, Host], x: Host) -> Host:
    floor, q = -1.05070098735548049342 * 1.67326324235437728482, 1 - layer.p
    a = (q * (1 + layer.p * floor**2)) ** -0.5
    drawn = words(x.size)
    kept = [v if w < q * 2**32 else floor for v, w in zip(x.ravel().tolist(), drawn, strict=True)]
    return np.array([a * v - a * layer.p * floor for v in kept], dtype=np.float64).reshape(x.shape)


def rrelu(layer: Any, p: dict[str, Host], x: Host) -> Host:
    slopes = [layer.lower + (layer.upper - layer.lower) * w / 2**32 for w in words(x.size)]
    values = [v if v > 0 else a * v for v, a in zip(x.ravel().tolist(), slopes, strict=True)]
    return np.array(values, dtype=np.float64).reshape(x.shape)


def bilinear(layer: Any, p: dict[str, Host], x1: Host, x2: Host) -> Host:
    y = np.zeros((*x1.shape[:-1], layer.out_features))
    for place in np.ndindex(y.shape):
        row, weight = place[:-1], p["weight"][place[-1]]
        y[place] = sum(w * x1[(*row, i)] * x2[(*row, j)] for (i, j), w in np.ndenumerate(weight))
        y[place] += p["bias"][place[-1]] if layer.bias else 0
    return y


def cosine_similarity(layer: Any, p: dict[str, Host], x1: Host, x2: Host) -> Host:
    lines1, lines2 = np.moveaxis(x1, layer.dim, -1), np.moveaxis(x2, layer.dim, -1)
    y = np.zeros(lines1.shape[:-1])
    for place in np.ndindex(y.shape):
        a, b = lines1[place].tolist(), lines2[place].tolist()
        y[place] = sum(u * v for u, v in zip(a, b, strict=True)) / (
            max(math.hypot(*a), layer.eps) * max(math.hypot(*b), layer.eps)
        )
    return y
