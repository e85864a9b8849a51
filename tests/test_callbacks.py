"""Callbacks: early stopping, checkpoints, logs, plateaus, progress, Ctrl-C."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import (
    SGD,
    Adam,
    Callback,
    Checkpoint,
    CSVLog,
    EarlyStopping,
    ExponentialLR,
    Linear,
    MSELoss,
    Network,
    ReduceLROnPlateau,
    Sequential,
    Tanh,
)
from nnxp.optimizers import LBFGS
from nnxp.training import Run
from tests.backends import Backend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = np.sin(X[:, :1] * 3.0)


def sentence(text: str) -> str:
    return f"^{re.escape(text)}$"


def network(device: Any = "cpu") -> Network:
    return Network(Sequential(Linear(3, 16), Tanh(), Linear(16, 1)), device=device, seed=0)


def train(net: Network, *callbacks: Callback, **options: Any) -> Any:
    settings: dict[str, Any] = {"loss": MSELoss(), "optimizer": Adam(lr=0.02), "epochs": 3, "verbose": False}
    return net.fit(X, Y, callbacks=callbacks, **{**settings, **options})


class Script(Callback):
    """Writes a column of one's choice over ``val_loss``, as a run might bring it."""

    def __init__(self, values: list[float], column: str = "val_loss") -> None:
        self.values, self.column = iter(values), column

    def on_epoch_end(self, run: Run) -> None:
        run.row[self.column] = next(self.values)


# -- early stopping --------------------------------------------------------------------------------------


def test_early_stopping_loses_patience() -> None:
    stopper = EarlyStopping(patience=2)
    history = train(network(), Script([3.0, 2.0, 2.5, 2.0, 1.0]), stopper, epochs=5, validation=0.2)
    assert history["epoch"] == [1, 2, 3, 4]
    assert stopper.best_epoch == 2
    assert history.stop_reason == "val_loss has not improved for 2 epochs"


@pytest.mark.parametrize(("restore", "epoch"), [(True, 2), (False, 4)])
def test_early_stopping_restores_the_best_weights(backend: Backend, restore: bool, epoch: int) -> None:
    kept: list[Any] = []

    class Keep(Callback):
        def on_epoch_end(self, run: Run) -> None:
            kept.append(np.array(run.net.device.get(run.net.theta)))

    net = network(backend.device)
    train(
        net,
        Script([3.0, 2.0, 2.5, 2.2]),
        EarlyStopping(patience=2, restore_best=restore),
        Keep(),
        epochs=9,
        validation=0.2,
    )
    np.testing.assert_array_equal(backend.get(net.theta), kept[epoch - 1])


def test_an_improvement_must_exceed_min_delta() -> None:
    history = train(
        network(), Script([3.0, 2.9, 2.8]), EarlyStopping(patience=2, min_delta=0.5), epochs=9, validation=0.2
    )
    assert len(history["epoch"]) == 3


@pytest.mark.parametrize(
    ("monitor", "mode", "values", "epochs"),
    [
        ("val_r2", "auto", [0.1, 0.2, 0.1], 3),
        ("val_loss", "max", [1.0, 0.5], 2),
        ("val_r2", "min", [0.1, 0.2], 2),
        ("val_loss", "auto", [float("nan"), 1.0, 0.5, float("nan")], 4),
    ],
)
def test_the_column_decides_what_is_better(monitor: str, mode: str, values: list[float], epochs: int) -> None:
    stopper = EarlyStopping(monitor, 1, mode=mode)
    if np.isnan(values[0]):
        values = values[1:]
        epochs -= 1
    history = train(network(), Script(values, monitor), stopper, epochs=9, validation=0.2, metrics=["r2"])
    assert len(history["epoch"]) == epochs


def test_a_stopper_serves_again() -> None:
    stopper = EarlyStopping(patience=1)
    for _ in range(2):
        assert len(train(network(), Script([2.0, 3.0]), stopper, epochs=9, validation=0.2)["epoch"]) == 2


