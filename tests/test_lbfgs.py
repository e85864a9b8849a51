"""L-BFGS: SciPy's minimum on every backend, and a network left as the other optimizers leave it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnxp.layers import Linear, Sequential
from nnxp.network import Network
from nnxp.optimizers import LBFGS, Adam, Optimizer
from tests.backends import Backend, assert_close

SCALES = np.linspace(1.0, 50.0, 26)
TARGET = np.random.default_rng(0).normal(size=26)


def network(device: str = "cpu", dtype: str = "float64") -> Network:
    """Twenty-six parameters in four arrays of 12, 4, 8 and 2."""
    return Network(Sequential(Linear(3, 4), Linear(4, 2)), device=device, dtype=dtype, seed=0)


def quadratic(net: Network) -> Callable[[], Any]:
    """Return the closure of ``sum(SCALES * (theta - TARGET)**2) / 2``, computed on the network's device."""
    scales, target = net.device.put(SCALES, net.dtype), net.device.put(TARGET, net.dtype)

    def closure() -> Any:
        away = net.theta - target
        net.gradient = scales * away
        return net.device.xp.sum(scales * away * away) / 2.0

    return closure


@pytest.mark.parametrize(("dtype", "reached"), [("float32", 1e-3), ("float64", 1e-6)])
def test_a_quadratic_is_solved_in_one_call(backend: Backend, dtype: str, reached: float) -> None:
    pytest.importorskip("scipy")
    net = network(backend.device.name, dtype)
    loss = LBFGS(max_iter=200, tolerance_change=0.0).minimize(net, quadratic(net))
    assert type(loss) is float
    assert 0.0 <= loss < reached**2
    assert_close(backend.get(net.theta), TARGET, rtol=0, atol=reached)  # where the method stops, not arithmetic


def test_rosenbrock_reaches_the_minimum() -> None:
    pytest.importorskip("scipy")
    net = Network(Linear(1, 1), dtype="float64")
    net.theta = np.array([-1.2, 1.0])

    def closure() -> float:
        x, y = net.theta.tolist()
        net.gradient[...] = [2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)]
        return (x - 1) ** 2 + 100 * (y - x * x) ** 2

    assert LBFGS(max_iter=100, tolerance_change=0.0).minimize(net, closure) < 1e-12
    assert_close(net.theta, [1.0, 1.0], rtol=0, atol=1e-5)  # where the method stops, not arithmetic


def test_a_network_is_trained_through_forward_and_backward() -> None:
    pytest.importorskip("scipy")
    net = Network(Linear(3, 2), dtype="float64", seed=0)
    x = np.random.default_rng(1).normal(size=(50, 3))
    weight = np.arange(6.0).reshape(2, 3)

    def closure() -> Any:
        y, cache = net.forward(x, training=True)
        net.backward(cache, (y - x @ weight.T - 1.0) / 50)
        return ((y - x @ weight.T - 1.0) ** 2).sum() / 100

    LBFGS(max_iter=100, tolerance_change=0.0).minimize(net, closure)
    assert_close(net.parameters["weight"], weight, rtol=0, atol=1e-5)
    assert_close(net.parameters["bias"], np.ones(2), rtol=0, atol=1e-5)


def test_frozen_parameters_do_not_move(backend: Backend) -> None:
    pytest.importorskip("scipy")
    net = network(backend.device.name)
    net.freeze("0.bias")
    start = np.array(backend.get(net.theta))
    LBFGS(max_iter=200, tolerance_change=0.0).minimize(net, quadratic(net))
    theta = backend.get(net.theta)
    np.testing.assert_array_equal(theta[12:16], start[12:16])
    assert_close(np.delete(theta, range(12, 16)), np.delete(TARGET, range(12, 16)), rtol=0, atol=1e-6)


def test_nothing_to_train_is_one_evaluation() -> None:
    pytest.importorskip("scipy")
    net = network()
    net.freeze("*")
    start = net.theta.copy()
    assert LBFGS().minimize(net, lambda: 3.0) == 3.0
    np.testing.assert_array_equal(net.theta, start)
    assert net.step == 1


