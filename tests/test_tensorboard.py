"""Events, read back by TensorBoard itself."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import Adam, Callback, Checkpoint, Linear, MSELoss, Network, Sequential, Tanh, TensorBoard
from nnxp.training import Run
from tests.backends import Backend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = np.sin(X[:, :1] * 3.0)


def network(device: Any = "cpu") -> Network:
    return Network(Sequential(Linear(3, 8), Tanh(), Linear(8, 1)), device=device, seed=0)


def train(net: Network, *callbacks: Callback, **options: Any) -> Any:
    settings: dict[str, Any] = {"loss": MSELoss(), "optimizer": Adam(lr=0.02), "epochs": 3, "batch_size": 10}
    return net.fit(X, Y, callbacks=callbacks, verbose=False, **{**settings, **options})


def events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0}).Reload()


def scalars(folder: Path, tag: str) -> tuple[list[int], list[float]]:
    found = events(folder).Scalars(tag)
    return [e.step for e in found], [e.value for e in found]


def writers() -> int:
    return sum("EventLogger" in type(t).__name__ for t in threading.enumerate())


def test_the_history_is_read_back(backend: Backend, tmp_path: Path) -> None:
    history = train(network(backend.device), TensorBoard(tmp_path), validation=0.25, metrics=["mae"])
    assert set(events(tmp_path).Tags()["scalars"]) == {"loss", "val_loss", "mae", "val_mae", "lr"}
    for column in ("loss", "val_loss", "mae", "val_mae", "lr"):
        steps, values = scalars(tmp_path, column)
        assert steps == history.updates
        np.testing.assert_allclose(values, history[column], rtol=1e-6)


def test_the_loss_of_every_other_update_is_read_back(tmp_path: Path) -> None:
    history = train(network(), TensorBoard(tmp_path, every=2))
    steps, values = scalars(tmp_path, "batch_loss")
    assert steps == [2, 4, 6, 8, 10, 12]
    np.testing.assert_allclose(values, history.batch_loss[1::2], rtol=1e-6)


def test_distributions_of_the_parameters_are_read_back(tmp_path: Path) -> None:
    net = network()
    train(net, TensorBoard(tmp_path, histograms=True))
    found = events(tmp_path)
    assert set(found.Tags()["histograms"]) == {f"parameters/{name}" for name in net.parameters}
    last = found.Histograms("parameters/0.weight")[-1]
    weight = np.asarray(net.parameters["0.weight"], dtype=np.float64)
    assert (last.step, last.histogram_value.num) == (12, weight.size)
    np.testing.assert_allclose(
        [last.histogram_value.min, last.histogram_value.max, last.histogram_value.sum],
        [weight.min(), weight.max(), weight.sum()], rtol=1e-6,
    )  # fmt: skip


def test_an_error_closes_the_file_with_what_was_written(tmp_path: Path) -> None:
    class Fail(Callback):
        def on_step(self, run: Run) -> None:
            if run.net.step == 6:
                raise RuntimeError

    before, board = writers(), TensorBoard(tmp_path, every=1)
    with pytest.raises(RuntimeError):
        train(network(), board, Fail())
    assert writers() == before
    assert scalars(tmp_path, "batch_loss")[0] == [1, 2, 3, 4, 5, 6]


def test_nothing_is_opened_where_another_callback_refuses_to_start(tmp_path: Path) -> None:
    class Refuse(Callback):
        def on_start(self, run: Run) -> None:
            raise RuntimeError

    before = writers()
    with pytest.raises(RuntimeError):
        train(network(), TensorBoard(tmp_path / "events"), Refuse())
    assert writers() == before
    assert not (tmp_path / "events").exists()


def test_a_run_that_is_resumed_goes_on_from_its_state(tmp_path: Path) -> None:
    class Cut(Callback):
        def on_step(self, run: Run) -> None:
            if run.net.step == 7:
                raise RuntimeError

    options: dict[str, Any] = {"checkpoint": Checkpoint(tmp_path / "run")}
    with pytest.raises(RuntimeError):
        train(network(), TensorBoard(tmp_path / "events", every=1), Cut(), **options)
    history = train(network(), TensorBoard(tmp_path / "events", every=1), resume=True, **options)
    steps, values = scalars(tmp_path / "events", "batch_loss")
    assert steps == list(range(1, 13))
    np.testing.assert_allclose(values, history.batch_loss, rtol=1e-6)


def test_a_second_fit_goes_on_counting(tmp_path: Path) -> None:
    net, board = network(), TensorBoard(tmp_path)
    for _ in range(2):
        train(net, board, epochs=2)
    assert scalars(tmp_path, "loss")[0] == [4, 8, 12, 16]


def test_without_the_library_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    text = "^TensorBoard: expected tensorboardX to be installed; pip install 'nnxp\\[tensorboard\\]'$"
    with pytest.raises(ImportError, match=text):
        train(network(), TensorBoard(tmp_path))


def test_every_is_a_whole_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^TensorBoard: expected every to be a whole number of at least 1, got 0$"):
        TensorBoard(tmp_path, every=0)
