"""Which layer is written how; a closed table, so that nothing is written that was not meant."""

from collections.abc import Callable
from typing import Any

from nnxp._checks import Words
from nnxp.io.onnx.write import (
    activations,
    adaptive,
    attention,
    borders,
    containers,
    convolutions,
    maps,
    norms,
    poolings,
    recurrent,
    resizing,
    shapes,
    transformers,
)
from nnxp.io.onnx.write.writer import Place
from nnxp.layers import Activation, Layer

__all__ = ["EXPORTERS", "WITHOUT", "exporter_of"]

Exporter = Callable[..., Any]

FAMILIES = (
    activations, adaptive, attention, borders, containers, convolutions, maps, norms, poolings, recurrent, resizing,
    shapes, transformers,
)  # fmt: skip
EXPORTERS: dict[type, Exporter] = {kind: write for family in FAMILIES for kind, write in family.EXPORTERS.items()}

# Layers without a counterpart, and why.
WITHOUT: dict[type[Layer], str] = {Activation: "its function is Python; use an activation that has a name"}


def exporter_of(at: Place, layer: Layer) -> Exporter:
    """Return what writes a layer; refuse one that ONNX has no counterpart of, or that is not nnxp's own."""
    kind = type(layer)
    if kind in EXPORTERS:
        return EXPORTERS[kind]
    hint = WITHOUT.get(kind, "layers of your own have to be put together from those of nnxp")
    raise at.refuse("layers that ONNX has a counterpart of", Words(kind.__name__), hint)
