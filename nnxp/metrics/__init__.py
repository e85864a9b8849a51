"""How good a network is, in numbers that people read: streamed over batches, and exact for any batch size.

``accuracy``, ``top5`` (or any other k), ``precision``, ``recall``, ``f1``, ``auc``, ``mae``, ``mse`` and ``r2`` by
name; `Metric` values where an option matters; any function ``(output, target) -> float`` for everything else; of a
network of several outputs, `OnOutput` says which.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nnxp._checks import did_you_mean, message
from nnxp.metrics.averages import F1, Precision, Recall
from nnxp.metrics.classification import Accuracy, TopK
from nnxp.metrics.metric import FunctionMetric, Metric
from nnxp.metrics.on_output import OnOutput
from nnxp.metrics.ranking import auc, confusion_matrix
from nnxp.metrics.regression import MAE, MSE, R2

__all__ = [
    "F1",
    "MAE",
    "MSE",
    "R2",
    "Accuracy",
    "FunctionMetric",
    "Metric",
    "OnOutput",
    "Precision",
    "Recall",
    "TopK",
    "auc",
    "confusion_matrix",
    "resolve",
]

_DECIDING: dict[str, type[Accuracy | F1 | Precision | Recall]] = {
    "accuracy": Accuracy,
    "precision": Precision,
    "recall": Recall,
    "f1": F1,
}
_OTHERS: dict[str, Metric] = {"mae": MAE(), "mse": MSE(), "r2": R2(), "auc": FunctionMetric(auc)}


def resolve(metric: str | Metric | Callable[[Any, Any], float], *, threshold: float = 0.5) -> Metric:
    """Return the metric that a name, a metric or a function stands for.

    Parameters
    ----------
    metric : str, Metric or callable
        A name (``"accuracy"``, ``"top5"``, ``"precision"``, ``"recall"``, ``"f1"``, ``"auc"``, ``"mae"``, ``"mse"``,
        ``"r2"``); a `Metric`, which is returned as it is; or a function ``(output, target) -> float``, which gets all
        outputs and targets as NumPy arrays.
    threshold : float
        Above which a single output means class 1, for the names that decide: 0.5 for probabilities, 0 for logits.

    Returns
    -------
    Metric
        Ready for ``statistics`` and ``result``.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is none of the three.

    Examples
    --------
    >>> resolve("top3")
    TopK(k=3)
    """
    if isinstance(metric, OnOutput):
        return replace(metric, metric=resolve(metric.metric, threshold=threshold))
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        return _by_name(metric, threshold)
    if callable(metric):
        hint = "call it: Accuracy(), not Accuracy"
        if isinstance(metric, type):
            raise TypeError(message("resolve", "a metric's name, a Metric or a function", metric.__name__, hint))
        return FunctionMetric(metric)
    raise TypeError(message("resolve", "a metric's name, a Metric or a function", type(metric).__name__))


def _by_name(name: str, threshold: float) -> Metric:
    if name in _DECIDING:
        return _DECIDING[name](threshold=threshold)
    if name in _OTHERS:
        return _OTHERS[name]
    if top := re.fullmatch(r"top([1-9][0-9]{0,5})", name):
        return TopK(int(top[1]))
    names = [*_DECIDING, "top5", *_OTHERS]
    raise ValueError(message("resolve", f"one of {', '.join(names)}", name, did_you_mean(name, names)))
