"""Metrics that need all outputs at once, on the host."""

from typing import Any

import numpy as np

from nnxp._backend import to_host
from nnxp._checks import check_number, check_positive_int, message
from nnxp.metrics.classification import decide, labels_of
from nnxp.metrics.metric import aligned

__all__ = ["auc", "confusion_matrix"]

HostArray = np.ndarray[Any, Any]


def auc(output: Any, target: Any) -> float:
    """Return the area under the ROC curve: the probability that a random positive sample scores above a negative one.

    Parameters
    ----------
    output : array of shape (n,), (n, 1) or (n, classes)
        Scores. Rows that are not probabilities (non-negative, sum 1) are taken as logits and go through softmax.
    target : array
        Labels 0 and 1 for a single score; for several, labels of shape (n,) or rows in the output's shape.

    Returns
    -------
    float
        Equal scores count one half. Of several classes it is the plain mean over each class against the rest, classes
        that never or always occur left out; NaN where nothing is left, or a score is NaN.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    scores, truth = np.asarray(to_host(output), dtype=np.float64), to_host(target)
    if scores.ndim < 2 or scores.shape[1] == 1:
        _check_binary("auc", truth)
        areas = [_area(scores.ravel(), aligned("auc", scores, truth).ravel() == 1)]
    else:
        if scores.ndim > 2:
            raise ValueError(message("auc", "output of shape (n, classes)", scores.shape))
        labels, scores = labels_of("auc", scores, truth), _probabilities(scores)
        # Of two classes each is the other's mirror.
        classes = range(1, 2) if scores.shape[1] == 2 else range(scores.shape[1])
        areas = [_area(scores[:, c], labels == c) for c in classes]
    defined = [area for area in areas if area is not None]
    return float(np.mean(defined)) if defined else float("nan")


def _check_binary(where: str, truth: HostArray) -> None:
    wrong = truth[(truth != 0) & (truth != 1)]
    if wrong.size:
        raise ValueError(message(where, "labels 0 and 1 with a single score for each sample", wrong[0]))


def _area(scores: HostArray, positive: HostArray) -> float | None:
    """Return the Mann-Whitney statistic, with the mean rank for ties; None for a single class."""
    n, positives = len(scores), int(positive.sum())
    if positives in (0, n):
        return None
    if np.isnan(scores).any():
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2.0) / (positives * (n - positives)))


def _probabilities(scores: HostArray) -> HostArray:
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1.0, rtol=0, atol=1e-4):
        return scores
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: HostArray = e / e.sum(axis=1, keepdims=True)
    return result


def confusion_matrix(output: Any, target: Any, classes: int | None = None, *, threshold: float = 0.5) -> HostArray:
    """Count how often each class was taken for each.

    Parameters
    ----------
    output : array
        Decided labels, that is integers in the target's shape; or outputs as for `Accuracy`.
    target : array
        Labels, or rows in the output's shape.
    classes : int, optional
        How many there are; None takes the output's, and for labels one more than the largest.
    threshold : float
        As for `Accuracy`.

    Returns
    -------
    array of int64, shape (classes, classes)
        Row: the true class; column: the decided one.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a label is not in [0, classes).

    Examples
    --------
    >>> confusion_matrix([0, 1, 1], [0, 1, 0])
    array([[1, 1],
           [0, 1]])
    """
    where = "confusion_matrix"
    check_number(where, "threshold", threshold)
    decided, truth = to_host(output), to_host(target)
    found = 0
    if np.issubdtype(decided.dtype, np.integer):
        truth = aligned(where, decided, truth)
        if decided.size:
            found = int(max(decided.max(), truth.max())) + 1
    else:
        if decided.ndim < 2 or decided.shape[1] == 1:
            _check_binary(where, truth)
        decided, truth, found = decide(where, decided, truth, threshold)
    if classes is None:
        classes = found
    check_positive_int(where, "classes", classes)
    for labels in (decided, truth):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            wrong = labels.min() if labels.min() < 0 else labels.max()
            raise ValueError(message(where, f"labels in [0, {classes})", wrong))
    pairs = truth.ravel().astype(np.int64) * classes + decided.ravel().astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
