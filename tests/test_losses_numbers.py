"""Losses at the edges: hand-worked values, extreme logits, ignored and invalid labels, and chance."""

from __future__ import annotations

import importlib
import math
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnxp.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from tests.backends import Backend, assert_close, assert_on
from tests.loss_cases import naive, torch_twin

LN2, LN3 = math.log(2), math.log(3)
# Loss, output, target, value, gradient: worked by hand.
BY_HAND: list[Any] = [
    (MSELoss(), [[1.0, 2.0]], [[0.0, 4.0]], 2.5, [[1.0, -2.0]]),
    (L1Loss(), [[1.0, 2.0, 3.0, 5.0]], [[0.0, 4.0, 3.0, 4.0]], 1.0, [[0.25, -0.25, 0.0, 0.25]]),
    (SmoothL1Loss(beta=2.0), [[1.0, 5.0]], [[0.0, 0.0]], (0.25 + 4.0) / 2, [[0.25, 0.5]]),
    (HuberLoss(delta=2.0), [[1.0, -5.0]], [[0.0, 0.0]], (0.5 + 8.0) / 2, [[0.5, -1.0]]),
    (CrossEntropyLoss(), [[0.0, LN3]], [0], math.log(4), [[-0.75, 0.75]]),
    (CrossEntropyLoss(), [[0.0, LN3]], [[0.5, 0.5]], math.log(4) - LN3 / 2, [[-0.25, 0.25]]),
    (CrossEntropyLoss(label_smoothing=0.5), [[0.0, LN3]], [0], math.log(4) - LN3 / 4, [[-0.5, 0.5]]),
    (NLLLoss([1.0, 3.0]), [[-1.0, -2.0], [-4.0, -3.0]], [0, 1], (1 + 9) / 4, [[-0.25, 0.0], [0.0, -0.75]]),
    (BCELoss(), [[0.5, 0.25]], [[1.0, 0.0]], (LN2 + math.log(4 / 3)) / 2, [[-1.0, 2 / 3]]),
    (BCEWithLogitsLoss(pos_weight=3), [[0.0]], [[1.0]], 3 * LN2, [[-1.5]]),
    (KLDivLoss(reduction="batchmean"), [[-1.0, -2.0]], [[0.0, 1.0]], 2.0, [[0.0, -1.0]]),
]


@pytest.mark.parametrize(("loss", "output", "target", "value", "gradient"), BY_HAND, ids=lambda x: type(x).__name__)
def test_hand_worked_example(
    backend: Backend, loss: Any, output: Any, target: Any, value: float, gradient: Any
) -> None:
    actual, dy = loss(backend.put(output), backend.put(target))
    assert_close(backend.get(actual), value)
    assert_close(backend.get(dy), gradient)


