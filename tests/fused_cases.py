"""The faster twins that tests/test_fused.py holds against their plain functions: a line for every way through one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import nnxp
from nnxp import CrossEntropyLoss
from nnxp.layers.pooling.axis import Axis
from nnxp.layers.pooling.grid import Grid
from nnxp.layers.recurrent.gru import GRURule
from nnxp.layers.recurrent.lstm import LSTMRule
from nnxp.layers.recurrent.rnn import RULES
from nnxp.layers.recurrent.rule import Weights
from nnxp.layers.windows import Window

for _name in nnxp.__all__:
    getattr(nnxp, _name)  # what is not loaded has no plain functions to be found

Draw = Callable[..., Any]


@dataclass(frozen=True)
class FusedCase:
    """A path, and what to call it and its plain function with; arrays are copied, so that both may write to them.

    Parameters
    ----------
    name : str
        Of the function.
    about : str
        What is special.
    arguments : callable
        ``arguments(normal)`` returns them; ``normal(*shape)`` draws an array of the dtype under test.
    """

    name: str
    about: str
    arguments: Callable[[Draw], tuple[Any, ...]]

    def __str__(self) -> str:
        return f"{self.name}-{self.about}"


def labels(n: int, classes: int) -> Any:
    return np.arange(n) * 7 % classes


N = 70_003


def vectors(normal: Draw, state: str) -> tuple[Any, ...]:
    """Draw theta, its gradient, and a state like a gradient (g) or like a square (s) for every letter."""
    return normal(N), normal(N), *(normal(N) if kind == "g" else normal(N) ** 2 for kind in state)


def adam(normal: Draw, *, amsgrad: bool = False, keep: float = 1.0, weight_decay: float = 0.0) -> tuple[Any, ...]:
    largest = normal(N) ** 2 if amsgrad else None
    return *vectors(normal, "gs"), largest, 0.9, 0.999, 1e-8, 1e-3, keep, weight_decay


def radam(normal: Draw, *, trusted: Any = True, keep: float = 1.0, weight_decay: float = 0.0) -> tuple[Any, ...]:
    return *vectors(normal, "gs"), 0.9, 0.999, 1e-8, 1e-3, 0.3, trusted, keep, weight_decay


def rmsprop(normal: Draw, *, centered: bool, momentum: float) -> tuple[Any, ...]:
    square, mean = 9.0 + normal(N) ** 2, normal(N) if centered else None
    return normal(N), normal(N), square, mean, normal(N) if momentum else None, 0.9, 1e-8, 1e-2, momentum, 0.1


def sgd_with_momentum(normal: Draw, *, share: float, nesterov: bool) -> tuple[Any, ...]:
    return *vectors(normal, "g"), 0.1, 0.9, share, nesterov, 0.1


def window_of(kernel: int, stride: int = 1, dilation: int = 1, padding: int = 0, mode: str = "zeros") -> Window:
    both = [(n, n) for n in (kernel, stride, dilation, padding, padding)]
    return Window(*both, mode)  # type: ignore[arg-type]


def convolution(
    name: str, normal: Draw, shape: tuple[int, ...], maps: int, window: Window, groups: int = 1
) -> tuple[Any, ...]:
    """Return what one of the three functions of a convolution of images (n, channels, height, width) takes."""
    n, channels, *sizes = shape
    out = tuple(window.count(i, size) for i, size in enumerate(sizes))
    x, weight = normal(*shape), normal(maps, channels // groups, *window.kernel)
    dy = normal(n, maps, *out)
    if name == "convolve":
        return x, weight, normal(maps), window, groups, out
    if name == "input_gradient":
        return dy, weight, window, groups, tuple(sizes)
    return x, dy, window, groups, weight


def drawn_convolution(name: str, given: tuple[Any, ...], normal: Draw) -> tuple[Any, ...]:
    return convolution(name, normal, *given)


CONVOLUTIONS: dict[str, tuple[Any, ...]] = {
    "from-the-image": ((5, 3, 20, 21), 9, window_of(3)),
    "padded": ((3, 16, 10, 14), 40, window_of(3, padding=1)),
    "strided": ((3, 4, 17, 16), 3, window_of(4, stride=2, padding=1)),
    "apart": ((3, 2, 17, 16), 6, window_of(2, stride=3, dilation=2)),
    "mirrored": ((3, 2, 17, 16), 2, window_of(3, padding=2, mode="reflect")),
    "groups": ((3, 6, 17, 16), 12, window_of(3, padding=1), 3),
    "depthwise": ((3, 20, 17, 16), 20, window_of(3, padding=1), 20),
    "one-place": ((3, 20, 7, 6), 33, window_of(1)),
    "stripes": ((1, 150, 40, 30), 4, window_of(3, padding=1)),
    "few-places": ((3, 4, 3, 3), 5, window_of(3)),
}


def weights(normal: Draw, shape: Any, affine: bool) -> tuple[Any, Any]:
    return (normal(*shape), normal(*shape)) if affine else (None, None)


def norm(normal: Draw, shape: Any, axes: Any, own: Any, affine: bool) -> tuple[Any, ...]:
    return normal(*shape), *weights(normal, own, affine), axes, 1e-3


def norm_backward(normal: Draw, shape: Any, axes: Any, own: Any, affine: bool) -> tuple[Any, ...]:
    z = normal(*shape)
    rstd = 1.0 / z.std(axis=axes, keepdims=True)
    dweight, dbias = weights(normal, own, affine)
    return normal(*shape), z, rstd, weights(normal, own, affine)[0], axes, dweight, dbias


def rms(normal: Draw, *about: Any) -> tuple[Any, ...]:
    x, weight, _, *rest = norm(normal, *about)
    return x, weight, *rest


def rms_backward(normal: Draw, *about: Any) -> tuple[Any, ...]:
    return norm_backward(normal, *about)[:-1]


# What is normalised over which axes, the weight's shape, and whether there is one.
NORMS = {
    about: lambda function, given=given: lambda normal: function(normal, *given)
    for about, given in {
        "rows": ((600, 3, 45), (1, 2), (1, 3, 45), True),
        "rows_plain": ((70, 1100), (1,), (), False),
        "rows_in_groups": ((300, 4, 64, 1), (2, 3), (1, 4, 64, 1), True),
        "groups": ((30, 4, 3, 250), (2, 3), (1, 4, 3, 1), True),
        "instances": ((10, 30, 17, 18), (2, 3), (1, 30, 1, 1), True),
        "instances_plain": ((10, 30, 300), (2,), (), False),
        "channels": ((10, 30, 17, 18), (0, 2, 3), (1, 30, 1, 1), True),
        "channels_plain": ((10, 30, 300), (0, 2), (), False),
        "columns": ((210, 401), (0,), (1, 401), True),
        "columns_plain": ((210, 401), (0,), (), False),
    }.items()
}


def grid(*axes: tuple[int, ...]) -> Grid:
    return Grid(tuple(Axis(*axis) for axis in axes))


def maxima(
    windows: Grid, normal: Draw, *, routed: bool = False, keep: bool = True, nan: bool = True
) -> tuple[Any, ...]:
    x = normal(3, 2, *windows.sizes)
    x.flat[::7] = 1.5
    if nan:
        x.flat[5::31] = np.nan
    x.flat[: x.size // 3] = -np.inf
    if not routed:
        return x, windows, keep
    y, winner = windows.maxima(x, True)
    return normal(*y.shape), winner, windows


GRIDS = {
    "quarters": grid((8, 2, 2), (70, 2, 2)),
    "one-axis": grid((50, 3, 2, 1)),
    "padded": grid((9, 3, 1, 1), (40, 4, 3, 2)),
    "volumes": grid((5, 2, 1, 1, 2), (6, 3, 2), (7, 2, 3)),
    "many-places": grid((30, 12, 7), (31, 12, 7)),
}


def attention(normal: Draw, *, heads: int = 3, queries: int = 8, keys: int = 7) -> tuple[Any, ...]:
    """Return q, k and v as they lie in one matrix, heads beside one another."""
    q, k, v = (normal(5, n, heads, 6).swapaxes(1, 2) for n in (queries, keys, keys))
    return q, k, v


def shares(normal: Draw, **sizes: int) -> Any:
    q, k, _ = attention(normal, **sizes)
    scores = np.exp(q @ k.swapaxes(2, 3))
    return scores / scores.sum(axis=-1, keepdims=True)


def attention_backward(normal: Draw, *, drop: bool = False, weighed: bool = False, **sizes: int) -> tuple[Any, ...]:
    (q, k, v), w = attention(normal, **sizes), shares(normal, **sizes)
    kept = normal(*w.shape) > 0 if drop else None
    y = (w if kept is None else w * kept * w.dtype.type(2)) @ v
    dweights = normal(*w.shape) if weighed else None
    return normal(*y.shape), q, k, v, w, kept, 2.0, y, dweights, *(np.empty_like(x) for x in (q, k, v))


BEHIND = np.arange(8)[:, None] < np.arange(7)
FAR = {"heads": 2, "queries": 300, "keys": 310}

RECURRENT = {"lstm": LSTMRule(), "gru": GRURule(), **RULES}
# Steps, batch and state; then whether it has a bias, where a step is real, and which way it reads.
SEQUENCES: dict[str, tuple[Any, ...]] = {
    "forward": ((4, 9, 20), True, None, False),
    "reverse": ((3, 20, 70), False, None, True),
    "masked": ((4, 5, 3), True, np.array([1, 1, 0, 1] * 5, bool).reshape(4, 5, 1), False),
    "masked_reverse": ((4, 1, 5), True, np.array([1, 0, 1, 1], bool).reshape(4, 1, 1), True),
}


def recur(normal: Draw, kind: str, sequence: str) -> tuple[Any, ...]:
    (steps, batch, size), biased, real, reverse = SEQUENCES[sequence]
    rule: Any = RECURRENT[kind]
    weight = normal(rule.gates * size, size)
    weight *= 0.5 / size**0.5
    bias = normal(rule.gates * size) if rule.apart and biased else None
    state = tuple(normal(batch, size) for _ in range(rule.states))
    return normal(steps, batch, rule.gates, size), weight, bias, state, real, reverse, rule


def recur_backward(normal: Draw, kind: str, sequence: str) -> tuple[Any, ...]:
    gates, weight, bias, state, real, reverse, rule = recur(normal, kind, sequence)
    steps, batch, _, size = gates.shape
    stacks = tuple(normal(steps + 1, batch, size) for _ in state)
    # Beside the other direction's, of samples, of steps, and none.
    dy = {
        "forward": normal(steps, batch, 2 * size)[..., size:],
        "reverse": normal(batch, steps, size).transpose(1, 0, 2),
        "masked": normal(steps, batch, size),
    }.get(sequence)
    end = (state[0], *(None for _ in state[1:]))
    return np.abs(gates) / (1 + np.abs(gates)), weight, bias, stacks, dy, end, real, reverse, rule


def unrolled(normal: Draw, kind: str, sequence: str) -> tuple[Any, ...]:
    gates, weight, _, state, real, reverse, rule = recur(normal, kind, sequence)
    biases = [normal(len(weight)) if SEQUENCES[sequence][1] else None for _ in range(2)]
    return normal(*gates.shape[:2], 6), Weights(normal(len(weight), 6), weight, *biases), state, real, reverse, rule


def unrolled_backward(normal: Draw, kind: str, sequence: str) -> tuple[Any, ...]:
    gates, _, _, states, dy, end, real, reverse, rule = recur_backward(normal, kind, sequence)
    x, w = unrolled(normal, kind, sequence)[:2]
    g = Weights(*(None if array is None else normal(*array.shape) for array in w))
    return gates, x, w, g, states, dy, end, real, reverse, rule, sequence != "masked"


CASES = [
    FusedCase("affine", "rows", lambda normal: (normal(70, 33), normal(45, 33), normal(45))),
    FusedCase("affine", "wide", lambda normal: (normal(300, 130), normal(260, 130), normal(260))),
    FusedCase("adam", "plain", adam),
    FusedCase("adam", "amsgrad", lambda normal: adam(normal, amsgrad=True)),
    FusedCase("adam", "decoupled", lambda normal: adam(normal, keep=0.9)),
    FusedCase("adam", "decay", lambda normal: adam(normal, weight_decay=0.1)),
    FusedCase("nadam", "decay", lambda normal: (*vectors(normal, "gs"), 0.9, 0.999, 1e-8, 1e-3, 2e-3, 1.0, 0.1)),
    FusedCase("nadam", "decoupled", lambda normal: (*vectors(normal, "gs"), 0.9, 0.999, 1e-8, 1e-3, 2e-3, 0.9, 0.0)),
    FusedCase("radam", "decay", lambda normal: radam(normal, weight_decay=0.1)),
    FusedCase("radam", "decoupled", lambda normal: radam(normal, keep=0.9)),
    FusedCase("radam", "not trusted", lambda normal: radam(normal, trusted=False)),
    FusedCase("radam", "trust in an array", lambda normal: radam(normal, trusted=np.asarray(True))),
    FusedCase("adamax", "decay", lambda normal: (*vectors(normal, "gs"), 0.9, 0.999, 1e-8, 1e-3, 0.1)),
    FusedCase("lerp", "a tenth", lambda normal: (normal(N), normal(N), 0.1)),
    FusedCase("sgd", "plain", lambda normal: (*vectors(normal, ""), 0.1, 0.0)),
    FusedCase("sgd", "decay, rate in an array", lambda normal: (*vectors(normal, ""), normal(1)[0], 0.1)),
    FusedCase("sgd_with_momentum", "dampened", lambda normal: sgd_with_momentum(normal, share=0.4, nesterov=False)),
    FusedCase("sgd_with_momentum", "nesterov", lambda normal: sgd_with_momentum(normal, share=1.0, nesterov=True)),
    FusedCase("rmsprop", "plain", lambda normal: rmsprop(normal, centered=False, momentum=0.0)),
    FusedCase("rmsprop", "centered", lambda normal: rmsprop(normal, centered=True, momentum=0.0)),
    FusedCase("rmsprop", "momentum", lambda normal: rmsprop(normal, centered=False, momentum=0.9)),
    FusedCase("adagrad", "decay", lambda normal: (*vectors(normal, "s"), 1e-8, 1e-2, 0.1)),
    FusedCase("adadelta", "decay", lambda normal: (*vectors(normal, "ss"), 0.9, 1e-6, 1.0, 0.1)),
    FusedCase("lion", "decay", lambda normal: (*vectors(normal, "g"), 0.9, 0.99, 1e-3, 0.9)),
    FusedCase("gradient_norm", "rows and a rest", lambda normal: (normal(N), 2.0)),
    FusedCase("gradient_norm", "one row", lambda normal: (normal(4096), 2.0)),
    FusedCase("scale_gradient", "by half", lambda normal: (normal(N), normal(1)[0])),
    FusedCase("scale_gradient", "by one", lambda normal: (normal(N), np.float32(1.0))),
    FusedCase("cut_gradient", "both ends", lambda normal: (normal(N), 0.5)),
    FusedCase("cross_entropy", "labels", lambda normal: (normal(60, 11), labels(60, 11), CrossEntropyLoss())),
    FusedCase("cross_entropy", "smoothing",
              lambda normal: (normal(60, 11), labels(60, 11), CrossEntropyLoss(label_smoothing=0.3))),
    FusedCase("kept", "odd", lambda normal: (normal(7, 9, 11), 2**31, (5, 6), (7, 2**32 - 1, 9))),
    FusedCase("kept", "pieces", lambda normal: (normal(100_003), 3_000_000_000, (2**32 - 1, 0), (0, 1, 2))),
    FusedCase("masked", "some", lambda normal: (normal(70, 1_003), normal(70, 1_003) > 0, 1.25)),
    *(FusedCase(name, about, partial(drawn_convolution, name, given))
      for name in ("convolve", "input_gradient", "weight_gradient") for about, given in CONVOLUTIONS.items()),
    *(FusedCase("normalised", about, of(norm)) for about, of in NORMS.items()),
    *(FusedCase("norm_backward", about, of(norm_backward)) for about, of in NORMS.items()),
    *(FusedCase("rms_normalised", about, NORMS[about](rms)) for about in ("rows", "rows_plain")),
    *(FusedCase("rms_backward", about, NORMS[about](rms_backward)) for about in ("rows", "rows_plain")),
    *(FusedCase("window_maxima", about, partial(maxima, windows)) for about, windows in GRIDS.items()),
    *(FusedCase("window_maxima", f"{about}-numbers", partial(maxima, windows, nan=False)) for about, windows in GRIDS.items()),
    FusedCase("window_maxima", "values-alone", partial(maxima, GRIDS["quarters"], keep=False)),
    *(FusedCase("route_maxima", about, partial(maxima, windows, routed=True)) for about, windows in GRIDS.items()),
    FusedCase("attention_shares", "plain", lambda normal: (*attention(normal)[:2], None, None, 0.0)),
    FusedCase("attention_shares", "long", lambda normal: (*attention(normal, **FAR)[:2], None, None, 0.0)),
    FusedCase("attention_shares", "masked", lambda normal: (*attention(normal)[:2], BEHIND, None, 0.0)),
    FusedCase("attention_shares", "empty", lambda normal: (*attention(normal)[:2], BEHIND | True, None, 0.0)),
    FusedCase("attention_shares", "undefined", lambda normal: (*attention(normal)[:2], BEHIND | True, None, np.nan)),
    FusedCase("attention_shares", "biased", lambda normal: (*attention(normal)[:2], None, normal(5, 1, 8, 7), 0.0)),
    FusedCase("attention_mix", "all", lambda normal: (shares(normal), attention(normal)[2], None, 1.0)),
    FusedCase("attention_mix", "some", lambda normal: (shares(normal), attention(normal)[2], normal(5, 3, 8, 7) > 0, 2.0)),
    FusedCase("attention_mix", "long", lambda normal: (shares(normal, **FAR), attention(normal, **FAR)[2], None, 1.0)),
    FusedCase("attention_backward", "plain", attention_backward),
    FusedCase("attention_backward", "dropout", lambda normal: attention_backward(normal, drop=True)),
    FusedCase("attention_backward", "weighed", lambda normal: attention_backward(normal, drop=True, weighed=True)),
    FusedCase("attention_backward", "long", lambda normal: attention_backward(normal, **FAR)),
    FusedCase("shares", "last", lambda normal: (normal(90, 7, 65), -1)),
    FusedCase("shares_backward", "last", lambda normal: (normal(90, 7, 65), 2, normal(90, 7, 65))),
    *(FusedCase(name, f"slope_{wanted}", lambda normal, wanted=wanted: (3 * normal(90, 1003), wanted))
      for name in ("gelu", "gelu_tanh", "silu") for wanted in (True, False)),
    *(FusedCase(name, "x", lambda normal: (3 * normal(90, 1003),)) for name in ("relu", "sigmoid")),
    *(FusedCase(f"{name}_backward", "y", lambda normal: (normal(90, 1003), np.trunc(normal(90, 1003))))
      for name in ("relu", "sigmoid", "tanh")),
    FusedCase("sum_by_index", "some twice", lambda normal: (normal(50, 7), labels(50, 31), 40)),
    FusedCase("sum_by_index", "none", lambda normal: (normal(0, 7), labels(0, 31), 40)),
    *(FusedCase(of.__name__, f"{kind}_{sequence}", partial(of, kind=kind, sequence=sequence))
      for of in (recur, recur_backward) for kind in RECURRENT for sequence in SEQUENCES),
    *(FusedCase(name, f"{kind}_{sequence}", partial(of, kind=kind, sequence=sequence))
      for name, of in (("unroll", unrolled), ("unroll_backward", unrolled_backward))
      for kind in RECURRENT for sequence in SEQUENCES),
]  # fmt: skip
