"""One line for each way of making a loss, and an oracle of plain loops in float64.

A case says what the arrays of a call look like; everything else follows from the loss's own fields,
PyTorch's twin included, since the fields bear PyTorch's names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from nnxp.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    CTCLoss,
    FocalLoss,
    GaussianNLLLoss,
    HingeEmbeddingLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MarginRankingLoss,
    MSELoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    NLLLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    TripletMarginLoss,
    WeightedSum,
)
from tests import oracles_losses

Host = np.ndarray[Any, Any]


def _log_softmax(x: Host) -> Host:
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Host:
    return rng.integers(0, shape[1], (shape[0], *shape[2:]))


def _some_ignored(label: int) -> Any:
    def make(rng: np.random.Generator, shape: tuple[int, ...]) -> Host:
        labels = _labels(rng, shape)
        labels[::2] = label
        return labels

    return make


def _several_labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Host:
    """Some labels, one of them perhaps twice, a -1, and more that do not count."""
    labels = rng.integers(0, shape[1], shape)
    labels[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] = -1
    return labels


MAKERS: dict[str, Any] = {
    "normal": lambda rng, shape: rng.normal(size=shape) * 2,
    "probability": lambda rng, shape: rng.uniform(0.05, 0.95, shape),
    "binary": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
    "distribution": lambda rng, shape: np.exp(_log_softmax(rng.normal(size=shape))),
    "log_distribution": lambda rng, shape: _log_softmax(rng.normal(size=shape)),
    "sparse": lambda rng, shape: np.maximum(rng.normal(size=shape), 0.0),
    "labels": _labels,
    "labels, some -100": _some_ignored(-100),
    "labels, some 1": _some_ignored(1),
    "sign": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
    "sample sign": lambda rng, shape: rng.choice([-1.0, 1.0], shape[0]),
    "count": lambda rng, shape: rng.poisson(3.0, shape).astype(float),
    "variance": lambda rng, shape: rng.uniform(0.2, 2.0, shape),
    "row variance": lambda rng, shape: rng.uniform(0.2, 2.0, shape[:-1]),
    "channel variance": lambda rng, shape: rng.uniform(0.2, 2.0, (shape[0], 1, *shape[2:])),
    "labels, then -1": _several_labels,
    "log_distribution over time": lambda rng, shape: np.moveaxis(_log_softmax(rng.normal(size=shape)), 2, 0).copy(),
    "time": lambda rng, shape: rng.integers(shape[2] - 1, shape[2] + 1, shape[0]),
    "two of 0 to 2": lambda rng, shape: rng.integers(0, 3, (shape[0], 2)),
    "two of 1 to 3": lambda rng, shape: rng.integers(1, 4, (shape[0], 2)),
    "up to two": lambda rng, shape: rng.integers(0, 3, shape[0]),
}


@dataclass(frozen=True)
class LossCase:
    """A loss, and what it is called with.

    shape: of the output, the batch axis first. arrays: how each array of the call is made. at: those of them that a
    gradient comes back for. axis: the batch axis of the first.
    """

    name: str
    loss: Any
    shape: tuple[int, ...]
    arrays: tuple[str, ...]
    at: tuple[int, ...] = (0,)
    axis: int = 0

    @property
    def reductions(self) -> tuple[str, ...]:
        if isinstance(self.loss, WeightedSum):
            return ("mean", "sum")
        return ("mean", "sum", "none", "batchmean") if isinstance(self.loss, KLDivLoss) else ("mean", "sum", "none")

    def make(self, batch: int | None = None, seed: int = 0) -> tuple[list[Host], Host]:
        """Draw the arrays of a call, in float64 or integers, and sample weights."""
        shape = self.shape if batch is None else (batch, *self.shape[1:])
        rng = np.random.default_rng(seed)
        arrays = [MAKERS[kind](rng, shape) for kind in self.arrays]
        return arrays, rng.uniform(0.5, 2.0, shape[0])

    def batch_axis(self, i: int) -> int:
        """Return the batch axis of an array of the call."""
        return self.axis if i == 0 else 0


W3 = (0.3, 1.0, 2.5)
ALL = CrossEntropyLoss(W3, ignore_index=1, label_smoothing=0.2)
NORMALS = ("normal", "normal", "normal")
OVER_TIME, LENGTHS = "log_distribution over time", ("time", "up to two")
LOSS_CASES = [
    LossCase("mse", MSELoss(), (4, 3), ("normal", "normal")),
    LossCase("mse_scalar_samples", MSELoss(), (5,), ("normal", "normal")),
    LossCase("l1", L1Loss(), (4, 3, 2), ("normal", "normal")),
    LossCase("smooth_l1", SmoothL1Loss(), (6, 3), ("normal", "normal")),
    LossCase("smooth_l1_beta", SmoothL1Loss(beta=0.4), (6, 3), ("normal", "normal")),
    LossCase("smooth_l1_zero", SmoothL1Loss(beta=0), (6, 3), ("normal", "normal")),
    LossCase("huber", HuberLoss(), (6, 3), ("normal", "normal")),
    LossCase("huber_delta", HuberLoss(delta=2), (6, 3), ("normal", "normal")),
    LossCase("weighted_sum", WeightedSum((MSELoss(), L1Loss()), (2.0, -0.3)), (4, 3), ("normal", "normal")),
    LossCase("cross_entropy", CrossEntropyLoss(), (4, 3), ("normal", "labels")),
    LossCase("cross_entropy_axes", CrossEntropyLoss(), (3, 4, 2, 3), ("normal", "labels")),
    LossCase("cross_entropy_ignored", CrossEntropyLoss(), (5, 3), ("normal", "labels, some -100")),
    LossCase("cross_entropy_ignored_class", CrossEntropyLoss(ignore_index=1), (5, 3), ("normal", "labels, some 1")),
    LossCase("cross_entropy_weight", CrossEntropyLoss(W3), (6, 3, 2), ("normal", "labels, some -100")),
    LossCase("cross_entropy_smooth", CrossEntropyLoss(label_smoothing=0.2), (5, 3), ("normal", "labels, some -100")),
    LossCase("cross_entropy_all", ALL, (6, 3, 2), ("normal", "labels, some 1")),
    LossCase("cross_entropy_soft", CrossEntropyLoss(), (4, 3), ("normal", "distribution")),
    LossCase("cross_entropy_soft_all", replace(ALL, ignore_index=-100), (4, 3, 2), ("normal", "distribution")),
    LossCase("nll", NLLLoss(), (4, 3), ("log_distribution", "labels")),
    LossCase("nll_all", NLLLoss(W3, ignore_index=1), (5, 3, 2), ("log_distribution", "labels, some 1")),
    LossCase("bce", BCELoss(), (4, 3), ("probability", "binary")),
    LossCase("bce_weight", BCELoss(W3), (4, 3), ("probability", "probability")),
    LossCase("bce_logits", BCEWithLogitsLoss(), (4, 3), ("normal", "binary")),
    LossCase("bce_logits_weight", BCEWithLogitsLoss(0.5), (4,), ("normal", "probability")),
    LossCase("bce_logits_pos_weight", BCEWithLogitsLoss(W3, pos_weight=(2, 0.5, 3)), (4, 3), ("normal", "probability")),
    LossCase("kl", KLDivLoss(), (4, 3), ("log_distribution", "distribution")),
    LossCase("kl_sparse", KLDivLoss(), (4, 3, 2), ("log_distribution", "sparse")),
    LossCase("kl_log", KLDivLoss(log_target=True), (4, 3), ("log_distribution", "log_distribution")),
    LossCase("hinge", HingeEmbeddingLoss(), (4, 3), ("normal", "sign")),
    LossCase("hinge_margin", HingeEmbeddingLoss(0.3), (5,), ("normal", "sign")),
    LossCase("soft_margin", SoftMarginLoss(), (4, 3), ("normal", "sign")),
    LossCase("poisson", PoissonNLLLoss(), (4, 3), ("normal", "count")),
    LossCase("poisson_full", PoissonNLLLoss(full=True), (4, 3), ("normal", "count")),
    LossCase("poisson_mean", PoissonNLLLoss(False, True, eps=0.1), (4, 3), ("probability", "count")),
    LossCase("gaussian", GaussianNLLLoss(), (4, 3), ("normal", "normal", "variance"), (0, 2)),
    LossCase("gaussian_full", GaussianNLLLoss(full=True), (4, 3, 2), ("normal", "normal", "row variance"), (0, 2)),
    LossCase("gaussian_shared", GaussianNLLLoss(), (4, 3, 2), ("normal", "normal", "channel variance"), (0, 2)),
    LossCase("margin_ranking", MarginRankingLoss(), (4, 3), ("normal", "normal", "sign"), (0, 1)),
    LossCase("margin_ranking_margin", MarginRankingLoss(0.7), (5,), ("normal", "normal", "sign"), (0, 1)),
    LossCase("cosine", CosineEmbeddingLoss(), (6, 3), ("normal", "normal", "sample sign"), (0, 1)),
    LossCase("cosine_margin", CosineEmbeddingLoss(-0.4), (6, 3), ("normal", "normal", "sample sign"), (0, 1)),
    LossCase("triplet", TripletMarginLoss(), (6, 3), NORMALS, (0, 1, 2)),
    LossCase("triplet_swap", TripletMarginLoss(2, swap=True), (4, 2, 3), NORMALS, (0, 1, 2)),
    LossCase("triplet_p1", TripletMarginLoss(p=1, eps=0.1), (6, 3), NORMALS, (0, 1, 2)),
    LossCase("triplet_p3", TripletMarginLoss(p=3), (6, 3), NORMALS, (0, 1, 2)),
    LossCase("triplet_max", TripletMarginLoss(p=math.inf), (6, 3), NORMALS, (0, 1, 2)),
    LossCase("multi_margin", MultiMarginLoss(), (5, 3), ("normal", "labels")),
    LossCase("multi_margin_squared", MultiMarginLoss(2, 0.6, W3), (5, 3), ("normal", "labels")),
    LossCase("multi_label_margin", MultiLabelMarginLoss(), (6, 4), ("normal", "labels, then -1")),
    LossCase("multi_label_soft", MultiLabelSoftMarginLoss(), (4, 3), ("normal", "binary")),
    LossCase("multi_label_soft_weight", MultiLabelSoftMarginLoss(W3), (4, 2, 3), ("normal", "probability")),
    LossCase("focal", FocalLoss(), (4, 3), ("normal", "binary")),
    LossCase("focal_gamma", FocalLoss(0.5, 0.7), (4, 3), ("normal", "probability")),
    LossCase("focal_plain", FocalLoss(1, None), (4,), ("normal", "binary")),
    LossCase("ctc", CTCLoss(), (4, 4, 4), (OVER_TIME, "two of 1 to 3", *LENGTHS), axis=1),
    LossCase("ctc_blank", CTCLoss(3, zero_infinity=True), (4, 4, 4), (OVER_TIME, "two of 0 to 2", *LENGTHS), axis=1),
]


def reduced_by(loss: Any, reduction: str) -> Any:
    """Return a loss with another reduction; of a sum of losses, that of its parts."""
    if isinstance(loss, WeightedSum):
        return replace(loss, losses=tuple(reduced_by(part, reduction) for part in loss.losses))
    return replace(loss, reduction=reduction)


def naive_terms(loss: Loss, *arrays: Host) -> Host:
    """Return the terms before any reduction, one number at a time."""
    if isinstance(loss, WeightedSum):
        return sum(w * naive_terms(part, *arrays) for w, part in zip(loss.weights, loss.losses, strict=True))
    if type(loss) in oracles_losses.TERMS:
        return oracles_losses.TERMS[type(loss)](loss, *arrays)
    output, target = arrays
    if isinstance(loss, (CrossEntropyLoss, NLLLoss)):
        terms = np.empty((output.shape[0], *output.shape[2:]))
        for n, *rest in np.ndindex(terms.shape):
            terms[(n, *rest)] = _naive_row(loss, output[(n, slice(None), *rest)], target, (n, *rest))
        return terms
    weights = np.broadcast_to(np.asarray(1.0 if getattr(loss, "weight", None) is None else loss.weight), output.shape)
    terms = np.empty(output.shape)
    for place in np.ndindex(output.shape):
        terms[place] = weights[place] * _naive_element(loss, float(output[place]), float(target[place]), place)
    return terms


def _naive_row(loss: Any, row: Host, target: Host, place: tuple[int, ...]) -> float:
    classes = len(row)
    weight = loss.weight or (1.0,) * classes
    if isinstance(loss, NLLLoss):
        label = target[place]
        return 0.0 if label == loss.ignore_index else -weight[label] * row[label]
    total = math.fsum(math.exp(v - max(row)) for v in row)
    log_p = [v - max(row) - math.log(total) for v in row]
    if target.ndim > len(place):
        wanted = target[(place[0], slice(None), *place[1:])]
    elif target[place] == loss.ignore_index:
        return 0.0
    else:
        wanted = [float(c == target[place]) for c in range(classes)]
    s = loss.label_smoothing
    return -math.fsum(w * ((1 - s) * t + s / classes) * p for w, t, p in zip(weight, wanted, log_p, strict=True))


def _naive_element(loss: Any, x: float, t: float, place: tuple[int, ...]) -> float:
    d = abs(x - t)
    match loss:
        case MSELoss():
            return d**2
        case L1Loss():
            return d
        case SmoothL1Loss():
            return d**2 / (2 * loss.beta) if d < loss.beta else d - loss.beta / 2
        case HuberLoss():
            return d**2 / 2 if d < loss.delta else loss.delta * (d - loss.delta / 2)
        case BCELoss():
            return -(t * math.log(x) + (1 - t) * math.log(1 - x))
        case BCEWithLogitsLoss():
            p = 1.0 if loss.pos_weight is None else loss.pos_weight[place[-1]]
            return p * t * math.log1p(math.exp(-x)) + (1 - t) * math.log1p(math.exp(x))
        case KLDivLoss(log_target=True):
            return math.exp(t) * (t - x)
        case KLDivLoss():
            return t * (math.log(t) - x) if t > 0 else 0.0
        case HingeEmbeddingLoss():
            return x if t == 1 else max(0.0, loss.margin - x)
        case SoftMarginLoss():
            return math.log1p(math.exp(-t * x))
        case PoissonNLLLoss():
            stirling = t * math.log(t) - t + math.log(2 * math.pi * t) / 2 if loss.full and t > 1 else 0.0
            return (math.exp(x) - t * x if loss.log_input else x - t * math.log(x + loss.eps)) + stirling
        case FocalLoss():
            p, alpha = 1 / (1 + math.exp(-x)), loss.alpha
            yes, no = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
            return -yes * t * (1 - p) ** loss.gamma * math.log(p) - no * (1 - t) * p**loss.gamma * math.log(1 - p)
    raise TypeError(type(loss))


def naive_divisor(loss: Any, *arrays: Host, sample_weight: Host | None) -> float:
    """Return what a mean divides by, counted one by one."""
    terms = naive_terms(loss, *arrays)
    w = np.ones(len(terms)) if sample_weight is None else sample_weight
    if loss.reduction == "batchmean":
        return math.fsum(w)
    if not isinstance(loss, (CrossEntropyLoss, NLLLoss)):
        return math.fsum(w[place[0]] for place in np.ndindex(terms.shape))
    (output, target), total = arrays, []
    for place in np.ndindex((output.shape[0], *output.shape[2:])):
        if target.ndim == output.ndim:
            total.append(w[place[0]])
        elif target[place] != loss.ignore_index:
            total.append(w[place[0]] * (1.0 if loss.weight is None else loss.weight[target[place]]))
    return math.fsum(total)


def naive(loss: Any, *arrays: Host, sample_weight: Host | None = None) -> Host:
    """Return the value of a loss."""
    terms = naive_terms(loss, *arrays)
    if sample_weight is not None:
        terms = terms * sample_weight.reshape(-1, *(1,) * (terms.ndim - 1))
    if loss.reduction == "none":
        return terms
    total = math.fsum(terms.reshape(-1))
    divisor = 1.0 if loss.reduction == "sum" else naive_divisor(loss, *arrays, sample_weight=sample_weight)
    return np.asarray(total / divisor)


def torch_twin(torch: Any, loss: Any, **changes: Any) -> Any:
    """Build PyTorch's loss of the same name from the same fields, in float64."""
    options = {f.name: getattr(loss, f.name) for f in fields(loss)} | changes
    for name in ("weight", "pos_weight"):
        if options.get(name) is not None:
            options[name] = torch.tensor(options[name], dtype=torch.float64)
    return getattr(torch.nn, type(loss).__name__)(**options)
