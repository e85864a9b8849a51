"""How layers of several inputs, of masks or of integers join a contract that speaks of one floating input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp._backend import namespace
from nnxp.layers import Layer, Mode, Views
from tests.oracles import Host, below

Cut = tuple[int, int, int]  # axis, start, stop
Masks = Callable[[int], dict[str, Any]]  # from the number of samples to host arrays and flags


@dataclass(frozen=True)
class Adapted(Layer):
    """A layer whose inputs are cut out of one array, with what it takes by name; equal cuts are one array.

    A second output (N, L, extra) is put beside the first. The output is as long as input number `like`.
    """

    layer: Layer
    cuts: tuple[Cut, ...]
    named: Masks | None = None
    extra: int = 0
    like: int = 0

    def inner_shape(self, in_shape: Any, number: int) -> Any:
        axis, start, stop = self.cuts[number]
        return tuple(stop - start if i == axis - 1 else n for i, n in enumerate(in_shape))

    def output_shape(self, in_shape: Any) -> Any:
        known = self.inner_shape(in_shape, self.like)
        shape = self.layer.output_shape(self.inner_shape(in_shape, 0))
        if len(shape) == len(known):
            shape = [m if n is None else n for n, m in zip(shape, known, strict=True)]
        return (*shape[:-1], shape[-1] + self.extra)

    def child_shapes(self, in_shape: Any) -> Any:
        return {"layer": self.inner_shape(in_shape, 0)}

    def inputs(self, x: Any) -> list[Any]:
        arrays = {cut: x[at(cut)] for cut in self.cuts}
        return [arrays[cut] for cut in self.cuts]

    def masks(self, x: Any) -> dict[str, Any]:
        xp, given = namespace(x), self.named(x.shape[0]) if self.named else {}
        return {name: beside(xp, value, x) if isinstance(value, np.ndarray) else value for name, value in given.items()}

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        y, cache = self.layer.forward(p["layer"], *self.inputs(x), mode["layer"], **self.masks(x))
        if isinstance(y, tuple):
            y = namespace(x).concat(list(y), axis=-1) if self.extra else y[0]
        return y, (x, cache)

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        x, inner = cache
        if self.extra:
            dy = (dy[..., : dy.shape[-1] - self.extra], dy[..., dy.shape[-1] - self.extra :])
        elif self.named and "need_weights" in self.named(1):
            dy = (dy, None)
        found = self.layer.backward(p["layer"], g["layer"], inner, dy)
        dx = namespace(x).zeros_like(x)
        for cut, part in zip(self.cuts, found if isinstance(found, tuple) else (found,), strict=True):
            dx[at(cut)] += part
        return dx


@dataclass(frozen=True)
class Indexed(Layer):
    """A layer of integers in [0, size), made of floating numbers that have no gradient."""

    layer: Layer
    size: int

    def output_shape(self, in_shape: Any) -> Any:
        return self.layer.output_shape(in_shape)

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        xp = namespace(x)
        index = xp.astype(xp.abs(x) * 5.0, xp.int64) % self.size
        y, cache = self.layer.forward(p["layer"], index, mode["layer"])
        return y, (x, cache)

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        assert self.layer.backward(p["layer"], g["layer"], cache[1], dy) is None
        return namespace(dy).zeros_like(cache[0])


def at(cut: Cut) -> Any:
    axis, start, stop = cut
    return (slice(None),) * axis + (slice(start, stop), ...)


def beside(xp: Any, host: Host, x: Any) -> Any:
    array = xp.asarray(host.tolist(), dtype=xp.bool if host.dtype == bool else x.dtype, device=x.device)
    return xp.reshape(array, host.shape)


def adapted(oracle: Callable[..., Any]) -> Any:
    """Make an oracle of a layer of several inputs one of what `Adapted` makes of it."""

    def one(layer: Adapted, p: dict[str, Host], x: Host) -> Host:
        inputs = [x[at(cut)] for cut in layer.cuts]
        y = oracle(layer.layer, below(p, "layer"), *inputs, **(layer.named(len(x)) if layer.named else {}))
        if isinstance(y, tuple):
            y = np.concatenate(y, axis=-1) if layer.extra else y[0]
        return y

    return one


def indexed(oracle: Callable[..., Any]) -> Any:
    """Make an oracle of a layer of integers one of what `Indexed` makes of it."""

    def one(layer: Indexed, p: dict[str, Host], x: Host) -> Host:
        return oracle(layer.layer, below(p, "layer"), np.floor(np.abs(x) * 5).astype("int64") % layer.size)

    return one
