"""Optimizers: the contract that each joins by one line in ``optimizer_cases.py``, and what they share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from nnxp import optimizers
from nnxp._backend import namespace
from nnxp.layers import Linear, Sequential
from nnxp.network import Network
from nnxp.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, NAdam, Optimizer, RAdam, RMSprop
from nnxp.schedules import ConstantLR, PolynomialLR, StepLR
from tests.backends import Backend, assert_close, assert_on
from tests.optimizer_cases import OPTIMIZER_CASES, Case, hyperparameters, rate

STEPS = 10
GRADIENTS = np.random.default_rng(0).normal(size=(STEPS, 8))

every_case = pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=lambda case: case.name)


def small_network(device: str = "cpu", dtype: str = "float64") -> Network:
    """Eight parameters: a weight of six, and a bias of two."""
    return Network(Linear(3, 2), device=device, dtype=dtype, seed=1)


def drive(net: Network, optimizer: Optimizer, gradients: Any = GRADIENTS) -> Any:
    """Update once for each gradient; return theta on the host."""
    for gradient in gradients:
        net.gradient = net.device.put(np.array(gradient), net.dtype)
        optimizer.update(net)
    return np.array(net.device.get(net.theta))


def naive(case: Case, start: Any, optimizer: Any = None) -> Any:
    """Run the case's loop over each number by itself."""
    columns = zip(np.asarray(start, dtype=float).tolist(), GRADIENTS.T.tolist(), strict=True)
    optimizer = optimizer or case.optimizer
    return np.array([case.naive(optimizer, p, lambda t, _, g=g: g[t - 1], STEPS) for p, g in columns])


# -- the contract ----------------------------------------------------------------------------------


@every_case
def test_ten_steps_equal_the_naive_loop(case: Case, backend: Backend) -> None:
    net = small_network(backend.device.name)
    desired = naive(case, backend.get(net.theta))
    assert_close(drive(net, case.optimizer), desired)


@every_case
def test_ten_steps_in_float32_equal_the_naive_loop_in_float64(case: Case, backend: Backend) -> None:
    net = small_network(backend.device.name, "float32")
    desired = naive(case, backend.get(net.theta))
    # Ten steps of rounding: PyTorch's own float32 differs from its float64 by up to 1.1e-6.
    assert_close(drive(net, case.optimizer), desired, "float32", rtol=4e-6, atol=4e-6)


@pytest.mark.parametrize("problem", ["given gradients", "quadratic"])
@pytest.mark.parametrize("case", [c for c in OPTIMIZER_CASES if type(c.optimizer) is not Lion], ids=lambda c: c.name)
def test_ten_steps_equal_pytorch(case: Case, problem: str) -> None:
    torch = pytest.importorskip("torch")
    root = np.random.default_rng(1).normal(size=(8, 8))
    matrix = root @ root.T / 8 + np.eye(8)
    net = small_network()
    p = torch.nn.Parameter(torch.tensor(net.theta.tolist(), dtype=torch.float64))
    options = {**hyperparameters(case.optimizer), "lr": rate(case.optimizer, 1)}
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product in the default dtype
    try:
        twin = getattr(torch.optim, type(case.optimizer).__name__)([p], **options)
        for t, given in enumerate(GRADIENTS, 1):
            quadratic = problem == "quadratic"
            p.grad = torch.tensor(matrix @ p.detach().numpy() - 1.0 if quadratic else given)
            twin.param_groups[0]["lr"] = rate(case.optimizer, t)
            twin.step()
            drive(net, case.optimizer, [matrix @ net.theta - 1.0 if quadratic else given])
    finally:
        torch.set_default_dtype(torch.float32)
    assert_close(net.theta, p.detach().numpy())


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_state_lives_where_theta_lives_and_the_gradient_stays(case: Case, backend: Backend, dtype: str) -> None:
    net = small_network(backend.device.name, dtype)
    theta = net.theta
    drive(net, case.optimizer, GRADIENTS[:2])
    assert net.theta is theta
    for name, vector in net.optimizer_state.items():
        assert_on(backend, vector, dtype, (1,) if name in case.optimizer.scalars else (8,))
    assert_on(backend, net.gradient, dtype, (8,))
    assert_close(backend.get(net.gradient), GRADIENTS[1].astype(dtype), dtype, rtol=0, atol=0)


