"""Every metric equals a naive loop, on every backend, however the data is cut into batches."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nnxp import metrics
from nnxp._backend import namespace
from nnxp.metrics import (
    F1,
    MAE,
    MSE,
    R2,
    Accuracy,
    FunctionMetric,
    Metric,
    Precision,
    Recall,
    TopK,
    auc,
    confusion_matrix,
    resolve,
)

rng = np.random.default_rng(0)
# Rounded, so that there are ties.
SCORES = np.round(rng.normal(size=(40, 5)), 1)
LABELS = rng.integers(0, 4, 40)
PROBABILITIES = np.round(rng.random((40, 1)), 1)
BINARY = rng.integers(0, 2, (40, 1))
VALUES = rng.normal(size=(40, 2)) * 3.0 + 50.0
TARGETS = VALUES + rng.normal(size=(40, 2))


def naive_accuracy(output: Any, target: Any) -> float:
    return float(np.mean([int(np.argmax(o)) == t for o, t in zip(output, target, strict=True)]))


def naive_top(k: int) -> Callable[[Any, Any], float]:
    def hit(scores: Any, label: int) -> bool:
        return int(label) in sorted(range(len(scores)), key=lambda c: (-scores[c], c))[:k]

    return lambda output, target: float(np.mean([hit(o, t) for o, t in zip(output, target, strict=True)]))


def naive_counts(decided: Any, true: Any, label: int) -> tuple[int, int, int]:
    pairs = list(zip(decided, true, strict=True))
    return (
        sum(d == label == t for d, t in pairs),
        sum(d == label != t for d, t in pairs),
        sum(d != label == t for d, t in pairs),
    )


FORMULAS = {
    "precision": lambda tp, fp, fn: tp / (tp + fp) if tp + fp else 0.0,
    "recall": lambda tp, fp, fn: tp / (tp + fn) if tp + fn else 0.0,
    "f1": lambda tp, fp, fn: 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0,
}


def naive_average(formula: str, average: str) -> Callable[[Any, Any], float]:
    def compute(output: Any, target: Any) -> float:
        single = output.shape[1] == 1
        decided = [int(o[0] > 0.5) if single else int(np.argmax(o)) for o in output]
        true = [int(t) for t in np.ravel(target)]
        labels = [1] if average == "binary" else sorted({*decided, *true})
        counts = [naive_counts(decided, true, label) for label in labels]
        if average == "micro":
            return FORMULAS[formula](*np.sum(counts, axis=0))
        weights = [true.count(label) for label in labels] if average == "weighted" else [1] * len(labels)
        values = [FORMULAS[formula](*c) for c in counts]
        return float(np.average(values, weights=weights))

    return compute


def naive_auc(scores: Any, positive: Any) -> float:
    pairs = [(s > t) + 0.5 * (s == t) for s, p in zip(scores, positive, strict=True) if p
             for t, q in zip(scores, positive, strict=True) if not q]  # fmt: skip
    return float(np.mean(pairs))


def naive_auc_of_classes(output: Any, target: Any) -> float:
    e = np.exp(output)
    p = e / e.sum(axis=1, keepdims=True)
    return float(np.mean([naive_auc(p[:, c], target == c) for c in np.unique(target)]))


def naive_r2(output: Any, target: Any) -> float:
    errors, deviations = ((output - target) ** 2).sum(axis=0), ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(1 - errors / deviations))


@dataclass(frozen=True)
class Case:
    metric: Metric
    output: Any
    target: Any
    oracle: Callable[[Any, Any], float]
    rtol: float = 1e-12


CASES = {
    "accuracy": Case(Accuracy(), SCORES, LABELS, naive_accuracy),
    "accuracy_one_hot": Case(Accuracy(), SCORES, np.eye(5)[LABELS], lambda o, t: naive_accuracy(o, t.argmax(axis=1))),
    "accuracy_binary": Case(Accuracy(), PROBABILITIES, BINARY, lambda o, t: float(np.mean((o > 0.5) == t))),
    "accuracy_flat": Case(Accuracy(), PROBABILITIES[:, 0], BINARY, lambda o, t: float(np.mean((o > 0.5) == t[:, 0]))),
    "accuracy_logits": Case(
        Accuracy(threshold=0.0), SCORES[:, 0], BINARY[:, 0] * 1.0, lambda o, t: np.mean((o > 0) == t)
    ),
    "accuracy_axes": Case(
        Accuracy(),
        SCORES.reshape(4, 5, 10),
        LABELS.reshape(4, 10),
        lambda o, t: naive_accuracy(o.transpose(0, 2, 1).reshape(-1, 5), t.ravel()),
    ),
    "top1": Case(TopK(1), SCORES, LABELS, naive_accuracy),
    "top3": Case(TopK(3), SCORES, LABELS, naive_top(3)),
    "top3_one_hot": Case(TopK(3), SCORES, np.eye(5)[LABELS], lambda o, t: naive_top(3)(o, t.argmax(axis=1))),
    "top2_axes": Case(
        TopK(2),
        SCORES.reshape(4, 5, 10),
        LABELS.reshape(4, 10),
        lambda o, t: naive_top(2)(o.transpose(0, 2, 1).reshape(-1, 5), t.ravel()),
    ),
    "precision": Case(Precision(), SCORES, LABELS, naive_average("precision", "macro")),
    "precision_two": Case(Precision(), SCORES[:, :2], BINARY[:, 0], naive_average("precision", "binary")),
    "recall": Case(Recall(), PROBABILITIES, BINARY, naive_average("recall", "binary")),
    "f1": Case(F1(), SCORES, LABELS, naive_average("f1", "macro")),
    **{
        f"{cls.__name__.lower()}_{average}": Case(
            cls(average),
            PROBABILITIES if average == "binary" else SCORES,
            BINARY if average == "binary" else LABELS,
            naive_average(cls.__name__.lower(), average),
        )
        for cls in (Precision, Recall, F1)
        for average in ("binary", "macro", "micro", "weighted")
    },
    "mae": Case(MAE(), VALUES, TARGETS, lambda o, t: float(np.mean(np.abs(o - t)))),
    "mse": Case(MSE(), VALUES, TARGETS, lambda o, t: float(np.mean((o - t) ** 2))),
    "mse_column": Case(MSE(), VALUES[:, :1], TARGETS[:, 0], lambda o, t: float(np.mean((o[:, 0] - t) ** 2))),
    # The sums of t and t^2 lose (mean / deviation)^2 of float64's precision.
    "r2": Case(R2(), VALUES, TARGETS, naive_r2, rtol=1e-11),
    "auc": Case(FunctionMetric(auc), SCORES, LABELS, naive_auc_of_classes),
    "auc_binary": Case(FunctionMetric(auc), PROBABILITIES, BINARY, lambda o, t: naive_auc(o[:, 0], t[:, 0])),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_every_metric_has_a_case():
    # OnOutput takes tuples: its tests are with the networks of several outputs.
    public = {getattr(metrics, name) for name in metrics.__all__ if name != "OnOutput"}
    classes = {m for m in public if isinstance(m, type) and issubclass(m, Metric)} - {Metric}
    assert classes == {type(c.metric) for c in CASES.values()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cuts", [(), (1,), (7, 8, 30)])
def test_a_metric_equals_a_naive_loop_however_it_is_batched(backend, case, cuts, dtype):
    output = case.output.astype(dtype)
    target = case.target.astype(dtype) if case.target.dtype.kind == "f" else case.target
    totals = None
    for o, t in zip(np.split(output, cuts), np.split(target, cuts), strict=True):
        statistics = case.metric.statistics(backend.put(o), backend.put(t))
        totals = statistics if totals is None else case.metric.add(totals, statistics)
    found = case.metric.result(*(backend.get(total) for total in totals))
    assert isinstance(found, float)
    exact = (a.astype(np.float64) if a.dtype.kind == "f" else a for a in (output, target))
    assert math.isclose(found, case.oracle(*exact), rel_tol=case.rtol)


def test_statistics_are_on_the_device_and_leave_their_input_alone(backend, case):
    output, target = backend.put(case.output, "float32"), backend.put(case.target)
    before = backend.get(output).copy(), backend.get(target).copy()
    for part in case.metric.statistics(output, target):
        for array in part if isinstance(part, tuple) else (part,):
            assert isinstance(array, int) or backend.device.owns(array)
    assert np.array_equal(backend.get(output), before[0])
    assert np.array_equal(backend.get(target), before[1])


def test_a_metric_is_a_function_of_whole_arrays_or_lists(case):
    found = case.metric(case.output.tolist(), case.target.tolist())
    assert math.isclose(found, case.oracle(case.output, case.target), rel_tol=case.rtol)


def test_nothing_measured_is_nan(case):
    assert math.isnan(case.metric(case.output[:0], case.target[:0])) or isinstance(case.metric, Precision | Recall | F1)


def test_sums_of_float32_are_kept_in_float64(backend):
    # One by one in float32, the small error would vanish beside the large one.
    metric, zero = MAE(), backend.put([0.0], "float32")
    totals = metric.statistics(backend.put([2.0**24], "float32"), zero)
    for _ in range(8):
        totals = metric.add(totals, metric.statistics(backend.put([1.0], "float32"), zero))
    assert metric.result(*(backend.get(total) for total in totals)) == (2.0**24 + 8) / 9


def test_r2_of_a_far_target_is_stable():
    target = 1e5 + np.linspace(-1, 1, 1000)
    assert abs(R2()(target + 0.1, target) - naive_r2((target + 0.1)[:, None], target[:, None])) < 1e-6


@pytest.mark.parametrize(("output", "value"), [([3.3, 3.3], 1.0), ([3.3, 3.2], 0.0), ([math.nan, 3.3], math.nan)])
def test_r2_of_a_target_that_never_changes(output, value):
    assert R2()(output, [3.3, 3.3]) == pytest.approx(value, nan_ok=True)


def test_top_k_gives_a_constant_output_no_luck():
    target = np.arange(10)
    assert TopK(3)(np.zeros((10, 10)), target) == 0.3
    assert TopK(3)(np.full((10, 10), np.nan), target) == 0.0
    assert TopK(3)(np.eye(10), target + 10) == 0.0


def test_a_class_without_decisions_or_samples_counts_zero():
    output = np.eye(3)[[0, 0, 1]]
    assert Precision("macro")(output, [0, 2, 1]) == pytest.approx((0.5 + 1 + 0) / 3)
    assert Recall("macro")(output, [0, 1, 1]) == pytest.approx((1 + 0.5) / 2)
    assert F1("binary")(np.zeros((3, 1)), [0, 0, 0]) == 0.0


# -- AUC and the confusion matrix -------------------------------------------------------------------


def test_auc_takes_probabilities_as_they_are_and_logits_through_softmax():
    # Not rounded: softmax may break a tie in its last digit.
    logits = rng.normal(size=(40, 3))
    labels = np.arange(40) % 3
    e = np.exp(logits)
    probabilities = e / e.sum(axis=1, keepdims=True)
    assert auc(logits, labels) == pytest.approx(auc(probabilities, labels), rel=1e-12)
    assert auc(logits + 7.0, labels) == pytest.approx(auc(logits, labels), rel=1e-12)
    raw = np.mean([naive_auc(logits[:, c], labels == c) for c in range(3)])
    assert auc(logits, labels) != pytest.approx(raw)


def test_auc_of_two_classes_is_that_of_the_second():
    assert auc(SCORES[:, :2], BINARY[:, 0]) == pytest.approx(naive_auc(SCORES[:, 1] - SCORES[:, 0], BINARY[:, 0]))


@pytest.mark.parametrize(
    ("output", "target"),
    [([0.1, 0.2], [1, 1]), ([], []), ([0.1, math.nan], [0, 1]), ([[0.0, 1.0], [1.0, 0.0]], [1, 1])],
)
def test_auc_is_nan_where_it_is_undefined(output, target):
    assert math.isnan(auc(output, target))


def test_confusion_matrix_counts_pairs(backend):
    decided = SCORES.argmax(axis=1)
    desired = np.zeros((5, 5), dtype=np.int64)
    for d, t in zip(decided, LABELS, strict=True):
        desired[t, d] += 1
    for output, target in (
        (SCORES, LABELS),
        (decided, LABELS),
        (decided[:, None], LABELS),
        (SCORES, np.eye(5)[LABELS]),
    ):
        found = confusion_matrix(backend.put(output), backend.put(target), 5)
        assert found.dtype == np.int64
        assert np.array_equal(found, desired)
    assert np.array_equal(confusion_matrix(SCORES, LABELS), desired)


def test_confusion_matrix_of_one_output_is_two_by_two():
    assert confusion_matrix([[0.4], [0.6], [0.9]], [0, 0, 1]).tolist() == [[1, 1], [0, 1]]
    assert confusion_matrix([-0.4, 0.1], [0, 1], threshold=0.0).tolist() == [[1, 0], [0, 1]]


def test_confusion_matrix_of_labels_is_as_large_as_asked():
    assert confusion_matrix([0, 1], [1, 1]).shape == (2, 2)
    assert confusion_matrix([0, 1], [1, 1], 4).shape == (4, 4)
    assert confusion_matrix(np.zeros(0, int), np.zeros(0, int), 2).tolist() == [[0, 0], [0, 0]]


# -- names and users' own ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("accuracy", Accuracy()),
        ("top5", TopK(5)),
        ("top12", TopK(12)),
        ("precision", Precision()),
        ("recall", Recall()),
        ("f1", F1()),
        ("auc", FunctionMetric(auc)),
        ("mae", MAE()),
        ("mse", MSE()),
        ("r2", R2()),
    ],
)
def test_a_name_stands_for_its_metric(name, metric):
    assert resolve(name) == metric
    assert resolve(name).name == name
    assert resolve(metric) is metric


def test_names_say_their_average():
    assert F1("macro").name == "f1_macro"


def test_names_that_decide_take_the_threshold():
    assert resolve("f1", threshold=0.0) == F1(threshold=0.0)
    assert resolve("accuracy", threshold=0.0)([0.2], [1]) == 1.0


def test_any_function_is_a_metric():
    def worst(output: np.ndarray, target: np.ndarray) -> float:
        return np.abs(output - target).max()

    metric = resolve(worst)
    assert metric.name == "worst"
    first, second = (metric.statistics(np.array([a]), np.array([0.0])) for a in (1.0, -3.0))
    assert metric.result(*metric.add(first, second)) == 3.0


def test_a_metric_of_ones_own_takes_ten_lines():
    @dataclass(frozen=True)
    class Bias(Metric):
        def statistics(self, output, target):
            xp = namespace(output)
            return xp.sum(output - target), output.shape[0]

        def result(self, total, n):
            return total / n

    assert Bias()([1.0, 3.0], [0.0, 1.0]) == 1.5
    assert resolve(Bias()).name == "bias"


NAMES = "accuracy, precision, recall, f1, top5, mae, mse, r2, auc"
TABLE = [
    (
        lambda: resolve("acuracy"),
        ValueError,
        f"resolve: expected one of {NAMES}, got 'acuracy'; did you mean 'accuracy'?",
    ),
    (lambda: resolve("top0"), ValueError, f"resolve: expected one of {NAMES}, got 'top0'; did you mean 'top5'?"),
    (
        lambda: resolve(Accuracy),
        TypeError,
        "resolve: expected a metric's name, a Metric or a function, got 'Accuracy'; call it: Accuracy(), not Accuracy",
    ),
    (lambda: resolve(3), TypeError, "resolve: expected a metric's name, a Metric or a function, got 'int'"),
    (lambda: Accuracy(threshold="x"), ValueError, "Accuracy: expected threshold in (-inf, inf), got 'x'"),
    (lambda: TopK(0), ValueError, "TopK: expected k to be a whole number of at least 1, got 0"),
    (
        lambda: F1("mean"),
        ValueError,
        "F1: expected average to be one of None, 'binary', 'macro', 'micro', 'weighted', got 'mean'",
    ),
    (lambda: TopK(6)(SCORES, LABELS), ValueError, "TopK: expected outputs of at least 6 classes, got (40, 5)"),
    (
        lambda: Recall("binary")(SCORES, LABELS),
        ValueError,
        "Recall: expected two classes with average='binary', got 5; use average='macro'",
    ),
    (
        lambda: Accuracy()(SCORES, LABELS * 1.0),
        ValueError,
        "Accuracy: expected integer labels of shape (40,) or a target of shape (40, 5), got 'float64 of shape (40,)'",
    ),
    (lambda: MAE()(VALUES, LABELS), ValueError, "MAE: expected target of shape (40, 2), got (40,)"),
    (lambda: MSE()(VALUES[:3, :1], LABELS[:2]), ValueError, "MSE: expected target of shape (3, 1), got (2,)"),
    (lambda: auc(SCORES[:, :, None], LABELS), ValueError, "auc: expected output of shape (n, classes), got (40, 5, 1)"),
    (
        lambda: auc([0.5, 0.2], [0, 2]),
        ValueError,
        "auc: expected labels 0 and 1 with a single score for each sample, got 2",
    ),
    (
        lambda: confusion_matrix([0.0, 3.0], [0, 3]),
        ValueError,
        "confusion_matrix: expected labels 0 and 1 with a single score for each sample, got 3",
    ),
    (lambda: confusion_matrix([0, 3], [0, 1], 3), ValueError, "confusion_matrix: expected labels in [0, 3), got 3"),
    (lambda: confusion_matrix([0, -1], [0, 1]), ValueError, "confusion_matrix: expected labels in [0, 2), got -1"),
    (
        lambda: confusion_matrix(np.zeros(0, int), np.zeros(0, int)),
        ValueError,
        "confusion_matrix: expected classes to be a whole number of at least 1, got 0",
    ),
]


@pytest.mark.parametrize(("call", "error", "sentence"), TABLE)
def test_metrics_refuse(call, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        call()
