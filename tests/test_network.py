"""The network: building, the vectors, forward and backward, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nnxp import (
    LSTM,
    BatchNorm1d,
    Conv2d,
    ConvTranspose2d,
    Device,
    Embedding,
    GRUCell,
    Layer,
    Linear,
    MultiheadAttention,
    Network,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Standardize,
    Tanh,
    initializers,
)
from nnxp.layers import Mode, ParameterSpec, Views
from tests.backends import Backend, assert_close, assert_on

MODEL = Sequential(Linear(4, 5), Tanh(), Linear(5, 3))


def sentence(text: str) -> str:
    return f"^{re.escape(text)}$"


@pytest.fixture
def net(backend: Backend) -> Network:
    return Network(MODEL, device=backend.device, seed=0)


def batch(backend: Backend, rows: int = 2) -> Any:
    return backend.put(np.random.default_rng(0).normal(size=(rows, 4)), "float32")


def test_the_views_are_slices_of_the_vectors(net: Network, backend: Backend) -> None:
    assert_on(backend, net.theta, "float32", (4 * 5 + 5 + 5 * 3 + 3,))
    with net.device.context():
        net.theta[...] = backend.put(np.arange(43.0), "float32")
        np.testing.assert_array_equal(backend.get(net.parameters["2.bias"]), [40, 41, 42])
        net.parameters["0.weight"][...] = backend.device.xp.zeros_like(net.parameters["0.weight"])
    np.testing.assert_array_equal(backend.get(net.theta)[:21], [0.0] * 20 + [20.0])


def test_assigning_theta_keeps_the_views(net: Network, backend: Backend) -> None:
    net.theta = backend.put(np.ones(43), "float32")
    net.theta += 1.0
    np.testing.assert_array_equal(backend.get(net.parameters["0.bias"]), np.full(5, 2.0))
    net.gradient = backend.put(np.ones(43), "float32")
    net.gradient *= 3.0
    np.testing.assert_array_equal(backend.get(net.gradients["0.bias"]), np.full(5, 3.0))


def test_backward_fills_the_gradient_and_returns_dx(net: Network, backend: Backend) -> None:
    x = batch(backend)
    y, cache = net.forward(x, training=True)
    assert_on(backend, y, "float32", (2, 3))
    assert_on(backend, net.backward(cache, y), "float32", (2, 4))
    first = np.array(backend.get(net.gradient))
    net.backward(cache, y)
    np.testing.assert_array_equal(backend.get(net.gradient), first)
    assert np.all(first[40:] == np.asarray(backend.get(y)).sum(axis=0))


def test_an_old_cache_is_refused(net: Network, backend: Backend) -> None:
    y, cache = net.forward(batch(backend))
    net.theta += 1.0
    text = "Network.backward: expected a cache of the present theta, got one from before it moved; run forward again after an update"
    with pytest.raises(RuntimeError, match=sentence(text)):
        net.backward(cache, y)


def test_a_dy_of_another_shape_is_refused(net: Network, backend: Backend) -> None:
    _, cache = net.forward(batch(backend))
    with pytest.raises(ValueError, match=sentence("Network.backward: expected dy of shape (2, 3), got (2, 4)")):
        net.backward(cache, batch(backend))


@dataclass(frozen=True)
class Twice(Layer):
    """Two outputs of one input."""

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        return (x, (x + x,)), None

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        first, (second,) = dy
        return first if second is None else first + second + second


def test_dy_is_nested_as_the_output_and_none_means_zero(backend: Backend) -> None:
    net = Network(Twice(), device=backend.device)
    x = batch(backend)
    _, cache = net.forward(x)
    assert_close(backend.get(net.backward(cache, (x, (x,)))), 3.0 * backend.get(x), "float32")
    assert_close(backend.get(net.backward(cache, (x, (None,)))), backend.get(x), "float32")
    for dy, got in [((x, x), "((2, 4), (2, 4))"), (x, "(2, 4)"), ((x, (x[:1, :],)), "((2, 4), ((1, 4),))")]:
        text = f"Network.backward: expected dy of shape ((2, 4), ((2, 4),)), got {got}"
        with pytest.raises(ValueError, match=sentence(text)):
            net.backward(cache, dy)


def test_a_single_dy_is_no_tuple(net: Network, backend: Backend) -> None:
    y, cache = net.forward(batch(backend))
    for dy, got in [((y,), "((2, 3),)"), ((y, y), "((2, 3), (2, 3))"), (None, "None")]:
        with pytest.raises(ValueError, match=sentence(f"Network.backward: expected dy of shape (2, 3), got {got}")):
            net.backward(cache, dy)


def test_dy_from_elsewhere_is_refused(net: Network) -> None:
    other = Device("strict:device2")
    _, cache = net.forward(net.device.put(np.ones((2, 4)), "float32"))
    text = f"Network.backward: expected dy on {net.device}, got an array on strict:device2; move it: net.device.put(dy, 'float32')"
    with pytest.raises(TypeError, match=sentence(text)):
        net.backward(cache, other.put(np.ones((2, 3)), "float32"))
    text = "Network.backward: expected dy of dtype float32, got float64; cast it: net.device.put(dy, 'float32')"
    with pytest.raises(TypeError, match=re.escape(text).replace("float64", r"(\w+\.)?float64")):
        net.backward(cache, net.device.put(np.ones((2, 3)), "float64"))


def test_an_array_from_elsewhere_is_refused_by_the_first_layer(backend: Backend) -> None:
    net = Network(MODEL, device="strict:device2", seed=0)
    text = f"Linear.forward: expected x on strict:device2, got an array on {backend.device}; move it: net.device.put(x, 'float32')"
    with pytest.raises(TypeError, match=sentence(text)):
        net.forward(batch(backend))


def test_a_list_is_refused_by_forward() -> None:
    text = "Linear.forward: expected x on cpu, got a list; move it: net.device.put(x, 'float32')"
    with pytest.raises(TypeError, match=sentence(text)):
        Network(MODEL, seed=0).forward([[1.0, 2.0, 3.0, 4.0]])


def test_another_dtype_is_refused() -> None:
    text = "Linear.forward: expected x of dtype float32, got float64; cast it: net.device.put(x, 'float32')"
    with pytest.raises(TypeError, match=sentence(text)):
        Network(MODEL, seed=0).forward(np.zeros((2, 4)))


def test_a_batch_is_held_against_the_input_shape() -> None:
    net = Network(Sequential(Linear(4, 2)), input_shape=(None, 4), seed=0)
    assert net.output_shape == (None, 2)
    assert net.forward(np.zeros((2, 7, 4), np.float32))[0].shape == (2, 7, 2)
    text = "Linear.forward: expected x of shape (batch, *, 4), got (2, 4)"
    with pytest.raises(ValueError, match=sentence(text)):
        net.forward(np.zeros((2, 4), np.float32))


def test_sizes_of_none_are_inferred() -> None:
    net = Network(Sequential(Linear(None, 5), ReLU(), Parallel(Linear(None, 2), Linear(None, 3), combine="concatenate"), Linear(None, 1)), input_shape=(4,))  # fmt: skip
    assert net.parameters["0.weight"].shape == (5, 4)
    assert net.parameters["2.1.weight"].shape == (3, 5)
    assert net.parameters["3.weight"].shape == (1, 5)


def test_an_unknown_size_is_refused_when_the_network_is_built() -> None:
    text = "Linear: expected in_features to be known when the network is built, got None; give in_features, or Network(..., input_shape=...)"
    with pytest.raises(ValueError, match=sentence(text)):
        Network(Linear(None, 3))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"model": [Linear(2, 2)]}, "Network: expected model to be a Layer, got [Linear(in_features=2, out_features=2, bias=True)]; put several layers into a Sequential"),
        ({"dtype": "float16"}, "Network: expected dtype to be one of 'float32', 'float64', got 'float16'"),
        ({"seed": -1}, "Network: expected seed to be a whole number of at least 0, got -1"),
        ({"seed": 1.5}, "Network: expected seed to be a whole number of at least 0, got 1.5"),
        ({"init": {"9.*": initializers.zeros()}}, "Network: expected a pattern that fits one of 0.weight, 0.bias, 2.weight, 2.bias, got '9.*'"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence(text)):
        Network(**{"model": MODEL, **arguments})


def test_the_first_pattern_that_fits_initializes() -> None:
    net = Network(MODEL, init={"0.weight": initializers.constant(2.0), "*.weight": initializers.zeros()}, seed=0)
    assert np.all(net.parameters["0.weight"] == 2.0)
    assert np.all(net.parameters["2.weight"] == 0.0)
    assert np.any(net.parameters["0.bias"] != 0.0)


def test_a_seed_is_drawn_and_kept() -> None:
    net = Network(MODEL)
    np.testing.assert_array_equal(Network(MODEL, seed=net.seed).theta, net.theta)
    assert Network(MODEL).seed != net.seed


def test_the_same_seed_starts_the_same_network_everywhere(net: Network, backend: Backend) -> None:
    np.testing.assert_array_equal(backend.get(net.theta), Network(MODEL, seed=0).theta)


def test_a_clone_is_independent(net: Network, backend: Backend) -> None:
    net.freeze("0.*")
    net.step = 7
    other = net.clone()
    assert other.device == net.device
    assert (other.step, other.frozen) == (7, ["0.weight", "0.bias"])
    other.theta += 1.0
    assert not np.any(np.asarray(backend.get(other.theta)) == np.asarray(backend.get(net.theta)))


def test_a_network_moves_to_another_device_and_dtype(net: Network, backend: Backend) -> None:
    other = net.to("strict:device2", dtype="float64")
    assert str(other.device) == "strict:device2"
    assert_close(other.device.get(other.theta), backend.get(net.theta), rtol=0, atol=0)


def test_what_is_frozen_gets_no_gradient_and_stops_backward(net: Network, backend: Backend) -> None:
    y, cache = net.forward(batch(backend), training=True)
    net.backward(cache, y)
    net.freeze("0.*")
    y, cache = net.forward(batch(backend), training=True)
    net.backward(cache, y)
    gradient = np.asarray(backend.get(net.gradient))
    assert np.all(gradient[:25] == 0.0)
    assert np.any(gradient[25:] != 0.0)
    assert net.runs() == [(25, 43, 1.0, True)]
    net.unfreeze()
    assert net.runs() == [(0, 43, 1.0, True)]


def test_runs_merge_neighbours_that_are_treated_alike() -> None:
    net = Network(MODEL, seed=0)
    assert net.runs(weights_only=True) == [
        (0, 20, 1.0, True),
        (20, 25, 1.0, False),
        (25, 40, 1.0, True),
        (40, 43, 1.0, False),
    ]
    net.scale_lr("2.*", 0.1)
    assert net.runs() == [(0, 25, 1.0, True), (25, 43, 0.1, True)]


def test_a_snapshot_restores_parameters(net: Network, backend: Backend) -> None:
    before = np.array(backend.get(net.theta))
    kept = net.snapshot()
    net.theta += 1.0
    net.restore(kept)
    np.testing.assert_array_equal(backend.get(net.theta), before)


@dataclass(frozen=True)
class Gate(Layer):
    """Runs its second layer never: its gradient must be 0, not what was left from before."""

    used: Layer
    unused: Layer
    may_skip = True

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        return self.used.forward(p["used"], x, mode["used"])

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        return self.used.backward(p["used"], g["used"], cache, dy)


def test_a_layer_that_was_not_visited_has_no_gradient(backend: Backend) -> None:
    net = Network(Gate(Linear(4, 3), Linear(4, 3)), device=backend.device, seed=0)
    net.gradient += 5.0
    y, cache = net.forward(batch(backend))
    net.backward(cache, y)
    assert np.all(np.asarray(backend.get(net.gradients["unused.weight"])) == 0.0)
    assert np.any(np.asarray(backend.get(net.gradients["used.weight"])) != 0.0)


@dataclass(frozen=True)
class Scale(Layer):
    """A user's own layer."""

    size: int

    def parameters(self, in_shape: Any) -> dict[str, ParameterSpec]:
        return {"scale": ParameterSpec((self.size,), initializers.ones())}

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        return x * p.scale, x

    def backward(self, p: Views, g: Views, x: Any, dy: Any) -> Any:
        g.scale[...] = (dy * x).sum(axis=0)
        return dy * p.scale


