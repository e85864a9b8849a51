"""What layers compute, said as naively as possible: float64, Python's own mathematics, one number at a time.

An oracle takes the layer, its parameters and buffers by name, and the input, and returns the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

SEED = 7  # of the networks under test, whose noise the dropout oracle draws again

Host = np.ndarray[Any, Any]
Oracle = Callable[[Any, dict[str, Host], Host], Host]


def each(function: Callable[[Any, float], float]) -> Oracle:
    """Make an oracle of a function of one number."""

    def oracle(layer: Any, p: dict[str, Host], x: Host) -> Host:
        return np.array([function(layer, v) for v in x.ravel().tolist()], dtype=np.float64).reshape(x.shape)

    return oracle


def tanh_gelu(v: float) -> float:
    return 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))


def selu_number(layer: Any, v: float) -> float:
    scale, alpha = 1.05070098735548049342, 1.67326324235437728482
    return scale * (v if v > 0 else alpha * math.expm1(v))


def gelu_number(layer: Any, v: float) -> float:
    return tanh_gelu(v) if layer.approximate == "tanh" else 0.5 * v * math.erfc(-v / math.sqrt(2))


def softplus_number(layer: Any, v: float) -> float:
    scaled = layer.beta * v
    return v if scaled > layer.threshold else math.log1p(math.exp(scaled)) / layer.beta


identity = each(lambda layer, v: v)
activation = each(lambda layer, v: math.sin(v))
relu = each(lambda layer, v: v if v > 0 else 0.0)
leaky_relu = each(lambda layer, v: v if v > 0 else layer.negative_slope * v)
elu = each(lambda layer, v: v if v > 0 else layer.alpha * math.expm1(v))
selu = each(selu_number)
gelu = each(gelu_number)
silu = each(lambda layer, v: v / (1 + math.exp(-v)))
sigmoid = each(lambda layer, v: 1 / (1 + math.exp(-v)))
tanh = each(lambda layer, v: math.tanh(v))
softplus = each(softplus_number)


def linear(layer: Any, p: dict[str, Host], x: Host) -> Host:
    weight = p["weight"]
    y = np.zeros((*x.shape[:-1], len(weight)))
    for place in np.ndindex(*x.shape[:-1]):
        for o, row in enumerate(weight):
            y[(*place, o)] = sum(w * v for w, v in zip(row, x[place], strict=True)) + (
                p["bias"][o] if layer.bias else 0
            )
    return y


def softmax(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y = np.zeros(x.shape)
    lines, results = np.moveaxis(x, layer.dim, -1), np.moveaxis(y, layer.dim, -1)
    for place in np.ndindex(*lines.shape[:-1]):
        total = sum(math.exp(v) for v in lines[place])
        results[place] = [math.exp(v) / total for v in lines[place]]
    return y


def log_softmax(layer: Any, p: dict[str, Host], x: Host) -> Host:
    return np.log(softmax(layer, p, x))


def flatten(layer: Any, p: dict[str, Host], x: Host) -> Host:
    start, end = layer.start_dim % x.ndim, layer.end_dim % x.ndim
    return np.array(x.ravel()).reshape(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


def standardize(layer: Any, p: dict[str, Host], x: Host) -> Host:
    return (x - np.array(layer.mean)) / np.array(layer.std)


def dropout(layer: Any, p: dict[str, Host], x: Host) -> Host:
    """Drop by words drawn one at a time, for a layer that is the whole model, in its first step."""
    keep = [philox((e // 4, 0, 0, 0), (SEED, 0))[e % 4] < (1 - layer.p) * 2**32 for e in range(x.size)]
    return np.array([v / (1 - layer.p) if k else 0.0 for v, k in zip(x.ravel(), keep, strict=True)]).reshape(x.shape)


def philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox4x32-10 on Python's integers."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        a, b = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b % 2**32, (a >> 32) ^ c3 ^ k1, a % 2**32
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


# -- containers, made of the oracles of what they hold ---------------------------------------------------


def below(p: dict[str, Host], name: str) -> dict[str, Host]:
    """Return a child's arrays."""
    return {key.removeprefix(f"{name}."): value for key, value in p.items() if key.startswith(f"{name}.")}


def sequential(*oracles: Oracle) -> Oracle:
    def oracle(layer: Any, p: dict[str, Host], x: Host) -> Host:
        for i, (child, child_oracle) in enumerate(zip(layer.layers, oracles, strict=True)):
            x = child_oracle(child, below(p, str(i)), x)
        return x

    return oracle


def residual(inner: Oracle, shortcut: Oracle = identity) -> Oracle:
    def oracle(layer: Any, p: dict[str, Host], x: Host) -> Host:
        return inner(layer.layer, below(p, "layer"), x) + shortcut(layer.shortcut, below(p, "shortcut"), x)

    return oracle


def parallel(*oracles: Oracle) -> Oracle:
    def oracle(layer: Any, p: dict[str, Host], x: Host) -> Host:
        ys = [o(layer.layers[i], below(p, str(i)), x) for i, o in enumerate(oracles)]
        return np.concatenate(ys, axis=layer.dim) if layer.combine == "concatenate" else sum(ys[1:], ys[0])

    return oracle
