"""Schedules: equal to PyTorch's schedulers step by step, and to hand-worked values without it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnxp import schedules
from nnxp.optimizers import SGD
from nnxp.schedules import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)

LR = 0.3
STEPS = 120


@dataclass(frozen=True)
class Case:
    """A schedule, and rates worked out by hand."""

    name: str
    schedule: Any
    by_hand: dict[int, float]


WARM_UP = LinearLR(LR, 0.1, total_iters=20)

SCHEDULE_CASES = [
    Case("step", StepLR(LR, 7), {0: 0.3, 6: 0.3, 7: 0.03, 14: 0.003}),
    Case("step_gamma", StepLR(LR, 20, 0.5), {19: 0.3, 20: 0.15, 60: 0.0375}),
    Case("multi_step", MultiStepLR(LR, [5, 30, 30]), {4: 0.3, 5: 0.03, 30: 0.0003}),
    Case("constant", ConstantLR(LR), {0: 0.1, 4: 0.1, 5: 0.3}),
    Case("constant_factor", ConstantLR(LR, 0.5, 9), {8: 0.15, 9: 0.3}),
    Case("linear", LinearLR(LR), {0: 0.1, 1: 0.14, 5: 0.3, 9: 0.3}),
    Case("linear_down", LinearLR(LR, 1.0, 0.1, 50), {0: 0.3, 25: 0.165, 50: 0.03}),
    Case("exponential", ExponentialLR(LR, 0.97), {0: 0.3, 1: 0.291, 2: 0.28227}),
    Case("polynomial", PolynomialLR(LR), {0: 0.3, 1: 0.24, 5: 0.0, 7: 0.0}),
    Case("polynomial_power", PolynomialLR(LR, 50, 2.0), {0: 0.3, 25: 0.075, 60: 0.0}),
    Case("cosine", CosineAnnealingLR(LR, 30), {0: 0.3, 10: 0.225, 30: 0.0, 60: 0.3}),
    Case("cosine_min", CosineAnnealingLR(LR, 25, 0.1), {0: 0.3, 25: 0.1, 50: 0.3}),
    Case("restarts", CosineAnnealingWarmRestarts(LR, 12), {6: 0.15, 12: 0.3, 24: 0.3}),
    Case("restarts_longer", CosineAnnealingWarmRestarts(LR, 6, 2, 0.1), {3: 0.2, 6: 0.3, 12: 0.2, 18: 0.3}),
    Case("one_cycle", OneCycleLR(LR, STEPS), {0: 0.012, 35: 0.3, 119: 1.2e-6}),
    Case("one_cycle_linear", OneCycleLR(LR, STEPS, pct_start=0.5, anneal_strategy="linear"), {0: 0.012, 59: 0.3}),
    Case("one_cycle_ends", OneCycleLR(LR, STEPS, div_factor=10.0, final_div_factor=100.0), {0: 0.03, 119: 3e-4}),
    Case("one_cycle_three", OneCycleLR(LR, STEPS, three_phase=True), {0: 0.012, 35: 0.3, 70: 0.012, 119: 1.2e-6}),
    Case("sequential", SequentialLR([WARM_UP, CosineAnnealingLR(LR, 40)], [20]), {0: 0.03, 20: 0.3, 40: 0.15}),
    Case("sequential_three", SequentialLR([WARM_UP, StepLR(LR, 7), ConstantLR(LR)], [20, 60]), {27: 0.03, 60: 0.1}),
]


def scheduler_of_pytorch(schedule: Any, optimizer: Any) -> Any:
    """Build PyTorch's scheduler of the same name from the same fields, the base rate left out."""
    from torch.optim import lr_scheduler

    options = {f.name: getattr(schedule, f.name) for f in fields(schedule) if f.name != "lr"}
    if isinstance(schedule, SequentialLR):
        options["schedulers"] = [scheduler_of_pytorch(s, optimizer) for s in options.pop("schedules")]
    if isinstance(schedule, OneCycleLR):
        options["cycle_momentum"] = False
    return getattr(lr_scheduler, type(schedule).__name__)(optimizer, **options)


every_case = pytest.mark.parametrize("case", SCHEDULE_CASES, ids=lambda case: case.name)


