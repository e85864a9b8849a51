"""Affine and bilinear maps, tables, and weights that are normalised."""

import numpy as np

from nnxp._parameters import join
from nnxp.io.plain.functions.affine import bilinear, embedding, embedding_bag, linear
from nnxp.io.plain.writer import Template, Writer
from nnxp.layers import Bilinear, Embedding, EmbeddingBag, Layer, Linear, WeightNorm
from nnxp.layers.attention.composite import Projection

__all__ = ["TEMPLATES"]

Inputs = tuple[str, ...]


def _linear(w: Writer, layer: Linear, path: str, x: Inputs, target: str) -> str:
    return w.call(linear, *x, w.array(path, "weight"), w.maybe(path, "bias"))


def _bilinear(w: Writer, layer: Bilinear, path: str, x: Inputs, target: str) -> str:
    return w.call(bilinear, *x, w.array(path, "weight"), w.maybe(path, "bias"))


def _embedding(w: Writer, layer: Embedding, path: str, x: Inputs, target: str) -> str:
    return w.call(embedding, *x, w.array(path, "weight"))


def _embedding_bag(w: Writer, layer: EmbeddingBag, path: str, x: Inputs, target: str) -> str:
    padding = None if layer.padding_idx is None else layer.padding_idx % layer.num_embeddings
    return w.call(embedding_bag, *x, w.array(path, "weight"), layer.mode == "mean", padding)


def _weight_norm(w: Writer, layer: WeightNorm, path: str, x: Inputs, target: str) -> str:
    """Write the layer inside, its weight made of length and direction once and for all: ``w = g * v / |v|``."""
    name = join(path, layer.name)
    if name not in w.arrays:  # a layer that a graph runs twice has been here before
        g, v = (w.arrays.pop(join(path, part)) for part in layer._names)
        axes = layer._axes(v.ndim)
        length = np.sqrt(np.sum(v * v, axis=axes, keepdims=axes is not None))
        w.arrays[name] = np.asarray(v * (g / np.where(length == 0, np.ones_like(length), length)))
    return w.run(layer.layer, path, x, target)


TEMPLATES: dict[type[Layer], Template | str] = {
    Linear: _linear,
    Projection: _linear,
    Bilinear: _bilinear,
    Embedding: _embedding,
    EmbeddingBag: _embedding_bag,
    WeightNorm: _weight_norm,
}
