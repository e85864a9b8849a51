"""Affine and bilinear maps, look-ups, likeness, and fixed shifts."""

from typing import Any

import numpy as np

from nnxp.io.onnx.write.shapes import reshape, transpose
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import (
    AlphaDropout,
    Bilinear,
    CosineSimilarity,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    Embedding,
    EmbeddingBag,
    Linear,
    Standardize,
)
from nnxp.layers.attention.composite import Projection

__all__ = ["EXPORTERS", "affine"]


def affine(at: Place, x: Value, weight: Value, bias: Value | None) -> Value:
    """Return ``x @ weight.T + bias``."""
    shape = (*x.shape[:-1], weight.shape[0])
    if x.ndim == 2:
        return at.op("Gemm", x, weight, bias, shape=shape, transB=1)
    y = at.op("MatMul", x, transpose(at, weight, 1, 0), shape=shape)
    return y if bias is None else at.op("Add", y, bias)


def _linear(at: Place, layer: Linear, x: Value) -> Value:
    return affine(at, x, at.weight("weight"), at.weight("bias") if layer.bias else None)


def _bilinear(at: Place, layer: Bilinear, x1: Value, x2: Value) -> Value:
    size = layer.in1_features * layer.in2_features
    columns, rows = at.op("Unsqueeze", x1, at.integers(-1)), at.op("Unsqueeze", x2, at.integers(-2))
    products = at.op("Mul", columns, rows, shape=(*x1.shape, layer.in2_features))
    kept = at.integers(*(0,) * (x1.ndim - 1), size)
    flat = at.op("Reshape", products, kept, shape=(*x1.shape[:-1], size))
    weight = reshape(at, at.weight("weight"), [layer.out_features, size])
    return affine(at, flat, weight, at.weight("bias") if layer.bias else None)


def _cosine(at: Place, layer: CosineSimilarity, x1: Value, x2: Value) -> Value:
    axis, eps = at.integers(layer.dim), at.number(layer.eps)
    units = [at.op("Div", x, at.op("Max", at.op("ReduceL2", x, axis, keepdims=1), eps)) for x in (x1, x2)]
    return at.op("ReduceSum", at.op("Mul", *units), axis, keepdims=0)


def _standardize(at: Place, layer: Standardize, x: Value) -> Value:
    return at.op("Div", at.op("Sub", x, at.weight("mean")), at.weight("std"))


def _look_up(at: Place, x: Value, features: int) -> Value:
    if x.dtype not in ("int32", "int64"):
        x = at.op("Cast", x, dtype="int64", to="int64")
    return at.op("Gather", at.weight("weight"), x, shape=(*x.shape, features), axis=0)


def _embedding(at: Place, layer: Embedding, x: Value) -> Value:
    return _look_up(at, x, layer.embedding_dim)


def _bag(at: Place, layer: EmbeddingBag, x: Value) -> Value:
    axis, factors = at.integers(1), at.named.get("per_sample_weights")
    if factors is not None and layer.mode != "sum":
        raise at.refuse("mode 'sum' with per_sample_weights", layer.mode)
    vectors = _look_up(at, x, layer.embedding_dim)
    if layer.padding_idx is not None:
        padding = at.constant(np.asarray(layer.padding_idx % layer.num_embeddings, dtype=x.dtype))
        real = at.op("Not", at.op("Equal", x, padding, dtype="bool"))
        real = at.op("Cast", real, dtype=at.writer.dtype, to=at.writer.dtype)
        factors = real if factors is None else at.op("Mul", factors, real)
        if layer.mode == "mean":
            count = at.op("Max", at.op("ReduceSum", real, axis, keepdims=1), at.number(1.0))
            factors = at.op("Div", factors, count)
    if factors is not None:
        vectors = at.op("Mul", vectors, at.op("Unsqueeze", factors, at.integers(2)))
    mean = layer.mode == "mean" and layer.padding_idx is None
    return at.op("ReduceMean" if mean else "ReduceSum", vectors, axis, keepdims=0)


def _dropout(at: Place, layer: Dropout, x: Value) -> Value:
    # Without its third input the operator passes everything on, and says what the model was trained with.
    if layer.p == 1:
        return _nothing(at, layer, x)  # runtimes do not take it
    return at.op("Dropout", x, at.constant(np.asarray(layer.p, dtype=np.float32)))


def _nothing(at: Place, layer: Any, x: Value) -> Value:
    return at.op("Identity", x)


EXPORTERS: dict[type, Any] = {
    **dict.fromkeys((AlphaDropout, Dropout1d, Dropout2d, Dropout3d), _nothing),
    Bilinear: _bilinear,
    CosineSimilarity: _cosine,
    Dropout: _dropout,
    Embedding: _embedding,
    EmbeddingBag: _bag,
    Linear: _linear,
    Projection: _linear,
    Standardize: _standardize,
}