@every_case
def test_rates_equal_those_of_pytorch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=LR)
    with warnings.catch_warnings():
        # PyTorch deprecates a call that its own SequentialLR makes.
        warnings.simplefilter("ignore")
        scheduler = scheduler_of_pytorch(case.schedule, optimizer)
        for updates in range(STEPS + 1):
            assert case.schedule(updates) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12, abs=1e-12 * LR)
            optimizer.step()
            if updates < STEPS:
                scheduler.step()


@every_case
def test_rates_equal_those_by_hand(case: Case) -> None:
    for updates, rate in case.by_hand.items():
        assert case.schedule(updates) == pytest.approx(rate, rel=1e-12, abs=1e-15)


@every_case
def test_a_rate_is_a_python_float_and_the_schedule_a_value(case: Case) -> None:
    assert all(type(case.schedule(updates)) is float for updates in range(STEPS))
    assert eval(repr(case.schedule), vars(schedules)) == case.schedule
    assert hash(eval(repr(case.schedule), vars(schedules))) == hash(case.schedule)
    assert SGD(lr=case.schedule) == SGD(lr=case.schedule)


def test_every_schedule_has_a_case() -> None:
    covered = {type(case.schedule).__name__ for case in SCHEDULE_CASES}
    assert covered == set(schedules.__all__) - {"Schedule"}


counts = st.integers(1, 60)
rates = st.floats(1e-6, 10.0)
updates = st.integers(0, 500)


@given(rates, counts, updates, st.floats(0.0, 1.0))
def test_a_falling_schedule_stays_between_nothing_and_its_base_rate(lr: float, n: int, at: int, factor: float) -> None:
    falling = [
        StepLR(lr, n, factor),
        MultiStepLR(lr, [n, 2 * n], factor),
        ExponentialLR(lr, factor),
        PolynomialLR(lr, n, 1.0 + factor),
        LinearLR(lr, 1.0, factor, n),
    ]
    for schedule in falling:
        assert schedule(0) == lr
        assert 0.0 <= schedule(at + 1) <= schedule(at) <= lr


@given(rates, counts, updates, st.integers(1, 4), st.floats(0.0, 1.0))
def test_a_cosine_stays_between_its_ends(lr: float, n: int, at: int, growth: int, part: float) -> None:
    for schedule in (CosineAnnealingLR(lr, n, part * lr), CosineAnnealingWarmRestarts(lr, n, growth, part * lr)):
        assert schedule(0) == pytest.approx(lr, rel=1e-15)
        assert part * lr * (1 - 1e-15) <= schedule(at) <= lr * (1 + 1e-15)


@given(counts, st.integers(1, 4), st.integers(0, 5))
def test_warm_restarts_restart_when_a_fall_is_over(n: int, growth: int, round_: int) -> None:
    start = sum(n * growth**i for i in range(round_))
    assert CosineAnnealingWarmRestarts(LR, n, growth)(start) == LR


@given(counts, st.floats(0.0, 1.0), st.sampled_from(["cos", "linear"]), st.booleans())
def test_one_cycle_stays_between_its_ends_whatever_its_phases(
    n: int, rise: float, strategy: Any, three_phase: bool
) -> None:
    # Three phases fit into the cycle where the first takes less than half of it.
    rise = rise / 2 if three_phase else rise
    schedule = OneCycleLR(LR, n, pct_start=rise, anneal_strategy=strategy, three_phase=three_phase)
    for at in range(1, n):
        assert LR / 25 / 1e4 * (1 - 1e-9) <= schedule(at) <= LR * (1 + 1e-9)


def test_a_phase_of_no_length_is_over_at_once() -> None:
    # PyTorch divides by zero here.
    assert OneCycleLR(LR, 10, pct_start=0.1)(0) == pytest.approx(LR)
    assert OneCycleLR(LR, 10, pct_start=1.0)(10) == pytest.approx(LR / 25 / 1e4)


def test_any_callable_can_follow_a_warm_up() -> None:
    schedule = SequentialLR((LinearLR(1.0, 0.5, total_iters=2), lambda updates: 10.0 + updates), (2,))
    assert [schedule(updates) for updates in range(5)] == [0.5, 0.75, 10.0, 11.0, 12.0]