# -- extreme numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_exact_at_huge_logits(backend: Backend, dtype: str, smoothing: float) -> None:
    output = np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0], [1e4, 1e4, 1e4]])
    value, dy = CrossEntropyLoss(reduction="none", label_smoothing=smoothing)(
        backend.put(output, dtype), backend.put([0, 1, 2])
    )
    s = smoothing
    assert_close(backend.get(value), [s * 1e4, (1 - s) * 2e4 + s * 1e4, LN3], dtype)
    hot = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    softmax = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    assert_close(backend.get(dy), softmax - hot * (1 - s) - s / 3, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_cross_entropy_is_exact_at_huge_logits(backend: Backend, dtype: str) -> None:
    output, target = backend.put([1e4, 1e4, -1e4, -1e4], dtype), backend.put([1.0, 0.0, 1.0, 0.0], dtype)
    value, dy = BCEWithLogitsLoss(reduction="none", pos_weight=2)(output, target)
    assert_close(backend.get(value), [0.0, 1e4, 2e4, 0.0], dtype)
    assert_close(backend.get(dy), [0.0, 1.0, -2.0, 0.0], dtype)


def test_small_losses_keep_all_their_digits() -> None:
    right = np.array([[40.0, 0.0]])
    assert_close(BCEWithLogitsLoss(pos_weight=2)(right[:, :1], np.ones((1, 1)))[0] * 1e18, 2e18 * math.exp(-40))
    assert_close(BCEWithLogitsLoss()(-right[:, :1], np.zeros((1, 1)))[0] * 1e18, 1e18 * math.exp(-40))
    # A logarithm of a sum next to 1 has the last digits of 1, as PyTorch's has.
    assert_close(CrossEntropyLoss()(right / 2, np.array([0]))[0], math.log1p(math.exp(-20)), atol=1e-15)


def test_a_class_of_minus_infinity_costs_nothing_unless_it_is_the_answer(backend: Backend) -> None:
    output = backend.put([[0.0, -math.inf, 0.0]])
    for target in ([0], [[0.5, 0.0, 0.5]]):
        value, dy = CrossEntropyLoss()(output, backend.put(target))
        assert_close(backend.get(value), LN2)
        assert_close(backend.get(dy), [[-0.5, 0.0, 0.5]] if target == [0] else [[0.0, 0.0, 0.0]])
    assert backend.get(CrossEntropyLoss()(output, backend.put([1]))[0]) == math.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bce_clamps_the_logarithm_and_the_variance(backend: Backend, dtype: str) -> None:
    output, target = backend.put([0.0, 1.0, 0.0, 1.0], dtype), backend.put([1.0, 0.0, 0.0, 1.0], dtype)
    value, dy = BCELoss(reduction="none")(output, target)
    assert_close(backend.get(value), [100.0, 100.0, 0.0, 0.0], dtype)
    assert_close(backend.get(dy), [-1e12, 1e12, 0.0, 0.0], dtype)


def test_bce_of_no_probability_is_nan() -> None:
    for x in (-0.5, 1.5):
        with np.errstate(invalid="ignore"):
            assert np.isnan(BCELoss()(np.array([x]), np.array([0.5]))[0])


def test_kinks_have_pytorchs_slopes(backend: Backend) -> None:
    output, target = backend.put([1.0, 1.5, 0.5]), backend.put([1.0, 1.0, 1.0])
    for loss, slopes in (
        (L1Loss(reduction="sum"), [0.0, 1.0, -1.0]),
        (SmoothL1Loss(reduction="sum", beta=0.5), [0.0, 1.0, -1.0]),
        (SmoothL1Loss(reduction="sum", beta=0), [0.0, 1.0, -1.0]),
        (HuberLoss("sum", 0.5), [0.0, 0.5, -0.5]),
    ):
        assert_close(backend.get(loss(output, target)[1]), slopes)


# -- labels ---------------------------------------------------------------------------------------

LABEL_LOSSES = [
    CrossEntropyLoss(),
    CrossEntropyLoss([1.0, 2.0, 3.0]),
    CrossEntropyLoss(label_smoothing=0.1),
    CrossEntropyLoss([1.0, 2.0, 3.0], label_smoothing=0.1),
    NLLLoss(),
    NLLLoss([1.0, 2.0, 3.0]),
]


@pytest.mark.parametrize("loss", LABEL_LOSSES, ids=repr)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_all_ignored_gives_nan_and_no_gradient(backend: Backend, loss: Any, weighted: bool) -> None:
    output, target = backend.put(np.ones((2, 3))), backend.put([-100, -100])
    value, dy = loss(output, target, backend.put([1.0, 2.0]) if weighted else None)
    assert_on(backend, value, "float64", ())
    assert np.isnan(backend.get(value))
    np.testing.assert_array_equal(backend.get(dy), np.zeros((2, 3)))


@pytest.mark.parametrize("loss", LABEL_LOSSES, ids=repr)
def test_all_ignored_equals_pytorch(loss: Any) -> None:
    torch = pytest.importorskip("torch")
    x = torch.ones((2, 3), dtype=torch.float64, requires_grad=True)
    desired = torch_twin(torch, loss)(x, torch.tensor([-100, -100]))
    desired.backward()
    value, dy = loss(np.ones((2, 3)), np.array([-100, -100]))
    assert np.isnan(value)
    assert np.isnan(desired.item())
    np.testing.assert_array_equal(dy, x.grad)


@pytest.mark.parametrize("loss", [MSELoss(), CrossEntropyLoss(), KLDivLoss(reduction="batchmean")], ids=repr)
def test_weights_that_sum_to_nothing_give_nan_and_no_gradient(backend: Backend, loss: Any) -> None:
    output = backend.put([[0.5, 1.0], [2.0, 0.0]])
    value, dy = loss(output, output, backend.put([0.0, 0.0]))
    assert np.isnan(backend.get(value))
    np.testing.assert_array_equal(backend.get(dy), np.zeros((2, 2)))


@pytest.mark.parametrize("loss", LABEL_LOSSES, ids=repr)
@pytest.mark.parametrize("name", ["strict:device1", "torch:cpu"])
@pytest.mark.parametrize("label", [3, -1])
def test_an_invalid_label_on_a_device_makes_the_value_nan(loss: Any, name: str, label: int) -> None:
    if name.startswith("torch"):
        pytest.importorskip("torch")
    backend = Backend(name)
    output, target = backend.put(np.zeros((3, 3))), backend.put([0, label, -100])
    value, dy = loss(output, target)
    assert np.isnan(backend.get(value))
    assert np.isfinite(backend.get(dy)).all()
    terms, _ = type(loss)(loss.weight, reduction="none")(output, target)
    np.testing.assert_array_equal(np.isnan(backend.get(terms)), [False, True, False])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("classes", [3, 300])
def test_labels_may_be_any_integers(backend: Backend, dtype: str, classes: int) -> None:
    output = np.random.default_rng(0).normal(size=(4, classes))
    target = [0, 1, 2, 1]
    desired = CrossEntropyLoss()(output, np.array(target))
    actual = CrossEntropyLoss()(backend.put(output), backend.put(target, dtype))
    for a, d in zip(actual, desired, strict=True):
        assert_close(backend.get(a), d)


def test_an_ignored_row_may_hold_nan_without_spoiling_the_value(backend: Backend) -> None:
    output = backend.put([[0.0, 0.0], [math.nan, 0.0]])
    for loss in (CrossEntropyLoss(), CrossEntropyLoss(label_smoothing=0.1)):
        assert_close(backend.get(loss(output, backend.put([0, -100]))[0]), LN2)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_cross_entropy_agrees_with_the_oracles_on_any_options(data: Any) -> None:
    draw = data.draw
    batch, classes = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    extra = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    output = rng.normal(size=(batch, classes, *extra)) * draw(st.sampled_from([0.1, 1.0, 30.0]))
    soft = draw(st.booleans())
    loss = CrossEntropyLoss(
        draw(st.none() | st.lists(st.floats(0.1, 3.0), min_size=classes, max_size=classes)),
        # PyTorch refuses an ignored class beside probabilities.
        ignore_index=-100 if soft else draw(st.sampled_from([-100, 0, classes - 1])),
        reduction=draw(st.sampled_from(["mean", "sum", "none"])),
        label_smoothing=draw(st.sampled_from([0.0, 0.1, 1.0])),
    )
    if soft:
        target = rng.dirichlet(np.ones(classes), (batch, *extra))
        target = np.moveaxis(target, -1, 1)
    else:
        target = rng.integers(0, classes, (batch, *extra))
        target[rng.random(target.shape) < 0.2] = loss.ignore_index
    value, dy = loss(output, target)
    if not np.isnan(value).any():
        assert_close(value, naive(loss, output, target))
    if find_spec("torch") is None:
        return
    torch = importlib.import_module("torch")
    x = torch.tensor(output, requires_grad=True)
    desired = torch_twin(torch, loss)(x, torch.tensor(target))
    desired.sum().backward()
    # Where the loss is the rounding of 1, both have that rounding and no more.
    assert_close(value, desired.detach(), rtol=1e-12, atol=1e-14)
    assert_close(dy, x.grad, rtol=1e-10, atol=1e-14)
