"""Clipping: equal to PyTorch's and to the formula, on every backend, over what is trained."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnxp.layers import Linear, Sequential
from nnxp.network import Network
from nnxp.optimizers import clip_grad_norm, clip_grad_value
from tests.backends import Backend, assert_close, assert_on

GRADIENT = np.random.default_rng(0).normal(size=26)
NORMS = [1.0, 2.0, 3.0, math.inf]


def network(device: str, dtype: str = "float64") -> Network:
    """Twenty-six parameters in four arrays of 12, 4, 8 and 2, with a gradient."""
    net = Network(Sequential(Linear(3, 4), Linear(4, 2)), device=device, dtype=dtype, seed=0)
    net.gradient = net.device.put(GRADIENT.copy(), dtype)
    return net


def norm_of(gradient: Any, p: float) -> float:
    return float(np.abs(gradient).max() if p == math.inf else (np.abs(gradient) ** p).sum() ** (1 / p))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("factor", [0.1, 1.5], ids=["above", "below"])
def test_a_gradient_above_the_norm_is_scaled_down_to_it(
    backend: Backend, dtype: str, norm_type: float, factor: float
) -> None:
    net = network(backend.device.name, dtype)
    before = norm_of(GRADIENT, norm_type)
    norm = clip_grad_norm(net, factor * before, norm_type)
    assert_on(backend, norm, dtype, ())
    assert_close(backend.get(norm), before, dtype)
    assert_close(backend.get(net.gradient), GRADIENT * min(1.0, factor * before / (before + 1e-6)), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_entries_beyond_the_value_are_cut_off(backend: Backend, dtype: str) -> None:
    net = network(backend.device.name, dtype)
    clip_grad_value(net, 0.5)
    assert_on(backend, net.gradient, dtype, (26,))
    assert_close(backend.get(net.gradient), np.clip(GRADIENT, -0.5, 0.5), dtype)


@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("frozen", ["0.bias", "1.*"], ids=["two runs", "one run"])
def test_only_what_is_trained_counts(backend: Backend, norm_type: float, frozen: str) -> None:
    net = network(backend.device.name)
    net.freeze(frozen)
    net.gradient = net.device.put(GRADIENT.copy(), "float64")  # freezing cleared it
    trained = np.ones(26, bool)
    trained[12:16] = frozen != "0.bias"
    trained[16:] = frozen != "1.*"
    before = norm_of(GRADIENT[trained], norm_type)
    assert_close(backend.get(clip_grad_norm(net, 0.5, norm_type)), before)
    assert_close(backend.get(net.gradient), np.where(trained, GRADIENT * 0.5 / (before + 1e-6), GRADIENT))
    net.gradient = net.device.put(GRADIENT.copy(), "float64")
    clip_grad_value(net, 0.5)
    assert_close(backend.get(net.gradient), np.where(trained, np.clip(GRADIENT, -0.5, 0.5), GRADIENT))


def test_nothing_to_train_has_norm_zero(backend: Backend) -> None:
    net = network(backend.device.name)
    net.freeze("*")
    norm = clip_grad_norm(net, 1.0)
    clip_grad_value(net, 1.0)
    assert_on(backend, norm, "float64", ())
    assert_close(backend.get(norm), 0.0)


def test_a_gradient_of_zeros_stays(backend: Backend) -> None:
    net = network(backend.device.name)
    net.gradient = net.device.put(np.zeros(26))
    assert_close(backend.get(clip_grad_norm(net, 0.0)), 0.0)
    assert_close(backend.get(net.gradient), np.zeros(26))


@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("max_norm", [0.5, 100.0, math.inf])
def test_clipping_equals_pytorch(norm_type: float, max_norm: float) -> None:
    torch = pytest.importorskip("torch")
    net = network("cpu")
    parameters = []
    for gradient in net.gradients.values():
        parameters.append(torch.nn.Parameter(torch.zeros(gradient.shape, dtype=torch.float64)))
        parameters[-1].grad = torch.tensor(gradient)
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)
    assert_close(clip_grad_norm(net, max_norm, norm_type), norm)
    torch.nn.utils.clip_grad_value_(parameters, 0.1)
    clip_grad_value(net, 0.1)
    for p, gradient in zip(parameters, net.gradients.values(), strict=True):
        assert_close(gradient, p.grad)


@pytest.mark.parametrize("frozen", ["0.bias", None])
def test_nothing_is_read_back_from_a_device_without_values(frozen: str | None) -> None:
    pytest.importorskip("torch")
    net = network("torch:meta")
    if frozen:
        net.freeze(frozen)
    assert clip_grad_norm(net, 1.0).shape == ()
    clip_grad_value(net, 1.0)
    assert net.gradient.shape == (26,)


@pytest.mark.parametrize(
    ("clip", "sentence"),
    [
        (lambda net: clip_grad_norm(net, -1.0), "clip_grad_norm: expected max_norm in [0, inf), got -1.0"),
        (lambda net: clip_grad_norm(net, math.nan), "clip_grad_norm: expected max_norm in [0, inf), got nan"),
        (lambda net: clip_grad_norm(net, 1.0, 0.0), "clip_grad_norm: expected norm_type in (0, inf), got 0.0"),
        (lambda net: clip_grad_value(net, -1.0), "clip_grad_value: expected clip_value in [0, inf), got -1.0"),
    ],
)
def test_a_limit_out_of_range_is_refused_in_a_sentence(clip: Callable[[Network], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        clip(network("cpu"))
