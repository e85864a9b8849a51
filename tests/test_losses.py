"""The contract that every loss fulfils, case by case; see loss_cases.py."""

from __future__ import annotations

import math
import warnings
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import nnxp.losses as losses
from nnxp._backend import namespace
from nnxp.losses import *  # noqa: F403  (eval of a repr needs the names)
from tests.backends import Backend, assert_close, assert_on
from tests.loss_cases import LOSS_CASES, LossCase, naive, naive_divisor, naive_terms, reduced_by, torch_twin

DTYPES = ["float32", "float64"]
# PyTorch's own rounding and ours add up over some ten operations.
TORCH_VALUE, TORCH_GRADIENT = 1e-12, 1e-10
NOT_IN_PYTORCH = {losses.FocalLoss, losses.WeightedSum}


def variants(case: LossCase) -> list[Any]:
    return [reduced_by(case.loss, reduction) for reduction in case.reductions]


each_case = pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: case.name)
each_variant = pytest.mark.parametrize(
    ("case", "loss"),
    [pytest.param(case, loss, id=f"{case.name}-{loss.reduction}") for case in LOSS_CASES for loss in variants(case)],
)


def put_all(
    backend: Backend, case: LossCase, dtype: str = "float64", batch: int | None = None
) -> tuple[list[Any], Any]:
    """Bring a case's arrays, and its weights, to a backend; labels stay integers."""
    arrays, weight = case.make(batch)
    return [backend.put(a, dtype if a.dtype == np.float64 else None) for a in arrays], backend.put(weight, dtype)


def terms_shape(case: LossCase) -> tuple[int, ...]:
    return naive_terms(case.loss, *case.make()[0]).shape


def parts(dy: Any) -> tuple[Any, ...]:
    """Return the gradients of a loss; one alone does not come in a tuple."""
    return dy if isinstance(dy, tuple) else (dy,)


