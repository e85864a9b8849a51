"""The rows of attention's scores in one pass over memory, compiled."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.elementary import exp
from nnxp._backend.kernels.noise import masked_into

__all__ = ["dropped", "score_gradients", "softmax_rows"]

# Integers of the size of a number.
_INTEGERS: dict[int, Any] = {4: np.int32, 8: np.int64}


def softmax_rows(scores: Any, hollow: float) -> None:
    """Turn scores into shares of the last axis, in place; rows of ``-inf`` alone become `hollow`."""
    rows = scores.reshape(-1, scores.shape[-1])
    number, integer = scores.dtype.type, _INTEGERS[scores.itemsize]
    peak = np.empty(1, number)
    last = 8 * scores.itemsize - 1
    most = 2**last - 1
    lowest = np.finfo(number).min
    _softmax_rows(
        rows, rows.view(integer), peak, peak.view(integer), integer(most), integer(last), lowest, number(hollow)
    )


def dropped(shares: Any, kept: Any, factor: Any) -> Any:
    """Return ``shares * factor`` where dropout kept, else 0."""
    weights = np.empty_like(shares)
    masked_into(shares.reshape(-1), kept.reshape(-1), weights.reshape(-1), factor)
    return weights


def score_gradients(ds: Any, shares: Any, kept: Any, factor: Any, root: Any) -> Any:
    """Turn the gradients of the weights into those of the scores, in place; return the weights.

    ``ds = root * shares * (d - sum(d * shares))`` with ``d = ds * factor`` where dropout kept, else 0.
    """
    shape = (-1, ds.shape[-1])
    if kept is None:
        _score_gradients(ds.reshape(shape), shares.reshape(shape), root)
        return shares
    weights = np.empty_like(ds)
    rows = (v.reshape(shape) for v in (ds, shares, kept, weights))
    _dropped_score_gradients(*rows, factor, root)
    return weights


@compiled
def _softmax_rows(
    scores: Any, bits: Any, peak: Any, peak_bits: Any, most: Any, last: Any, lowest: Any, hollow: Any
) -> None:
    n = scores.shape[1]
    integer = bits.dtype.type
    for i in range(len(scores)):
        row, integers = scores[i], bits[i]
        # With the negative ones turned round, the bits of numbers have their order, and NaN comes last: among
        # integers a largest can be found many at a time.
        top = integer(-most - 1)
        for j in range(n):
            turned = integer(integers[j] ^ integer(integer(integers[j] >> last) & most))
            top = max(top, turned)
        peak_bits[0] = top ^ integer(integer(top >> last) & most)
        shift = lowest if peak[0] < lowest else peak[0]
        total = 0.0
        for j in range(n):
            e = exp(row[j] - shift)
            row[j] = e
            total += e
        scale = hollow
        if total != 0:
            peak[0] = 1.0 / total
            scale = peak[0]
        for j in range(n):
            row[j] *= scale


@compiled
def _score_gradients(ds: Any, shares: Any, root: Any) -> None:
    n = ds.shape[1]
    for i in range(len(ds)):
        d, share = ds[i], shares[i]
        total = 0.0
        for j in range(n):
            total += d[j] * share[j]
        along = ds.dtype.type(total)
        for j in range(n):
            d[j] = (d[j] - along) * share[j] * root


@compiled
def _dropped_score_gradients(ds: Any, shares: Any, kept: Any, weights: Any, factor: Any, root: Any) -> None:
    n = ds.shape[1]
    nothing = factor * 0
    for i in range(len(ds)):
        d, share, keep, weight = ds[i], shares[i], kept[i], weights[i]
        total = 0.0
        for j in range(n):
            scaled = d[j] * (factor if keep[j] else nothing)
            d[j] = scaled
            weight[j] = share[j] * (factor if keep[j] else nothing)
            total += scaled * share[j]
        along = ds.dtype.type(total)
        for j in range(n):
            d[j] = (d[j] - along) * share[j] * root
