"""The contract that every loss fulfils, case by case; see loss_cases.py."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

import nnxp.losses as losses
from nnxp._backend import namespace
from nnxp.losses import *  # noqa: F403  (eval of a repr needs the names)
from tests.backends import Backend, assert_close, assert_on
from tests.loss_cases import LOSS_CASES, LossCase, naive, naive_divisor, torch_twin

DTYPES = ["float32", "float64"]
# PyTorch's own rounding and ours add up over some ten operations.
TORCH_VALUE, TORCH_GRADIENT = 1e-12, 1e-10


def variants(case: LossCase) -> list[Any]:
    return [replace(case.loss, reduction=reduction) for reduction in case.reductions]


each_case = pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: case.name)
each_variant = pytest.mark.parametrize(
    ("case", "loss"),
    [pytest.param(case, loss, id=f"{case.name}-{loss.reduction}") for case in LOSS_CASES for loss in variants(case)],
)


def put_all(backend: Backend, case: LossCase, dtype: str = "float64", batch: int | None = None) -> list[Any]:
    """Bring a case's arrays to a backend; labels stay integers."""
    arrays = case.make(batch)
    return [backend.put(a, dtype if a.dtype == np.float64 else None) for a in arrays]


def terms_shape(case: LossCase) -> tuple[int, ...]:
    return (case.shape[0], *case.shape[2:]) if case.loss.accepts_indices else case.shape


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_value_equals_plain_loops(case: LossCase, loss: Any, weighted: bool) -> None:
    output, target, weight = case.make()
    sample_weight = weight if weighted else None
    value, _ = loss(output, target, sample_weight)
    assert_close(value, naive(loss, output, target, sample_weight))


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_gradient_equals_central_differences(case: LossCase, loss: Any, weighted: bool) -> None:
    output, target, weight = case.make()
    sample_weight = weight if weighted else None
    _, dy = loss(output, target, sample_weight)
    step = 1e-6
    numerical = np.empty_like(output)
    for place in np.ndindex(output.shape):
        shift = np.zeros_like(output)
        shift[place] = step
        above, below = (np.sum(loss(output + s, target, sample_weight)[0]) for s in (shift, -shift))
        numerical[place] = (above - below) / (2 * step)
    # Central differences are good to the square of the step, and to the rounding of the sum over the step.
    assert_close(dy, numerical, rtol=1e-6, atol=1e-8)


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_value_and_gradient_equal_pytorch(case: LossCase, loss: Any, weighted: bool) -> None:
    torch = pytest.importorskip("torch")
    output, target, weight = case.make()
    x = torch.tensor(output, requires_grad=True)
    with warnings.catch_warnings():
        # PyTorch warns that the mean of KLDivLoss is not the divergence.
        warnings.filterwarnings("ignore", message="reduction: 'mean' divides", category=UserWarning)
        if weighted:
            terms = torch_twin(torch, loss, reduction="none")(x, torch.tensor(target))
            desired = terms * torch.tensor(weight).reshape(-1, *(1,) * (terms.ndim - 1))
            if loss.reduction != "none":
                desired = desired.sum()
            if loss.reduction in ("mean", "batchmean"):
                desired = desired / naive_divisor(loss, output, target, weight)
        else:
            desired = torch_twin(torch, loss)(x, torch.tensor(target))
    desired.sum().backward()
    value, dy = loss(output, target, weight if weighted else None)
    assert_close(value, desired.detach(), rtol=TORCH_VALUE, atol=1e-14)
    assert_close(dy, x.grad, rtol=TORCH_GRADIENT, atol=1e-15)


@each_variant
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_follow_the_output_on_every_backend(backend: Backend, case: LossCase, loss: Any, dtype: str) -> None:
    output, target, weight = put_all(backend, case, dtype)
    host = case.make()
    for sample_weight, host_weight in ((None, None), (weight, host[2])):
        value, dy = loss(output, target, sample_weight)
        assert_on(backend, value, dtype, terms_shape(case) if loss.reduction == "none" else ())
        assert_on(backend, dy, dtype, case.shape)
        desired, desired_dy = loss(host[0], host[1], host_weight)
        assert_close(backend.get(value), desired, dtype)
        assert_close(backend.get(dy), desired_dy, dtype)


@each_variant
def test_inputs_are_not_modified(backend: Backend, case: LossCase, loss: Any) -> None:
    arrays = put_all(backend, case)
    loss(*arrays)
    for array, original in zip(arrays, case.make(), strict=True):
        np.testing.assert_array_equal(backend.get(array), original)


@each_variant
def test_the_gradient_shares_no_memory(case: LossCase, loss: Any) -> None:
    output, target, weight = case.make()
    value, dy = loss(output, target, weight)
    assert dy.flags.writeable
    assert not any(np.shares_memory(dy, array) for array in (output, target, weight, np.asarray(value)))


@each_case
def test_axes_may_lie_in_any_order_in_memory(backend: Backend, case: LossCase) -> None:
    arrays = put_all(backend, case)
    xp = namespace(arrays[0])
    scattered = []
    for array in arrays:
        backwards = tuple(reversed(range(array.ndim)))
        twice = xp.concat([xp.permute_dims(array, backwards)] * 2, axis=array.ndim - 1)
        scattered.append(xp.permute_dims(twice, backwards)[: array.shape[0], ...])
    for actual, desired in zip(case.loss(*scattered), case.loss(*arrays), strict=True):
        assert_close(backend.get(actual), backend.get(desired))


