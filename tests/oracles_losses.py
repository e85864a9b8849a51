"""Plain float64 loops for the losses with one term for each sample, or with several inputs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnxp.losses import (
    CosineEmbeddingLoss,
    CTCLoss,
    GaussianNLLLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    TripletMarginLoss,
)

Host = np.ndarray[Any, Any]


def _gaussian(loss: Any, x: Host, t: Host, var: Host) -> Host:
    wide = np.broadcast_to(var[..., None] if var.ndim < x.ndim else var, x.shape)
    terms = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        v = max(wide[i], loss.eps)
        terms[i] = (math.log(v) + (x[i] - t[i]) ** 2 / v + (math.log(2 * math.pi) if loss.full else 0.0)) / 2
    return terms


def _margin_ranking(loss: Any, x1: Host, x2: Host, t: Host) -> Host:
    terms = np.empty(x1.shape)
    for i in np.ndindex(x1.shape):
        terms[i] = max(0.0, loss.margin - t[i] * (x1[i] - x2[i]))
    return terms


def _cosine(loss: Any, x1: Host, x2: Host, t: Host) -> Host:
    terms = np.empty(len(t))
    for n, (a, b) in enumerate(zip(x1, x2, strict=True)):
        dot, square_a, square_b = (math.fsum(u * v) for u, v in ((a, b), (a, a), (b, b)))
        cosine = dot / math.sqrt((square_a + 1e-12) * (square_b + 1e-12))
        terms[n] = 1 - cosine if t[n] == 1 else max(0.0, cosine - loss.margin)
    return terms


def _triplet(loss: Any, anchor: Host, positive: Host, negative: Host) -> Host:
    def distance(a: Host, b: Host) -> float:
        sizes = [abs(u - v + loss.eps) for u, v in zip(a, b, strict=True)]
        return max(sizes) if loss.p == math.inf else math.fsum(s**loss.p for s in sizes) ** (1 / loss.p)

    terms = np.empty(anchor.shape[:-1])
    for i in np.ndindex(terms.shape):
        far = distance(anchor[i], negative[i])
        if loss.swap:
            far = min(far, distance(positive[i], negative[i]))
        terms[i] = max(0.0, loss.margin + distance(anchor[i], positive[i]) - far)
    return terms


def _multi_margin(loss: Any, x: Host, y: Host) -> Host:
    terms = np.zeros(len(x))
    for n, label in enumerate(y):
        for i in range(x.shape[1]):
            if i != label:
                terms[n] += max(0.0, loss.margin - x[n, label] + x[n, i]) ** loss.p / x.shape[1]
        terms[n] *= 1.0 if loss.weight is None else loss.weight[label]
    return terms


def _multi_label_margin(loss: Any, x: Host, y: Host) -> Host:
    terms = np.zeros(len(x))
    for n, row in enumerate(y.tolist()):
        labels = list(itertools.takewhile(lambda label: label >= 0, row))
        for k in labels:
            for i in set(range(x.shape[1])) - set(labels):
                terms[n] += max(0.0, 1 - x[n, k] + x[n, i]) / x.shape[1]
    return terms


def _multi_label_soft_margin(loss: Any, x: Host, t: Host) -> Host:
    weight = loss.weight or (1.0,) * x.shape[-1]
    terms = np.zeros(x.shape[:-1])
    for *i, c in np.ndindex(x.shape):
        v, yes = x[(*i, c)], t[(*i, c)]
        cost = yes * math.log1p(math.exp(-v)) + (1 - yes) * math.log1p(math.exp(v))
        terms[tuple(i)] += weight[c] * cost / x.shape[-1]
    return terms


def _ctc(loss: Any, log_probs: Host, targets: Host, input_lengths: Any, target_lengths: Any) -> Host:
    """Try every path there is, and keep those that spell the labels."""
    terms = np.empty(log_probs.shape[1])
    for n in range(log_probs.shape[1]):
        wanted, total = targets[n, : target_lengths[n]].tolist(), 0.0
        for path in itertools.product(range(log_probs.shape[2]), repeat=int(input_lengths[n])):
            if [c for c, _ in itertools.groupby(path) if c != loss.blank] == wanted:
                total += math.exp(math.fsum(log_probs[t, n, c] for t, c in enumerate(path)))
        terms[n] = -math.log(total) if total else 0.0 if loss.zero_infinity else math.inf
        if loss.reduction == "mean":
            terms[n] /= max(len(wanted), 1)
    return terms


TERMS: dict[type, Callable[..., Host]] = {
    GaussianNLLLoss: _gaussian,
    MarginRankingLoss: _margin_ranking,
    CosineEmbeddingLoss: _cosine,
    TripletMarginLoss: _triplet,
    MultiMarginLoss: _multi_margin,
    MultiLabelMarginLoss: _multi_label_margin,
    MultiLabelSoftMarginLoss: _multi_label_soft_margin,
    CTCLoss: _ctc,
}
