"""How a layer of several outputs joins a contract that speaks of one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nnxp._backend import namespace
from nnxp.layers import Layer, Mode, Views


@dataclass(frozen=True)
class Joined(Layer):
    """A layer whose `count` outputs, of one shape, are put side by side along the last axis."""

    layer: Layer
    count: int

    def output_shape(self, in_shape: Any) -> Any:
        shape = self.layer.output_shape(in_shape)
        return (*shape[:-1], shape[-1] * self.count)

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        ys, cache = self.layer.forward(p["layer"], x, mode["layer"])
        assert len(ys) == self.count
        return namespace(x).concat(list(ys), axis=-1), cache

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        size = dy.shape[-1] // self.count
        ends = range(0, dy.shape[-1] + 1, size)
        return self.layer.backward(p["layer"], g["layer"], cache, tuple(dy[..., a:b] for a, b in pairwise(ends)))
