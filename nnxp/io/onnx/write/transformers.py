"""The transformer's layers and stacks, and places in sequences."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nnxp.io.onnx.write.attention import attend
from nnxp.io.onnx.write.masks import Masks, masks_of
from nnxp.io.onnx.write.shapes import size_of, slice_axis
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import (
    LearnedPositionalEncoding,
    PositionalEncoding,
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from nnxp.layers.attention.block import FEED_FORWARD
from nnxp.layers.attention.positions import LONGEST

__all__ = ["EXPORTERS"]


def _named(at: Place, **names: str) -> dict[str, Any]:
    """Return what was given under one name under another."""
    return {new: at.named[old] for new, old in names.items() if old in at.named}


def _inside(at: Place, name: str, layer: Any, named: dict[str, Any], *inputs: Value) -> Any:
    """Write a layer inside, which takes some of what was given by name."""
    place = replace(at, path=f"{at.path}.{name}" if at.path else name, folded={}, named=named)
    return place.layer(layer, *inputs)


def _around(at: Place, layer: Any, number: int, x: Value, branch: Callable[[Value], Value]) -> Value:
    norm = layer.children()[f"norm{number}"]
    inner = at.child(f"norm{number}", norm, x) if layer.norm_first else x
    y = at.op("Add", x, branch(inner))
    y = y if layer.norm_first else at.child(f"norm{number}", norm, y)
    return Value(y.name, x.shape, x.dtype)


def _attend(at: Place, layer: Any, name: str, x: Value, memory: Value, masks: Masks) -> Value:
    place = replace(at, path=f"{at.path}.{name}" if at.path else name, folded={}, named={})
    y, _ = attend(place, layer.children()[name], (x, memory, memory), masks)
    return Value(y.name, x.shape, x.dtype)


def _feed(at: Place, layer: Any, x: Value) -> Value:
    y = x
    for name in FEED_FORWARD:
        if name != "dropout":
            y = at.child(name, layer.children()[name], y)
    return Value(y.name, x.shape, x.dtype)


def _encoder_layer(at: Place, layer: TransformerEncoderLayer, x: Value) -> Value:
    named = _named(at, attn_mask="src_mask", key_padding_mask="src_key_padding_mask", is_causal="is_causal")
    own = masks_of(named)
    x = _around(at, layer, 1, x, lambda inner: _attend(at, layer, "self_attn", inner, inner, own))
    return _around(at, layer, 2, x, lambda inner: _feed(at, layer, inner))


def _decoder_layer(at: Place, layer: TransformerDecoderLayer, x: Value, memory: Value) -> Value:
    own, across = (masks_of(at.named, prefix, "mask") for prefix in ("tgt_", "memory_"))
    x = _around(at, layer, 1, x, lambda inner: _attend(at, layer, "self_attn", inner, inner, own))
    x = _around(at, layer, 2, x, lambda inner: _attend(at, layer, "multihead_attn", inner, memory, across))
    return _around(at, layer, 3, x, lambda inner: _feed(at, layer, inner))


def _stack(at: Place, layer: Any, named: dict[str, Any], x: Value, *others: Value) -> Value:
    parts = layer.children()
    for name, repeated in parts["layers"].children().items():
        x = replace(_inside(at, f"layers.{name}", repeated, named, x, *others), shape=x.shape)
    y: Value = at.child("norm", parts["norm"], x) if "norm" in parts else x
    return y


def _encoder(at: Place, layer: TransformerEncoder, x: Value) -> Value:
    names = {"src_mask": "mask", "src_key_padding_mask": "src_key_padding_mask", "is_causal": "is_causal"}
    return _stack(at, layer, _named(at, **names), x)


def _decoder(at: Place, layer: TransformerDecoder, x: Value, memory: Value) -> Value:
    return _stack(at, layer, dict(at.named), x, memory)


def _transformer(at: Place, layer: Transformer, src: Value, tgt: Value) -> Value:
    names = {"mask": "src_mask", "src_key_padding_mask": "src_key_padding_mask", "is_causal": "src_is_causal"}
    memory = _inside(at, "encoder", layer.children()["encoder"], _named(at, **names), src)
    theirs = {name: value for name, value in at.named.items() if not name.startswith("src_")}
    y = _inside(at, "decoder", layer.children()["decoder"], theirs, tgt, memory)
    return Value(y.name, tgt.shape, tgt.dtype)


def _placed(at: Place, layer: Any, x: Value, places: Value) -> Value:
    """Add what belongs to the places (length, d_model) to x."""
    if not layer.batch_first:
        places = at.op("Unsqueeze", places, at.integers(1))
    return at.op("Add", x, places)


def _learned(at: Place, layer: LearnedPositionalEncoding, x: Value) -> Value:
    axis = 1 if layer.batch_first else 0
    return _placed(at, layer, x, slice_axis(at, at.weight("weight"), 0, 0, size_of(at, x, axis)))


def _waves(at: Place, layer: PositionalEncoding, x: Value) -> Value:
    """Compute sines and cosines of the places, in float64, for sequences of any length."""
    d_model, first = layer.d_model, at.integers(0)
    zero, one = (at.op("Squeeze", at.integers(n), first, shape=()) for n in (0, 1))
    length = at.op("Squeeze", size_of(at, x, 1 if layer.batch_first else 0), first, shape=())
    places = at.op("Cast", at.op("Range", zero, length, one, shape=(None,)), dtype="float64", to="float64")
    rates = np.exp(np.arange((d_model + 1) // 2) * (-2.0 * math.log(LONGEST) / d_model))
    angle = at.op("Mul", at.op("Unsqueeze", places, at.integers(1), shape=(None, 1)), at.constant(rates))
    waves = [at.op("Unsqueeze", at.op(kind, angle), at.integers(2)) for kind in ("Sin", "Cos")]
    both = at.op("Reshape", at.op("Concat", *waves, axis=2), at.integers(0, -1), shape=(None, None))
    cut = slice_axis(at, both, 1, 0, d_model) if d_model % 2 else both
    cast = at.op("Cast", cut, dtype=at.writer.dtype, to=at.writer.dtype)
    return _placed(at, layer, x, replace(cast, shape=(None, d_model)))


EXPORTERS: dict[type, Any] = {
    LearnedPositionalEncoding: _learned,
    PositionalEncoding: _waves,
    Transformer: _transformer,
    TransformerDecoder: _decoder,
    TransformerDecoderLayer: _decoder_layer,
    TransformerEncoder: _encoder,
    TransformerEncoderLayer: _encoder_layer,
}
