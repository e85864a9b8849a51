"""Layers made of layers, and layers that join several inputs."""

from dataclasses import replace
from typing import Any

import numpy as np

from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import Add, Concatenate, Graph, Parallel, Residual, Sequential, WeightNorm
from nnxp.layers._parts import part_of

__all__ = ["EXPORTERS"]


def _sequential(at: Place, layer: Sequential, x: Value) -> Any:
    y: Any = x
    for name, inner in layer.children().items():
        y = at.child(name, inner, y)
    return y


def _residual(at: Place, layer: Residual, x: Value) -> Value:
    y = at.child("layer", layer.layer, x)
    around = x if layer.shortcut is None else at.child("shortcut", layer.shortcut, x)
    return at.op("Add", y, around)


def _parallel(at: Place, layer: Parallel, x: Value) -> Value:
    ys = [at.child(name, inner, x) for name, inner in layer.children().items()]
    return _sum(at, ys) if layer.combine == "sum" else at.op("Concat", *ys, axis=layer.dim)


def _sum(at: Place, values: list[Value]) -> Value:
    if len(values) == 1:
        return at.op("Identity", *values)
    return at.op("Add" if len(values) == 2 else "Sum", *values)


def _add(at: Place, layer: Add, *xs: Value) -> Value:
    return _sum(at, list(xs))


def _concatenate(at: Place, layer: Concatenate, *xs: Value) -> Value:
    return at.op("Concat", *xs, axis=layer.dim)


def _graph(at: Place, layer: Graph, *inputs: Value) -> Any:
    values: dict[str, Any] = dict(zip(layer.inputs, inputs, strict=True))
    for step in layer.wiring.steps:
        values[step.name] = at.child(step.owner, step.layer, *(part_of(values, source) for source in step.sources))
    outputs = tuple(part_of(values, source) for source in layer.wiring.outputs)
    return outputs if len(outputs) > 1 else outputs[0]


def _weight_norm(at: Place, layer: WeightNorm, *inputs: Value) -> Any:
    """Write the layer inside with the weight that length and direction make."""
    g, v = (at.array(name).astype(np.float64) for name in layer._names)
    weight = v * (g / layer._length(v))
    folded = {**at.folded, layer.name: weight.astype(at.writer.dtype)}
    return replace(at, folded=folded).layer(layer.layer, *inputs)


EXPORTERS: dict[type, Any] = {
    Add: _add,
    Concatenate: _concatenate,
    Graph: _graph,
    Parallel: _parallel,
    Residual: _residual,
    Sequential: _sequential,
    WeightNorm: _weight_norm,
}
