"""The views that updates go through: kept while nothing changes, and made anew when anything does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nnxp import SGD, Adam, Linear, NAdam, Network, Optimizer, Sequential
from tests.backends import Backend, assert_close

GRADIENTS = np.random.default_rng(0).normal(size=(6, 26))


def network(device: str = "cpu") -> Network:
    """Twenty-six parameters in four arrays of 12, 4, 8 and 2."""
    return Network(Sequential(Linear(3, 4), Linear(4, 2)), device=device, dtype="float64", seed=0)


def drive(net: Network, optimizer: Optimizer, gradients: Any = GRADIENTS) -> Any:
    for gradient in gradients:
        net.gradient = net.device.put(gradient.copy())
        optimizer.update(net)
    return net.device.get(net.theta).copy()


def stretches(net: Network) -> list[Any]:
    return net.stretches(net.optimizer_state)


def test_they_are_the_same_objects_from_update_to_update(backend: Backend) -> None:
    net = network(backend.device.name)
    drive(net, Adam(), GRADIENTS[:2])
    before = stretches(net)
    drive(net, Adam(), GRADIENTS[2:])
    assert stretches(net) is before
    assert [(s.theta.shape, s.lr_scale, s.decay) for s in before] == [((26,), 1.0, True)]
    assert_close(backend.get(before[0].theta), backend.get(net.theta), rtol=0, atol=0)
    assert before[0].state.keys() == net.optimizer_state.keys()


def replace_an_array(net: Network) -> None:
    net.optimizer_state["exp_avg"] = net.device.put(np.full(26, 0.5))


def replace_the_state(net: Network) -> None:
    net.optimizer_state = {name: net.device.put(np.full(26, 0.5)) for name in net.optimizer_state}


def swap_the_state(net: Network) -> None:
    # The same arrays in the same order, under each other's names.
    first, second = net.optimizer_state.values()
    net.optimizer_state = {"exp_avg_sq": first, "exp_avg": second}


def replace_theta(net: Network) -> None:
    net._store.theta = net.device.put(np.full(26, 0.5))


def replace_the_gradient(net: Network) -> None:
    net._store.gradient = net.device.put(np.full(26, 0.5))


@pytest.mark.parametrize(
    "change",
    [
        replace_an_array,
        replace_the_state,
        swap_the_state,
        replace_theta,
        replace_the_gradient,
        lambda net: net.freeze("0.bias"),
        lambda net: (net.freeze("0.bias"), net.unfreeze()),
        lambda net: net.scale_lr("1.*", 0.1),
    ],
    ids=["an array", "the state", "names", "theta", "gradient", "frozen", "unfrozen", "rates"],
)
def test_a_change_is_seen_by_the_next_update(change: Callable[[Network], Any], backend: Backend) -> None:
    nets = [network(backend.device.name) for _ in range(2)]
    for net in nets:
        drive(net, Adam(lr=0.1), GRADIENTS[:3])
        for vector in net.optimizer_state.values():
            vector += 1.0  # of one sign, whichever is used as the square
        change(net)
    nets[1]._stretches.__init__()  # type: ignore[misc] - knows nothing of before
    moved = [drive(net, Adam(lr=0.1), GRADIENTS[3:]) for net in nets]
    np.testing.assert_array_equal(*moved)
    for name, vector in nets[0].optimizer_state.items():
        np.testing.assert_array_equal(backend.get(vector), backend.get(nets[1].optimizer_state[name]))


def test_decay_of_weights_has_runs_of_its_own() -> None:
    alternating, twin = network(), network()
    for gradient in GRADIENTS:
        for decay in ("all", "weights"):
            drive(alternating, SGD(lr=0.1, momentum=0.9, weight_decay=0.3, decay=decay), [gradient])
            twin._stretches.__init__()  # type: ignore[misc]
            drive(twin, SGD(lr=0.1, momentum=0.9, weight_decay=0.3, decay=decay), [gradient])
    np.testing.assert_array_equal(alternating.theta, twin.theta)
    assert [s.decay for s in alternating.stretches({}, weights_only=True)] == [True, False, True, False]
    assert [s.decay for s in alternating.stretches({})] == [True]


def test_one_number_for_all_runs_stays_whole() -> None:
    net = network()
    net.scale_lr("1.*", 0.5)
    drive(net, NAdam())
    first, second = net.stretches(net.optimizer_state, scalars=NAdam.scalars)
    assert first.state["mu_product"] is second.state["mu_product"] is net.optimizer_state["mu_product"]
    assert first.state["exp_avg"].shape == (16,)
    # The same array may be a vector to another optimizer.
    assert net.stretches(net.optimizer_state)[0].state["mu_product"] is not net.optimizer_state["mu_product"]


@dataclass(frozen=True)
class Careless(Optimizer):
    """Puts an array of its own where its state was: lost, as it was in the dict of that step alone."""

    lr: float = 0.1

    def initial_state(self) -> dict[str, float]:
        return {"sum": 0.0}

    def step_run(self, theta: Any, gradient: Any, state: Any, lr: Any, t: Any, weight_decay: float) -> None:
        assert state.keys() == {"sum"}
        state["sum"] = state["sum"] + gradient
        state["more"] = gradient
        theta -= lr * state["sum"]


def test_what_a_step_puts_into_its_dict_does_not_stay() -> None:
    net = network()
    start = net.theta.copy()
    assert_close(drive(net, Careless()), start - 0.1 * GRADIENTS.sum(0))
    assert not net.optimizer_state["sum"].any()


def test_networks_of_one_model_have_their_own() -> None:
    net = network()
    drive(net, Adam(), GRADIENTS[:3])
    copy = net.clone()
    moved = drive(copy, Adam(), GRADIENTS[3:])
    assert not np.array_equal(net.theta, moved)
    np.testing.assert_array_equal(drive(net, Adam(), GRADIENTS[3:]), moved)