@every_case
@pytest.mark.parametrize("kind", ["numbers", "device arrays"])
def test_a_step_is_pure_and_takes_rate_and_count_in_either_form(case: Case, kind: str, backend: Backend) -> None:
    optimizer: Any = case.optimizer
    start = np.random.default_rng(2).normal(size=8)
    theta = backend.device.put(start.copy())
    shapes = {name: (1,) if name in optimizer.scalars else (8,) for name in optimizer.initial_state()}
    state = {name: backend.device.put(np.full(shapes[name], v)) for name, v in optimizer.initial_state().items()}
    for t in range(1, STEPS + 1):
        lr, count = rate(optimizer, t), t
        if kind == "device arrays":
            lr, count = backend.put(lr, "float64"), backend.put(t, "float64")
        gradient = backend.put(GRADIENTS[t - 1])  # read-only on one backend
        optimizer.begin_update(state, count)
        optimizer.step_run(theta, gradient, state, lr, count, optimizer.weight_decay)
    assert_close(backend.get(theta), naive(case, start))


@every_case
def test_nothing_is_read_back_from_a_device_without_values(case: Case) -> None:
    pytest.importorskip("torch")
    net = small_network("torch:meta")
    for t in range(1, 8):
        case.optimizer.update(net)
        count = net.device.put(float(t), "float64")
        state = net.optimizer_state
        case.optimizer.step_run(net.theta, net.gradient, state, count, count, case.optimizer.weight_decay)
    assert net.theta.shape == (8,)


@every_case
def test_frozen_parameters_do_not_move(case: Case, backend: Backend) -> None:
    net = small_network(backend.device.name)
    start = np.array(backend.get(net.theta))
    net.freeze("weight")
    theta = drive(net, case.optimizer)
    np.testing.assert_array_equal(theta[:6], start[:6])
    assert_close(theta[6:], naive(case, start)[6:])


@every_case
def test_the_learning_rate_is_scaled_where_told(case: Case, backend: Backend) -> None:
    net = small_network(backend.device.name)
    start = np.array(backend.get(net.theta))
    net.scale_lr("bias", 0.25)
    lr: Any = case.optimizer.lr
    slow = replace(case.optimizer, lr=(lambda n: 0.25 * lr(n)) if callable(lr) else 0.25 * lr)
    desired = np.concatenate([naive(case, start)[:6], naive(case, start, slow)[6:]])
    assert_close(drive(net, case.optimizer), desired)


@every_case
def test_decay_of_weights_spares_the_bias(case: Case, backend: Backend) -> None:
    net = small_network(backend.device.name)
    start = np.array(backend.get(net.theta))
    optimizer: Any = replace(case.optimizer, decay="weights")
    spared = replace(case.optimizer, weight_decay=0.0)
    desired = np.concatenate([naive(case, start)[:6], naive(case, start, spared)[6:]])
    assert_close(drive(net, optimizer), desired)


@every_case
def test_a_second_round_goes_on_where_the_first_ended(case: Case) -> None:
    net = small_network()
    drive(net, case.optimizer, GRADIENTS[:4])
    copy = net.clone()
    again = replace(case.optimizer)
    assert_close(drive(copy, again, GRADIENTS[4:]), drive(small_network(), case.optimizer), rtol=0, atol=0)
    assert copy.step == STEPS
    assert net.step == 4


@every_case
def test_an_optimizer_is_a_value(case: Case) -> None:
    rebuilt = eval(repr(case.optimizer), {**vars(optimizers), "StepLR": StepLR})
    assert rebuilt == case.optimizer
    assert hash(rebuilt) == hash(case.optimizer)
    assert rebuilt != replace(rebuilt, lr=0.123)


def public_optimizers() -> Iterator[str]:
    for name in optimizers.__all__:
        member = getattr(optimizers, name)
        if isinstance(member, type) and issubclass(member, Optimizer) and member is not Optimizer:
            yield name


def test_every_optimizer_has_a_case() -> None:
    # LBFGS, which steps through a closure, has a file of its own.
    assert {type(case.optimizer).__name__ for case in OPTIMIZER_CASES} == set(public_optimizers()) - {"LBFGS"}


@pytest.mark.parametrize("name", sorted(set(public_optimizers()) - {"Lion", "LBFGS"}))
def test_names_order_and_defaults_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours = list(inspect.signature(getattr(optimizers, name)).parameters.values())[:-1]
    theirs = list(inspect.signature(getattr(torch.optim, name)).parameters.values())[1 : len(ours) + 1]
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


# -- what they share -------------------------------------------------------------------------------


def test_a_schedule_is_asked_for_the_updates_done_so_far() -> None:
    seen = []

    def schedule(updates: int) -> float:
        seen.append(updates)
        return 0.1

    net = small_network()
    drive(net, SGD(lr=schedule), GRADIENTS[:3])
    assert seen == [0, 1, 2]
    drive(net, Adam(), GRADIENTS[:2])
    drive(net, SGD(lr=schedule), GRADIENTS[:2])
    assert seen == [0, 1, 2, 0, 1]
    assert net.step == 7


