"""Batches on their way to the network: from memory as they are, from files and slow sources one ahead, in a thread."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import SGD, Callback, CrossEntropyLoss, Linear, MSELoss, Network, Prefetch, ReLU, Sequential, Tanh
from nnxp.training import Run
from nnxp.training.batches import as_data
from nnxp.training.feeding import feed
from nnxp.training.memory_maps import map_behind
from nnxp.training.prefetch import ahead
from tests.backends import Backend, assert_close

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)


def network(device: Any = "cpu") -> Network:
    return Network(Sequential(Linear(3, 8), Tanh(), Linear(8, 3)), device=device, seed=0)


def train(net: Network, x: Any = X, y: Any = LABELS, **options: Any) -> Any:
    settings: dict[str, Any] = {"loss": CrossEntropyLoss(), "optimizer": SGD(lr=0.1), "epochs": 3, "batch_size": 16}
    return net.fit(x, y, verbose=False, **{**settings, **options})


def on_disk(path: Path, x: Any) -> Any:
    np.save(path, x)
    return np.load(path, mmap_mode="r")


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nnxp-ahead"]


@pytest.fixture
def every_map_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp.training.memory_maps._LARGE", 0)


@pytest.fixture(params=["told", "untold"])
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, every_map_large: None) -> None:
    monkeypatch.setattr("nnxp.training.memory_maps._SLOW", -1.0 if request.param == "told" else np.inf)


# -- one ahead -----------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [1, 3, 4, 7])
def test_items_come_in_order_and_the_thread_ends_with_them(group: int) -> None:
    assert list(ahead(lambda: range(12), group)) == list(range(12))
    assert list(ahead(list, group)) == []
    assert not readers()


def test_a_source_is_at_most_one_item_ahead() -> None:
    begun: list[int] = []

    def source() -> Iterator[int]:
        for i in range(5):
            begun.append(i)
            yield i

    items = ahead(source)
    assert not begun
    for i in range(3):
        assert next(items) == i
        time.sleep(0.02)
        assert begun == list(range(i + 2))
    items.close()
    assert begun == list(range(4))
    assert not readers()


@pytest.mark.parametrize("group", [1, 2, 5])
def test_an_error_comes_in_the_place_of_its_item(group: int) -> None:
    def source() -> Iterator[int]:
        yield 0
        yield 1
        yield 2
        raise OSError("the disk is gone")

    seen: list[int] = []
    with pytest.raises(OSError, match="^the disk is gone$"):
        seen += ahead(source, group)
    assert seen == [0, 1, 2]
    assert not readers()


def test_the_thread_keeps_numpys_error_state() -> None:
    with np.errstate(over="ignore"):
        (found,) = ahead(lambda: (np.float64(x).astype(np.float32) for x in [1e300]))
    assert np.isinf(found)


# -- iterables that want it ----------------------------------------------------------------------


def test_prefetched_batches_train_alike(backend: Backend) -> None:
    batches = [(X[i : i + 16], LABELS[i : i + 16]) for i in range(0, 40, 16)]
    net, other = network(backend.device), network(backend.device)
    history = train(net, Prefetch(batches), None, validation=Prefetch(batches))
    expected = train(other, batches, None, validation=batches)
    assert history["val_loss"] == expected["val_loss"]
    assert_close(backend.get(net.theta), backend.get(other.theta), rtol=0, atol=0)
    np.testing.assert_array_equal(net.predict(Prefetch(batches)), other.predict(X))
    assert not readers()


def test_a_source_may_fill_the_same_arrays_again() -> None:
    def batches() -> Iterator[Any]:
        x, y = np.empty((20, 3), np.float32), np.empty(20, np.int64)
        for start in (0, 20):
            x[...], y[...] = X[start : start + 20], LABELS[start : start + 20]
            yield [x, y]

    kept = [x for x, _ in Prefetch(batches())]
    np.testing.assert_array_equal(np.concatenate(kept), X)
    net, other = network(), network()
    train(net, Prefetch(batches()), None, epochs=1)
    train(other, batch_size=20, shuffle=False, epochs=1)
    np.testing.assert_array_equal(net.theta, other.theta)


def test_a_prefetched_generator_serves_for_one_epoch_alone() -> None:
    source = Prefetch(batch for batch in [(X, LABELS)])
    text = (
        "fit: expected an iterable that can be run through 2 times, got an iterator; "
        "give a list, a DataLoader or an object whose __iter__ begins anew"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        train(network(), source, None, epochs=2)
    with pytest.raises(TypeError, match="^Prefetch: expected an iterable of batches, got int$"):
        Prefetch(3)  # type: ignore[arg-type]


class Stop(Callback):
    """Ends the run in one way or another at its second step."""

    def __init__(self, end: Callable[[Run], None]) -> None:
        self.end, self.steps = end, 0

    def on_step(self, run: Run) -> None:
        self.steps += 1
        if self.steps == 2:
            self.end(run)


def stop(run: Run) -> None:
    run.stop("enough")


def interrupt(run: Run) -> None:
    signal.raise_signal(signal.SIGINT)


def fail(run: Run) -> None:
    raise ArithmeticError("on purpose")


@pytest.mark.parametrize("end", [stop, interrupt, fail])
def test_the_thread_never_outlives_the_epoch(end: Any) -> None:
    made: list[int] = []

    def batches() -> Iterator[Any]:
        for i in range(100):
            made.append(i)
            yield X, LABELS

    net, watch = network(), Stop(end)
    try:
        history = train(net, Prefetch(batches()), None, epochs=1, callbacks=[watch])
    except ArithmeticError:
        assert end is fail
    else:
        assert history.stop_reason == ("enough" if end is stop else "interrupted by Ctrl-C")
    assert not readers()
    assert net.step == 2
    assert len(made) <= 3


def test_an_error_in_the_source_ends_the_run_where_it_arose() -> None:
    def batches() -> Iterator[Any]:
        yield X, LABELS
        raise OSError("the disk is gone")

    net = network()
    with pytest.raises(OSError, match="^the disk is gone$"):
        train(net, Prefetch(batches()), None, epochs=1)
    assert net.step == 1
    assert not readers()


# -- memory maps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", ">f4"])
def test_a_large_memory_map_trains_as_an_array(
    dtype: str, shuffle: bool, backend: Backend, tmp_path: Path, told: None
) -> None:
    x = np.abs(X * 20).astype(dtype)
    net, other = network(backend.device), network(backend.device)
    options: dict[str, Any] = {"shuffle": shuffle, "validation": 0.25, "metrics": ["accuracy"]}
    history = train(net, on_disk(tmp_path / "x.npy", x), on_disk(tmp_path / "y.npy", LABELS), **options)
    expected = train(other, x, LABELS, **options)
    for column in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert history[column] == expected[column]
    assert_close(backend.get(net.theta), backend.get(other.theta), rtol=0, atol=0)
    assert not readers()


VIEWS: dict[str, Callable[[Any], Any]] = {
    "offset": lambda x: x[3:],
    "every other row": lambda x: x[::2],
    "backwards": lambda x: x[::-1],
    "some columns": lambda x: x[:, 1:4],
    "transposed": lambda x: x.T,
    "buffer": lambda x: np.frombuffer(x._mmap, np.float32, offset=128).reshape(x.shape),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_of_a_memory_map_give_the_same_rows(name: str, tmp_path: Path, told: None) -> None:
    whole = RNG.normal(size=(64, 64)).astype(np.float32)
    mapped = VIEWS[name](on_disk(tmp_path / "x.npy", whole))
    x = whole if name == "buffer" else VIEWS[name](whole)
    assert map_behind(mapped) is not None
    net = Network(Linear(x.shape[1], 2), seed=0)
    for order in (None, 0):
        shuffles = [None if order is None else np.random.default_rng(order) for _ in range(2)]
        batches = [
            list(feed(net, None, as_data("fit", data, data), 7, shuffle))
            for data, shuffle in zip((mapped, x), shuffles, strict=True)
        ]
        assert len(batches[0]) == -(-len(x) // 7)
        for (inputs, target, _), (wanted, _, _) in zip(*batches, strict=True):
            np.testing.assert_array_equal(inputs[0], wanted[0])
            np.testing.assert_array_equal(target, wanted[0])
            assert inputs[0].flags.owndata  # read here and now, not when the network looks


def test_what_is_in_memory_has_no_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: Any) -> Any:
        raise AssertionError("a thread for what is at hand")

    monkeypatch.setattr("nnxp.training.feeding.ahead", refuse)
    small, loaded = on_disk(tmp_path / "x.npy", X), np.load(tmp_path / "x.npy")
    assert map_behind(small) is None
    for x in (X, X.astype(np.float64), small, loaded, small.copy()):
        train(network(), x, LABELS, epochs=1)
    train(network(), [(X, LABELS)], None)


def test_a_copy_of_a_map_is_in_memory(every_map_large: None, tmp_path: Path) -> None:
    mapped = on_disk(tmp_path / "x.npy", X)
    assert map_behind(np.asarray(mapped)[3:]) is not None
    assert map_behind(mapped.copy()) is None
    assert map_behind(mapped * 2) is None
    assert map_behind(X) is None


# -- arrays in memory ----------------------------------------------------------------------------


def test_a_batch_may_be_kept(backend: Backend) -> None:
    """Callbacks, caches and hooks may hold a batch as long as they like."""
    kept: list[Any] = []

    class Keep(Callback):
        def on_gradient(self, run: Run) -> None:
            assert run.batch is not None
            kept.append((run.batch, backend.get(run.batch[0][0]).copy()))

    train(network(backend.device), callbacks=[Keep()])
    assert len(kept) == 9
    for (inputs, _, _), then in kept:
        np.testing.assert_array_equal(backend.get(inputs[0]), then)


def test_batches_that_need_nothing_are_passed_on(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = backend.put(X), backend.put(LABELS)
    net = network(backend.device)
    calls: list[int] = []
    monkeypatch.setattr(type(net), "put_input", lambda self, x, i=0: calls.append(i) or self.device.put(x, self.dtype))

    class EachStep(Callback):  # what is looked at step by step comes batch by batch
        def on_step(self, run: Run) -> None:
            assert run.batch is not None

    train(net, x, y, callbacks=[EachStep()])
    assert len(calls) == 3  # the first row of every epoch tells
    train(network(backend.device), backend.put(X, "float64"), y, callbacks=[EachStep()])
    assert len(calls) == 3 + 3 + 9


def test_how_a_large_order_is_held_has_no_say_in_it(monkeypatch: pytest.MonkeyPatch, backend: Backend) -> None:
    net, other = network(backend.device), network(backend.device)
    train(net, backend.put(X), LABELS, validation=0.25)
    monkeypatch.setattr("nnxp.training.batches._MANY", 0)
    train(other, backend.put(X), LABELS, validation=0.25)
    assert_close(backend.get(net.theta), backend.get(other.theta), rtol=0, atol=0)


def test_a_sample_is_predicted_as_all_are() -> None:
    net, x = Network(Sequential(Linear(5, 9), ReLU(), Linear(9, 3)), seed=0), np.float32(RNG.normal(size=(7, 5)))
    whole = net.predict(x)
    for rows in (x[:1], x[2:5], np.asfortranarray(x[3:6]), x[:0]):
        at = len(rows) and int(np.flatnonzero((x == rows[0]).all(axis=1))[0])
        np.testing.assert_allclose(net.predict(rows), whole[at : at + len(rows)], rtol=1e-6, atol=1e-7)
    with pytest.raises(ValueError, match="at least 1"):
        net.predict(x[:1], batch_size=0)


def test_no_more_samples_are_predicted_at_a_time_than_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    run, sizes = Network.run, []

    def counted(self: Network, inputs: Any, *args: Any, **options: Any) -> Any:
        sizes.append(len(inputs[0]))
        return run(self, inputs, *args, **options)

    monkeypatch.setattr(Network, "run", counted)
    network().predict(X, batch_size=16)
    assert sizes == [16, 16, 8]


def test_predictions_are_arrays_of_their_own() -> None:
    x = X.copy()
    for batch_size in (7, 1024):
        y = Network(Sequential(), seed=0).predict(x, batch_size=batch_size)
        y += 1.0
        np.testing.assert_array_equal(x, X)


def test_mse_targets_are_cast_ahead(tmp_path: Path, every_map_large: None) -> None:
    targets = RNG.normal(size=(40, 3))
    net, other = network(), network()
    train(net, X, on_disk(tmp_path / "y.npy", targets), loss=MSELoss())
    train(other, X, targets, loss=MSELoss())
    np.testing.assert_array_equal(net.theta, other.theta)
