"""Rows that compiled updates gather themselves, in the order of the epoch: they are those that others would gather."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnxp import SGD, Adam, Callback, CrossEntropyLoss, Flatten, Linear, MSELoss, Network, ReLU, Sequential
from nnxp._backend import threads
from nnxp._backend.kernels import FASTER, PATHS, descent
from nnxp._backend.kernels.path import numba_is_here
from nnxp._backend.kernels.rooms import aligned_empty
from nnxp.training.batches import Chosen

RNG = np.random.default_rng(0)
ROWS, CLASSES = 53, 4
LABELS = RNG.integers(0, CLASSES, ROWS)

compiled = [
    pytest.mark.skipif(not FASTER, reason="NNXP_FAST=0 is set"),
    pytest.mark.skipif(not numba_is_here(), reason="Numba is not installed"),
]


def samples(*shape: int) -> Any:
    return RNG.normal(size=(ROWS, *shape)).astype("float32")


def sealed(x: Any) -> Any:
    """Return a copy that may not be written to, which compiled updates do not take as it is."""
    x = x.copy()
    x.flags.writeable = False
    return x


def trained(x: Any, y: Any = LABELS, **options: Any) -> Network:
    net = Network(Sequential(Flatten(), Linear(np.asarray(x[0]).size, 30), ReLU(), Linear(30, CLASSES)), seed=3)
    settings: dict[str, Any] = {"loss": CrossEntropyLoss(), "optimizer": Adam(), "epochs": 3, "batch_size": 8}
    net.fit(x, y, verbose=False, **{**settings, **options})
    return net


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Note of every call how many updates it made, and whether it gathered their rows."""
    found: list[tuple[int, bool]] = []
    kernel = descent.descend

    def descend(x: Any, target: Any, updates: Any) -> Any:
        made = kernel(x, target, updates)
        found.append((len(made[0]), updates.rows is not None))
        return made

    monkeypatch.setattr(PATHS["descend"], "_kernel", descend)
    return found


class TestGathering:
    pytestmark = compiled

    @pytest.mark.parametrize("number", [1, 2, 3])
    @pytest.mark.parametrize("shape", [(1,), (6,), (2, 3, 5), (5000,)], ids=str)
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"batch_size": 1},
            {"batch_size": 100},
            {"validation": 0.3},
            {"optimizer": SGD(lr=0.1)},
            {"shuffle": False},
        ],
        ids=str,
    )
    def test_nothing_changes_by_a_bit_whoever_gathers(
        self, shape: Any, options: Any, number: int, calls: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(descent, "_SHARED", 0)
        monkeypatch.setattr(threads._team, "count", number)
        x = samples(*shape)
        first, ours = trained(x, **options), calls.copy()
        second, theirs = trained(sealed(x), **options), calls[len(ours) :]
        np.testing.assert_array_equal(first.theta, second.theta)
        np.testing.assert_array_equal(first.gradient, second.gradient)
        ordered = options.get("shuffle") is not False
        assert {gathered for _, gathered in ours} == {ordered}
        assert {gathered for _, gathered in theirs} == {False}

    def test_rows_that_are_gathered_there_take_no_memory(self, calls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        x = samples(6)
        monkeypatch.setattr("nnxp.training.descent._BYTES", 3 * 8 * (2 * CLASSES * 4))
        trained(x, epochs=1)
        assert calls == [(3, True), (3, True), (1, True)]
        calls.clear()
        trained(sealed(x), epochs=1)
        assert calls == [(1, False)] * 7

    def test_targets_are_those_of_the_rows(self, calls: Any) -> None:
        x = samples(6)
        y = x @ RNG.normal(size=(6, CLASSES)).astype("float32")
        first, second = (trained(each, y, loss=MSELoss(), metrics=["mae"]) for each in (x, sealed(x)))
        np.testing.assert_array_equal(first.theta, second.theta)
        assert {gathered for _, gathered in calls} == {True, False}

    @pytest.mark.parametrize(
        "change",
        [
            lambda x: x.astype("float64"),
            lambda x: x.astype("float16"),
            np.asfortranarray,
            lambda x: np.repeat(x, 2, axis=0)[::2],
            lambda x: x.tolist(),
        ],
        ids=["float64", "float16", "fortran", "strided", "list"],
    )
    def test_what_does_not_lie_as_it_should_is_gathered_first(self, change: Any, calls: Any) -> None:
        x = samples(6).astype("float16").astype("float32")
        np.testing.assert_array_equal(trained(change(x)).theta, trained(x).theta)
        assert [gathered for _, gathered in calls] == [False] * 3 + [True] * 3

    def test_how_a_large_order_is_held_has_no_say_in_it(self, calls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        x = samples(6)
        first = trained(x)
        monkeypatch.setattr("nnxp.training.batches._MANY", 0)
        np.testing.assert_array_equal(trained(x).theta, first.theta)
        assert [gathered for _, gathered in calls] == [True] * 6

    def test_the_last_batch_is_there_at_the_epoch_s_end(self, calls: Any) -> None:
        x, seen = samples(6), []

        class AtEnd(Callback):
            def on_epoch_end(self, run: Any) -> None:
                seen.append(run.batch)

        trained(x, callbacks=[AtEnd()], epochs=1)
        [((inputs,), labels, weight)] = seen
        assert weight is None
        rows = [int(np.flatnonzero((x == row).all(axis=1))[0]) for row in inputs]
        assert len(rows) == 5
        np.testing.assert_array_equal(labels, LABELS[rows])
        assert calls == [(7, True)]


def test_chosen_rows_are_gathered_when_they_are_asked_for() -> None:
    x, rows = samples(2, 3), np.array([5, 0, 52, 5])
    chosen = Chosen(x, rows)
    assert chosen.shape == (4, 2, 3)
    np.testing.assert_array_equal(chosen[1:3, ...], x[[0, 52]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [0, 7, (3, 5), (0, 4)])
def test_vectors_begin_where_a_line_of_the_cache_does(shape: Any, dtype: str) -> None:
    for _ in range(5):
        array = aligned_empty(shape, dtype)
        assert array.ctypes.data % 64 == 0 or not array.size
        assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
        assert array.dtype == dtype
        assert array.flags.carray


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_s_vectors_do(dtype: str) -> None:
    net = Network(Sequential(Linear(3, 5), ReLU(), Linear(5, 2)), dtype=dtype, seed=0)
    net.fit(samples(3), LABELS % 2, loss=CrossEntropyLoss(), optimizer=Adam(), verbose=False)
    for vector in (net.theta, net.gradient, *net.optimizer_state.values()):
        assert vector.ctypes.data % 64 == 0
