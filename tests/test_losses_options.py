"""The losses of margins, likelihoods, pairs and sequences: by hand, at their kinks, and with options by chance."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnxp.losses import (
    CosineEmbeddingLoss,
    CTCLoss,
    FocalLoss,
    GaussianNLLLoss,
    HingeEmbeddingLoss,
    Loss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    PoissonNLLLoss,
    SoftMarginLoss,
    TripletMarginLoss,
)
from tests.backends import Backend, assert_close
from tests.loss_cases import torch_twin

LN2 = math.log(2)


def parts(dy: Any) -> tuple[Any, ...]:
    return dy if isinstance(dy, tuple) else (dy,)


# Loss, arrays, value, gradients: worked by hand.
BY_HAND: list[Any] = [
    (HingeEmbeddingLoss(2.0), ([0.5, 0.5], [1.0, -1.0]), (0.5 + 1.5) / 2, [[0.5, -0.5]]),
    (SoftMarginLoss(), ([0.0, 0.0], [1.0, -1.0]), LN2, [[-0.25, 0.25]]),
    (PoissonNLLLoss(), ([0.0], [2.0]), 1.0, [[-1.0]]),
    (PoissonNLLLoss(False, eps=0.0), ([2.0], [2.0]), 2 - 2 * LN2, [[0.0]]),
    (GaussianNLLLoss(), ([3.0], [1.0], [4.0]), (2 * LN2 + 1) / 2, [[0.5], [0.0]]),
    (MarginRankingLoss(0.5), ([1.0, 1.0], [0.8, 2.0], [1.0, 1.0]), (0.3 + 1.5) / 2, [[-0.5, -0.5], [0.5, 0.5]]),
    (CosineEmbeddingLoss(), ([[1.0, 0.0]], [[0.0, 2.0]], [1.0]), 1.0, [[[0.0, -1.0]], [[-0.5, 0.0]]]),
    (
        TripletMarginLoss(eps=0.0),
        ([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]]),
        4.0,
        [[[-0.6, 0.2]], [[0.6, 0.8]], [[0.0, -1.0]]],
    ),
    (MultiMarginLoss(), ([[0.5, 1.0, -2.0]], [0]), 1.5 / 3, [[[-1 / 3, 1 / 3, 0.0]]]),
    (MultiLabelMarginLoss(), ([[0.5, 1.0, 0.0]], [[0, 2, -1]]), (1.5 + 2.0) / 3, [[[-1 / 3, 2 / 3, -1 / 3]]]),
    (MultiLabelSoftMarginLoss(), ([[0.0, 0.0]], [[1.0, 0.0]]), LN2, [[[-0.25, 0.25]]]),
    (FocalLoss(1.0), ([[0.0]], [[1.0]]), 0.125 * LN2, [[[-(0.125 + 0.0625 * 2 * LN2) / 2]]]),
    # Two steps, one label: 0 1, 1 0 and 1 1 spell it.
    (CTCLoss(), ([[[-LN2, -LN2]]] * 2, [[1]], [2], [1]), math.log(4 / 3), [[[[-1 / 3, -2 / 3]]] * 2]),
]


@pytest.mark.parametrize(("loss", "arrays", "value", "gradients"), BY_HAND, ids=lambda x: type(x).__name__)
def test_hand_worked_example(backend: Backend, loss: Any, arrays: Any, value: float, gradients: Any) -> None:
    actual, dy = loss(*map(backend.put, arrays))
    assert_close(backend.get(actual), value)
    for gradient, desired in zip(parts(dy), gradients, strict=True):
        assert_close(backend.get(gradient), desired)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_may_be_huge(backend: Backend, dtype: str) -> None:
    x = backend.put([1e4, 1e4, -1e4, -1e4], dtype)
    sign, yes = backend.put([1.0, -1.0, 1.0, -1.0], dtype), backend.put([1.0, 0.0, 1.0, 0.0], dtype)
    for loss, target, factors in (
        (SoftMarginLoss(reduction="none"), sign, (1.0, 1.0)),
        (FocalLoss(reduction="none"), yes, (0.75, 0.25)),
        (FocalLoss(0.0, None, reduction="none"), yes, (1.0, 1.0)),
    ):
        value, dy = loss(x, target)
        no, yea = factors
        assert_close(backend.get(value), [0.0, no * 1e4, yea * 1e4, 0.0], dtype)
        assert_close(backend.get(dy), [0.0, no, -yea, 0.0], dtype)


def test_focal_loss_without_focus_is_the_binary_cross_entropy() -> None:
    from nnxp.losses import BCEWithLogitsLoss

    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))
    for actual, desired in zip(FocalLoss(0.0, None)(x, t), BCEWithLogitsLoss()(x, t), strict=True):
        assert_close(actual, desired)


# At the kinks: loss, arrays.
KINKS: list[Any] = [
    (HingeEmbeddingLoss(), ([1.0, 1.0, 1.0], [-1.0, 1.0, 0.0])),
    (MarginRankingLoss(), ([1.0, 1.0], [1.0, 1.0], [1.0, -1.0])),
    (CosineEmbeddingLoss(), ([[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]], [-1.0, 0.5])),
    (CosineEmbeddingLoss(), ([[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [3.0, 0.0]], [1.0, 1.0])),
    (TripletMarginLoss(eps=0.0), ([[1.0, 2.0]], [[1.0, 2.0]], [[1.0, 2.0]])),
    (TripletMarginLoss(3.0, eps=0.0), ([[0.0, 4.0]], [[0.0, 4.0]], [[0.0, 7.0]])),
    (TripletMarginLoss(p=0.5, eps=0.0), ([[0.0, 1.0]], [[0.0, 2.0]], [[1.0, 1.0]])),
    (TripletMarginLoss(p=math.inf, eps=0.0), ([[0.0, 0.0]], [[2.0, -2.0]], [[1.0, 0.0]])),
    (TripletMarginLoss(9.0, swap=True), ([[0.0, 1.0]], [[3.0, 2.0]], [[0.0, 1.0]])),
    (TripletMarginLoss(9.0, eps=0.0, swap=True), ([[0.0, 1.0]], [[0.0, -1.0]], [[3.0, 0.0]])),
    (MultiMarginLoss(), ([[0.0, 1.0], [0.0, 1.0]], [1, 0])),
    (MultiLabelMarginLoss(), ([[0.0, 1.0]], [[1, -1]])),
    (MultiLabelMarginLoss(), ([[0.0, 1.0, 0.5]], [[2, 2, -1]])),
    (MultiLabelMarginLoss(), ([[0.0, 1.0, 0.5]], [[-1, 2, 0]])),
    (MultiLabelMarginLoss(), ([[0.0, 1.0, 0.5]], [[2, 0, 1]])),
    (PoissonNLLLoss(full=True), ([0.0, 0.0], [1.0, 0.0])),
    (GaussianNLLLoss(), ([1.0, 1.0], [0.0, 0.0], [0.0, 1e-6])),
    (GaussianNLLLoss(), ([[1.0, 2.0], [0.5, 0.0]], [[0.0, 1.0], [0.3, 0.2]], [[0.5, 0.1]])),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "arrays"), KINKS, ids=lambda x: type(x).__name__)
def test_kinks_and_edges_have_pytorchs_values_and_slopes(loss: Any, arrays: Any) -> None:
    torch = pytest.importorskip("torch")
    hosts = [np.array(a) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype == np.float64) for a in hosts]
    desired = torch_twin(torch, loss)(*theirs)
    desired.backward()
    value, dy = loss(*hosts)
    assert_close(value, desired.detach())
    followed = [0, 2] if isinstance(loss, GaussianNLLLoss) else range(len(parts(dy)))
    for i, gradient in zip(followed, parts(dy), strict=True):
        # PyTorch's 1e-12 beside the norms is rounded to float32, by 4e-9, which a norm of 0 shows.
        assert_close(gradient, theirs[i].grad, rtol=1e-8 if isinstance(loss, CosineEmbeddingLoss) else 1e-10)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_options_agree_with_pytorch(data: Any) -> None:
    torch = pytest.importorskip("torch")
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, c = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    margin, full = draw(st.sampled_from([0.0, 0.3, 1.0, 2.5])), draw(st.booleans())
    weight = draw(st.none() | st.lists(st.floats(0.1, 3.0), min_size=c, max_size=c))
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    x = [rng.normal(size=(n, c)) * draw(st.sampled_from([0.1, 1.0, 5.0])) for _ in range(3)]
    signs, counts = rng.choice([-1.0, 1.0], (n, c)), rng.poisson(2.0, (n, c)).astype(float)
    powers, p = st.sampled_from([0.5, 1, 1.5, 2, 3, math.inf]), draw(st.sampled_from([1, 2]))
    cases: list[tuple[Loss, list[Any], list[int]]] = [
        (HingeEmbeddingLoss(margin, reduction=reduction), [x[0], signs], [0]),
        (SoftMarginLoss(reduction=reduction), [x[0], signs], [0]),
        (PoissonNLLLoss(full=full, reduction=reduction), [x[0], counts], [0]),
        (PoissonNLLLoss(False, full, reduction=reduction), [np.abs(x[0]), counts], [0]),
        (GaussianNLLLoss(full=full, eps=0.1, reduction=reduction), [x[0], x[1], np.abs(x[2])], [0, 2]),
        (MarginRankingLoss(margin, reduction=reduction), [x[0], x[1], signs], [0, 1]),
        (CosineEmbeddingLoss(margin / 3, reduction=reduction), [x[0], x[1], signs[:, 0]], [0, 1]),
        (TripletMarginLoss(margin + 0.1, draw(powers), swap=full, reduction=reduction), x, [0, 1, 2]),
        (MultiMarginLoss(p, margin, weight, reduction=reduction), [x[0], rng.integers(0, c, n)], [0]),
        (MultiLabelMarginLoss(reduction=reduction), [x[0], rng.integers(-1, c, (n, c))], [0]),
        (MultiLabelSoftMarginLoss(weight, reduction=reduction), [x[0], rng.integers(0, 2, (n, c)) * 1.0], [0]),
    ]
    loss, arrays, at = draw(st.sampled_from(cases))
    theirs = [torch.tensor(a, requires_grad=i in at) for i, a in enumerate(arrays)]
    desired = torch_twin(torch, loss)(*theirs)
    desired.sum().backward()
    value, dy = loss(*arrays)
    assert_close(value, desired.detach())
    for i, gradient in zip(at, parts(dy), strict=True):
        assert_close(gradient, theirs[i].grad, rtol=1e-10)


@pytest.mark.parametrize("name", ["strict:device1", "torch:cpu"])
@pytest.mark.parametrize("label", [3, -2])
def test_an_invalid_label_on_a_device_makes_its_value_nan(name: str, label: int) -> None:
    if name.startswith("torch"):
        pytest.importorskip("torch")
    backend = Backend(name)
    x = backend.put(np.zeros((2, 3)))
    for loss, target in (
        (MultiMarginLoss(reduction="none"), [0, label]),
        (MultiLabelMarginLoss(reduction="none"), [[0, -1, 0], [1, label, -1]]),
    ):
        value, dy = loss(x, backend.put(target))
        np.testing.assert_array_equal(np.isnan(backend.get(value)), [False, True])
        assert np.isfinite(backend.get(dy)).all()


# -- sequences --------------------------------------------------------------------------------------


def log_softmax(x: Any) -> Any:
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_ctc_agrees_with_pytorch_on_any_lengths(data: Any) -> None:
    torch = pytest.importorskip("torch")
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    time, n, classes, most = (draw(st.integers(1, limit)) for limit in (12, 4, 6, 4))
    blank = draw(st.integers(0, classes - 1))
    loss = CTCLoss(blank, draw(st.sampled_from(["mean", "sum", "none"])), True)
    logits = rng.normal(size=(time, n, classes)) * draw(st.sampled_from([0.1, 1.0, 30.0]))
    labels = [c for c in range(classes) if c != blank]
    counts = rng.integers(0, most + 1, n) if labels else np.zeros(n, int)
    targets = rng.choice(labels or [blank], (n, most))
    lengths = rng.integers(0, time + 1, n)
    x = torch.tensor(logits, requires_grad=True)
    desired = torch_twin(torch, loss)(
        torch.log_softmax(x, 2), torch.tensor(targets), torch.tensor(lengths), torch.tensor(counts)
    )
    desired.sum().backward()
    log_probs = log_softmax(logits)
    value, dy = loss(log_probs, targets, lengths, counts)
    # Logarithms near 0 have the rounding of the large ones that they are made of.
    assert_close(value, desired.detach(), atol=1e-12)
    assert_close(dy - np.exp(log_probs) * dy.sum(axis=2, keepdims=True), x.grad, rtol=1e-10, atol=1e-12)
    padded, _ = loss(log_probs, np.where(np.arange(most) < counts[:, None], targets, -1), lengths, counts)
    np.testing.assert_array_equal(padded, value)
    row = np.concatenate([t[:count] for t, count in zip(targets, counts, strict=True)])
    in_a_row, _ = loss(log_probs, row, lengths.tolist(), counts.tolist())
    assert_close(in_a_row, value)


@pytest.mark.parametrize("zero", [False, True])
def test_ctc_of_what_cannot_be_spelled(backend: Backend, zero: bool) -> None:
    # One label twice needs three steps: the first sample has two, the last has none for one label.
    log_probs = backend.put(np.full((3, 3, 2), -LN2))
    loss = CTCLoss(reduction="none", zero_infinity=zero)
    value, dy = loss(log_probs, backend.put([[1, 1]] * 3), [2, 3, 0], (2, 2, 1))
    never = 0.0 if zero else math.inf
    assert_close(backend.get(value), [never, 3 * LN2, never])
    assert_close(backend.get(dy)[:, 1], [[0.0, -1.0], [-1.0, 0.0], [0.0, -1.0]])
    assert not np.any(backend.get(dy)[:, ::2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ctc_takes_probabilities_of_nothing(backend: Backend, dtype: str) -> None:
    log_probs = np.full((2, 2, 3), -math.inf)
    log_probs[0, :, 1], log_probs[1, 0, 0], log_probs[1, 1, 2] = 0.0, 0.0, 0.0
    value, dy = CTCLoss(reduction="none")(backend.put(log_probs, dtype), backend.put([[1], [1]]), [2, 2], [1, 1])
    np.testing.assert_array_equal(backend.get(value), [0.0, math.inf])
    np.testing.assert_array_equal(backend.get(dy)[:, 0], [[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
    assert not np.any(backend.get(dy)[:, 1])


def test_ctc_of_a_long_sequence_keeps_its_digits(backend: Backend) -> None:
    rng = np.random.default_rng(0)
    log_probs, targets = log_softmax(rng.normal(size=(200, 2, 5)) * 5), rng.integers(1, 5, (2, 20))
    exact, exact_dy = CTCLoss()(log_probs, targets, [200, 150], [20, 15])
    value, dy = CTCLoss()(backend.put(log_probs, "float32"), backend.put(targets), [200, 150], [20, 15])
    # Hundreds of sums in float32, of numbers in the thousands.
    assert_close(backend.get(value), exact, rtol=1e-5)
    assert_close(backend.get(dy), exact_dy, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["strict:device1", "torch:cpu"])
def test_ctc_of_an_invalid_label_or_length_on_a_device_is_nan(name: str) -> None:
    if name.startswith("torch"):
        pytest.importorskip("torch")
    backend = Backend(name)
    x, loss = backend.put(np.full((3, 2, 2), -LN2)), CTCLoss(reduction="none")
    for targets, lengths, counts in (
        ([[1, 0], [1, 2]], [3, 3], [1, 2]),
        ([[1, 0], [1, 1]], [3, 4], [1, 1]),
        ([[1, 0], [1, 1]], [3, 3], [1, 3]),
        ([[1, 0], [1, 1]], [3, -1], [1, 1]),
    ):
        value, dy = loss(x, backend.put(targets), backend.put(lengths), backend.put(counts))
        np.testing.assert_array_equal(np.isnan(backend.get(value)), [False, True])
        assert np.isfinite(backend.get(dy)).all()
    value, _ = loss(x, backend.put([[1, 7], [1, -5]]), [3, 3], [1, 1])
    assert np.isfinite(backend.get(value)).all()


# -- what is refused --------------------------------------------------------------------------------


def whole(kind: type, sentence: str) -> str:
    return f"^{re.escape(f'{kind.__name__}: expected {sentence}')}$"


BAD_ARGUMENTS: list[Any] = [
    (HingeEmbeddingLoss, {"margin": math.nan}, "margin in (-inf, inf), got nan"),
    (MarginRankingLoss, {"margin": "wide"}, "margin in (-inf, inf), got 'wide'"),
    (CosineEmbeddingLoss, {"margin": None}, "margin in (-inf, inf), got None"),
    (TripletMarginLoss, {"margin": 0}, "margin in (0, inf), got 0"),
    (TripletMarginLoss, {"p": 0}, "p in (0, inf), got 0"),
    (TripletMarginLoss, {"eps": -1}, "eps in [0, inf), got -1"),
    (PoissonNLLLoss, {"eps": -1}, "eps in [0, inf), got -1"),
    (GaussianNLLLoss, {"eps": 0.0}, "eps in (0, inf), got 0.0"),
    (MultiMarginLoss, {"p": 3}, "p to be one of 1, 2, got 3"),
    (MultiMarginLoss, {"margin": math.inf}, "margin in (-inf, inf), got inf"),
    (MultiMarginLoss, {"weight": 2.0}, "weight to be one number for each class, got 2.0"),
    (MultiLabelSoftMarginLoss, {"weight": 2.0}, "weight to be one number for each class, got 2.0"),
    (FocalLoss, {"gamma": -1}, "gamma in [0, inf), got -1"),
    (FocalLoss, {"alpha": 1.5}, "alpha in [0, 1], got 1.5"),
    (CTCLoss, {"blank": -1}, "blank to be a whole number of at least 0, got -1"),
    *(
        (kind, {"reduction": "avg"}, "reduction to be one of 'mean', 'sum', 'none', got 'avg'")
        for kind in (CTCLoss, CosineEmbeddingLoss, FocalLoss, GaussianNLLLoss, HingeEmbeddingLoss, MarginRankingLoss)
    ),
    *(
        (kind, {"reduction": "avg"}, "reduction to be one of 'mean', 'sum', 'none', got 'avg'")
        for kind in (MultiLabelMarginLoss, MultiLabelSoftMarginLoss, MultiMarginLoss, PoissonNLLLoss, SoftMarginLoss)
    ),
    (TripletMarginLoss, {"reduction": "avg"}, "reduction to be one of 'mean', 'sum', 'none', got 'avg'"),
]


@pytest.mark.parametrize(("kind", "options", "sentence"), BAD_ARGUMENTS, ids=lambda x: getattr(x, "__name__", None))
def test_a_bad_argument_is_refused_at_once(kind: Any, options: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=whole(kind, sentence)):
        kind(**options)


def zeros(*shape: int, dtype: Any = np.float32) -> Any:
    return np.zeros(shape, dtype)


def labels(*shape: int) -> Any:
    return np.zeros(shape, np.int64)


BAD_CALLS: list[Any] = [
    (MarginRankingLoss(), (zeros(), zeros(), zeros()), ValueError, "input1 of shape (batch, ...), got ()"),
    (
        MarginRankingLoss(),
        (zeros(2, 1), zeros(2), zeros(2, 1)),
        ValueError,
        "input2 of shape (2, 1), got (2,); add an axis: input2[..., None]",
    ),
    (
        MarginRankingLoss(),
        (zeros(2), zeros(2), labels(2)),
        TypeError,
        "target of dtype float32, got int64; cast it: net.device.put(target, 'float32')",
    ),
    (
        MarginRankingLoss(),
        (zeros(2), [0.0, 0.0], zeros(2)),
        TypeError,
        "input2 on cpu, got a list; move it: net.device.put(input2)",
    ),
    (
        CosineEmbeddingLoss(),
        (zeros(2), zeros(2), zeros(2)),
        ValueError,
        "input1 of shape (batch, features), got (2,)",
    ),
    (
        CosineEmbeddingLoss(),
        (labels(2, 3), zeros(2, 3), zeros(2)),
        TypeError,
        "input1 of a real floating dtype, got int64",
    ),
    (
        CosineEmbeddingLoss(),
        (zeros(2, 3), zeros(2, 3), zeros(2, 1)),
        ValueError,
        "target of shape (2,), got (2, 1); drop the last axis: target[..., 0]",
    ),
    (TripletMarginLoss(), (zeros(3),) * 3, ValueError, "anchor of shape (batch, ..., features), got (3,)"),
    (
        TripletMarginLoss(),
        (zeros(2, 3), zeros(2, 3), zeros(2, 4)),
        ValueError,
        "negative of shape (2, 3), got (2, 4)",
    ),
    (
        GaussianNLLLoss(),
        (zeros(2, 3), zeros(2, 3), zeros(3)),
        ValueError,
        "var of shape (2, 3), or (2,), or with axes of length 1, got (3,)",
    ),
    (
        GaussianNLLLoss(),
        (zeros(2, 3), zeros(2, 3), 1.0),
        TypeError,
        "var on cpu, got a float; move it: net.device.put(var)",
    ),
    (MultiMarginLoss(), (zeros(3), labels(3)), ValueError, "output of shape (batch, classes), got (3,)"),
    (MultiMarginLoss(), (zeros(2, 0), labels(2)), ValueError, "output of shape (batch, classes), got (2, 0)"),
    (
        MultiMarginLoss(),
        (zeros(2, 3), zeros(2)),
        TypeError,
        "target of integer labels, got float32; cast them to int64",
    ),
    (MultiMarginLoss(), (zeros(2, 3), labels(3)), ValueError, "target of shape (2,), got (3,)"),
    (MultiMarginLoss(), (zeros(2, 3), labels(2) - 1), ValueError, "labels in [0, 2], got -1"),
    (MultiMarginLoss(weight=[1, 2]), (zeros(2, 3), labels(2)), ValueError, "weight of shape (3,), got (2,)"),
    (MultiLabelMarginLoss(), (zeros(2, 3), labels(2)), ValueError, "target of shape (2, 3), got (2,)"),
    (MultiLabelMarginLoss(), (zeros(2, 3), labels(2, 3) - 2), ValueError, "labels in [0, 2], got -2"),
    (
        MultiLabelSoftMarginLoss(),
        (zeros(3), zeros(3)),
        ValueError,
        "output of shape (batch, ..., classes), got (3,)",
    ),
    (
        MultiLabelSoftMarginLoss([1, 2]),
        (zeros(2, 3), zeros(2, 3)),
        ValueError,
        "weight of shape (3,), got (2,)",
    ),
    (
        CTCLoss(),
        (zeros(2, 3), labels(3, 1), [2] * 3, [1] * 3),
        ValueError,
        "log_probs of shape (time, batch, classes), got (2, 3)",
    ),
    (
        CTCLoss(4),
        (zeros(2, 3, 4), labels(3, 1), [2] * 3, [1] * 3),
        ValueError,
        "log_probs of more than 4 classes, as blank is one, got 4",
    ),
    (
        CTCLoss(),
        (zeros(2, 3, 4), labels(2, 1), [2] * 3, [1] * 3),
        ValueError,
        "targets of shape (3, labels), got (2, 1)",
    ),
    (
        CTCLoss(),
        (zeros(2, 3, 4), zeros(3, 1), [2] * 3, [1] * 3),
        TypeError,
        "targets of integers, got float32; cast them to int64",
    ),
    (CTCLoss(), (zeros(2, 3, 4), labels(3, 1) + 4, [2] * 3, [1] * 3), ValueError, "targets in [0, 3], got 4"),
    (CTCLoss(), (zeros(2, 3, 4), labels(3, 1), [2, 3, 1], [1] * 3), ValueError, "input_lengths in [0, 2], got 3"),
    (CTCLoss(), (zeros(2, 3, 4), labels(3, 1), [2] * 3, [1, 2, 1]), ValueError, "target_lengths in [0, 1], got 2"),
    (CTCLoss(), (zeros(2, 3, 4), labels(3, 1), [2] * 2, [1] * 3), ValueError, "input_lengths of shape (3,), got (2,)"),
    (
        CTCLoss(),
        (zeros(2, 3, 4), labels(3, 1), [2.0] * 3, [1] * 3),
        TypeError,
        "input_lengths of integers, got float64; cast them to int64",
    ),
    (
        CTCLoss(),
        (zeros(2, 3, 4), labels(3, 1), 2, [1] * 3),
        TypeError,
        "input_lengths on cpu, got a int; move it: net.device.put(input_lengths)",
    ),
    (CTCLoss(), (zeros(2, 3, 4), labels(4), [2] * 3, [1] * 3), ValueError, "targets of shape (3,), got (4,)"),
    (CTCLoss(), (zeros(2, 3, 4), labels(2), [2] * 3, [-1, 3, 0]), ValueError, "target_lengths in [0, 2], got -1"),
    (
        CTCLoss(),
        (zeros(2, 3, 4), labels(3), [2] * 3, labels(3) + 1),
        TypeError,
        "target_lengths to be a list beside targets in one row, got an array; or give targets of shape (batch, labels)",
    ),
]


@pytest.mark.parametrize(("loss", "arrays", "error", "sentence"), BAD_CALLS, ids=[case[3] for case in BAD_CALLS])
def test_a_bad_call_is_refused_in_a_sentence(loss: Any, arrays: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=whole(type(loss), sentence)):
        loss(*arrays)


CHECKS: list[Any] = [
    (MultiMarginLoss(), labels(4, 1), (3,), "target of shape (batch,), got (4, 1); drop the last axis: target[..., 0]"),
    (MultiMarginLoss(), labels(4) + 3, (3,), "labels in [0, 2], got 3"),
    (MultiLabelMarginLoss(), labels(4, 2), (3,), "target of shape (batch, 3), got (4, 2)"),
    (MultiLabelMarginLoss(), labels(4, 3) - 2, (3,), "labels in [0, 2], got -2"),
]


@pytest.mark.parametrize(("loss", "target", "shape", "sentence"), CHECKS, ids=[case[3] for case in CHECKS])
def test_all_labels_are_checked_before_training(loss: Loss, target: Any, shape: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=whole(type(loss), sentence)):
        loss.check_labels(target, shape)


def test_good_labels_pass() -> None:
    MultiMarginLoss().check_labels(labels(4), (3,))
    MultiMarginLoss().check_labels(labels(4) + 7, (None,))
    MultiMarginLoss().check_labels(labels(4) + 7, None)
    MultiLabelMarginLoss().check_labels(labels(4, 3) - 1, (3,))
    MultiLabelMarginLoss().check_labels(labels(4, 3) + 7, (None,))
    MultiLabelMarginLoss().check_labels(labels(4, 3) + 7, None)
    CTCLoss().check_labels(labels(4, 3) + 7, (5, 3))
    CosineEmbeddingLoss().check_labels(zeros(4), (3,))
