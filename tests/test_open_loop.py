"""The loop in the open takes short ways where a network is small; what they pass by is not missed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from nnxp import SGD, Adam, CrossEntropyLoss, Layer, Linear, Network, Optimizer, ReLU, Sequential, Tanh
from nnxp._backend import library_of
from nnxp._backend.numpy import NumPyLibrary
from tests.backends import Backend, assert_close

MODEL = Sequential(Linear(4, 5), ReLU(), Linear(5, 3), Tanh())
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
LABELS = np.array([0, 2, 1, 1, 0, 2])


def step(net: Network, x: Any, labels: Any, optimizer: Optimizer) -> list[Any]:
    """Make a step; return the loss, both gradients and theta."""
    y, cache = net.forward(x, training=True)
    value, dy = CrossEntropyLoss()(y, labels)
    dx = net.backward(cache, dy)
    optimizer.update(net)
    return [np.array(net.device.get(part)) for part in (value, dx, net.gradient, net.theta)]


def test_a_step_anywhere_is_that_of_the_host(backend: Backend) -> None:
    steps = [
        step(Network(MODEL, device=device.device, seed=0), device.put(X), device.put(LABELS), Adam(lr=0.1))
        for device in (backend, Backend("strict"))
    ]
    for here, there in zip(*steps, strict=True):
        assert_close(here, there, "float32")


def test_every_pass_and_update_works_with_the_network_s_device_current(monkeypatch: pytest.MonkeyPatch) -> None:
    within: list[str] = []

    @contextmanager
    def current(handle: Any) -> Iterator[None]:
        within.append(str(handle))
        yield
        within.append("left")

    @dataclass(frozen=True)
    class Same(Layer):
        def forward(self, p: Any, x: Any, mode: Any) -> Any:
            within.append("forward")
            return x, None

        def backward(self, p: Any, g: Any, cache: Any, dy: Any) -> Any:
            within.append("backward")
            return dy

    @dataclass(frozen=True)
    class Still(Optimizer):
        def step_run(self, *given: Any) -> None:
            within.append("update")

    net = Network(Sequential(Same(), Linear(4, 4)), device="strict:device1", seed=0)
    x = net.device.put(X)
    Still().claim(net)
    monkeypatch.setattr(net.device.library, "context", current)
    y, cache = net.forward(x)
    net.backward(cache, y)
    Still().update(net)
    place = str(net.device.handle)
    assert within == [word for work in ("forward", "backward", "update") for word in (place, work, "left")]


# -- arrays of every kind ----------------------------------------------------------------------------


def askew(x: Any) -> Any:
    """Copy to memory that begins at an odd address."""
    raw = np.empty(x.nbytes + 1, np.uint8)
    y = raw[1:].view(x.dtype).reshape(x.shape)
    y[...] = x
    assert not y.flags.aligned
    return y


def reversed_rows(x: Any) -> Any:
    return x[::-1].copy()[::-1]


def read_only(x: Any) -> Any:
    y = x.copy()
    y.setflags(write=False)
    return y


class Kind(np.ndarray[Any, Any]):
    """NumPy's, but of another type."""


@pytest.mark.parametrize(
    "laid", [askew, reversed_rows, read_only, np.asfortranarray, lambda x: x.copy().view(Kind)],
    ids=["askew", "reversed", "read only", "columns", "a subclass"],
)  # fmt: skip
def test_however_arrays_lie_the_step_is_the_same(laid: Any) -> None:
    results = []
    for way in (np.array, laid):
        net = Network(MODEL, seed=0)
        y, cache = net.forward(way(X), training=True)
        value, dy = CrossEntropyLoss()(way(y), way(LABELS))
        results.append([value, net.backward(cache, way(dy)), net.gradient])
    for here, there in zip(*results, strict=True):
        assert_close(here, there, "float32")


