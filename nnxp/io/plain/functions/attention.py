"""Attention in several heads, and waves that tell places apart."""

import math

import numpy as np

from nnxp.io.plain.functions.affine import linear
from nnxp.io.plain.functions.shares import softmax
from nnxp.io.plain.functions.types import Array

__all__ = ["attend", "extra_key", "in_heads", "longer_attention", "multihead_attention", "projected", "waves"]


def in_heads(x: Array, heads: int) -> Array:
    """Cut the features into heads: (batch, length, features) -> (batch, heads, length, features / heads)."""
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).swapaxes(1, 2)


def projected(query: Array, key: Array, value: Array, p: dict[str, Array], heads: int) -> list[Array]:
    """Return q, k and v: affine maps of query, key and value (batch, length, features), in heads of D features."""
    names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    maps = np.split(p["in_proj_weight"], 3) if "in_proj_weight" in p else [p[name] for name in names]
    biases = np.split(p["in_proj_bias"], 3) if "in_proj_bias" in p else (None, None, None)
    three = zip((query, key, value), maps, biases, strict=True)
    return [in_heads(linear(x, weight, bias), heads) for x, weight, bias in three]


def attend(q: Array, k: Array, v: Array, p: dict[str, Array]) -> tuple[Array, Array]:
    """Return ``y = concat(softmax(q k^T / sqrt(D)) v) @ Wo.T + bo`` over the heads, and the heads' mean softmax."""
    shares = softmax(q / math.sqrt(q.shape[-1]) @ k.swapaxes(2, 3))
    heads = (shares @ v).swapaxes(1, 2)
    y = heads.reshape(*heads.shape[:2], heads.shape[2] * heads.shape[3])
    return linear(y, p["out_proj.weight"], p.get("out_proj.bias")), shares.mean(axis=1)


def multihead_attention(query: Array, key: Array, value: Array, p: dict[str, Array], heads: int) -> tuple[Array, Array]:
    """Attend: (batch, length, features) each; return the output, shaped as the query, and the mean weights."""
    q, k, v = projected(query, key, value, p, heads)
    return attend(q, k, v, p)


def longer_attention(
    query: Array, key: Array, value: Array, p: dict[str, Array], heads: int, zero: bool
) -> tuple[Array, Array]:
    """Attend as well to a key and value of the layer's own, behind those given, and if `zero` to one of zeros."""
    q, k, v = projected(query, key, value, p, heads)
    return attend(q, extra_key(k, p.get("bias_k"), zero), extra_key(v, p.get("bias_v"), zero), p)


def extra_key(x: Array, own: Array | None, zero: bool) -> Array:
    """Put one more key (or value) that was trained, and one of zeros, behind those of every head."""
    samples, heads, _, features = x.shape
    parts = [x]
    if own is not None:
        parts.append(np.broadcast_to(own.reshape(1, heads, 1, features), (samples, heads, 1, features)))
    if zero:
        parts.append(np.zeros((samples, heads, 1, features), x.dtype))
    return np.concatenate(parts, axis=2)


def waves(length: int, features: int) -> Array:
    """Return waves of the place, ``[t, 2i] = sin(t / 10000^(2i / features))``, and the cosine beside it."""
    pairs = np.arange((features + 1) // 2)
    angle = np.arange(length)[:, None] * np.exp(pairs * (-2.0 * math.log(10_000.0) / features))
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, -1)[:, :features]
