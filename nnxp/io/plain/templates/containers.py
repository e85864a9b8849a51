"""Layers after one another, side by side, and joined as one likes."""

from typing import Any

from nnxp import layers as nl
from nnxp._parameters import join
from nnxp.io.plain.writer import Template, Writer
from nnxp.layers import Layer

__all__ = ["TEMPLATES"]

Inputs = tuple[str, ...]


def _sequential(w: Writer, layer: nl.Sequential, path: str, x: Inputs, target: str) -> str:
    for name, child in layer.children().items():
        x = (w.run(child, join(path, name), x, target),)
    return x[0]


def _residual(w: Writer, layer: nl.Residual, path: str, x: Inputs, target: str) -> str:
    with w.name("a") as a, w.name("b") as b:
        y = w.run(layer.layer, join(path, "layer"), x, a)
        around = x[0] if layer.shortcut is None else w.run(layer.shortcut, join(path, "shortcut"), x, b)
        return f"{y} + {around}"


def _parallel(w: Writer, layer: nl.Parallel, path: str, x: Inputs, target: str) -> str:
    names, outputs = [], []
    for name, child in layer.children().items():
        names.append(w.new_name("a"))
        outputs.append(w.run(child, join(path, name), x, names[-1]))
    w.release(names)
    if layer.combine == "sum":
        return " + ".join(outputs)
    return f"np.concatenate([{', '.join(outputs)}], axis={layer.dim})"


def _add(w: Writer, layer: nl.Add, path: str, x: Inputs, target: str) -> str:
    return " + ".join(x)


def _concatenate(w: Writer, layer: nl.Concatenate, path: str, x: Inputs, target: str) -> str:
    return f"np.concatenate([{', '.join(x)}], axis={layer.dim})"


def _graph(w: Writer, layer: nl.Graph, path: str, x: Inputs, target: str) -> str:
    """Write each node that leads to an output, under its name."""
    values = dict(zip(layer.inputs, x, strict=True))
    names = []

    def part(source: Any) -> str:
        return values[source[0]] + "".join(f"[{i}]" for i in source[1])

    for step in layer.wiring.steps:
        names.append(w.new_name(step.name))
        inputs = tuple(map(part, step.sources))
        values[step.name] = w.run(step.layer, join(path, step.owner), inputs, names[-1])
    w.release(names)
    outputs = [part(source) for source in layer.wiring.outputs]
    return outputs[0] if len(outputs) == 1 else f"({', '.join(outputs)})"


TEMPLATES: dict[type[Layer], Template | str] = {
    nl.Sequential: _sequential,
    nl.Residual: _residual,
    nl.Parallel: _parallel,
    nl.Add: _add,
    nl.Concatenate: _concatenate,
    nl.Graph: _graph,
}
