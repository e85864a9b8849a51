"""Multi-head attention."""

import math
from dataclasses import replace
from typing import Any

from nnxp.io.onnx.write.maps import affine
from nnxp.io.onnx.write.masks import Masks, masks_of, prepared
from nnxp.io.onnx.write.shapes import Axis, reshape, transpose
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import MultiheadAttention
from nnxp.layers.attention.heads import PARTS

__all__ = ["EXPORTERS", "attend"]


def attend(at: Place, layer: MultiheadAttention, inputs: tuple[Value, Value, Value], masks: Masks) -> Any:
    """Write an attention; return its output, and its weights if they are wanted."""
    q, k, v = (_split(at, layer, x) for x in _project(at, layer, inputs))
    found = prepared(at, masks, q, k, int(layer.add_bias_kv) + int(layer.add_zero_attn))
    k, v = _lengthened(at, layer, k, "bias_k"), _lengthened(at, layer, v, "bias_v")
    weights = _weights(at, q, k, *found, math.nan if masks.need_weights else 0.0)
    mixed = at.op("MatMul", weights, v, shape=q.shape)
    back = (0, 2, 1, 3) if layer.batch_first else (2, 0, 1, 3)
    query = inputs[0]
    joined = replace(reshape(at, transpose(at, mixed, *back), [Axis(0), Axis(1), layer.embed_dim]), shape=query.shape)
    y = replace(at.child("out_proj", layer.children()["out_proj"], joined), shape=query.shape)
    if not masks.need_weights:
        return y, None
    if masks.average:
        weights = at.op("ReduceMean", weights, at.integers(1), keepdims=0, shape=(None, None, None))
    return y, weights


def _project(at: Place, layer: MultiheadAttention, inputs: tuple[Value, Value, Value]) -> list[Value]:
    """Return q, k and v, shaped as the inputs."""
    size = layer.embed_dim
    bias = at.weight("in_proj_bias") if layer.bias else None
    if set(layer.sizes) != {size}:
        weights = [at.weight(name) for name in PARTS]
    else:
        packed = at.weight("in_proj_weight")
        if len({x.name for x in inputs}) == 1:
            together = affine(at, inputs[0], packed, bias)
            return [Value(n, inputs[0].shape, together.dtype) for n in _thirds(at, together, 2)]
        weights = [Value(name, (size, size), packed.dtype) for name in _thirds(at, packed, 0)]
    biases = [None] * 3 if bias is None else [Value(name, (size,), bias.dtype) for name in _thirds(at, bias, 0)]
    return [affine(at, x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]


def _thirds(at: Place, x: Value, axis: int) -> list[str]:
    return at.ops("Split", 3, x, axis=axis, num_outputs=3)


def _split(at: Place, layer: MultiheadAttention, x: Value) -> Value:
    """View (N, length, E), or (length, N, E), as (N, H, length, D)."""
    heads = reshape(at, x, [Axis(0), Axis(1), layer.num_heads, layer.embed_dim // layer.num_heads])
    return transpose(at, heads, *((0, 2, 1, 3) if layer.batch_first else (1, 2, 0, 3)))


def _lengthened(at: Place, layer: MultiheadAttention, x: Value, name: str) -> Value:
    """Put the layer's own key or value, and one of zeros, behind those of every sequence."""
    if not (layer.add_bias_kv or layer.add_zero_attn):
        return x
    heads, features = layer.num_heads, layer.embed_dim // layer.num_heads
    batch = at.op("Shape", x, shape=(1,), dtype="int64", start=0, end=1)
    one = at.op("Concat", batch, at.integers(heads, 1, features), axis=0)
    parts, shape = [x], (None, heads, 1, features)
    if layer.add_bias_kv:
        own = reshape(at, at.weight(name), [1, heads, 1, features])
        parts.append(at.op("Expand", own, one, shape=shape))
    if layer.add_zero_attn:
        parts.append(at.op("Expand", at.number(0.0), one, shape=shape))
    return at.op("Concat", *parts, axis=2, shape=(None, heads, None, features))


def _weights(at: Place, q: Value, k: Value, forbidden: list[Value], added: list[Value], empty: float) -> Value:
    """Return ``softmax(q k^T / sqrt(D) + added)`` over the keys that are not forbidden; `empty` where there is none."""
    shape = (None, q.shape[1], None, None)
    scaled = at.op("Mul", q, at.number(1.0 / math.sqrt(q.shape[3] or 1)))
    scores = at.op("MatMul", scaled, transpose(at, k, 0, 1, 3, 2), shape=shape)
    for bias in added:
        scores = at.op("Add", scores, bias, shape=shape)
    for mask in forbidden:
        scores = at.op("Where", mask, at.number(-math.inf), scores, dtype=q.dtype, shape=shape)
    weights = at.op("Softmax", scores, axis=-1)
    if math.isnan(empty) or not (forbidden or added):
        return weights
    nothing = at.op("IsNaN", weights, dtype="bool")
    return at.op("Where", nothing, at.number(empty), weights, dtype=q.dtype, shape=shape)


def _multihead(at: Place, layer: MultiheadAttention, query: Value, key: Value, value: Value) -> Any:
    return attend(at, layer, (query, key, value), masks_of(at.named, weights=True))


EXPORTERS: dict[type, Any] = {MultiheadAttention: _multihead}
