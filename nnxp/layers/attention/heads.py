"""The affine maps into the heads of attention and back: which part of which array is whose."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nnxp._backend import Array, matmul, namespace, sum_rows
from nnxp._checks import Words, message
from nnxp.layers.attention.composite import check_sequence
from nnxp.layers.attention.dot_product import AttentionCache
from nnxp.layers.attention.masks import Extent
from nnxp.layers.layer import Views, rows

if TYPE_CHECKING:
    from nnxp.layers.attention.multihead import MultiheadAttention

__all__ = [
    "PARTS",
    "Passed",
    "extent_of",
    "join",
    "lengthen",
    "pieces",
    "project",
    "project_backward",
    "shorten",
    "split",
]

PARTS = ("q_proj_weight", "k_proj_weight", "v_proj_weight")


class Passed(NamedTuple):
    """What backward needs: the inputs, what attention and the output's projection keep, and what was asked for."""

    inputs: tuple[Array, Array, Array]
    attention: AttentionCache
    out_proj: Any
    averaged: bool
    dx_wanted: bool


def pieces(layer: "MultiheadAttention", arrays: Views) -> tuple[list[Array], list[Array]]:
    """Return the weights (or gradients) of query, key and value, and their biases (none: an empty list)."""
    size = layer.embed_dim
    packed = getattr(arrays, "in_proj_weight", None)
    places = [slice(i * size, (i + 1) * size) for i in range(3)]
    weights = [getattr(arrays, name) for name in PARTS] if packed is None else [packed[place, :] for place in places]
    return weights, [arrays.in_proj_bias[place] for place in places] if layer.bias else []


def extent_of(layer: "MultiheadAttention", inputs: Sequence[Array]) -> Extent:
    """Return the sizes of the inputs; refuse what does not go together."""
    where = "MultiheadAttention.forward"
    for name, x, size in zip(("query", "key", "value"), inputs, layer.sizes, strict=True):
        check_sequence(where, name, x, size, layer.batch_first)
    query, key, value = inputs
    n, length = (0, 1) if layer.batch_first else (1, 0)
    if key.shape[n] != query.shape[n] or key.shape[:2] != value.shape[:2]:
        wanted = f"key and value of one length, and as many samples as the query's {query.shape[n]}"
        raise ValueError(message(where, wanted, Words(f"{tuple(key.shape)} and {tuple(value.shape)}")))
    extra = layer.add_bias_kv + layer.add_zero_attn
    return Extent(query.shape[n], layer.num_heads, query.shape[length], key.shape[length], extra)


def split(x: Array, lengths: tuple[int, int], layer: "MultiheadAttention") -> Array:
    """View rows (.., embed_dim) as (N, H, length, D); `lengths` are the first two axes of the layer's input."""
    xp = namespace(x)
    heads = xp.reshape(x, (*lengths, layer.num_heads, layer.embed_dim // layer.num_heads))
    return xp.permute_dims(heads, (0, 2, 1, 3) if layer.batch_first else (1, 2, 0, 3))


def unsplit(x: Array, layer: "MultiheadAttention") -> Array:
    """View (N, H, length, D) as (N, length, H, D), or with the first two axes exchanged."""
    return namespace(x).permute_dims(x, (0, 2, 1, 3) if layer.batch_first else (2, 0, 1, 3))


def join(x: Array, layer: "MultiheadAttention") -> Array:
    """Lay the heads (N, H, length, D) side by side: (N, length, embed_dim), or with the first two axes exchanged."""
    x = unsplit(x, layer)
    return namespace(x).reshape(x, (*x.shape[:2], layer.embed_dim))


def project(layer: "MultiheadAttention", p: Views, inputs: Sequence[Array]) -> list[Array]:
    """Return q, k and v (N, H, length, D); one product where all three inputs are one array."""
    query, key, value = inputs
    size = layer.embed_dim
    if query is key and key is value:
        packed = rows(query) @ p.in_proj_weight.T
        if layer.bias:
            packed += p.in_proj_bias
        return [split(packed[:, i * size : (i + 1) * size], query.shape[:2], layer) for i in range(3)]
    weights, biases = pieces(layer, p)
    projected = [rows(x) @ weight.T for x, weight in zip(inputs, weights, strict=True)]
    for x, bias in zip(projected, biases, strict=bool(biases)):
        x += bias
    return [split(y, x.shape[:2], layer) for y, x in zip(projected, inputs, strict=True)]


def project_backward(
    layer: "MultiheadAttention", g: Views, inputs: Sequence[Array], gradients: Sequence[Array]
) -> list[Array]:
    """Write the gradients of the maps, given those of q, k and v; return the latter as rows.

    Three matrices (.., embed_dim), or where all three inputs are one array a single one (.., 3 * embed_dim).
    """
    query, key, value = inputs
    if query is key and key is value:
        xp = namespace(query)
        packed = xp.stack([unsplit(d, layer) for d in gradients], axis=2)
        packed = xp.reshape(packed, (query.shape[0] * query.shape[1], 3 * layer.embed_dim))
        matmul(packed.T, rows(query), out=g.in_proj_weight)
        if layer.bias:
            g.in_proj_bias[...] = sum_rows(packed)
        return [packed]
    flat = [rows(join(d, layer)) for d in gradients]
    weights, biases = pieces(layer, g)
    for d, x, weight in zip(flat, inputs, weights, strict=True):
        matmul(d.T, rows(x), out=weight)
    for d, bias in zip(flat, biases, strict=bool(biases)):
        bias[...] = sum_rows(d)
    return flat


def lengthen(layer: "MultiheadAttention", p: Views, k: Array, v: Array) -> tuple[Array, Array]:
    """Put the layer's own key and value, and those of zeros, behind those of every sequence."""
    if not (layer.add_bias_kv or layer.add_zero_attn):
        return k, v
    xp, shape = namespace(k), (k.shape[0], k.shape[1], 1, k.shape[3])
    longer = []
    for x, name in ((k, "bias_k"), (v, "bias_v")):
        parts = [x]
        if layer.add_bias_kv:
            parts.append(xp.broadcast_to(xp.reshape(getattr(p, name), (1, shape[1], 1, shape[3])), shape))
        if layer.add_zero_attn:
            parts.append(xp.zeros(shape, dtype=x.dtype, device=x.device))
        longer.append(xp.concat(parts, axis=2))
    return longer[0], longer[1]


def shorten(layer: "MultiheadAttention", g: Views, keys: int, dk: Array, dv: Array) -> tuple[Array, Array]:
    """Write the gradients of the layer's own key and value; return those of the `keys` given."""
    if layer.add_bias_kv:
        for d, name in ((dk, "bias_k"), (dv, "bias_v")):
            own = namespace(d).sum(d[:, :, keys, :], axis=0)
            getattr(g, name)[...] = namespace(d).reshape(own, (1, 1, layer.embed_dim))
    return dk[:, :, :keys, :], dv[:, :, :keys, :]