def test_a_layer_of_ones_own_joins_in() -> None:
    net = Network(Residual(Sequential(Linear(3, 3), Scale(3))), seed=0)
    assert list(net.parameters) == ["layer.0.weight", "layer.0.bias", "layer.1.scale"]
    x = np.ones((2, 3), np.float32)
    y, cache = net.forward(x)
    assert net.backward(cache, y).shape == (2, 3)


def test_an_unknown_array_of_a_layer_is_named() -> None:
    views = Network(Linear(2, 2)).views
    with pytest.raises(AttributeError, match=sentence("expected one of ['bias', 'weight'], got 'wieght'")):
        _ = views.wieght


def test_the_network_prints_what_it_is() -> None:
    assert repr(Network(Linear(2, 1), seed=3)) == (
        "Network(Linear(in_features=2, out_features=1, bias=True), device='cpu', dtype='float32', seed=3)"
    )


def test_the_summary_counts_parameters_and_bytes() -> None:
    net = Network(Sequential(Linear(4, 5), Residual(Linear(5, 5)), Linear(5, 1)), seed=0)
    net.freeze("0.*")
    summary = net.summary(batch_size=8)
    assert (summary.parameters, summary.trainable, summary.bytes) == (61, 36, 244)
    lines = str(summary).splitlines()
    assert lines[0].split() == ["name", "layer", "output", "shape", "parameters", "bytes", "multiply-adds"]
    assert lines[3].split() == ["0", "Linear", "(frozen)", "(8,", "5)", "25", "100", "160"]
    assert "    layer  Linear" in str(summary)
    assert lines[-2] == "61 parameters, 36 of them trained; 244 bytes in float32 on cpu; twice that with the gradients"
    assert lines[-1] == "forward pass of 8 samples: 400 multiply-adds, 352 bytes of outputs"
    assert (summary.multiply_adds, summary.output_bytes) == (8 * (20 + 25 + 5), 8 * 4 * (5 + 5 + 1))
    assert summary._repr_html_().startswith("<table><thead><tr><th>name</th>")


