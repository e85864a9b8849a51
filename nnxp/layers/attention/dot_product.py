"""Scaled dot-product attention: a mean of the values for every query, weighted by its likeness to the keys."""

import math
from collections.abc import Callable
from typing import NamedTuple

from nnxp._backend import Array, fused, namespace
from nnxp.layers.dropout import masked, survivors_scale

__all__ = ["AttentionCache", "dot_product_attention", "dot_product_attention_backward"]


class AttentionCache(NamedTuple):
    """What backward needs: `shares` are from before dropout, `kept` is its mask, `scale` what is kept grows by."""

    q: Array
    k: Array
    v: Array
    shares: Array
    kept: Array | None
    scale: float
    y: Array


def dot_product_attention(
    q: Array,
    k: Array,
    v: Array,
    forbidden: Array | None = None,
    bias: Array | None = None,
    *,
    dropout: float = 0.0,
    keep: Callable[[Array], Array] | None = None,
    empty: float = 0.0,
    need_weights: bool = True,
) -> tuple[Array, Array | None, AttentionCache]:
    """Return ``y = w v`` with ``w = softmax(q k^T / sqrt(D) + bias)`` over the keys that are not forbidden.

    Parameters
    ----------
    q : array of shape (N, H, L, D)
        Queries; N samples, H heads.
    k : array of shape (N, H, S, D)
        Keys.
    v : array of shape (N, H, S, V)
        Values.
    forbidden : array of bool, broadcasting to (N, H, L, S), optional
        True where a query may not look at a key.
    bias : array broadcasting to (N, H, L, S), optional
        Added to the scores.
    dropout : float
        The probability that a weight is dropped.
    keep : callable, optional
        From an array to a mask of its shape, true where dropout keeps; None drops nothing.
    empty : float
        The weights of a query that may look at no key, 0 or NaN.
    need_weights : bool
        Whether to return the weights.

    Returns
    -------
    y : array of shape (N, H, L, V)
        The weighted means.
    weights : array of shape (N, H, L, S), or None
        As they were used: after dropout.
    cache : AttentionCache
        For `dot_product_attention_backward`.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, eq. 1.
    """
    shares = attention_shares(q, k, forbidden, bias, empty)
    kept, scale = (keep(shares) if keep is not None and dropout > 0 else None), survivors_scale(dropout)
    y = attention_mix(shares, v, kept, scale)
    weights = None
    if need_weights:
        weights = shares if kept is None else masked(shares, kept, scale)
    return y, weights, AttentionCache(q, k, v, shares, kept, scale, y)


def dot_product_attention_backward(
    cache: AttentionCache, dy: Array, dq: Array, dk: Array, dv: Array, dweights: Array | None = None
) -> None:
    """Write the gradients of q, k and v, given those of the output and (None: zero) of the weights."""
    attention_backward(dy, *cache, dweights, dq, dk, dv)


@fused
def attention_shares(q: Array, k: Array, forbidden: Array | None, bias: Array | None, empty: float) -> Array:
    """Return ``softmax(q k^T / sqrt(D) + bias)`` (N, H, L, S) over the keys that are not forbidden."""
    xp = namespace(q)
    scores = xp.matmul(q / math.sqrt(q.shape[-1]), xp.matrix_transpose(k))
    if bias is not None:
        scores += bias
    if forbidden is not None:
        scores = xp.where(forbidden, -math.inf, scores)
    return masked_softmax(scores, empty, some_masked=forbidden is not None or bias is not None)


@fused
def attention_mix(shares: Array, v: Array, kept: Array | None, scale: float) -> Array:
    """Return ``w v`` (N, H, L, V), where `w` are the shares after dropout."""
    return namespace(v).matmul(shares if kept is None else masked(shares, kept, scale), v)


@fused
def attention_backward(
    dy: Array, q: Array, k: Array, v: Array, shares: Array, kept: Array | None, scale: float, y: Array,
    dweights: Array | None, dq: Array, dk: Array, dv: Array,
) -> None:  # fmt: skip
    """Write the gradients of q, k and v.

    With ``dw = dy v^T + dweights``, ``ds = w (dw - sum(dw w))``, whose sum over the keys is ``dy . y`` for the first
    term: ``dq = ds k / sqrt(D)``, ``dk = ds^T q / sqrt(D)``, ``dv = w^T dy``.
    """
    xp = namespace(dy)
    weights = shares if kept is None else masked(shares, kept, scale)
    ds = xp.matmul(dy, xp.matrix_transpose(v))
    along = xp.sum(dy * y, axis=-1, keepdims=True)
    if dweights is not None:
        ds += dweights
        along += xp.sum(dweights * weights, axis=-1, keepdims=True)
    if kept is not None:
        ds = masked(ds, kept, scale)
    ds -= along
    ds *= shares
    ds /= math.sqrt(q.shape[-1])
    dq[...] = xp.matmul(ds, k)
    dk[...] = xp.matmul(xp.matrix_transpose(ds), q)
    dv[...] = xp.matmul(xp.matrix_transpose(weights), dy)


def masked_softmax(scores: Array, empty: float, *, some_masked: bool) -> Array:
    """Return the shares of the last axis; rows of ``-inf`` alone, which only a mask can make, become `empty`."""
    if 0 in scores.shape:
        return scores
    xp = namespace(scores)
    peak = xp.max(scores, axis=-1, keepdims=True)
    if some_masked:
        # Finite, since infinity less infinity is undefined.
        peak = xp.maximum(peak, float(xp.finfo(scores.dtype).min))
    shares = xp.exp(scores - peak)
    total = xp.sum(shares, axis=-1, keepdims=True)
    if some_masked:
        total = xp.where(total == 0.0, math.nan if math.isnan(empty) else 1.0, total)
    shares /= total
    return shares