def test_a_call_is_one_update_and_refuses_caches_from_before_it() -> None:
    pytest.importorskip("scipy")
    net = network()
    y, cache = net.forward(np.ones((2, 3)))
    Adam().update(net)
    LBFGS().minimize(net, quadratic(net))
    assert (net.step, net.optimizer_name, net.optimizer_state) == (2, "LBFGS", {})
    with pytest.raises(RuntimeError, match=r"^Network.backward: expected a cache of the present theta"):
        net.backward(cache, y)
    Adam().update(net)
    assert net.optimizer_start == 2


def test_a_cache_from_another_point_is_refused_within_the_search() -> None:
    pytest.importorskip("scipy")
    net = network()
    caches: list[Any] = []

    def closure() -> Any:
        caches.append(net.forward(np.ones((2, 3))))
        y, cache = caches[0]
        net.backward(cache, y)
        return quadratic(net)()

    with pytest.raises(RuntimeError, match=r"^Network.backward: expected a cache of the present theta"):
        LBFGS().minimize(net, closure)


def test_the_lowest_loss_that_was_met_is_kept() -> None:
    pytest.importorskip("scipy")
    net = network()
    met: list[tuple[float, Any]] = []
    honest = quadratic(net)

    def closure() -> float:
        loss = float(honest())
        met.append((loss if len(met) < 4 else float("nan"), net.theta.copy()))
        return met[-1][0]

    loss = LBFGS(max_iter=8).minimize(net, closure)
    lowest = min((pair for pair in met if pair[0] == pair[0]), key=lambda pair: pair[0])
    assert loss == lowest[0]
    np.testing.assert_array_equal(net.theta, lowest[1])


def test_without_a_finite_loss_theta_stays() -> None:
    pytest.importorskip("scipy")
    net = network()
    start = net.theta.copy()
    assert LBFGS().minimize(net, lambda: float("nan")) == float("inf")
    np.testing.assert_array_equal(net.theta, start)


def evaluations(**options: Any) -> int:
    net = network()
    closure = quadratic(net)
    count: list[Any] = []
    LBFGS(tolerance_change=0.0, **options).minimize(net, lambda: (count.append(1), closure())[1])
    return len(count)


def test_iterations_evaluations_and_memory_are_limited() -> None:
    pytest.importorskip("scipy")
    # A line search that has begun is finished: one evaluation more.
    assert evaluations(max_iter=4) <= 4 * 5 // 4 + 1
    assert evaluations(max_iter=100, max_eval=3) <= 3 + 1
    assert evaluations(max_iter=2, max_eval=100) <= 2 * 2 + 1
    assert evaluations(max_iter=500, history_size=1) > evaluations(max_iter=500) > 10


def test_names_and_defaults_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    theirs = inspect.signature(torch.optim.LBFGS).parameters
    for name, parameter in inspect.signature(LBFGS).parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default == theirs[name].default


def test_it_is_a_value_that_needs_a_closure_and_has_no_rate() -> None:
    assert LBFGS.needs_closure
    assert not Optimizer.needs_closure
    assert eval(repr(LBFGS(max_iter=3))) == LBFGS(max_iter=3)
    assert hash(LBFGS()) == hash(LBFGS())
    assert LBFGS().rate(network()) == 1.0


def test_a_step_without_a_closure_is_refused_in_a_sentence() -> None:
    sentence = "LBFGS.update: expected a closure that evaluates the loss, got None; call minimize(net, closure)"
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        LBFGS().update(network())


def test_a_missing_scipy_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    sentence = "LBFGS.minimize: expected SciPy to be installed, got None; pip install 'nnxp[lbfgs]'"
    net = network()
    with pytest.raises(ImportError, match=f"^{re.escape(sentence)}$"):
        LBFGS().minimize(net, quadratic(net))
    assert net.step == 0


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: LBFGS(max_iter=0), "LBFGS: expected max_iter to be a whole number of at least 1, got 0"),
        (lambda: LBFGS(max_eval=0), "LBFGS: expected max_eval to be a whole number of at least 1, got 0"),
        (lambda: LBFGS(tolerance_grad=-1.0), "LBFGS: expected tolerance_grad in [0, inf), got -1.0"),
        (lambda: LBFGS(tolerance_change=-1.0), "LBFGS: expected tolerance_change in [0, inf), got -1.0"),
        (lambda: LBFGS(history_size=0), "LBFGS: expected history_size to be a whole number of at least 1, got 0"),
    ],
)
def test_a_value_out_of_range_is_refused_in_a_sentence(build: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        build()
