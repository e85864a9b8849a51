"""Attention a few heads at a time, so that their scores stay in the cache between the products."""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np

from nnxp._backend.kernels.path import numba_is_here
from nnxp._backend.threads import for_each_piece, one_blas_thread

if numba_is_here():
    from nnxp._backend.kernels.softmax_loops import dropped, score_gradients, softmax_rows
else:
    from nnxp._backend.kernels.softmax_blocks import dropped, score_gradients, softmax_rows

__all__ = ["attention_backward", "attention_mix", "attention_shares"]

# Bytes of the scores that are worked on at a time.
_BLOCK = 2**18
# Multiply-adds from which BLAS uses threads of its own, and what is worth one of ours.
_LARGE = 2**18
_LEAST = 2**20

Block = tuple[slice, slice]


def blocks(shares: Any, start: int, stop: int) -> Iterator[Block]:
    """Cut the samples of a piece into whole samples, or the heads of one, whose scores fit the cache."""
    heads, each = shares.shape[1], max(1, shares[0, 0].nbytes)
    most = max(1, _BLOCK // each)
    if most >= heads:
        for n in range(start, stop, most // heads):
            yield slice(n, min(n + most // heads, stop)), slice(None)
        return
    for n in range(start, stop):
        for h in range(0, heads, most):
            yield slice(n, n + 1), slice(h, min(h + most, heads))


def over_samples(piece: Any, shares: Any, size: int) -> None:
    """Share the samples out among the threads, within which BLAS must not use its own."""
    samples, heads, queries, keys = shares.shape
    each = queries * keys * size
    with one_blas_thread() if each > _LARGE else nullcontext():
        for_each_piece(piece, samples, max(1, _LEAST // max(1, heads * each)))


def attention_shares(q: Any, k: Any, forbidden: Any, bias: Any, empty: float) -> Any:
    """Mask and normalise scores where they lie."""
    if not q.size or not k.size:
        return NotImplemented
    shares = np.empty((*q.shape[:3], k.shape[2]), q.dtype)
    scale = q.dtype.type(1.0 / math.sqrt(q.shape[3]))
    keys = k.swapaxes(2, 3)
    mask, added = (None if v is None else np.broadcast_to(v, shares.shape) for v in (forbidden, bias))
    # Only a mask makes rows of nothing: without one they are NaN.
    hollow = math.nan if mask is None and added is None else empty

    def piece(start: int, stop: int) -> None:
        for block in blocks(shares, start, stop):
            scores = shares[block]
            np.matmul(q[block] * scale, keys[block], out=scores)
            if added is not None:
                scores += added[block]
            if mask is not None:
                np.copyto(scores, -math.inf, where=mask[block])
            softmax_rows(scores, hollow)

    over_samples(piece, shares, q.shape[3])
    return shares


def attention_mix(shares: Any, v: Any, kept: Any, scale: float) -> Any:
    """Drop in the cache; write the heads side by side, as they are wanted next."""
    if not shares.size or not v.size or not shares.flags.c_contiguous:
        return NotImplemented
    samples, heads, queries, _ = shares.shape
    y = np.empty((samples, queries, heads, v.shape[3]), v.dtype).swapaxes(1, 2)
    factor = v.dtype.type(scale)

    def piece(start: int, stop: int) -> None:
        for block in blocks(shares, start, stop):
            weights = shares[block] if kept is None else dropped(shares[block], kept[block], factor)
            np.matmul(weights, v[block], out=y[block])

    over_samples(piece, shares, v.shape[3])
    return y


def attention_backward(
    dy: Any, q: Any, k: Any, v: Any, shares: Any, kept: Any, scale: float, y: Any, dweights: Any,
    dq: Any, dk: Any, dv: Any,
) -> Any:  # fmt: skip
    """Take the way back block by block; the sums along the keys need no `y` then."""
    if not shares.size or not v.size or not shares.flags.c_contiguous:
        return NotImplemented
    values, factor = v.swapaxes(2, 3), q.dtype.type(scale)
    root = q.dtype.type(1.0 / math.sqrt(q.shape[3]))
    given = None if dweights is None else np.broadcast_to(dweights, shares.shape)

    def piece(start: int, stop: int) -> None:
        for block in blocks(shares, start, stop):
            ds = np.matmul(dy[block], values[block], order="C")  # else as its factors lie, and not to be seen as rows
            if given is not None:
                ds += given[block]
            weights = score_gradients(ds, shares[block], None if kept is None else kept[block], factor, root)
            np.matmul(ds, k[block], out=dq[block])
            np.matmul(ds.swapaxes(2, 3), q[block], out=dk[block])
            np.matmul(weights.swapaxes(2, 3), dy[block], out=dv[block])

    over_samples(piece, shares, q.shape[3])
    return None