def test_a_column_that_will_not_be_is_refused_at_once() -> None:
    text = "EarlyStopping: expected monitor to be one of epoch, loss, lr, seconds, got 'val_loss'; give fit validation data"
    with pytest.raises(ValueError, match=sentence(text)):
        train(network(), EarlyStopping())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"patience": 0}, "EarlyStopping: expected patience to be a whole number of at least 1, got 0"),
        ({"min_delta": -1.0}, "EarlyStopping: expected min_delta in [0, inf), got -1.0"),
        ({"mode": "best"}, "EarlyStopping: expected mode to be one of 'auto', 'min', 'max', got 'best'"),
    ],
)
def test_bad_arguments_of_early_stopping(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=sentence(text)):
        EarlyStopping(**options)


# -- checkpoints and logs --------------------------------------------------------------------------------


def test_a_checkpoint_keeps_the_best_and_the_last(tmp_path: Path) -> None:
    net = network()
    train(net, Script([2.0, 1.0, 3.0]), checkpoint=tmp_path / "run", validation=0.2)
    last, best = (nnxp.load(tmp_path / "run" / f"{name}.safetensors") for name in ("last", "best"))
    np.testing.assert_array_equal(last.theta, net.theta)
    assert (best.epoch, last.epoch) == (2, 3)
    assert np.any(best.theta != last.theta)


def test_a_checkpoint_without_a_monitor_keeps_the_last(tmp_path: Path) -> None:
    train(network(), checkpoint=Checkpoint(tmp_path, monitor=None))
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]


def test_the_log_reads_back_and_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = CSVLog(path)
    net = network()
    history = train(net, log, epochs=2)
    train(net, log, epochs=1)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["loss"]) for row in rows[:2]] == history["loss"]
    text = f"CSVLog: expected a path without a file, got {str(path)!r}; append=True goes on in it"
    with pytest.raises(FileExistsError, match=sentence(text)):
        train(net, CSVLog(path))
    train(net, CSVLog(path, append=True), epochs=1)
    assert len(path.read_text().splitlines()) == 5
    text = f"CSVLog: expected a file with columns epoch,loss,val_loss,lr,seconds, got {str(path)!r}"
    with pytest.raises(ValueError, match=sentence(text)):
        train(net, CSVLog(path, append=True), epochs=1, validation=0.2)


# -- the learning rate on a plateau ----------------------------------------------------------------------


def plateau_rates(values: list[float], **options: Any) -> list[float]:
    history = train(
        network(),
        Script(values),
        ReduceLROnPlateau(**options),
        optimizer=SGD(lr=1.0, momentum=0.5),
        epochs=len(values),
        validation=0.2,
    )
    return list(history["lr"])


