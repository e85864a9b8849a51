"""What most peers share: from a function for one step, one answer or one convolution to what is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import cycle, islice
from typing import Any

import numpy as np

from benchmarks.peers import Measured
from benchmarks.workloads import STEPS_COMPARED, Workload

Array = np.ndarray[Any, Any]


def batches(work: Workload) -> list[tuple[Array, Array]]:
    """Cut the data into batches."""
    x, labels = work.data()
    return [(x[i : i + work.batch], labels[i : i + work.batch]) for i in range(0, len(x), work.batch)]


def first_batches(work: Workload) -> list[tuple[Array, Array]]:
    """Return the batches whose losses are compared."""
    return list(islice(cycle(batches(work)), STEPS_COMPARED))


def shuffled(work: Workload) -> Callable[[], Iterable[tuple[Array, Array]]]:
    """Return what draws the batches of one epoch of a whole job in a new order."""
    x, labels = work.data()
    rng = np.random.default_rng(2)

    def epoch() -> Iterable[tuple[Array, Array]]:
        order = rng.permutation(len(x)).reshape(-1, work.batch)
        return ((x[rows], labels[rows]) for rows in order)

    return epoch


def trained(
    work: Workload,
    step: Callable[[Any, Any], Any],
    put: Callable[[Array], Any] = lambda a: a,
    wait: Callable[[Any], Any] = lambda value: value,
) -> Measured:
    """Measure a training step on batches that are ready; `step` returns the loss, `wait` waits for it."""
    ready = [(put(x), put(labels)) for x, labels in batches(work)]
    first = [float(step(*pair)) for pair in islice(cycle(ready), STEPS_COMPARED)]
    endless = cycle(ready)

    def repeat(n: int) -> None:
        value = None
        for _ in range(n):
            value = step(*next(endless))
        wait(value)

    return Measured(lambda: first, repeat)


def answered(
    predict: Callable[[Any], Any], x: Any, labels: Array, wait: Callable[[Any], Any] = lambda y: y
) -> Measured:
    """Measure a function from inputs to outputs, up to a constant for each sample the logarithms of probabilities."""

    def check() -> list[float]:
        return [cross_entropy(np.asarray(predict(x)), labels)]

    def repeat(n: int) -> None:
        for _ in range(n):
            wait(predict(x))

    return Measured(check, repeat)


def convolved(both: Callable[[], Any], wait: Callable[[Any], Any] = lambda arrays: arrays) -> Measured:
    """Measure a function that returns the output and all gradients of a convolution."""

    def check() -> list[float]:
        return sorted(float(np.linalg.norm(np.asarray(a))) for a in both())

    def repeat(n: int) -> None:
        for _ in range(n):
            wait(both())

    return Measured(check, repeat)


def cross_entropy(outputs: Array, labels: Array) -> float:
    """Return the mean negative logarithm of the right label's probability."""
    top = outputs - outputs.max(axis=1, keepdims=True)
    wrong = np.log(np.exp(top).sum(axis=1)) - top[np.arange(len(labels)), labels]
    return float(wrong.mean())