def test_rate_tells_what_the_next_update_will_use() -> None:
    net, optimizer = small_network(), SGD(StepLR(0.5, 2))
    rates = [optimizer.rate(net)]
    for gradient in GRADIENTS[:3]:
        drive(net, optimizer, [gradient])
        rates.append(optimizer.rate(net))
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.05])
    assert Adam(StepLR(0.5, 2)).rate(net) == 0.5
    assert Adam(lr=1).rate(net) == 1.0


@pytest.mark.parametrize("other", [SGD(momentum=0.9), Adam(lr=0.05, amsgrad=True), AdamW()])
def test_another_optimizer_starts_afresh(other: Optimizer) -> None:
    net, adam = small_network(), Adam(lr=0.05)
    drive(net, adam, GRADIENTS[:4])
    drive(net, other, GRADIENTS[:3])
    fresh = small_network()
    fresh.theta = net.theta
    assert_close(drive(net, adam), drive(fresh, adam), rtol=0, atol=0)


def test_another_rate_keeps_the_state() -> None:
    net, twin = small_network(), small_network()
    drive(net, SGD(lr=0.1, momentum=0.5), GRADIENTS[:5])
    drive(twin, SGD(lambda n: 0.1 if n < 5 else 0.01, momentum=0.5))
    assert_close(drive(net, SGD(lr=0.01, momentum=0.5), GRADIENTS[5:]), twin.theta, rtol=0, atol=0)


def test_an_update_refuses_caches_from_before_it() -> None:
    net = small_network()
    y, cache = net.forward(np.ones((2, 3)))
    SGD().update(net)
    with pytest.raises(RuntimeError, match=r"^Network.backward: expected a cache of the present theta"):
        net.backward(cache, y)


def test_a_network_with_nothing_to_train_counts_the_update() -> None:
    net = small_network()
    net.freeze("*")
    start = net.theta.copy()
    Adam().update(net)
    np.testing.assert_array_equal(net.theta, start)
    assert net.step == 1


def test_nadam_keeps_one_product_for_the_whole_network() -> None:
    net = small_network()
    net.scale_lr("bias", 0.5)  # two runs
    drive(net, NAdam(betas=(0.9, 0.999), momentum_decay=0.0), GRADIENTS[:3])
    assert_close(net.optimizer_state["mu_product"], [0.45**3])


def test_a_variance_that_rounds_below_zero_counts_as_zero() -> None:
    net = small_network(dtype="float32")
    # alpha=1-1e-9 is 1 in float32: the averages stand still, at a mean square below the squared mean.
    optimizer = RMSprop(alpha=1 - 1e-9, eps=1.0, centered=True, lr=0.5)
    state = {"square_avg": np.zeros(8, np.float32), "grad_avg": np.ones(8, np.float32)}
    theta = net.theta.copy()
    optimizer.step_run(theta, np.ones(8, np.float32), state, 0.5, 1, 0.0)
    assert_close(theta, net.theta - 0.5, "float32")


@dataclass(frozen=True)
class SignSGD(Optimizer):
    lr: float = 0.5

    def step_run(self, theta: Any, gradient: Any, state: Any, lr: Any, t: Any, weight_decay: float) -> None:
        theta -= lr * namespace(theta).sign(gradient)


def test_an_optimizer_of_ones_own_is_a_rate_and_a_step(backend: Backend) -> None:
    net = small_network(backend.device.name)
    start = np.array(backend.get(net.theta))
    assert_close(drive(net, SignSGD(), GRADIENTS[:1]), start - 0.5 * np.sign(GRADIENTS[0]))


def test_the_base_has_no_step() -> None:
    with pytest.raises(NotImplementedError):
        Optimizer().update(small_network())


# -- where they lead -------------------------------------------------------------------------------


def parabola(x: float, y: float) -> list[float]:
    return [2 * (x - 1), 2 * (y - 1)]


def rosenbrock(x: float, y: float) -> list[float]:
    return [2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)]


@pytest.mark.parametrize("slope", [parabola, rosenbrock])
@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(lr=1e-3, momentum=0.9),
        Adam(lr=1e-1),
        AdamW(lr=1e-1, weight_decay=0.0),
        NAdam(lr=1e-2),
        RAdam(ConstantLR(5e-2, 1e-3, 6)),  # its first steps are not normalised
        Adamax(lr=1e-1),
        RMSprop(StepLR(1e-2, 2000)),
        Adagrad(lr=0.5),
        Adadelta(PolynomialLR(2.0, 5000, 2.0)),
        Lion(StepLR(1e-2, 1500)),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_the_minimum_is_reached(optimizer: Optimizer, slope: Callable[[float, float], list[float]]) -> None:
    net = Network(Sequential(Linear(1, 1)), dtype="float64", seed=0)
    net.theta = np.array([-0.5, 1.0])
    for _ in range(5000):
        net.gradient[...] = slope(*net.theta.tolist())
        optimizer.update(net)
    assert_close(net.theta, [1.0, 1.0], rtol=0, atol=2e-2)  # of a way of 1.5; not of arithmetic