@each_case
def test_two_calls_agree_to_the_bit(backend: Backend, case: LossCase) -> None:
    arrays = put_all(backend, case, "float32")
    for first, second in zip(case.loss(*arrays), case.loss(*arrays), strict=True):
        np.testing.assert_array_equal(backend.get(first), backend.get(second))


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_an_empty_batch_has_a_mean_of_nan_and_a_sum_of_zero(
    backend: Backend, case: LossCase, loss: Any, weighted: bool
) -> None:
    output, target, weight = put_all(backend, case, batch=0)
    value, dy = loss(output, target, weight if weighted else None)
    assert tuple(dy.shape) == (0, *case.shape[1:])
    desired = {"sum": 0.0, "none": np.zeros((0, *terms_shape(case)[1:]))}.get(loss.reduction, np.nan)
    np.testing.assert_array_equal(backend.get(value), desired)


@each_variant
def test_a_weight_counts_as_repetition_does(case: LossCase, loss: Any) -> None:
    output, target, _ = case.make(batch=4)
    times = np.array([2, 0, 1, 3])
    value, dy = loss(output, target, times)
    repeated, repeated_dy = loss(np.repeat(output, times, axis=0), np.repeat(target, times, axis=0))
    assert_close(np.sum(value), np.sum(repeated))
    starts = np.cumsum(times) - times
    assert_close(
        dy,
        np.add.reduceat(np.concatenate([repeated_dy, 0 * repeated_dy[:1]]), starts)
        * (times > 0).reshape(-1, *(1,) * (dy.ndim - 1)),
    )


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_means_of_batches_average_by_their_denominators(
    backend: Backend, case: LossCase, loss: Any, weighted: bool
) -> None:
    if loss.reduction in ("sum", "none"):
        loss = replace(loss, reduction="mean")
    arrays = put_all(backend, case)
    if not weighted:
        arrays[2] = None
    total = count = 0.0
    for part in (slice(0, 2), slice(2, None)):
        pieces = [None if a is None else a[part, ...] for a in arrays]
        value = float(backend.get(loss(*pieces)[0]))
        divisor = loss.denominator(*pieces)
        divisor = divisor if isinstance(divisor, float) else float(backend.get(divisor))
        total, count = total + value * divisor, count + divisor
    assert_close(total / count, backend.get(loss(*arrays)[0]))


@each_variant
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_the_denominator_is_what_a_mean_divides_by(case: LossCase, loss: Any, weighted: bool) -> None:
    output, target, weight = case.make()
    sample_weight = weight if weighted else None
    assert_close(loss.denominator(output, target, sample_weight), naive_divisor(loss, output, target, sample_weight))


@each_case
@pytest.mark.parametrize("dtype", ["int64", "float64", "bool"])
def test_sample_weights_of_any_dtype_leave_the_results_their_own(backend: Backend, case: LossCase, dtype: str) -> None:
    output, target, _ = put_all(backend, case, "float32")
    ones = backend.put(np.ones(case.shape[0]), dtype)
    value, dy = case.loss(output, target, ones)
    assert_on(backend, value, "float32", ())
    assert_on(backend, dy, "float32", case.shape)
    assert_close(backend.get(value), backend.get(case.loss(output, target)[0]), "float32")


@each_variant
def test_no_value_is_read_back_from_the_device(case: LossCase, loss: Any) -> None:
    torch = pytest.importorskip("torch")
    # PyTorch's meta device has shapes and no values: whoever looks at one raises.
    output, target, weight = (torch.tensor(a).to("meta") for a in case.make())
    for sample_weight in (None, weight):
        value, dy = loss(output, target, sample_weight)
        assert value.shape == (terms_shape(case) if loss.reduction == "none" else ())
        assert dy.shape == case.shape
        assert value.dtype == dy.dtype == torch.float64
        loss.denominator(output, target, sample_weight)


@each_variant
def test_repr_rebuilds_and_equals_hash_alike(case: LossCase, loss: Any) -> None:
    again = eval(repr(loss))
    assert again == loss
    assert hash(again) == hash(loss)
    other = "sum" if loss.reduction != "sum" else "mean"
    assert replace(loss, reduction=other) != loss


@each_case
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
        assert (ours[name].kind is inspect.Parameter.KEYWORD_ONLY) == bool(omitted)


def test_every_public_loss_has_a_case() -> None:
    public = {getattr(losses, name) for name in losses.__all__} - {losses.Loss, losses.LossFunction}
    assert public == {type(case.loss) for case in LOSS_CASES}


def test_the_training_loop_is_told_what_it_asks() -> None:
    told = {
        name: (getattr(losses, name).accepts_indices, getattr(losses, name).probabilities)
        for name in losses.__all__
        if name != "LossFunction"
    }
    assert {name for name, (indices, _) in told.items() if indices} == {"CrossEntropyLoss", "NLLLoss"}
    assert {name: kind for name, (_, kind) in told.items() if kind} == {
        "CrossEntropyLoss": "softmax",
        "NLLLoss": "exp",
        "BCEWithLogitsLoss": "sigmoid",
        "BCELoss": "identity",
    }
