"""What activations do at kinks, far out, and at NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nnxp.layers import (
    ELU,
    GELU,
    SELU,
    Layer,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nnxp.network import Network
from tests.backends import Backend, assert_close

SCALE, LEFT = 1.0507009873554805, 1.0507009873554805 * 1.6732632423543772

# layer -> y(-1e4), y(1e4), slope(-1e4), slope(1e4)
FAR_OUT: list[tuple[Layer, list[float]]] = [
    (ReLU(), [0.0, 1e4, 0.0, 1.0]),
    (LeakyReLU(), [-100.0, 1e4, 0.01, 1.0]),
    (ELU(2.0), [-2.0, 1e4, 0.0, 1.0]),
    (SELU(), [-LEFT, SCALE * 1e4, 0.0, SCALE]),
    (GELU(), [0.0, 1e4, 0.0, 1.0]),
    (GELU("tanh"), [0.0, 1e4, 0.0, 1.0]),
    (SiLU(), [0.0, 1e4, 0.0, 1.0]),
    (Sigmoid(), [0.0, 1.0, 0.0, 0.0]),
    (Tanh(), [-1.0, 1.0, 0.0, 0.0]),
    (Softplus(), [0.0, 1e4, 0.0, 1.0]),
    (Softplus(3.0, threshold=1e6), [0.0, 1e4, 0.0, 1.0]),
]


def value_and_slope(layer: Layer, backend: Backend, x: Any, dtype: str) -> tuple[Any, Any]:
    net = Network(layer, device=backend.device, dtype=dtype, seed=0)
    y, cache = net.forward(backend.put(x, dtype))
    return backend.get(y), backend.get(net.backward(cache, backend.put(np.ones(y.shape), dtype)))


@pytest.mark.parametrize(
    ("layer", "expected"), FAR_OUT, ids=lambda value: repr(value) if isinstance(value, Layer) else ""
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_slope_are_right_far_out(layer: Layer, expected: list[float], backend: Backend, dtype: str) -> None:
    y, slope = value_and_slope(layer, backend, [-1e4, 1e4], dtype)
    assert_close([*y, *slope], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_and_its_logarithm_are_right_far_out(backend: Backend, dtype: str) -> None:
    x = [[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]]
    y, slope = value_and_slope(Softmax(), backend, x, dtype)
    assert_close(y, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], dtype)
    assert_close(slope, np.zeros((2, 3)), dtype)
    y, slope = value_and_slope(LogSoftmax(), backend, x, dtype)
    assert_close(y, [[0, -2e4, -1e4], [-math.log(3)] * 3], dtype)
    assert_close(slope, [[-2, 1, 1], [0, 0, 0]], dtype)


# layer, what PyTorch calls it, its slope at 0
KINKS: list[tuple[Layer, str, tuple[Any, ...], float]] = [
    (ReLU(), "ReLU", (), 0.0),
    (LeakyReLU(0.2), "LeakyReLU", (0.2,), 0.2),
    (ELU(0.4), "ELU", (0.4,), 0.4),
    (SELU(), "SELU", (), LEFT),
]


@pytest.mark.parametrize(
    ("layer", "name", "arguments", "slope"), KINKS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_slope_at_the_kink_is_that_of_pytorch(
    layer: Layer, name: str, arguments: tuple[Any, ...], slope: float, backend: Backend
) -> None:
    torch = pytest.importorskip("torch")
    at_kink = value_and_slope(layer, backend, [0.0], "float64")[1]
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    getattr(torch.nn, name)(*arguments)(x).sum().backward()
    assert_close(at_kink, x.grad.numpy())
    assert_close(at_kink, [slope])


def test_softplus_becomes_a_line_just_behind_its_threshold(backend: Backend) -> None:
    y, slope = value_and_slope(Softplus(threshold=2.0), backend, [2.0, 2.0 + 1e-9], "float64")
    assert_close(y, [math.log1p(math.exp(2.0)), 2.0 + 1e-9])
    assert_close(slope, [1 / (1 + math.exp(-2.0)), 1.0])


@pytest.mark.parametrize("layer", [layer for layer, _ in FAR_OUT], ids=repr)
def test_nan_comes_through_and_stays_alone(layer: Layer, backend: Backend) -> None:
    y, _ = value_and_slope(layer, backend, [1.0, math.nan, -1.0], "float32")
    np.testing.assert_array_equal(np.isnan(y), [False, True, False])


def test_small_sigmoids_keep_their_relative_precision(backend: Backend) -> None:
    y, slope = value_and_slope(Sigmoid(), backend, [-80.0, -20.0], "float32")
    assert_close(y / np.exp([-80.0, -20.0]), [1.0, 1.0], rtol=1e-6, atol=0.0)
    np.testing.assert_array_equal(y, slope)


@pytest.mark.parametrize("layer", [GELU(), SiLU(), Softplus()], ids=repr)
def test_no_slope_is_computed_when_only_predicting(layer: Layer) -> None:
    net = Network(layer, seed=0)
    _, cache = net.run((np.ones((2, 3), "float32"),), net.mode(training=False, keep_cache=False))
    assert cache is None
