"""Attention, the transformer and embeddings, said as naively as possible: loops over numbers, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.oracles import SEED, Host, below, gelu_number, philox

Noise = Callable[[str, tuple[int, ...]], Host]


def silence(name: str, shape: tuple[int, ...]) -> Host:
    """Drop nothing."""
    return np.ones(shape)


def drawn(layer: Any, p: float, places: dict[str, int]) -> Noise:
    """Draw dropout's factors of a first step word by word, for the layers at these places of the model."""

    def noise(name: str, shape: tuple[int, ...]) -> Host:
        def word(e: int) -> int:
            return philox((e // 4, 0, places[name], 0), (SEED, 0))[e % 4]

        keep = [word(e) < (1 - p) * 2**32 for e in range(math.prod(shape))]
        return np.array([k / (1 - p) for k in keep], dtype=np.float64).reshape(shape)

    return noise


def affine(x: Host, weight: Host, bias: Host | None) -> Host:
    y = np.zeros((*x.shape[:-1], len(weight)))
    for place in np.ndindex(*y.shape):
        y[place] = sum(a * b for a, b in zip(x[place[:-1]], weight[place[-1]], strict=True))
        y[place] += 0.0 if bias is None else bias[place[-1]]
    return y


def layer_norm(x: Host, p: dict[str, Host], eps: float) -> Host:
    y = np.zeros(x.shape)
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place].tolist()
        mean = sum(row) / len(row)
        variance = sum((v - mean) ** 2 for v in row) / len(row)
        for i, v in enumerate(row):
            bias = p["bias"][i] if "bias" in p else 0.0
            y[(*place, i)] = (v - mean) / math.sqrt(variance + eps) * p["weight"][i] + bias
    return y


def score_added(mask: Any, place: tuple[int, ...]) -> float:
    """Return what a mask adds to a score."""
    value = mask[place]
    return (-math.inf if value else 0.0) if mask.dtype == bool else float(value)


def multihead(
    layer: Any,
    p: dict[str, Host],
    query: Host,
    key: Host,
    value: Host,
    *,
    attn_mask: Any = None,
    key_padding_mask: Any = None,
    is_causal: bool = False,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    noise: Noise = silence,
    name: str = "",
) -> tuple[Host, Host]:
    """Return output and weights of samples that come first."""
    size, heads = layer.embed_dim, layer.num_heads
    d = size // heads
    names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    weights = np.split(p["in_proj_weight"], 3) if "in_proj_weight" in p else [p[n] for n in names]
    biases = np.split(p["in_proj_bias"], 3) if layer.bias else [None] * 3
    q, k, v = (affine(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
    given = k.shape[1]
    if layer.add_bias_kv:
        k, v = (np.concatenate([x, np.tile(p[n], (len(x), 1, 1))], 1) for x, n in ((k, "bias_k"), (v, "bias_v")))
    if layer.add_zero_attn:
        k, v = (np.concatenate([x, np.zeros((len(x), 1, size))], 1) for x in (k, v))
    samples, queries, keys = len(q), q.shape[1], k.shape[1]
    shares = np.zeros((samples, heads, queries, keys))
    for n, h, i in np.ndindex(samples, heads, queries):
        scores = []
        for j in range(keys):
            part = slice(h * d, (h + 1) * d)
            score = sum(a * b for a, b in zip(q[n, i, part], k[n, j, part], strict=True)) / math.sqrt(d)
            if j < given:
                if attn_mask is not None:
                    score += score_added(attn_mask, (i, j) if attn_mask.ndim == 2 else (n * heads + h, i, j))
                if key_padding_mask is not None:
                    score += score_added(key_padding_mask, (n, j))
                if is_causal and j > i:
                    score = -math.inf
            scores.append(score)
        terms = [math.exp(s) for s in scores]
        nothing = math.nan if need_weights else 0.0
        shares[n, h, i] = [t / sum(terms) if sum(terms) else nothing for t in terms]
    shares = shares * noise(name, shares.shape)
    mixed = np.zeros((samples, queries, size))
    for n, i, c in np.ndindex(*mixed.shape):
        mixed[n, i, c] = sum(shares[n, c // d, i, j] * v[n, j, c] for j in range(keys))
    y = affine(mixed, p["out_proj.weight"], p.get("out_proj.bias"))
    return y, shares.sum(1) / heads if average_attn_weights else shares


def feed_forward(layer: Any, p: dict[str, Host], x: Host, noise: Noise) -> Host:
    hidden = affine(x, p["linear1.weight"], p.get("linear1.bias"))
    rule = (lambda v: max(v, 0.0)) if layer.activation == "relu" else (lambda v: gelu_number(EXACT, v))
    hidden = np.array([rule(v) for v in hidden.ravel().tolist()], dtype=np.float64).reshape(hidden.shape)
    return affine(hidden * noise("dropout", hidden.shape), p["linear2.weight"], p.get("linear2.bias"))


class EXACT:
    """What `gelu_number` asks of a layer."""

    approximate = "none"


def around(layer: Any, p: dict[str, Host], x: Host, number: int, noise: Noise, branch: Callable[[Host], Host]) -> Host:
    arrays, name = below(p, f"norm{number}"), f"dropout{number}"
    if layer.norm_first:
        y = branch(layer_norm(x, arrays, layer.layer_norm_eps))
        return x + y * noise(name, y.shape)
    y = branch(x)
    return layer_norm(x + y * noise(name, y.shape), arrays, layer.layer_norm_eps)


class Heads:
    """What `multihead` asks of a layer, for one inside a transformer's."""

    add_bias_kv = add_zero_attn = False

    def __init__(self, layer: Any) -> None:
        self.embed_dim, self.num_heads, self.bias = layer.d_model, layer.nhead, layer.bias


def attend(
    layer: Any, p: dict[str, Host], name: str, x: Host, memory: Host, noise: Noise, masks: dict[str, Any]
) -> Host:
    arrays = below(p, name)
    return multihead(Heads(layer), arrays, x, memory, memory, need_weights=False, noise=noise, name=name, **masks)[0]


def encoder_layer(layer: Any, p: dict[str, Host], x: Host, noise: Noise = silence, **masks: Any) -> Host:
    """Run an encoder layer; masks under the names of `multihead`."""
    x = around(layer, p, x, 1, noise, lambda x: attend(layer, p, "self_attn", x, x, noise, masks))
    return around(layer, p, x, 2, noise, lambda x: feed_forward(layer, p, x, noise))


def decoder_layer(
    layer: Any,
    p: dict[str, Host],
    x: Host,
    memory: Host,
    own: dict[str, Any] | None = None,
    across: dict[str, Any] | None = None,
) -> Host:
    """Run a decoder layer; masks under the names of `multihead`, for itself and for the memory."""
    x = around(layer, p, x, 1, silence, lambda x: attend(layer, p, "self_attn", x, x, silence, own or {}))
    x = around(layer, p, x, 2, silence, lambda x: attend(layer, p, "multihead_attn", x, memory, silence, across or {}))
    return around(layer, p, x, 3, silence, lambda x: feed_forward(layer, p, x, silence))


def stack(layer: Any, p: dict[str, Host], count: int, x: Host, run: Callable[[dict[str, Host], Host], Host]) -> Host:
    for i in range(count):
        x = run(below(p, f"layers.{i}"), x)
    return layer_norm(x, below(p, "norm"), layer.layer_norm_eps) if "norm.weight" in p else x


def encoder(layer: Any, p: dict[str, Host], x: Host, **masks: Any) -> Host:
    inner = layer.encoder_layer
    return stack(inner, p, layer.num_layers, x, lambda p, x: encoder_layer(inner, p, x, **masks))


def decoder(layer: Any, p: dict[str, Host], x: Host, memory: Host, **masks: Any) -> Host:
    inner = layer.decoder_layer
    return stack(inner, p, layer.num_layers, x, lambda p, x: decoder_layer(inner, p, x, memory, **masks))


def transformer(layer: Any, p: dict[str, Host], src: Host, tgt: Host, causal: bool = False) -> Host:
    memory = stack(layer, below(p, "encoder"), layer.num_encoder_layers, src, lambda p, x: encoder_layer(layer, p, x))
    return stack(
        layer, below(p, "decoder"), layer.num_decoder_layers, tgt,
        lambda p, x: decoder_layer(layer, p, x, memory, {"is_causal": causal}),
    )  # fmt: skip


# -- places and tables -----------------------------------------------------------------------------------


def positions(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y = np.array(x)
    for place in np.ndindex(*x.shape):
        t, c = place[1 if layer.batch_first else 0], place[2]
        angle = t / 10000 ** (2 * (c // 2) / layer.d_model)
        y[place] += math.cos(angle) if c % 2 else math.sin(angle)
    return y


def learned_positions(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y = np.array(x)
    for place in np.ndindex(*x.shape):
        y[place] += p["weight"][place[1 if layer.batch_first else 0], place[2]]
    return y


def embedding(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y = np.zeros((*x.shape, layer.embedding_dim))
    for place in np.ndindex(*x.shape):
        y[place] = p["weight"][int(x[place])]
    return y


def embedding_bag(layer: Any, p: dict[str, Host], x: Host, weights: Any = None) -> Host:
    y = np.zeros((len(x), layer.embedding_dim))
    padding = None if layer.padding_idx is None else layer.padding_idx % layer.num_embeddings
    for n, bag in enumerate(x):
        counted = [(place, int(i)) for place, i in enumerate(bag) if i != padding]
        for place, i in counted:
            factor = 1.0 if weights is None else weights[n, place]
            y[n] += p["weight"][i] * factor / (len(counted) if layer.mode == "mean" else 1)
    return y