@pytest.mark.parametrize("smoothing", [0, 1])
def test_a_smoothing_given_as_a_whole_number_is_that_number(smoothing: int) -> None:
    output = X[:, :3].copy()
    for here, there in zip(
        CrossEntropyLoss(label_smoothing=smoothing)(output, LABELS),
        CrossEntropyLoss(label_smoothing=float(smoothing)).in_full(output, LABELS, None),
        strict=True,
    ):
        assert here.dtype == "float32"
        assert_close(here, there, "float32")


def test_a_function_of_arrays_goes_the_way_of_each_library_in_turn(backend: Backend) -> None:
    loss, output = CrossEntropyLoss(), X[:, :3].copy()
    expected = loss(output, LABELS)
    for device in (backend, Backend("strict"), backend):
        found = loss(device.put(output), device.put(LABELS))
        for here, there in zip(found, expected, strict=True):
            assert library_of(here) is device.device.library
            assert_close(device.get(here), there, "float32")


def test_a_library_s_faster_ways_can_be_taken_away_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Network(MODEL, seed=0)
    net.forward(X)
    monkeypatch.setattr(NumPyLibrary, "faster", {})
    assert type(net.forward(X)[1].layers) is tuple


def test_what_is_no_array_is_refused_each_time_it_comes() -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match=r"expected an array of NumPy, CuPy, PyTorch or array-api-strict, got list"):
            CrossEntropyLoss()([[0.0, 1.0]], LABELS[:1])  # type: ignore[arg-type]


def test_a_stack_whose_input_has_the_wrong_size_is_refused_after_good_ones() -> None:
    net = Network(MODEL, seed=0)
    net.forward(X)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^Linear.forward: expected x of shape \(\*batch, 4\), got \(6, 3\)$"):
            net.forward(X[:, :3].copy())


# -- optimizers --------------------------------------------------------------------------------------


def test_an_optimizer_that_has_worked_is_the_value_that_it_was() -> None:
    adam, net = Adam(lr=0.1), Network(MODEL, seed=0)
    step(net, X, LABELS, adam)
    for same in (Adam(lr=0.1), copy.deepcopy(adam), pickle.loads(pickle.dumps(adam))):
        assert (same, hash(same), repr(same)) == (adam, hash(adam), repr(adam))
        assert same.owns(net)
    assert not replace(adam, amsgrad=True).owns(net)
    step(net, X, LABELS, replace(adam, amsgrad=True))
    assert [*net.optimizer_state] == ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    assert not adam.owns(net)


@dataclass(frozen=True, slots=True)
class Slotted(Optimizer):
    lr: float = 0.5

    def initial_state(self) -> dict[str, float]:
        return {"sum": 0.0}

    def step_run(self, theta: Any, gradient: Any, state: Any, lr: Any, t: Any, weight_decay: float) -> None:
        state["sum"] += gradient
        theta -= lr * state["sum"]


def test_an_optimizer_of_ones_own_may_have_slots(backend: Backend) -> None:
    net = Network(Linear(2, 1), device=backend.device, seed=0)
    start = np.array(backend.get(net.theta))
    net.gradient = backend.put(np.ones(3), "float32")
    for _ in range(2):
        Slotted().update(net)
    assert_close(backend.get(net.theta), start - 1.5, "float32")


@pytest.mark.parametrize("optimizer", [SGD(lr=0.1), SGD(lr=0.1, momentum=0.9), Adam(lr=0.1)])
def test_steps_on_one_network_do_not_show_on_another_of_the_same_model(optimizer: Optimizer) -> None:
    nets = [Network(MODEL, seed=0) for _ in range(2)]
    alone = [step(nets[0], X, LABELS, optimizer)[-1] for _ in range(4)]
    other = Network(MODEL, seed=1, dtype="float64")
    in_turn = []
    for _ in range(4):
        in_turn.append(step(nets[1], X, LABELS, optimizer)[-1])
        step(other, X.astype("float64")[:3], LABELS[:3], optimizer)
    np.testing.assert_array_equal(alone, in_turn)
