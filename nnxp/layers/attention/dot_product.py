"""Scaled dot-product attention: a mean of the values for every query, weighted by its likeness to the keys."""

import math
from collections.abc import Callable
from typing import NamedTuple

from nnxp._backend import Array, namespace

__all__ = ["AttentionCache", "dot_product_attention", "dot_product_attention_backward"]


class AttentionCache(NamedTuple):
    """What backward needs; `q` is scaled already, `shares` are those before dropout, `kept` is dropout's mask."""

    q: Array
    k: Array
    v: Array
    shares: Array
    kept: Array | None
    dropout: float
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
) -> tuple[Array, Array, AttentionCache]:
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

    Returns
    -------
    y : array of shape (N, H, L, V)
        The weighted means.
    weights : array of shape (N, H, L, S)
        As they were used: after dropout.
    cache : AttentionCache
        For `dot_product_attention_backward`.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, eq. 1.
    """
    xp = namespace(q)
    q = q / math.sqrt(q.shape[-1])
    scores = xp.matmul(q, xp.matrix_transpose(k))
    if bias is not None:
        scores += bias
    if forbidden is not None:
        scores = xp.where(forbidden, -math.inf, scores)
    shares = masked_softmax(scores, empty, masked=forbidden is not None or bias is not None)
    weights, kept = shares, None
    if keep is not None and dropout > 0:
        kept = keep(shares)
        weights = shares * noise(kept, dropout, shares)
    y = xp.matmul(weights, v)
    return y, weights, AttentionCache(q, k, v, shares, kept, dropout, y)


def dot_product_attention_backward(
    cache: AttentionCache, dy: Array, dweights: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return the gradients of q, k and v, given those of the output and (None: zero) of the weights.

    With ``dw = dy v^T + dweights``, ``ds = w (dw - sum(dw w))``, whose sum over the keys is ``dy . y`` for the first
    term: ``dq = ds k / sqrt(D)``, ``dk = ds^T q / sqrt(D)``, ``dv = w^T dy``.
    """
    q, k, v, shares, kept, dropout, y = cache
    xp = namespace(dy)
    factors = None if kept is None else noise(kept, dropout, shares)
    weights = shares if factors is None else shares * factors
    ds = xp.matmul(dy, xp.matrix_transpose(v))
    along = xp.sum(dy * y, axis=-1, keepdims=True)
    if dweights is not None:
        ds += dweights
        along += xp.sum(dweights * weights, axis=-1, keepdims=True)
    if factors is not None:
        ds *= factors
    ds -= along
    ds *= shares
    dq = xp.matmul(ds, k)
    dq /= math.sqrt(q.shape[-1])
    return dq, xp.matmul(xp.matrix_transpose(ds), q), xp.matmul(xp.matrix_transpose(weights), dy)


def masked_softmax(scores: Array, empty: float, *, masked: bool) -> Array:
    """Return the shares of the last axis; rows of ``-inf`` alone, which only a mask can make, become `empty`."""
    if 0 in scores.shape:
        return scores
    xp = namespace(scores)
    peak = xp.max(scores, axis=-1, keepdims=True)
    if masked:
        # Finite, since infinity less infinity is undefined.
        peak = xp.maximum(peak, float(xp.finfo(scores.dtype).min))
    shares = xp.exp(scores - peak)
    total = xp.sum(shares, axis=-1, keepdims=True)
    if masked:
        total = xp.where(total == 0.0, math.nan if math.isnan(empty) else 1.0, total)
    shares /= total
    return shares


def noise(kept: Array, dropout: float, like: Array) -> Array:
    """Return what dropout multiplies by: ``1 / (1 - dropout)`` where it keeps, else 0."""
    factors = namespace(like).astype(kept, like.dtype)
    factors *= 1.0 / (1.0 - dropout) if dropout < 1 else 0.0
    return factors
