"""Gradient checks and the comparison of devices find what is wrong, and only that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nnxp import (
    CrossEntropyLoss,
    Dropout,
    GradientError,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    check_gradients,
    compare_devices,
)
from nnxp._backend import namespace
from nnxp.layers import Layer, Mode, Views
from tests.backends import DEVICES, missing

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4)).astype(np.float32)
LABELS = RNG.integers(0, 3, 6)


@dataclass(frozen=True)
class WrongTanh(Layer):
    """Tanh with a sign too many in its derivative."""

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        y = np.tanh(x)
        return y, y

    def backward(self, p: Views, g: Views, y: Any, dy: Any) -> Any:
        return dy * (1.0 + y * y)


@dataclass(frozen=True)
class WrongBias(Linear):
    """Linear whose bias gradient is the mean where it should be the sum."""

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        dx = super().backward(p, g, cache, dy)
        g.bias[...] = dy.mean(axis=0)
        return dx


@pytest.mark.parametrize("device", [n for n in DEVICES if not missing(n)])
def test_sound_gradients_pass_on_every_device(device: str) -> None:
    net = Network(Sequential(Linear(4, 5), Tanh(), Dropout(0.5), Linear(5, 3)), device=device, seed=0)
    report = check_gradients(net, X, LABELS, CrossEntropyLoss())
    assert str(report).startswith("No gradient errors found (all 67 entries; ")
    assert report.checked == report.total == 67
    assert report.worst < 1e-6


def test_the_network_is_left_as_it_is() -> None:
    net = Network(Linear(4, 3), seed=0)
    theta, gradient = net.theta.copy(), net.gradient.copy()
    check_gradients(net, X)
    np.testing.assert_array_equal(net.theta, theta)
    np.testing.assert_array_equal(net.gradient, gradient)
    assert net.step == 0


def test_frozen_parameters_are_checked_too() -> None:
    net = Network(Linear(4, 3), seed=0)
    net.freeze("weight")
    assert check_gradients(net, X).total == 15 + 24


def test_a_wrong_parameter_gradient_is_found_and_named() -> None:
    net = Network(Sequential(Linear(4, 5), Tanh(), WrongBias(5, 3)), seed=0)
    with pytest.raises(
        GradientError,
        match=r"^check_gradients: 2\.bias\[\d\] of layer 2 \(WrongBias\): expected a gradient of \S+ by finite differences, got \S+; ",
    ):
        check_gradients(net, X, np.zeros((6, 3)), MSELoss())


def test_a_wrong_input_gradient_is_found_in_the_layer_before() -> None:
    net = Network(Sequential(Linear(4, 5), WrongTanh(), Linear(5, 3)), seed=0)
    pattern = (
        r"^check_gradients: (0\.(weight|bias)\[.*\] of layer 0 \(Linear\)|input\[.*\] of Sequential): "
        r"expected a gradient of \S+ by finite differences, got \S+; they differ by"
    )
    with pytest.raises(GradientError, match=pattern):
        check_gradients(net, X)


def test_a_kink_is_no_error() -> None:
    net = Network(Sequential(Linear(2, 2, bias=False), ReLU()), seed=0)
    report = check_gradients(net, np.zeros((3, 2), np.float32))
    assert report.kinks > 0
    assert "at kinks left out" in str(report)


def test_many_parameters_are_sampled() -> None:
    net = Network(Sequential(Linear(80, 70), Sigmoid(), Linear(70, 3)), seed=0)
    report = check_gradients(net, RNG.normal(size=(2, 80)))
    assert report.total > 5000
    assert report.checked == 50 + 50 + 50 + 3 + 50
    assert str(report).startswith(f"No gradient errors found ({report.checked} of {report.total} entries; ")
    assert check_gradients(net, RNG.normal(size=(2, 80)), sample=2).checked == 10


def test_random_directions_see_what_the_sample_misses() -> None:
    @dataclass(frozen=True)
    class OneWrongEntry(Linear):
        def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
            dx = super().backward(p, g, cache, dy)
            g.weight[7, 11] += 1.0
            return dx

    net = Network(OneWrongEntry(80, 70), seed=0)
    with pytest.raises(GradientError, match="a random direction"):
        check_gradients(net, RNG.normal(size=(2, 80)), sample=1)


@dataclass(frozen=True)
class Crossed(Layer):
    """Several inputs, several outputs: ``(a b, (a + b, a < b))``, the last in integers and without a gradient."""

    def forward(self, p: Views, a: Any, b: Any, mode: Mode) -> tuple[Any, Any]:
        xp = namespace(a)
        return (a * b, (a + b, xp.astype(a < b, xp.int64))), (a, b)

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        a, b = cache
        product, (total, _) = dy
        return product * b + total, product * a + total


@pytest.mark.parametrize("device", [n for n in DEVICES if not missing(n)])
def test_several_inputs_and_outputs_are_checked_and_compared(device: str) -> None:
    assert check_gradients(Network(Crossed(), device=device), (X, X + 1.0)).total == 48

    def loss(output: Any, target: Any, sample_weight: Any = None) -> Any:
        value, dy = MSELoss()(output[0], target)
        return value, (dy, (dy, None))

    found = compare_devices(Crossed(), [device], (X, X + 1.0), X, loss)
    assert found.agree
    quantities = ["output 0", "output 1", "output 2", "dx 0", "dx 1"]
    assert [(d.layer, d.quantity) for d in found.differences] == [("Crossed", q) for q in quantities]


def test_target_and_loss_come_together() -> None:
    text = "check_gradients: expected y and loss together, or neither, got one of them"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        check_gradients(Network(Linear(4, 3)), X, LABELS)


def test_devices_agree_on_a_sound_model() -> None:
    model = Sequential(Linear(4, 5), Residual(Tanh()), Dropout(0.5), Linear(5, 3))
    devices = [name for name in DEVICES if not missing(name)]
    found = compare_devices(model, devices, X, LABELS, CrossEntropyLoss())
    assert found.agree
    assert {d.device for d in found.differences} == set(devices)
    quantities = [(d.layer, d.quantity) for d in found.differences if d.device == "cpu"]
    assert quantities[0] == ("0 Linear", "output")
    assert ("1.layer Tanh", "dx") in quantities
    assert ("3 Linear", "dweight") in quantities
    assert str(found).endswith("All devices agree with the float64 run within 256 units in the last place")


def test_float64_equals_the_reference() -> None:
    found = compare_devices(Linear(4, 3), ["cpu"], X, LABELS, CrossEntropyLoss(), dtype="float64")
    assert max(d.ulps for d in found.differences) == 0.0


@dataclass(frozen=True)
class Sloppy(Layer):
    """Rounds to three digits in float32, as a bad kernel would."""

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        return (np.round(x, 3) if x.dtype == np.float32 else x), None

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        return dy


def test_the_first_layer_that_departs_is_named() -> None:
    model = Sequential(Linear(4, 5), Sloppy(), Linear(5, 3))
    found = compare_devices(model, ["cpu"], X, LABELS, CrossEntropyLoss())
    assert not found.agree
    assert [(d.device, d.layer, d.quantity) for d in found.departures] == [("cpu", "1 Sloppy", "output")]
    assert "cpu departs first at 1 Sloppy: output is off by" in str(found)


@dataclass(frozen=True)
class Hole(Layer):
    """Loses a number in float32 alone."""

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        return (x * np.float32("nan") if x.dtype == np.float32 else x), None

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        return dy


def test_a_nan_on_one_side_is_the_largest_difference() -> None:
    found = compare_devices(Sequential(Linear(4, 3), Hole()), ["cpu"], X, X[:, :3], MSELoss())
    assert [(d.layer, d.ulps) for d in found.departures] == [("1 Hole", float("inf"))]


def test_a_batch_of_none_differs_by_nothing() -> None:
    found = compare_devices(Linear(4, 3), ["cpu"], X[:0], X[:0, :3], MSELoss())
    assert found.agree
    assert max(d.ulps for d in found.differences) == 0.0


def test_a_comparison_needs_a_device() -> None:
    with pytest.raises(ValueError, match=r"^compare_devices: expected at least one device, got none$"):
        compare_devices(Linear(4, 3), [], X, LABELS, CrossEntropyLoss())