# -- mistakes --------------------------------------------------------------------------------------

LR = "lr to be a number of at least 0 or a schedule"
BETAS = "betas to be two numbers in [0, 1)"
MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: SGD(lr=-0.1), f"SGD: expected {LR}, got -0.1"),
    (lambda: SGD(lr=float("nan")), f"SGD: expected {LR}, got nan"),
    (lambda: SGD(lr=float("inf")), f"SGD: expected {LR}, got inf"),
    (lambda: SGD(lr=True), f"SGD: expected {LR}, got True"),
    (lambda: Adam(lr="fast"), f"Adam: expected {LR}, got 'fast'"),
    (lambda: SGD(momentum=-0.9), "SGD: expected momentum in [0, inf), got -0.9"),
    (lambda: SGD(dampening=float("nan")), "SGD: expected dampening in (-inf, inf), got nan"),
    (lambda: SGD(weight_decay=-1), "SGD: expected weight_decay in [0, inf), got -1"),
    (lambda: SGD(decay="biases"), "SGD: expected decay to be one of 'all', 'weights', got 'biases'"),
    (lambda: SGD(nesterov=True), "SGD: expected momentum above 0 and dampening 0 with nesterov, got (0, 0)"),
    (
        lambda: SGD(momentum=0.9, dampening=0.1, nesterov=True),
        "SGD: expected momentum above 0 and dampening 0 with nesterov, got (0.9, 0.1)",
    ),
    (lambda: Adam(betas=(0.9, 1.0)), f"Adam: expected {BETAS}, got (0.9, 1.0)"),
    (lambda: AdamW(betas=0.9), f"AdamW: expected {BETAS}, got 0.9"),
    (lambda: NAdam(betas=(-0.1, 0.9)), f"NAdam: expected {BETAS}, got (-0.1, 0.9)"),
    (lambda: RAdam(betas=(0.9,)), f"RAdam: expected {BETAS}, got (0.9,)"),
    (lambda: Adamax(betas=("a", "b")), f"Adamax: expected {BETAS}, got ('a', 'b')"),
    (lambda: Lion(betas=(0.9, 2.0)), f"Lion: expected {BETAS}, got (0.9, 2.0)"),
    (lambda: Adam(eps=-1e-8), "Adam: expected eps in [0, inf), got -1e-08"),
    (lambda: AdamW(eps=-1e-8), "AdamW: expected eps in [0, inf), got -1e-08"),
    (lambda: NAdam(eps=-1e-8), "NAdam: expected eps in [0, inf), got -1e-08"),
    (lambda: NAdam(momentum_decay=-1.0), "NAdam: expected momentum_decay in [0, inf), got -1.0"),
    (lambda: RAdam(eps=-1e-8), "RAdam: expected eps in [0, inf), got -1e-08"),
    (lambda: Adamax(eps=-1e-8), "Adamax: expected eps in [0, inf), got -1e-08"),
    (lambda: RMSprop(alpha=-0.1), "RMSprop: expected alpha in [0, inf), got -0.1"),
    (lambda: RMSprop(eps=-0.1), "RMSprop: expected eps in [0, inf), got -0.1"),
    (lambda: RMSprop(momentum=-0.1), "RMSprop: expected momentum in [0, inf), got -0.1"),
    (lambda: Adagrad(lr_decay=-0.1), "Adagrad: expected lr_decay in [0, inf), got -0.1"),
    (
        lambda: Adagrad(initial_accumulator_value=-0.1),
        "Adagrad: expected initial_accumulator_value in [0, inf), got -0.1",
    ),
    (lambda: Adagrad(eps=-0.1), "Adagrad: expected eps in [0, inf), got -0.1"),
    (lambda: Adadelta(rho=1.1), "Adadelta: expected rho in [0, 1], got 1.1"),
    (lambda: Adadelta(eps=-0.1), "Adadelta: expected eps in [0, inf), got -0.1"),
]


@pytest.mark.parametrize(("build", "sentence"), MISTAKES)
def test_a_value_out_of_range_is_refused_in_a_sentence(build: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        build()


def test_a_list_of_betas_becomes_a_tuple() -> None:
    assert Adam(betas=[0.8, 0.9]) == Adam(betas=(0.8, 0.9))