MISTAKES = [
    (lambda: StepLR(-1.0, 3), "StepLR: expected lr in [0, inf), got -1.0"),
    (lambda: StepLR(0.1, 0), "StepLR: expected step_size to be a whole number of at least 1, got 0"),
    (lambda: StepLR(0.1, 3, -0.5), "StepLR: expected gamma in [0, inf), got -0.5"),
    (
        lambda: MultiStepLR(0.1, [3, 2]),
        "MultiStepLR: expected milestones to be a list of whole numbers that rise, got [3, 2]",
    ),
    (
        lambda: MultiStepLR(0.1, [-1]),
        "MultiStepLR: expected milestones to be a list of whole numbers that rise, got [-1]",
    ),
    (lambda: MultiStepLR(0.1, 3), "MultiStepLR: expected milestones to be a list of whole numbers that rise, got 3"),
    (lambda: ConstantLR(0.1, 1.5), "ConstantLR: expected factor in [0, 1], got 1.5"),
    (
        lambda: ConstantLR(0.1, total_iters=-1),
        "ConstantLR: expected total_iters to be a whole number of at least 0, got -1",
    ),
    (lambda: LinearLR(0.1, 0.0), "LinearLR: expected start_factor in (0, 1], got 0.0"),
    (lambda: LinearLR(0.1, end_factor=1.5), "LinearLR: expected end_factor in [0, 1], got 1.5"),
    (lambda: LinearLR(0.1, total_iters=0), "LinearLR: expected total_iters to be a whole number of at least 1, got 0"),
    (lambda: ExponentialLR(0.1, -1), "ExponentialLR: expected gamma in [0, inf), got -1"),
    (lambda: PolynomialLR(0.1, 0), "PolynomialLR: expected total_iters to be a whole number of at least 1, got 0"),
    (lambda: PolynomialLR(0.1, power=-1.0), "PolynomialLR: expected power in [0, inf), got -1.0"),
    (lambda: CosineAnnealingLR(0.1, 0), "CosineAnnealingLR: expected T_max to be a whole number of at least 1, got 0"),
    (lambda: CosineAnnealingLR(0.1, 5, -1.0), "CosineAnnealingLR: expected eta_min in [0, inf), got -1.0"),
    (
        lambda: CosineAnnealingWarmRestarts(0.1, 0),
        "CosineAnnealingWarmRestarts: expected T_0 to be a whole number of at least 1, got 0",
    ),
    (
        lambda: CosineAnnealingWarmRestarts(0.1, 5, 0),
        "CosineAnnealingWarmRestarts: expected T_mult to be a whole number of at least 1, got 0",
    ),
    (lambda: OneCycleLR(0.1, 0), "OneCycleLR: expected total_steps to be a whole number of at least 1, got 0"),
    (lambda: OneCycleLR(0.1, 9, pct_start=2.0), "OneCycleLR: expected pct_start in [0, 1], got 2.0"),
    (
        lambda: OneCycleLR(0.1, 9, anneal_strategy="sin"),
        "OneCycleLR: expected anneal_strategy to be one of 'cos', 'linear', got 'sin'",
    ),
    (lambda: OneCycleLR(0.1, 9, div_factor=0.0), "OneCycleLR: expected div_factor in (0, inf), got 0.0"),
    (lambda: OneCycleLR(0.1, 9, final_div_factor=0.0), "OneCycleLR: expected final_div_factor in (0, inf), got 0.0"),
    (lambda: OneCycleLR(0.1, 9)(10), "OneCycleLR: expected at most total_steps=9 updates, got 10"),
    (
        lambda: SequentialLR([StepLR(0.1, 3)], [5]),
        "SequentialLR: expected one milestone less than its 1 schedules, got 1",
    ),
    (lambda: SequentialLR([], []), "SequentialLR: expected one milestone less than its 0 schedules, got 0"),
    (
        lambda: SequentialLR([StepLR(0.1, 3)] * 2, 5),
        "SequentialLR: expected milestones to be a list of whole numbers that rise, got 5",
    ),
]


@pytest.mark.parametrize(("build", "sentence"), MISTAKES)
def test_a_value_out_of_range_is_refused_in_a_sentence(build: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        build()


def test_what_is_no_schedule_is_refused_in_a_sentence() -> None:
    sentence = "SequentialLR: expected schedules to be a list of callables, got [0.1]"
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        SequentialLR([0.1], [])
