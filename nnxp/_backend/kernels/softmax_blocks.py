"""The rows of attention's scores in NumPy's own passes, for blocks that are in the cache."""

import math
from typing import Any

import numpy as np

__all__ = ["dropped", "score_gradients", "softmax_rows"]


def softmax_rows(scores: Any, hollow: float) -> None:
    """Turn scores into shares of the last axis, in place; rows of ``-inf`` alone become `hollow`."""
    peak = scores.max(axis=-1, keepdims=True)
    np.maximum(peak, np.finfo(scores.dtype).min, out=peak)
    scores -= peak
    np.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    total[total == 0.0] = math.nan if math.isnan(hollow) else 1.0
    scores /= total


def dropped(shares: Any, kept: Any, factor: Any) -> Any:
    """Return ``shares * factor`` where dropout kept, else 0."""
    weights = kept.astype(shares.dtype)
    weights *= factor
    weights *= shares
    return weights


def score_gradients(ds: Any, shares: Any, kept: Any, factor: Any, root: Any) -> Any:
    """Turn the gradients of the weights into those of the scores, in place; return the weights.

    ``ds = root * shares * (d - sum(d * shares))`` with ``d = ds * factor`` where dropout kept, else 0.
    """
    weights = shares
    if kept is not None:
        factors = kept.astype(shares.dtype)
        factors *= factor
        ds *= factors
        weights = np.multiply(factors, shares, out=factors)
    along = np.einsum("...s,...s->...", ds, shares)[..., None]
    ds -= along
    ds *= shares
    ds *= root
    return weights