def flat(result: tuple[Any, Any]) -> list[Any]:
    return [result[0], *parts(result[1])]


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_value_equals_plain_loops(case: LossCase, loss: Any, weighted: bool) -> None:
    arrays, weight = case.make()
    sample_weight = weight if weighted else None
    value, _ = loss(*arrays, sample_weight)
    assert_close(value, naive(loss, *arrays, sample_weight=sample_weight))


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_gradient_equals_central_differences(case: LossCase, loss: Any, weighted: bool) -> None:
    arrays, weight = case.make()
    sample_weight = weight if weighted else None
    _, dy = loss(*arrays, sample_weight)
    step = 1e-6
    for i, gradient in zip(case.at, parts(dy), strict=True):
        numerical = np.empty_like(arrays[i])
        for place in np.ndindex(numerical.shape):
            old, values = arrays[i][place], []
            for s in (step, -step):
                arrays[i][place] = old + s
                values.append(np.sum(loss(*arrays, sample_weight)[0]))
            arrays[i][place] = old
            numerical[place] = (values[0] - values[1]) / (2 * step)
        # Central differences are good to the square of the step, and to the rounding of the sum over the step.
        assert_close(gradient, numerical, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("case", "loss"),
    [
        pytest.param(case, loss, id=f"{case.name}-{loss.reduction}")
        for case in LOSS_CASES
        if type(case.loss) not in NOT_IN_PYTORCH
        for loss in variants(case)
    ],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_value_and_gradient_equal_pytorch(case: LossCase, loss: Any, weighted: bool) -> None:
    torch = pytest.importorskip("torch")
    arrays, weight = case.make()
    theirs = [torch.tensor(a, requires_grad=i in case.at) for i, a in enumerate(arrays)]
    with warnings.catch_warnings():
        # PyTorch warns that the mean of KLDivLoss is not the divergence.
        warnings.filterwarnings("ignore", message="reduction: 'mean' divides", category=UserWarning)
        if weighted:
            terms = torch_twin(torch, loss, reduction="none")(*theirs)
            desired = terms * torch.tensor(weight).reshape(-1, *(1,) * (terms.ndim - 1))
            if isinstance(loss, losses.CTCLoss) and loss.reduction == "mean":
                desired = desired / theirs[3].clamp(min=1)
            if loss.reduction != "none":
                desired = desired.sum()
            if loss.reduction in ("mean", "batchmean"):
                desired = desired / naive_divisor(loss, *arrays, sample_weight=weight)
        else:
            desired = torch_twin(torch, loss)(*theirs)
    desired.sum().backward()
    value, dy = loss(*arrays, weight if weighted else None)
    assert_close(value, desired.detach(), rtol=TORCH_VALUE, atol=1e-14)
    for i, gradient in zip(case.at, parts(dy), strict=True):
        if isinstance(loss, losses.CTCLoss):
            # PyTorch's has the backward of LogSoftmax in it already, which is the same the second time.
            gradient = gradient - np.exp(arrays[0]) * gradient.sum(axis=2, keepdims=True)
        assert_close(gradient, theirs[i].grad, rtol=TORCH_GRADIENT, atol=1e-15)


@each_variant
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_follow_the_output_on_every_backend(backend: Backend, case: LossCase, loss: Any, dtype: str) -> None:
    arrays, weight = put_all(backend, case, dtype)
    host, host_weight = case.make()
    for weights in ((None, None), (weight, host_weight)):
        value, dy = loss(*arrays, weights[0])
        assert_on(backend, value, dtype, terms_shape(case) if loss.reduction == "none" else ())
        desired, desired_dy = loss(*host, weights[1])
        assert_close(backend.get(value), desired, dtype)
        for i, gradient, exact in zip(case.at, parts(dy), parts(desired_dy), strict=True):
            assert_on(backend, gradient, dtype, tuple(arrays[i].shape))
            assert_close(backend.get(gradient), exact, dtype)


@each_variant
def test_inputs_are_not_modified(backend: Backend, case: LossCase, loss: Any) -> None:
    arrays, weight = put_all(backend, case)
    loss(*arrays, weight)
    originals, original_weight = case.make()
    for array, original in zip([*arrays, weight], [*originals, original_weight], strict=True):
        np.testing.assert_array_equal(backend.get(array), original)


@each_variant
def test_the_gradient_shares_no_memory(case: LossCase, loss: Any) -> None:
    arrays, weight = case.make()
    value, *gradients = flat(loss(*arrays, weight))
    for i, gradient in enumerate(gradients):
        assert gradient.flags.writeable
        others = [*arrays, weight, np.asarray(value), *gradients[:i]]
        assert not any(np.shares_memory(gradient, array) for array in others)


@each_case
def test_axes_may_lie_in_any_order_in_memory(backend: Backend, case: LossCase) -> None:
    arrays, weight = put_all(backend, case)
    arrays.append(weight)
    xp = namespace(weight)
    scattered = []
    for array in arrays:
        backwards = tuple(reversed(range(array.ndim)))
        twice = xp.concat([xp.permute_dims(array, backwards)] * 2, axis=array.ndim - 1)
        scattered.append(xp.permute_dims(twice, backwards)[: array.shape[0], ...])
    for actual, desired in zip(flat(case.loss(*scattered)), flat(case.loss(*arrays)), strict=True):
        assert_close(backend.get(actual), backend.get(desired))


@each_case
def test_two_calls_agree_to_the_bit(backend: Backend, case: LossCase) -> None:
    arrays, weight = put_all(backend, case, "float32")
    for first, second in zip(flat(case.loss(*arrays, weight)), flat(case.loss(*arrays, weight)), strict=True):
        np.testing.assert_array_equal(backend.get(first), backend.get(second))


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_an_empty_batch_has_a_mean_of_nan_and_a_sum_of_zero(
    backend: Backend, case: LossCase, loss: Any, weighted: bool
) -> None:
    arrays, weight = put_all(backend, case, batch=0)
    value, dy = loss(*arrays, weight if weighted else None)
    for i, gradient in zip(case.at, parts(dy), strict=True):
        assert tuple(gradient.shape) == tuple(arrays[i].shape)
        assert gradient.shape[case.batch_axis(i)] == 0
    desired = {"sum": 0.0, "none": np.zeros((0, *terms_shape(case)[1:]))}.get(loss.reduction, np.nan)
    np.testing.assert_array_equal(backend.get(value), desired)


@each_variant
def test_a_weight_counts_as_repetition_does(case: LossCase, loss: Any) -> None:
    arrays, _ = case.make(batch=4)
    times = np.array([2, 0, 1, 3])
    value, dy = loss(*arrays, times)
    repeated, repeated_dy = loss(*(np.repeat(a, times, axis=case.batch_axis(i)) for i, a in enumerate(arrays)))
    assert_close(np.sum(value), np.sum(repeated))
    starts = np.cumsum(times) - times
    for i, gradient, longer in zip(case.at, parts(dy), parts(repeated_dy), strict=True):
        gradient, longer = (np.moveaxis(g, case.batch_axis(i), 0) for g in (gradient, longer))
        summed = np.add.reduceat(np.concatenate([longer, 0 * longer[:1]]), starts)
        assert_close(gradient, summed * (times > 0).reshape(-1, *(1,) * (gradient.ndim - 1)))


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_means_of_batches_average_by_their_denominators(
    backend: Backend, case: LossCase, loss: Any, weighted: bool
) -> None:
    if loss.reduction in ("sum", "none"):
        loss = reduced_by(loss, "mean")
    arrays, weight = put_all(backend, case)
    arrays.append(weight if weighted else None)
    total = count = 0.0
    for part in (slice(0, 2), slice(2, None)):
        cuts = [(slice(None),) * case.batch_axis(i) + (part, ...) for i in range(len(arrays))]
        pieces = [None if a is None else a[cut] for a, cut in zip(arrays, cuts, strict=True)]
        value = float(backend.get(loss(*pieces)[0]))
        divisor = loss.denominator(*pieces)
        divisor = divisor if isinstance(divisor, float) else float(backend.get(divisor))
        total, count = total + value * divisor, count + divisor
    assert_close(total / count, backend.get(loss(*arrays)[0]))


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_the_denominator_is_what_a_mean_divides_by(case: LossCase, loss: Any, weighted: bool) -> None:
    arrays, weight = case.make()
    sample_weight = weight if weighted else None
    counted = naive_divisor(loss, *arrays, sample_weight=sample_weight)
    assert_close(loss.denominator(*arrays, sample_weight), counted)


@each_case
@pytest.mark.parametrize("dtype", ["int64", "float64", "bool"])
def test_sample_weights_of_any_dtype_leave_the_results_their_own(backend: Backend, case: LossCase, dtype: str) -> None:
    arrays, _ = put_all(backend, case, "float32")
    ones = backend.put(np.ones(case.shape[0]), dtype)
    value, dy = case.loss(*arrays, ones)
    assert_on(backend, value, "float32", ())
    for i, gradient in zip(case.at, parts(dy), strict=True):
        assert_on(backend, gradient, "float32", tuple(arrays[i].shape))
    assert_close(backend.get(value), backend.get(case.loss(*arrays)[0]), "float32")


@each_variant
def test_no_value_is_read_back_from_the_device(case: LossCase, loss: Any) -> None:
    torch = pytest.importorskip("torch")
    # PyTorch's meta device has shapes and no values: whoever looks at one raises.
    host, host_weight = case.make()
    *arrays, weight = (torch.tensor(a).to("meta") for a in (*host, host_weight))
    for sample_weight in (None, weight):
        value, dy = loss(*arrays, sample_weight)
        assert value.shape == (terms_shape(case) if loss.reduction == "none" else ())
        for i, gradient in zip(case.at, parts(dy), strict=True):
            assert gradient.shape == arrays[i].shape
            assert value.dtype == gradient.dtype == torch.float64
        loss.denominator(*arrays, sample_weight)


@each_variant
def test_repr_rebuilds_and_equals_hash_alike(case: LossCase, loss: Any) -> None:
    again = eval(repr(loss), globals() | {"inf": math.inf})
    assert again == loss
    assert hash(again) == hash(loss)
    other = "sum" if loss.reduction != "sum" else "mean"
    assert reduced_by(loss, other) != loss


@pytest.mark.parametrize(
    "case", [case for case in LOSS_CASES if type(case.loss) not in NOT_IN_PYTORCH], ids=lambda case: case.name
)
def test_fields_are_pytorchs(case: LossCase) -> None:
    torch = pytest.importorskip("torch")
    import inspect

    theirs = inspect.signature(getattr(torch.nn, type(case.loss).__name__)).parameters
    names = list(theirs)
    kept = [name for name in names if name not in ("size_average", "reduce")]
    assert [f.name for f in fields(case.loss)] == kept
    ours = inspect.signature(type(case.loss)).parameters
    for name in kept:
        assert ours[name].default == theirs[name].default
        omitted = {"size_average", "reduce"} & set(names[: names.index(name)])
        by_name = inspect.Parameter.KEYWORD_ONLY
        assert (ours[name].kind is by_name) == (bool(omitted) or theirs[name].kind is by_name)


def test_every_public_loss_has_a_case() -> None:
    # PerOutput takes tuples: its tests are elsewhere.
    public = {getattr(losses, name) for name in losses.__all__} - {losses.Loss, losses.LossFunction, losses.PerOutput}
    assert public == {type(case.loss) for case in LOSS_CASES}


def test_the_training_loop_is_told_what_it_asks() -> None:
    told = {
        name: (getattr(losses, name).accepts_indices, getattr(losses, name).probabilities)
        for name in losses.__all__
        if name not in ("LossFunction", "PerOutput", "WeightedSum")  # whose parts decide
    }
    assert {name for name, (indices, _) in told.items() if indices} == {
        "CrossEntropyLoss", "NLLLoss", "MultiMarginLoss", "MultiLabelMarginLoss", "CTCLoss",
    }  # fmt: skip
    assert {name: kind for name, (_, kind) in told.items() if kind} == {
        "CrossEntropyLoss": "softmax",
        "NLLLoss": "exp",
        "BCEWithLogitsLoss": "sigmoid",
        "BCELoss": "identity",
        "FocalLoss": "sigmoid",
        "MultiLabelSoftMarginLoss": "sigmoid",
        "SoftMarginLoss": "sigmoid",
    }
