"""The affine maps into the heads of attention and back: which part of which array is whose."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nnxp._backend import Array, matmul, namespace, sum_rows
from nnxp._checks import Words, message
from nnxp.layers.attention.composite import check_sequence
from nnxp.layers.attention.dot_product import AttentionCache
from nnxp.layers.attention.masks import Extent
from nnxp.layers.layer import Views, rows
from nnxp.layers.linear import mapped

if TYPE_CHECKING:
    from nnxp.layers.attention.multihead import MultiheadAttention

__all__ = [
    "PARTS",
    "Passed",
    "extent_of",
    "gradient_places",
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
        bias = p.in_proj_bias if layer.bias else None
        packed = mapped(rows(query), p.in_proj_weight, bias)
        return [split(packed[:, i * size : (i + 1) * size], query.shape[:2], layer) for i in range(3)]
    weights, biases = pieces(layer, p)
    three = zip(inputs, weights, biases or (None, None, None), strict=True)
    projected = [mapped(rows(x), weight, bias) for x, weight, bias in three]
    return [split(y, x.shape[:2], layer) for y, x in zip(projected, inputs, strict=True)]


def gradient_places(layer: "MultiheadAttention", inputs: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Return where the gradients of q, k and v go, as rows (.., embed_dim) and as heads (N, H, length, D).

    Where all three inputs are one array the rows are a single matrix (.., 3 * embed_dim).
    """
    query, key, value = inputs
    xp, size = namespace(query), layer.embed_dim
    together = query is key and key is value
    widths = ((query, 3 * size),) if together else ((x, size) for x in inputs)
    matrices = [
        xp.empty((x.shape[0] * x.shape[1], width), dtype=query.dtype, device=query.device) for x, width in widths
    ]
    parts = [matrices[0][:, i * size : (i + 1) * size] for i in range(3)] if together else matrices
    return matrices, [split(part, x.shape[:2], layer) for part, x in zip(parts, inputs, strict=True)]


def project_backward(
    layer: "MultiheadAttention", g: Views, inputs: Sequence[Array], gradients: Sequence[Array]
) -> None:
    """Write the gradients of the maps, given those of q, k and v as rows; see `gradient_places`."""
    if len(gradients) == 1:
        weights, biases = [g.in_proj_weight], [g.in_proj_bias] if layer.bias else []
    else:
        weights, biases = pieces(layer, g)
    for d, x, weight in zip(gradients, inputs, weights, strict=False):
        matmul(d.T, rows(x), out=weight)
    for d, bias in zip(gradients, biases, strict=bool(biases)):
        bias[...] = sum_rows(d)


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


def shorten(layer: "MultiheadAttention", g: Views, longer: Sequence[Array], places: Sequence[Array]) -> None:
    """Write the gradients of the layer's own key and value, and those of the keys and values given to their places."""
    for d, place, name in zip(longer, places, ("bias_k", "bias_v"), strict=True):
        keys = place.shape[2]
        if layer.add_bias_kv:
            own = namespace(d).sum(d[:, :, keys, :], axis=0)
            getattr(g, name)[...] = namespace(d).reshape(own, (1, 1, layer.embed_dim))
        place[...] = d[:, :, :keys, :]