def test_the_summary_counts_buffers_in_the_bytes_alone() -> None:
    summary = Network(Sequential(Standardize(np.zeros(4), np.ones(4)), Linear(4, 2)), seed=0).summary()
    assert (summary.parameters, summary.bytes) == (10, (10 + 8) * 4)


def test_the_summary_shows_unknown_sizes() -> None:
    assert "(1, ...)" in str(Network(ReLU()).summary())
    assert "(2, *, 3)" in str(Network(Linear(4, 3), input_shape=(None, 4)).summary(2))
    assert "(2,)" in str(Network(ReLU(), input_shape=()).summary(2))


@pytest.mark.parametrize(
    ("layer", "sample", "products"),
    [
        (Linear(4, 3), (5, 4), 5 * 12),
        (Conv2d(2, 6, 3, groups=2), (2, 7, 8), 6 * 9 * 5 * 6),
        (ConvTranspose2d(2, 6, 3, stride=2), (2, 7, 8), 2 * 6 * 9 * 7 * 8),
        (LSTM(4, 5, return_state=False), (7, 4), 7 * 4 * 5 * (4 + 5)),
        (GRUCell(4, 5), (4,), 3 * 5 * (4 + 5)),
        (MultiheadAttention(8, 2), (6, 8), 6 * 4 * 64 + 2 * 36 * 8),
        (Embedding(9, 4), (6,), 0),
        (BatchNorm1d(4), (4,), 0),
        (Linear(4, 3), (None, 4), None),
        (Conv2d(2, 6, 3), (2, None, 8), None),
    ],
)
def test_multiply_adds_are_those_of_the_products(layer: Layer, sample: Any, products: int | None) -> None:
    assert Network(layer, input_shape=sample).summary().multiply_adds == products
