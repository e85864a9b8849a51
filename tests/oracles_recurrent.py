"""What recurrent layers compute, one sample, one step and one number at a time, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests import oracles as o

Host = np.ndarray[Any, Any]
Vector = list[float]
Step = Callable[[Any, list[Vector], list[Vector], list[Vector]], list[Vector]]


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def rnn_step(layer: Any, a: list[Vector], b: list[Vector], state: list[Vector]) -> list[Vector]:
    function = math.tanh if layer.nonlinearity == "tanh" else lambda v: max(v, 0.0)
    return [[function(u + v) for u, v in zip(a[0], b[0], strict=True)]]


def lstm_step(layer: Any, a: list[Vector], b: list[Vector], state: list[Vector]) -> list[Vector]:
    hs, cs = [], []
    for k, old in enumerate(state[1]):
        i, f, out = (sigmoid(a[gate][k] + b[gate][k]) for gate in (0, 1, 3))
        cs.append(f * old + i * math.tanh(a[2][k] + b[2][k]))
        hs.append(out * math.tanh(cs[-1]))
    return [hs, cs]


def gru_step(layer: Any, a: list[Vector], b: list[Vector], state: list[Vector]) -> list[Vector]:
    hs = []
    for k, old in enumerate(state[0]):
        r, z = (sigmoid(a[gate][k] + b[gate][k]) for gate in (0, 1))
        hs.append((1 - z) * math.tanh(a[2][k] + r * b[2][k]) + z * old)
    return [hs]


STEPS = {"RNN": (rnn_step, 1, 1), "LSTM": (lstm_step, 4, 2), "GRU": (gru_step, 3, 1)}  # how many gates and states


def kind(layer: Any) -> tuple[Step, int, int]:
    return STEPS[type(layer).__name__.removesuffix("Cell")]


def affine(p: dict[str, Host], which: str, ending: str, v: Any, gates: int) -> list[Vector]:
    """Return ``weight @ v + bias``, cut into gates."""
    weight = p[f"weight_{which}{ending}"]
    bias = p.get(f"bias_{which}{ending}", np.zeros(len(weight)))
    sums = [sum(w * u for w, u in zip(row, v, strict=True)) + b for row, b in zip(weight, bias, strict=True)]
    size = len(sums) // gates
    return [sums[k * size : (k + 1) * size] for k in range(gates)]


def one_step(layer: Any, p: dict[str, Host], ending: str, x: Any, state: list[Vector]) -> list[Vector]:
    step, gates, _ = kind(layer)
    return step(layer, affine(p, "ih", ending, x, gates), affine(p, "hh", ending, state[0], gates), state)


def sequence(layer: Any, p: dict[str, Host], x: Host, starts: Host, real: Any, keep: Any) -> tuple[Host, list[Any]]:
    """Run all layers over one sample (T, input); return the output and the final states, one entry a direction."""
    directions = 2 if layer.bidirectional else 1
    ends = []
    for k in range(layer.num_layers):
        y = np.zeros((len(x), layer.hidden_size * directions))
        for d in range(directions):
            state = [list(start) for start in starts[:, k * directions + d]]
            for t in range(len(x)) if d == 0 else reversed(range(len(x))):
                if real[t]:
                    state = one_step(layer, p, f"_l{k}{'_reverse' * d}", x[t], state)
                    y[t, d * layer.hidden_size : (d + 1) * layer.hidden_size] = state[0]
            ends.append(state)
        x = y if k == layer.num_layers - 1 else keep(k, y)
    return y, ends


def recurrent(
    layer: Any, p: dict[str, Host], x: Host, hx: Any = None, mask: Host | None = None, training: bool = False
) -> tuple[Host, tuple[Host, ...]]:
    """Return the output, and the final states (num_layers * directions, N, H), of h and for the LSTM of c."""
    x = x if layer.batch_first else np.swapaxes(x, 0, 1)
    n, steps, _ = x.shape
    directions, states = 2 if layer.bidirectional else 1, kind(layer)[2]
    starts = np.zeros((states, layer.num_layers * directions, n, layer.hidden_size))
    if hx is not None:
        starts[...] = hx
    y = np.zeros((n, steps, layer.hidden_size * directions))
    ends = np.zeros_like(starts)
    for i in range(n):
        keep = (lambda k, y, i=i: dropped(layer, k, y, i, n)) if training else (lambda k, y: y)
        real = np.ones(steps, bool) if mask is None else mask[i]
        y[i], found = sequence(layer, p, x[i], starts[:, :, i], real, keep)
        ends[:, :, i] = np.array(found).reshape(-1, states, layer.hidden_size).swapaxes(0, 1)
    return (y if layer.batch_first else np.swapaxes(y, 0, 1)), tuple(ends)


def dropped(layer: Any, k: int, y: Host, i: int, n: int) -> Host:
    """Drop between layers: elements are counted with time first, and the draws are told apart by the layer."""
    places = np.arange(len(y) * n * y.shape[1]).reshape(len(y), n, y.shape[1])[:, i]
    keep = [
        o.philox((e // 4, k, 0, 0), (o.SEED, 0))[e % 4] < (1 - layer.dropout) * 2**32 for e in places.ravel().tolist()
    ]
    return np.where(np.array(keep).reshape(y.shape), y / (1 - layer.dropout), 0.0)


def output(layer: Any, p: dict[str, Host], x: Host) -> Host:
    return recurrent(layer, p, x)[0]


def output_in_training(layer: Any, p: dict[str, Host], x: Host) -> Host:
    return recurrent(layer, p, x, training=True)[0]


def cell(layer: Any, p: dict[str, Host], x: Host, hx: Any = None) -> Host:
    """Return the new states side by side."""
    states = kind(layer)[2]
    starts = np.zeros((states, len(x), layer.hidden_size)) if hx is None else np.array(hx)
    new = [np.concatenate(one_step(layer, p, "", x[i], [list(s) for s in starts[:, i]])) for i in range(len(x))]
    return np.array(new).reshape(len(x), states * layer.hidden_size)


def joined_cell(layer: Any, p: dict[str, Host], x: Host) -> Host:
    return cell(layer.layer, o.below(p, "layer"), x)