VALUES = [5.0, 4.0, 4.0, 3.9999, 4.0, 3.0, 3.1, 3.1, 3.1, 3.1, 3.1, 2.99999, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 1, "factor": 0.5},
        {"patience": 0, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.1, "min_lr": 0.05},
        {"patience": 1, "factor": 0.5, "threshold": 0.5, "threshold_mode": "abs"},
        {"patience": 0, "factor": 0.9999, "eps": 1e-3},
    ],
)
def test_the_rate_falls_as_pytorch_lowers_it(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    expected = []
    for value in VALUES:
        expected.append(optimizer.param_groups[0]["lr"])
        scheduler.step(value)
    np.testing.assert_allclose(plateau_rates(VALUES, **options), expected, rtol=1e-12)


def test_the_rate_falls_after_patience() -> None:
    assert plateau_rates([1.0, 1.0, 1.0, 1.0, 1.0], patience=1, factor=0.5) == [1.0, 1.0, 1.0, 0.5, 0.5]


def test_what_has_no_rate_cannot_be_slowed_down() -> None:
    with pytest.raises(TypeError, match=r"^ReduceLROnPlateau: expected an optimizer with a learning rate, got LBFGS$"):
        train(network(), ReduceLROnPlateau("loss"), optimizer=LBFGS(), batch_size=1000)


def test_a_schedule_has_someone_who_moves_it() -> None:
    schedule = ExponentialLR(0.1, 0.9)
    text = f"ReduceLROnPlateau: expected an optimizer whose lr is a number, got {schedule}"
    with pytest.raises(ValueError, match=sentence(text)):
        train(network(), ReduceLROnPlateau("loss"), optimizer=SGD(lr=schedule))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"factor": 1.5}, "ReduceLROnPlateau: expected factor in (0, 1], got 1.5"),
        ({"patience": -1}, "ReduceLROnPlateau: expected patience to be a whole number of at least 0, got -1"),
        ({"cooldown": -1}, "ReduceLROnPlateau: expected cooldown to be a whole number of at least 0, got -1"),
        ({"threshold_mode": "x"}, "ReduceLROnPlateau: expected threshold_mode to be one of 'rel', 'abs', got 'x'"),
    ],
)
def test_bad_arguments_of_a_plateau(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=sentence(text)):
        ReduceLROnPlateau(**options)


# -- hooks -----------------------------------------------------------------------------------------------


def test_every_hook_is_called_in_its_place() -> None:
    calls: list[str] = []

    class Watch(Callback):
        def on_start(self, run: Run) -> None:
            calls.append("start")

        def on_epoch_start(self, run: Run) -> None:
            calls.append("epoch start")

        def on_gradient(self, run: Run) -> None:
            calls.append("gradient")

        def on_step(self, run: Run) -> None:
            calls.append("step")

        def on_epoch_end(self, run: Run) -> None:
            calls.append("epoch end")

        def on_end(self, run: Run) -> None:
            calls.append("end")

    train(network(), Watch(), epochs=1, batch_size=20)
    assert calls == ["start", "epoch start", "gradient", "step", "gradient", "step", "epoch end", "end"]


def test_a_stop_before_the_first_batch_trains_nothing() -> None:
    class Stop(Callback):
        def on_epoch_start(self, run: Run) -> None:
            run.stop("not today")

    net = network()
    history = train(net, Stop())
    assert (net.step, history.stop_reason, history["loss"]) == (0, "not today", [])


def test_an_error_in_a_callback_still_ends_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[str] = []

    class Breaking(Callback):
        def on_step(self, run: Run) -> None:
            raise RuntimeError("broken")

        def on_end(self, run: Run) -> None:
            ended.append("end")

    with pytest.raises(RuntimeError, match="^broken$"):
        train(network(), Breaking(), verbose="lines")
    assert ended == ["end"]
    assert capsys.readouterr().out == "stopped after epoch 0: RuntimeError was raised\n"


# -- progress --------------------------------------------------------------------------------------------


def test_a_log_has_one_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    net = network()
    train(net, verbose="auto", epochs=2, validation=0.2)
    train(net, EarlyStopping("loss", 1, mode="max"), verbose="lines", epochs=5)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"epoch 1/2: loss \S+, val_loss \S+, lr 0\.02, \d+\.\d\d s, [\d,]+ samples/s, 0:00 left", lines[0]
    )
    assert re.fullmatch(r"epoch 2/2: .*, \d+\.\d\d s, [\d,]+ samples/s", lines[1])
    assert lines[1].startswith("epoch 2/2: ")
    assert lines[2].startswith("epoch 3/7: ")
    assert lines[-1] == "stopped after epoch 4: loss has not improved for 1 epochs"


