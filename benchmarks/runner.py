"""The rounds: peers that agree take turns until their ratios are steady."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers import CONFIGURATIONS
from benchmarks.processes import Child, Failed
from benchmarks.report import spread
from benchmarks.workloads import Workload

REFERENCE = "nnxp"
TOLERANCE = 5e-4  # of a loss, relative: float32, summed in another order, after a few steps
ACCURACY = 0.03  # of the digits' test images: everyone draws another order
STEADY = 0.03  # of a ratio, relative: quartile to quartile over the root of the number of rounds
PAUSE = 0.02  # until the threads of the one before sleep


@dataclass(frozen=True)
class Plan:
    """How long and how often."""

    threads: int
    seconds: float
    fewest: int
    most: int
    jobs: int
    patience: float = 300.0


@dataclass
class Outcome:
    """What one workload gave: for each configuration its times, one a round, and its peak memory; or a reason."""

    work: Workload
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    extras: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        measured = {
            name: {
                "column": CONFIGURATIONS[name].column,
                "seconds": times,
                "peak_megabytes": round(self.peaks[name], 1),
                **self.extras.get(name, {}),
            }
            for name, times in self.seconds.items()
        }
        return {
            "name": self.work.name, "title": self.work.title, "kind": self.work.kind, "batch": self.work.batch,
            "sweep": self.work.sweep, "measured": measured, "left_out": self.left_out,
        }  # fmt: skip


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def take_turns(works: Sequence[Workload], configurations: Sequence[str], plan: Plan) -> list[Outcome]:
    """Measure workloads of which each configuration has one process: one workload, or a series."""
    outcomes = [Outcome(work) for work in works]
    names = [work.name for work in works]
    children = {name: Child(name, names, plan.threads, plan.patience) for name in configurations}
    try:
        drop_strangers(children, outcomes)
        for name, child in list(children.items()):
            try:
                child.read()
            except Failed as reason:
                leave_out(children, outcomes, name, str(reason))
        for i, outcome in enumerate(outcomes):
            rounds(children, outcome, plan, outcomes[i:])
    finally:
        for child in children.values():
            child.stop()
    return outcomes


def leave_out(children: dict[str, Child], outcomes: Sequence[Outcome], name: str, reason: str) -> None:
    children.pop(name).stop()
    for outcome in outcomes:
        outcome.left_out[name] = reason
    say(f"  {name} is left out: {reason}")


def drop_strangers(children: dict[str, Child], outcomes: list[Outcome]) -> None:
    """Read what must agree, and end those that do not agree with the reference."""
    checks: dict[str, dict[str, list[float]]] = {}
    for name, child in list(children.items()):
        try:
            checks[name] = child.read()["checks"]
        except Failed as reason:
            leave_out(children, outcomes, name, str(reason))
    if REFERENCE not in checks:
        raise Failed(f"{REFERENCE} does not do {outcomes[0].work.name}: {outcomes[0].left_out[REFERENCE]}")
    for name in list(children):
        for outcome in outcomes:
            wanted, got = (checks[one][outcome.work.name] for one in (REFERENCE, name))
            if got and name in children and not agree(wanted, got):
                leave_out(children, outcomes, name, f"differs: {show(got)} where {REFERENCE} has {show(wanted)}")


def agree(wanted: Sequence[float], got: Sequence[float]) -> bool:
    """Tell whether two lists of numbers are the same but for rounding."""
    return len(wanted) == len(got) and all(
        math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for a, b in zip(wanted, got, strict=True)
    )


def show(values: Sequence[float]) -> str:
    return " ".join(f"{value:.5g}" for value in values)


def rounds(children: dict[str, Child], outcome: Outcome, plan: Plan, still: Sequence[Outcome]) -> None:
    """Let everyone measure once a round, until ratios are steady; who gives up is left out of what is still to do."""
    times: dict[str, list[float]] = {name: [] for name in children}
    for done in range(1, plan.most + 1):
        for name, child in list(children.items()):
            time.sleep(PAUSE)
            try:
                answer = child.turn(outcome.work.name, plan.seconds)
            except (Failed, BrokenPipeError) as reason:
                if name == REFERENCE:
                    raise
                leave_out(children, still, name, str(reason))
                del times[name]
                continue
            times[name].append(answer["seconds"])
            outcome.peaks[name] = answer["peak"]
        if done >= plan.fewest and all(steady(times[REFERENCE], own) for own in times.values()):
            break
    outcome.seconds = times


def steady(reference: Sequence[float], own: Sequence[float]) -> bool:
    low, middle, high = spread([t / r for t, r in zip(own, reference, strict=True)])
    return (high - low) / math.sqrt(len(own)) < STEADY * middle


def run_jobs(work: Workload, configurations: Sequence[str], plan: Plan) -> Outcome:
    """Measure whole trainings, each in a new process, with the start of Python and all imports and without."""
    outcome = Outcome(work)
    alive = list(configurations)
    for _ in range(plan.jobs):
        for name in list(alive):
            child = Child(name, [work.name], plan.threads, plan.patience)
            try:
                answer = child.read()
            except Failed as reason:
                child.stop()
                alive.remove(name)
                outcome.left_out[name] = str(reason)
                continue
            extras = outcome.extras.setdefault(name, {"process_seconds": [], "accuracy": []})
            extras["process_seconds"].append(child.finish())
            extras["accuracy"].append(answer["accuracy"])
            outcome.seconds.setdefault(name, []).append(answer["seconds"])
            outcome.peaks[name] = answer["peak"]
    if REFERENCE + ", fit" not in alive:
        raise Failed(f"{REFERENCE} does not do {work.name}: {outcome.left_out[REFERENCE + ', fit']}")
    wanted = outcome.extras[REFERENCE + ", fit"]["accuracy"][0]
    for name in alive:
        got = outcome.extras[name]["accuracy"][0]
        if abs(got - wanted) > ACCURACY:
            outcome.left_out[name] = f"differs: accuracy {got:.3f} where {REFERENCE} has {wanted:.3f}"
            del outcome.seconds[name]
    return outcome
