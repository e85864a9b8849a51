"""The flat store: one vector seen through named views, runs, freezing, and the state dict."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nnxp._parameters import Run
from nnxp.layers import Activation, BufferSpec, Layer, Linear, ReLU, Sequential, Standardize, Tanh
from nnxp.network import Network
from tests.backends import Backend, assert_close

MODEL = Sequential(Linear(4, 3), Tanh(), Linear(3, 2, bias=False), Linear(2, 2))
NAMES = ["0.weight", "0.bias", "2.weight", "3.weight", "3.bias"]
SIZES = [12, 3, 6, 4, 2]


def build(backend: Backend) -> Network:
    return Network(MODEL, device=backend.device, seed=0)


def ones(backend: Backend, shape: tuple[int, ...] = (5, 4)) -> Any:
    return backend.put(np.ones(shape), "float32")


def run_both_ways(net: Network, x: Any) -> Any:
    y, cache = net.forward(x)
    return net.backward(cache, y)


# -- vectors and views -------------------------------------------------------------------------------


def test_vectors_hold_all_parameters_in_model_order(backend: Backend) -> None:
    net = build(backend)
    assert list(net.parameters) == NAMES
    stops = np.cumsum(SIZES).tolist()
    assert [(s.start, s.stop) for s in net.layout.values()] == list(zip([0, *stops], stops, strict=False))
    assert tuple(net.theta.shape) == tuple(net.gradient.shape) == (27,)
    flat = np.concatenate([backend.get(p).reshape(-1) for p in net.parameters.values()])
    np.testing.assert_array_equal(flat, backend.get(net.theta))


def test_views_and_vectors_are_the_same_memory(backend: Backend) -> None:
    net = build(backend)
    net.theta += 1.0
    np.testing.assert_array_equal(backend.get(net.parameters["3.bias"]), backend.get(net.theta)[-2:])
    net.parameters["0.weight"][0, 0] = 9.0
    assert backend.get(net.theta)[0] == 9.0
    before = net.theta
    net.theta = net.theta * 0.0
    assert net.theta is before
    assert not backend.get(net.parameters["0.weight"]).any()


def test_assigning_a_name_writes_into_the_vector(backend: Backend) -> None:
    net = build(backend)
    before = net.parameters["3.bias"]
    net.parameters["3.bias"] = ones(backend, (2,))
    net.parameters["3.bias"] += 1.0
    assert net.parameters["3.bias"] is before
    np.testing.assert_array_equal(backend.get(net.theta)[-2:], [2.0, 2.0])
    net.gradients["3.bias"] = ones(backend, (2,))
    np.testing.assert_array_equal(backend.get(net.gradient)[-2:], [1.0, 1.0])
    other = Network(Counter(), device=backend.device)
    other.buffers["seen"] = ones(backend, (2,)) * 5.0
    np.testing.assert_array_equal(backend.get(other.views.seen), [5.0, 5.0])
    with pytest.raises(KeyError, match=r"3\.bais"):
        net.parameters["3.bais"] = ones(backend, (2,))
    assert "3.bias" in repr(net.parameters)


def test_gradient_is_a_vector_of_the_named_gradients(backend: Backend) -> None:
    net = build(backend)
    run_both_ways(net, ones(backend))
    flat = np.concatenate([backend.get(g).reshape(-1) for g in net.gradients.values()])
    np.testing.assert_array_equal(flat, backend.get(net.gradient))
    net.gradient *= 0.0
    assert not backend.get(net.gradients["0.weight"]).any()


def test_backward_overwrites_what_was_there(backend: Backend) -> None:
    net = build(backend)
    run_both_ways(net, ones(backend))
    first = np.array(backend.get(net.gradient))
    net.gradient += 100.0
    run_both_ways(net, ones(backend))
    np.testing.assert_array_equal(backend.get(net.gradient), first)


def test_model_without_parameters_has_empty_vectors(backend: Backend) -> None:
    net = Network(ReLU(), device=backend.device)
    assert tuple(net.theta.shape) == (0,)
    assert net.runs() == []
    assert net.state_dict() == {}
    net.load_state_dict({})


def test_unknown_array_of_a_layer_is_named_in_the_error() -> None:
    net = Network(Linear(2, 1))
    with pytest.raises(AttributeError, match=re.escape("expected one of ['bias', 'weight'], got 'wieght'")):
        _ = net._store.p.wieght


# -- runs and freezing -------------------------------------------------------------------------------


def test_runs_are_merged_where_all_is_treated_alike(backend: Backend) -> None:
    net = build(backend)
    assert net.runs() == [Run(0, 27, 1.0, True)]
    assert net.runs(weights_only=True) == [
        Run(0, 12, 1.0, True), Run(12, 15, 1.0, False), Run(15, 25, 1.0, True), Run(25, 27, 1.0, False),
    ]  # fmt: skip


def test_frozen_stretches_are_left_out_of_the_runs(backend: Backend) -> None:
    net = build(backend)
    net.freeze("2.*")
    assert net.frozen == ["2.weight"]
    assert net.runs() == [Run(0, 15, 1.0, True), Run(21, 27, 1.0, True)]
    net.freeze("*.bias")
    assert net.runs() == [Run(0, 12, 1.0, True), Run(21, 25, 1.0, True)]
    net.unfreeze()
    assert net.runs() == [Run(0, 27, 1.0, True)]
    Network(ReLU(), device=backend.device).unfreeze()


def test_rates_are_scaled_by_pattern(backend: Backend) -> None:
    net = build(backend)
    net.scale_lr("3.*", 0.1)
    assert net.runs() == [Run(0, 21, 1.0, True), Run(21, 27, 0.1, True)]


def test_frozen_parameters_have_no_gradient_and_the_others_their_own(backend: Backend) -> None:
    net, free = build(backend), build(backend)
    dx = run_both_ways(net, ones(backend))  # leaves a gradient that freezing must clear
    net.freeze("0.weight")
    net.freeze("3.*")
    frozen_dx = run_both_ways(net, ones(backend))
    run_both_ways(free, ones(backend))
    for name in NAMES:
        expected = backend.get(free.gradients[name]) * (name not in net.frozen)
        assert_close(backend.get(net.gradients[name]), expected, "float32")
        assert not (name in net.frozen and backend.get(net.gradients[name]).any())
    assert_close(backend.get(frozen_dx), backend.get(dx), "float32")
    net.unfreeze("0.*")
    run_both_ways(net, ones(backend))
    assert_close(backend.get(net.gradients["0.weight"]), backend.get(free.gradients["0.weight"]), "float32")


def refuse(x: Any) -> Any:
    raise AssertionError("nothing before the first trained layer is wanted")


def test_nothing_before_the_first_trained_layer_is_computed(backend: Backend) -> None:
    model = Sequential(Linear(4, 3), Sequential(Activation(abs, refuse), Linear(3, 3)), ReLU(), Linear(3, 2))
    net = Network(model, device=backend.device, seed=0)
    net.freeze("0.*")
    net.freeze("1.*")
    y, cache = net.run((ones(backend),), net.mode(training=True, input_gradient=False))
    assert net.run_backward(cache, y) is None
    assert np.any(backend.get(net.gradients["3.weight"]))
    net.unfreeze("0.bias")
    y, cache = net.run((ones(backend),), net.mode(training=True, input_gradient=False))
    with pytest.raises(AssertionError, match="nothing before"):
        net.run_backward(cache, y)


# -- state dict --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counter(Layer):
    """Counts its batches, as a normalisation does."""

    def buffers(self, in_shape: Any) -> dict[str, BufferSpec]:
        return {"count": BufferSpec((), 0, "int64"), "seen": BufferSpec((2,), (1.0, 2.0))}

    def forward(self, p: Any, x: Any, mode: Any) -> Any:
        if mode.training:
            p.count[...] = p.count + 1
        return x, None

    def backward(self, p: Any, g: Any, cache: None, dy: Any) -> Any:
        return dy


def test_buffers_keep_their_dtype_and_travel_in_model_order(backend: Backend) -> None:
    net = Network(Sequential(Linear(4, 2), Counter(), Linear(2, 2)), device=backend.device, seed=0)
    for _ in range(3):
        net.forward(ones(backend), training=True)
    net.forward(ones(backend))
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "1.count", "1.seen", "2.weight", "2.bias"]
    assert (state["1.count"], state["1.count"].dtype, state["1.seen"].dtype) == (3, "int64", "float32")
    other = Network(net.model, device=backend.device, seed=1)
    other.load_state_dict(state)
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
        assert value.dtype == state[name].dtype


def test_buffers_load_on_a_device_without_float64() -> None:
    net = Network(Counter(), device="strict:no_float64")
    net.load_state_dict({"count": np.array(2.0), "seen": np.array([3.0, 4.0])})
    assert (net.state_dict()["count"], net.state_dict()["seen"].tolist()) == (2, [3.0, 4.0])


def test_a_snapshot_restores_buffers(backend: Backend) -> None:
    net = Network(Counter(), device=backend.device)
    before = net.snapshot()
    net.forward(ones(backend), training=True)
    assert net.state_dict()["count"] == 1
    net.restore(before)
    assert net.state_dict()["count"] == 0


def test_state_dict_is_a_copy(backend: Backend) -> None:
    net = Network(Sequential(Standardize(1.0, 2.0), Linear(4, 2)), device=backend.device, seed=0)
    state = net.state_dict()
    for value in state.values():
        value[...] = 7.0
    assert not any((value == 7.0).any() for value in net.state_dict().values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_state_dict_of_pytorch_loads_as_it_is(dtype: str, backend: Backend) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    theirs = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2, bias=False), nn.Linear(2, 2)).to(
        getattr(torch, dtype)
    )
    net = Network(MODEL, device=backend.device, dtype=dtype, seed=0)
    net.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(dtype)
    y, _ = net.forward(backend.put(x))
    assert_close(backend.get(y), theirs(torch.from_numpy(x)).detach().numpy(), dtype)


def test_state_dict_of_ours_loads_into_pytorch() -> None:
    torch = pytest.importorskip("torch")
    net, theirs = Network(Linear(4, 3), seed=0), torch.nn.Linear(4, 3)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in net.state_dict().items()})
    x = np.ones((2, 4), "float32")
    assert_close(net.forward(x)[0], theirs(torch.from_numpy(x)).detach().numpy(), "float32")


def test_wrong_mapping_is_refused_with_everything_that_is_wrong_and_changes_nothing(backend: Backend) -> None:
    net = build(backend)
    before = np.array(backend.get(net.theta))
    state = net.state_dict()
    del state["0.bias"], state["3.bias"]
    state["2.weight"] = np.zeros((3, 3), "float32")
    state["9.weight"] = np.zeros((1,), "float32")
    sentence = (
        "Network.load_state_dict: expected the 5 arrays of this model, got "
        "missing 0.bias, missing 3.bias, unknown 9.weight, 2.weight of shape (3, 3) instead of (2, 3)"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        net.load_state_dict(state)
    np.testing.assert_array_equal(backend.get(net.theta), before)


@pytest.mark.parametrize("method", ["freeze", "unfreeze"])
def test_pattern_that_fits_nothing_is_refused(method: str) -> None:
    sentence = f"Network.{method}: expected a pattern that fits one of weight, bias, got '1.*'"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        getattr(Network(Linear(2, 1)), method)("1.*")


def test_bad_factors_of_the_rate_are_refused() -> None:
    net = Network(Linear(2, 1))
    with pytest.raises(ValueError, match=re.escape("Network.scale_lr: expected factor in [0, inf), got -1.0")):
        net.scale_lr("*", -1.0)
    with pytest.raises(
        ValueError, match=re.escape("Network.scale_lr: expected a pattern that fits one of weight, bias")
    ):
        net.scale_lr("1.*", 1.0)


def test_what_fits_is_taken_and_the_rest_is_told(backend: Backend) -> None:
    net = Network(Sequential(Linear(3, 2), Standardize(1.0, 2.0)), device=backend.device, seed=0)
    before = net.state_dict()
    given = {"0.weight": np.full((2, 3), 5.0), "0.bias": np.zeros(7), "1.mean": np.array(4.0), "9.bias": np.zeros(2)}
    wrong = net.load_state_dict(given, strict=False)
    assert wrong == ["missing 1.std", "unknown 9.bias", "0.bias of shape (7,) instead of (2,)"]
    after = net.state_dict()
    assert np.all(after["0.weight"] == 5.0)
    assert after["1.mean"] == 4.0
    for name in ("0.bias", "1.std"):
        np.testing.assert_array_equal(after[name], before[name])
    assert net.load_state_dict(before) == []
    np.testing.assert_array_equal(net.state_dict()["0.weight"], before["0.weight"])