def test_silence_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    train(network(), verbose=False)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_one_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    from nnxp.training.progress import ProgressBar

    original = ProgressBar._draw
    monkeypatch.setattr(ProgressBar, "_draw", lambda self, *told: (drawn.append(told[2]), original(self, *told))[1])
    history = train(network(), verbose="bar", epochs=3, batch_size=1)
    # 120 updates in far less than a second: no more than the first, one every tenth, and one an epoch.
    assert len(drawn) <= 4 + 10 * sum(history["seconds"]) + 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"120/120 [\d,]+ samples/s 0:00:00", err)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (61.2, "1:01"), (3599.6, "1:00:00"), (90061, "25:01:01")])
def test_the_time_left_reads_as_a_clock(seconds: float, text: str) -> None:
    from nnxp.training.progress import _clock

    assert _clock(seconds) == text


def test_rate_and_time_left_are_those_of_the_epochs_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    class Slow(Callback):
        def on_epoch_end(self, run: Run) -> None:
            run.row["seconds"] = run.history["seconds"][-1] = 20.0 * run.net.epoch

    train(network(), Slow(), verbose="lines", epochs=3)
    ends = [line.rpartition(" s, ")[2] for line in capsys.readouterr().out.splitlines()]
    assert ends == ["2 samples/s, 0:40 left", "1 samples/s, 0:30 left", "1 samples/s"]


def test_a_bar_learns_how_long_an_iterable_is(capsys: pytest.CaptureFixture[str]) -> None:
    class Batches:
        def __iter__(self) -> Any:
            yield from [(X[i : i + 10], Y[i : i + 10]) for i in range(0, 40, 10)]

    network().fit(Batches(), loss=MSELoss(), optimizer=SGD(), epochs=2, verbose="bar")
    assert "8/8 " in capsys.readouterr().err


# -- Ctrl-C ----------------------------------------------------------------------------------------------


def test_ctrl_c_ends_the_run_cleanly_and_keeps_the_best_weights() -> None:
    kept: list[Any] = []

    class PressAtEpoch(Callback):
        def on_epoch_end(self, run: Run) -> None:
            kept.append(run.net.theta.copy())

        def on_step(self, run: Run) -> None:
            if run.net.epoch == 2:
                os.kill(os.getpid(), signal.SIGINT)

    net = network()
    history = train(net, Script([1.0, 2.0]), EarlyStopping(patience=5), PressAtEpoch(), epochs=9, validation=0.2)
    assert history.stop_reason == "interrupted by Ctrl-C"
    assert history["epoch"] == [1, 2]
    np.testing.assert_array_equal(net.theta, kept[0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_between_epochs_is_not_forgotten() -> None:
    class PressAtEnd(Callback):
        def on_epoch_end(self, run: Run) -> None:
            signal.raise_signal(signal.SIGINT)

    net = network()
    assert train(net, PressAtEnd(), epochs=9).stop_reason == "interrupted by Ctrl-C"
    assert (net.epoch, net.step) == (1, 2)


def test_training_in_a_thread_leaves_ctrl_c_alone() -> None:
    seen: list[Any] = []

    class Look(Callback):
        def on_step(self, run: Run) -> None:
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=lambda: train(network(), Look()))
    thread.start()
    thread.join()
    assert set(seen) == {signal.default_int_handler}


def test_a_second_ctrl_c_stops_at_once() -> None:
    class PressTwice(Callback):
        def on_step(self, run: Run) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(network(), PressTwice())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_from_outside_leaves_a_checkpoint(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import numpy as np, nnxp
        x = np.random.default_rng(0).normal(size=(4096, 8)).astype("float32")
        net = nnxp.Network(nnxp.Linear(8, 1), seed=0)
        history = net.fit(x, x[:, :1], loss=nnxp.MSELoss(), optimizer=nnxp.Adam(), epochs=10**6, batch_size=8,
                          checkpoint={str(tmp_path)!r})
        print(history.stop_reason, flush=True)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("epoch 1/")
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert rest.splitlines()[-1] == "interrupted by Ctrl-C"
    assert nnxp.load(tmp_path / "best.safetensors").epoch >= 1
