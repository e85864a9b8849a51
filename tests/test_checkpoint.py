"""A run that stops anywhere and goes on elsewhere is the run that never stopped, bit for bit."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import (
    SGD,
    Adam,
    BatchNorm1d,
    Callback,
    Checkpoint,
    CosineAnnealingLR,
    CrossEntropyLoss,
    CSVLog,
    Dropout,
    EarlyStopping,
    ExponentialMovingAverage,
    Linear,
    Network,
    ReduceLROnPlateau,
    ReLU,
    Sequential,
    WeightedSum,
)
from nnxp.io.state import read_state
from nnxp.optimizers import LBFGS, Adadelta, Adagrad, Adamax, AdamW, Lion, NAdam, RAdam, RMSprop
from nnxp.training import History, Run
from tests.backends import Backend, assert_close, backend_param

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype("float32")
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
MODEL = Sequential(Linear(6, 16), BatchNorm1d(16), ReLU(), Dropout(0.3), Linear(16, 3))
OPTIMIZERS = [
    SGD(lr=0.1), SGD(lr=0.1, momentum=0.9, nesterov=True), Adam(), Adam(amsgrad=True), AdamW(), NAdam(), RAdam(),
    Adamax(), RMSprop(centered=True, momentum=0.9), Adagrad(), Adadelta(), Lion(),
    Adam(lr=CosineAnnealingLR(0.01, 40)),
]  # fmt: skip


def slow(name: str) -> Any:
    return pytest.param(name, marks=[pytest.mark.slow, *backend_param(name).marks])


STEPS = 3  # an epoch: 48 rows to train on, 16 at a time


def train(net: Network, epochs: int, optimizer: Any = None, **options: Any) -> History:
    settings: dict[str, Any] = {"loss": CrossEntropyLoss(), "batch_size": 16, "validation": 0.2}
    settings |= {"metrics": ["accuracy"], "verbose": False, "x": X, "y": Y}
    return net.fit(optimizer=optimizer or Adam(), epochs=epochs, **settings | options)


class PowerCutError(Exception):
    """Nobody has time to write anything down."""


class Cut(Callback):
    """Ends a run as a power failure would, after so many updates."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, run: Run) -> None:
        if run.net.step >= self.step:
            raise PowerCutError


def assert_same(a: Network, b: Network) -> None:
    for name in ("seed", "step", "epoch", "optimizer_name", "optimizer_start", "frozen"):
        assert getattr(a, name) == getattr(b, name)
    assert a.optimizer_state.keys() == b.optimizer_state.keys()
    for one, other in [(a.state_dict(), b.state_dict()), (a.optimizer_state, b.optimizer_state)]:
        for name in one:
            np.testing.assert_array_equal(a.device.get(one[name]), b.device.get(other[name]), err_msg=name)


def assert_same_history(a: History, b: History) -> None:
    for name in a:
        if name != "seconds":
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    np.testing.assert_array_equal(a.batch_loss, b.batch_loss)
    assert (a.updates, a.stop_reason, list(a)) == (b.updates, b.stop_reason, list(b))


def check_resumed(folder: Path, cut: int, epochs: int, fit: Callable[..., History], **options: Any) -> Network:
    """Hold a run that is cut and resumed, with everything built anew, against one that was left alone."""
    device, model = options.pop("device", "cpu"), options.pop("model", MODEL)
    whole = Network(model, device=device, seed=0)
    expected = fit(whole, epochs)
    with pytest.raises(PowerCutError):
        fit(Network(model, device=device, seed=0), epochs, checkpoint=Checkpoint(folder, **options), cut=cut)
    again = Network(model, device=device)
    found = fit(again, epochs, checkpoint=Checkpoint(folder, **options), resume=True)
    assert_same(again, whole)
    assert_same_history(found, expected)
    return again


def plain(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
    return train(net, epochs, callbacks=[Cut(cut)] if cut else [], **options)


# -- bit for bit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("backend", ["cpu", *map(slow, ("fast", "torch:cpu", "strict:device1"))], indirect=True)
def test_ten_epochs_are_five_and_five_for_every_optimizer(optimizer: Any, backend: Backend, tmp_path: Path) -> None:
    whole, half, rest = (Network(MODEL, device=backend.device, seed=seed) for seed in (0, 0, 1))
    expected = train(whole, 10, optimizer, batch_size=24)
    train(half, 5, optimizer, batch_size=24, checkpoint=tmp_path)
    found = train(rest, 10, optimizer, batch_size=24, checkpoint=tmp_path, resume=True)
    assert_same(rest, whole)
    assert_same_history(found, expected)


def test_a_method_that_minimises_goes_on_too(tmp_path: Path) -> None:
    model = Sequential(Linear(6, 8), ReLU(), Linear(8, 3))

    def fit(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
        return plain(net, epochs, cut, optimizer=LBFGS(max_iter=3), batch_size=60, **options)

    check_resumed(tmp_path, 3, 5, fit, model=model)


@pytest.mark.parametrize("cut", [2, 3, 7])
def test_a_run_goes_on_from_the_midst_of_an_epoch(cut: int, backend: Backend, tmp_path: Path) -> None:
    check_resumed(tmp_path, cut, 3, plain, every_steps=1, device=backend.device)


@pytest.mark.parametrize("options", [{}, {"every_steps": 2}, {"every_epochs": 2}, {"every_epochs": 5}], ids=str)
def test_what_was_done_since_the_last_state_is_done_again(options: Any, tmp_path: Path) -> None:
    check_resumed(tmp_path, 11, 4, plain, **options)


def test_a_run_that_is_cut_again_and_again_is_the_same(tmp_path: Path) -> None:
    whole, checkpoint = Network(MODEL, seed=0), Checkpoint(tmp_path, every_steps=2)
    expected = plain(whole, 6)
    for cut in range(2, 6 * STEPS, 2):
        with pytest.raises(PowerCutError):
            plain(Network(MODEL, seed=0), 6, cut=cut, checkpoint=checkpoint, resume=True)
    again = Network(MODEL, seed=0)
    assert_same_history(plain(again, 6, checkpoint=checkpoint, resume=True), expected)
    assert_same(again, whole)


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate": 2, "batch_size": 8},
        {"loss": WeightedSum((CrossEntropyLoss(), CrossEntropyLoss(label_smoothing=0.5)))},
        {"shuffle": False, "clip_norm": 0.1},
        {"metrics": [lambda output, target: float(output.sum())]},
        {"class_weight": "balanced", "metrics": ["f1"]},
        {"validation": None},
    ],
    ids=lambda options: " ".join(options),
)
def test_what_is_known_of_an_epoch_that_has_begun_is_kept(options: Any, tmp_path: Path) -> None:
    def fit(net: Network, epochs: int, cut: int = 0, **more: Any) -> History:
        return plain(net, epochs, cut, **options, **more)

    check_resumed(tmp_path, 2 * STEPS - 1, 3, fit, every_steps=1)


@pytest.mark.parametrize("ahead", [False, True])
def test_batches_from_elsewhere_go_on_where_they_were(ahead: bool, tmp_path: Path) -> None:
    batches = [(X[i : i + 7], Y[i : i + 7]) for i in range(0, 60, 7)]
    batches.insert(2, (X[:0], Y[:0]))  # passed over, and not counted
    source = nnxp.Prefetch(batches) if ahead else batches

    def fit(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
        return plain(net, epochs, cut, x=source, y=None, validation=(X, Y), **options)

    check_resumed(tmp_path, 13, 3, fit, every_steps=4)


def test_an_iterable_is_told_which_epoch_it_is(tmp_path: Path) -> None:
    class Source:
        epochs: list[int] = []

        def set_epoch(self, epoch: int) -> None:
            self.epochs.append(epoch)

        def __iter__(self) -> Iterator[Any]:
            order = np.random.default_rng(self.epochs[-1]).permutation(60)
            return ((X[rows], Y[rows]) for rows in np.split(order, 5))

    def fit(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
        return plain(net, epochs, cut, x=Source(), y=None, validation=(X, Y), **options)

    check_resumed(tmp_path, 12, 4, fit, every_steps=1)
    assert Source.epochs == [0, 1, 2, 3, 0, 1, 2, 2, 3]


def test_memory_maps_go_on_where_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp.training.memory_maps._LARGE", 0)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")

    def fit(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
        return plain(net, epochs, cut, x=mapped, **options)

    check_resumed(tmp_path / "run", 5, 3, fit, every_steps=2)


def test_a_run_may_begin_on_a_network_that_has_learned_before(tmp_path: Path) -> None:
    def fit(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
        if not options.get("resume"):
            train(net, 2)
        return plain(net, epochs, cut and cut + 2 * STEPS, **options)

    assert check_resumed(tmp_path, 4, 3, fit, every_steps=1).epoch == 5


def test_frozen_parameters_stay_frozen(tmp_path: Path) -> None:
    def fit(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
        if not options.get("resume"):
            net.freeze("0.*")
            net.scale_lr("4.*", 0.5)
        return plain(net, epochs, cut, **options)

    assert check_resumed(tmp_path, 4, 3, fit).frozen == ["0.weight", "0.bias"]


def test_another_device_goes_on_to_rounding(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    # Before BatchNorm a bias has no gradient but rounding, which Adam would take for one.
    model = Sequential(Linear(6, 16, bias=False), *list(MODEL.children().values())[1:])
    whole = Network(model, seed=0)
    expected = train(whole, 6)
    for first, second in [("cpu", "torch:cpu"), ("torch:cpu", "strict"), ("strict", "cpu")]:
        folder = tmp_path / first
        train(Network(model, device=first, seed=0), 3, checkpoint=folder)
        again = Network(model, device=second)
        found = train(again, 6, checkpoint=folder, resume=True)
        # Six epochs of Adam in float32, whose first steps divide small gradients by their own size.
        assert_close(again.device.get(again.theta), whole.theta, "float32", rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)


# -- callbacks -------------------------------------------------------------------------------------------


def watchers() -> list[Callback]:
    return [EarlyStopping("val_loss", 3), ReduceLROnPlateau("val_loss", 0.5, 0, threshold=0.01)]


def watched(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
    callbacks = [*watchers(), *([Cut(cut)] if cut else [])]
    return train(net, epochs, Adam(lr=0.05), callbacks=callbacks, **options)


@pytest.mark.parametrize("cut", [4, 7, 10])
def test_patience_best_weights_and_a_lowered_rate_are_kept(cut: int, tmp_path: Path) -> None:
    check_resumed(tmp_path, cut, 40, watched, every_steps=4)


def test_patience_and_best_weights_are_kept_on_every_device(backend: Backend, tmp_path: Path) -> None:
    check_resumed(tmp_path, 10, 6, watched, device=backend.device)


class Script(Callback):
    """Writes a ``val_loss`` of one's choice into each epoch's row."""

    VALUES = (3.0, 2.0, 2.5, 2.4, 2.3, 2.2, 1.9, 2.1, 2.0, 1.95)

    def on_epoch_end(self, run: Run) -> None:
        run.row["val_loss"] = self.VALUES[run.net.epoch - 1]


@pytest.mark.parametrize("epoch", range(1, 10))
def test_what_was_the_best_and_how_long_ago_is_kept(epoch: int, tmp_path: Path) -> None:
    def fit(folder: str, epochs: int) -> tuple[History, EarlyStopping]:
        early = EarlyStopping(patience=5)
        callbacks = [Script(), early, ReduceLROnPlateau("val_loss", 0.5, 1, cooldown=1)]
        net = Network(MODEL, seed=0)
        return train(net, epochs, callbacks=callbacks, checkpoint=tmp_path / folder, resume=True), early

    expected, one = fit("whole", 10)
    fit("run", epoch)
    found, other = fit("run", 10)
    assert expected["lr"] == [0.001] * 4 + [0.0005] * 5 + [0.00025]
    assert_same_history(found, expected)
    assert one.best_epoch == other.best_epoch == 7
    for folder in ("whole", "run"):
        assert nnxp.load(tmp_path / folder / "best.safetensors").epoch == 7


@pytest.mark.parametrize(
    ("epochs", "reason"), [(6, "val_loss has not improved for 4 epochs"), (3, "all epochs are done")]
)
def test_a_run_whose_last_epoch_was_its_end_says_why(epochs: int, reason: str, tmp_path: Path) -> None:
    def fit() -> str:
        callbacks = [Script(), EarlyStopping(patience=4)]
        options: dict[str, Any] = {"checkpoint": tmp_path, "resume": True}
        return train(Network(MODEL, seed=0), epochs, callbacks=callbacks, **options).stop_reason

    assert [fit(), fit()] == [reason, reason]


def test_a_run_that_had_lost_patience_is_not_taken_further(tmp_path: Path) -> None:
    whole = Network(MODEL, seed=0)
    expected = watched(whole, 40, checkpoint=tmp_path)
    assert expected.stop_reason == "val_loss has not improved for 3 epochs"
    again = Network(MODEL, seed=0)
    assert_same_history(watched(again, 40, checkpoint=tmp_path, resume=True), expected)
    np.testing.assert_array_equal(again.theta, whole.theta)


class Memory(Callback):
    """Remembers a bit of everything."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_start(self, run: Run) -> None:
        self.calls.append("start")
        self.numbers: list[int] = []
        self.resumed, self.kept, self.epochs = run.resumed, {"sum": run.net.theta * 0}, 0

    def on_epoch_start(self, run: Run) -> None:
        self.calls.append("epoch start")
        self.epochs += 1
        self.numbers.append(run.number)

    def on_step(self, run: Run) -> None:
        self.kept["sum"] = self.kept["sum"] + run.net.theta

    def state_dict(self) -> dict[str, Any]:
        numbers = (1, 2.5, None, True, float("-inf"), np.float64(0.1))
        return {"kept": self.kept, "epochs": self.epochs, "words": ["a", ("b", {"c": numbers})]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.calls.append("load")
        self.kept, self.epochs, self.words = state["kept"], state["epochs"], state["words"]


@pytest.mark.parametrize("cut", [STEPS, STEPS + 2])
def test_a_callback_gets_back_what_it_remembers_on_the_device(cut: int, backend: Backend, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, every_steps=1)
    expected, first, again = Memory(), Memory(), Memory()
    train(Network(MODEL, device=backend.device, seed=0), 3, callbacks=[expected])
    with pytest.raises(PowerCutError):
        train(Network(MODEL, device=backend.device, seed=0), 3, checkpoint=checkpoint, callbacks=[first, Cut(cut + 1)])
    train(Network(MODEL, device=backend.device), 3, checkpoint=checkpoint, resume=True, callbacks=[Callback(), again])
    assert (first.resumed, again.resumed) == (False, True)
    assert again.calls[:3] == (["start", "load", "epoch start"] if cut == STEPS else ["start", "epoch start", "load"])
    assert again.epochs == expected.epochs == 3
    assert again.numbers == [cut % STEPS - 1, -1]
    assert again.words == ("a", ("b", {"c": (1, 2.5, None, True, float("-inf"), 0.1)}))
    assert backend.device.owns(again.kept["sum"])
    np.testing.assert_array_equal(backend.get(again.kept["sum"]), backend.get(expected.kept["sum"]))


class Warmup(Callback):
    """Takes its first epoch slowly, and then the rate of the optimizer as it was given."""

    def on_start(self, run: Run) -> None:
        self.seen = 0

    def on_epoch_start(self, run: Run) -> None:
        run.optimizer = replace(run.optimizer, lr=0.001 if self.seen else 1e-5)  # type: ignore[type-var]

    def on_epoch_end(self, run: Run) -> None:
        self.seen += 1

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen} if self.seen else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen = int(state["seen"])


def test_a_rate_that_is_as_it_was_given_stays_so_in_the_midst_of_an_epoch(tmp_path: Path) -> None:
    def fit(net: Network, epochs: int, cut: int = 0, **options: Any) -> History:
        return train(net, epochs, callbacks=[Warmup(), *([Cut(cut)] if cut else [])], **options)

    check_resumed(tmp_path, 2 * STEPS + 2, 4, fit, every_steps=1)


def test_of_two_callbacks_of_a_type_each_gets_its_own_back(tmp_path: Path) -> None:
    class Remembers(Callback):
        def __init__(self, state: dict[str, Any]) -> None:
            self.state = state

        def state_dict(self) -> dict[str, Any]:
            return self.state

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.state = state

    train(Network(MODEL, seed=0), 1, callbacks=[Remembers({}), Remembers({"a": 1})], checkpoint=tmp_path)
    pair = [Remembers({}), Remembers({})]
    train(Network(MODEL, seed=0), 1, callbacks=pair, checkpoint=tmp_path, resume=True)
    assert [callback.state for callback in pair] == [{}, {"a": 1}]


def test_a_callback_that_remembers_what_no_file_can_hold_is_a_sentence(tmp_path: Path) -> None:
    for value, text in [(object(), "run.callbacks.0.state.it to hold numbers, text, arrays"), ({1: 2}, "names that")]:
        callback = Memory()
        callback.state_dict = lambda value=value: {"it": value}  # type: ignore[method-assign,misc]
        with pytest.raises(TypeError, match=f"nnxp.io.write_state: expected .*{text}"):
            train(Network(MODEL, seed=0), 1, callbacks=[callback], checkpoint=tmp_path)
        assert list(tmp_path.iterdir()) == []


def test_a_new_callback_begins_anew_and_one_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    train(Network(MODEL, seed=0), 2, callbacks=watchers(), checkpoint=tmp_path)
    again = Memory()
    train(Network(MODEL), 3, callbacks=[again], checkpoint=tmp_path, resume=True)
    assert again.calls == ["start", "epoch start"]


def test_a_callback_that_exchanges_the_optimizer_is_a_sentence(tmp_path: Path) -> None:
    class Exchange(Callback):
        def on_epoch_end(self, run: Run) -> None:
            run.optimizer = SGD()

    with pytest.raises(
        TypeError, match="^fit: expected callbacks that keep the optimizer's type, with checkpoint, got"
    ):
        train(Network(MODEL, seed=0), 2, callbacks=[Exchange()], checkpoint=tmp_path)


def test_the_log_has_every_epoch_once(tmp_path: Path) -> None:
    def fit(net: Network, epochs: int, name: str, cut: int = 0, **options: Any) -> History:
        callbacks = [CSVLog(tmp_path / name), *([Cut(cut)] if cut else [])]
        return train(net, epochs, callbacks=callbacks, **options)

    fit(Network(MODEL, seed=0), 5, "whole.csv")
    checkpoint = Checkpoint(tmp_path / "run", every_epochs=2)
    with pytest.raises(PowerCutError):
        fit(Network(MODEL, seed=0), 5, "log.csv", cut=3 * STEPS + 1, checkpoint=checkpoint)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    fit(Network(MODEL, seed=0), 5, "log.csv", checkpoint=checkpoint, resume=True)
    logs = [(tmp_path / name).read_text().splitlines() for name in ("log.csv", "whole.csv")]
    assert [line.rpartition(",")[0] for line in logs[0]] == [line.rpartition(",")[0] for line in logs[1]]


# -- what is written, and when ---------------------------------------------------------------------------


def test_the_best_epoch_is_kept_beside_the_last(tmp_path: Path) -> None:
    history = train(Network(MODEL, seed=0), 8, Adam(lr=0.1), checkpoint=tmp_path)
    best = int(np.argmin(history["val_loss"])) + 1
    assert best < 8
    assert [nnxp.load(tmp_path / f"{name}.safetensors").epoch for name in ("best", "last")] == [best, 8]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.safetensors", "last.safetensors"]


@pytest.mark.parametrize(
    ("options", "column"), [({"monitor": "accuracy"}, "accuracy"), ({"monitor": "loss", "mode": "max"}, "loss")]
)
def test_what_is_best_may_be_chosen(options: Any, column: str, tmp_path: Path) -> None:
    history = train(Network(MODEL, seed=0), 6, validation=None, checkpoint=Checkpoint(tmp_path, **options))
    assert nnxp.load(tmp_path / "best.safetensors").epoch == int(np.argmax(history[column])) + 1


def test_the_best_is_found_again_by_a_run_that_goes_on(tmp_path: Path) -> None:
    bests = []
    for cuts in ([], [2 * STEPS + 1], [STEPS, 4 * STEPS + 2, 7 * STEPS]):
        folder = tmp_path / str(len(cuts))
        for cut in cuts:
            with pytest.raises(PowerCutError):
                plain(Network(MODEL, seed=0), 8, cut, optimizer=Adam(lr=0.1), checkpoint=folder, resume=True)
        plain(Network(MODEL, seed=0), 8, optimizer=Adam(lr=0.1), checkpoint=folder, resume=True)
        bests.append(nnxp.load(folder / "best.safetensors"))
    assert_same(bests[1], bests[0])
    assert_same(bests[2], bests[0])


def test_a_state_puts_a_network_back_with_its_noise(tmp_path: Path) -> None:
    net, other = Network(MODEL, seed=0), Network(MODEL, seed=1)
    train(net, 2, checkpoint=tmp_path)
    read_state(tmp_path / "last.safetensors").restore(other)
    assert_same(other, net)
    x = X[:5]
    np.testing.assert_array_equal(other.forward(x, training=True)[0], net.forward(x, training=True)[0])


def test_there_is_a_state_before_the_first_step(tmp_path: Path) -> None:
    net = Network(MODEL)
    with pytest.raises(PowerCutError):
        plain(net, 2, 1, checkpoint=tmp_path)
    again = Network(MODEL)
    plain(again, 2, checkpoint=tmp_path, resume=True)
    assert again.seed == net.seed


def test_ctrl_c_loses_no_step(tmp_path: Path) -> None:
    class Press(Callback):
        def on_gradient(self, run: Run) -> None:
            if run.net.step == 4:
                run.interrupt("interrupted by Ctrl-C")

    whole, again = Network(MODEL, seed=0), Network(MODEL, seed=0)
    expected = plain(whole, 3)
    history = train(Network(MODEL, seed=0), 3, callbacks=[Press()], checkpoint=tmp_path)
    assert (history.stop_reason, len(history["loss"])) == ("interrupted by Ctrl-C", 1)
    assert nnxp.load(tmp_path / "last.safetensors").step == 5
    assert_same_history(plain(again, 3, checkpoint=tmp_path, resume=True), expected)
    assert_same(again, whole)


def test_a_step_that_was_refused_is_not_written(tmp_path: Path) -> None:
    class Refuse(Callback):
        def on_gradient(self, run: Run) -> None:
            if run.net.step == 4:
                run.stop("no")

    train(Network(MODEL, seed=0), 3, callbacks=[Refuse()], checkpoint=tmp_path)
    assert nnxp.load(tmp_path / "last.safetensors").step == STEPS


def test_weights_that_were_put_back_before_their_epoch_s_end_are_not_written(tmp_path: Path) -> None:
    class Doubt(Callback):
        def on_epoch_end(self, run: Run) -> None:
            if run.net.epoch == 2:
                run.stop("no")
                run.steps.broken = True

    train(Network(MODEL, seed=0), 3, callbacks=[Doubt()], checkpoint=tmp_path)
    assert nnxp.load(tmp_path / "last.safetensors").epoch == 1


def test_a_finished_run_says_so_and_more_epochs_go_further(tmp_path: Path) -> None:
    whole = Network(MODEL, seed=0)
    first = train(Network(MODEL, seed=0), 2, checkpoint=tmp_path)
    same = train(Network(MODEL), 2, checkpoint=tmp_path, resume=True)
    assert_same_history(same, first)
    assert same["seconds"] == first["seconds"]
    further = train(Network(MODEL), 3, checkpoint=tmp_path, resume=True)
    assert_same_history(further, train(whole, 3))


def test_a_resumed_run_says_where_it_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(Network(MODEL, seed=0), 2, checkpoint=tmp_path)
    train(Network(MODEL), 4, checkpoint=tmp_path, resume=True, verbose="lines")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "going on after epoch 2/4"
    assert [line.partition(":")[0] for line in lines[1:]] == ["epoch 3/4", "epoch 4/4"]


@pytest.mark.parametrize("epochs", [0, 1])
def test_an_end_before_the_epoch_that_has_begun_is_refused(epochs: int, tmp_path: Path) -> None:
    with pytest.raises(PowerCutError):
        plain(Network(MODEL, seed=0), 3, STEPS + 2, checkpoint=Checkpoint(tmp_path, every_steps=1))
    state, net = (tmp_path / "last.safetensors").read_bytes(), Network(MODEL, seed=0)
    expected = f"fit: expected epochs to be at least 2, which the run in {tmp_path} has begun, got {epochs}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        plain(net, epochs, checkpoint=tmp_path, resume=True)
    assert net.step == 0
    assert (tmp_path / "last.safetensors").read_bytes() == state


# -- processes and threads -------------------------------------------------------------------------------

PROCESS = """
import sys
from tests.test_checkpoint import *
epochs, folder, threads = int(sys.argv[1]), sys.argv[2], sys.argv[3]
if threads != "0":
    nnxp.set_num_threads(int(threads))
net = Network(MODEL, seed=0)
train(net, epochs, checkpoint=folder, resume=True)
print(nnxp.get_num_threads())
"""


def process(epochs: int, folder: Path, threads: int = 0) -> tuple[str, str]:
    arguments = [sys.executable, "-W", "always", "-c", PROCESS, str(epochs), str(folder), str(threads)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return done.stdout.strip(), done.stderr


def test_other_processes_go_on_and_on(tmp_path: Path) -> None:
    whole = Network(MODEL, seed=0)
    train(whole, 10)
    for epochs in (5, 10):
        assert process(epochs, tmp_path)[1] == ""
    assert_same(nnxp.load(tmp_path / "last.safetensors"), whole)


@pytest.fixture
def nobody_told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = nnxp.get_num_threads()
    monkeypatch.setattr("nnxp._backend.threads._told", None)
    yield
    nnxp.set_num_threads(before)


class Threads(Callback):
    """Looks at how many there are in the midst of a run."""

    def on_step(self, run: Run) -> None:
        self.found = nnxp.get_num_threads()


@pytest.mark.usefixtures("nobody_told")
def test_the_number_of_threads_is_set_again_for_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp._backend.threads.cores", lambda: 2)
    look, other = Threads(), 3 - min(nnxp.get_num_threads(), 2)
    before = nnxp.get_num_threads()
    with nnxp._backend.threads.temporarily(other):
        train(Network(MODEL, seed=0), 1, checkpoint=tmp_path)
    train(Network(MODEL), 2, callbacks=[look], checkpoint=tmp_path, resume=True)
    assert (look.found, nnxp.get_num_threads(), nnxp._backend.threads.told()) == (other, before, None)


@pytest.mark.usefixtures("nobody_told")
def test_threads_that_cannot_be_had_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp._backend.threads.cores", lambda: 2)
    with nnxp._backend.threads.temporarily(3):
        train(Network(MODEL, seed=0), 1, checkpoint=tmp_path)
    now = nnxp.get_num_threads()
    text = f"^fit: the run in {tmp_path} had 3 threads \\(now {now}, on 2 cores\\): results may differ in rounding$"
    with pytest.warns(UserWarning, match=text):
        train(Network(MODEL), 2, checkpoint=tmp_path, resume=True)
    nnxp.set_num_threads(1)
    with nnxp._backend.threads.temporarily(2):
        train(Network(MODEL, seed=0), 1, checkpoint=tmp_path / "two")
    with pytest.warns(UserWarning, match=r"had 2 threads \(now 1, as set_num_threads was told\)"):
        train(Network(MODEL), 2, checkpoint=tmp_path / "two", resume=True)


def test_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("nnxp.training.facts.np.__version__", "1.99")
        train(Network(MODEL, seed=0), 1, checkpoint=tmp_path)
    text = rf"had numpy 1\.99 \(now {np.__version__}\): results may differ in rounding$"
    with pytest.warns(UserWarning, match=text):
        train(Network(MODEL), 2, checkpoint=tmp_path, resume=True)


def test_a_layer_of_ones_own_goes_on(tmp_path: Path) -> None:
    class Own(ReLU):
        pass

    net = Network(Sequential(Linear(6, 4), Own(), Linear(4, 3)), seed=0)
    train(net, 1, checkpoint=tmp_path)
    again = Network(net.model)
    train(again, 1, checkpoint=tmp_path, resume=True)
    assert_same(again, net)


@pytest.mark.parametrize("name", ["last", "best"])
def test_averages_and_the_weights_that_train_are_both_kept(name: str, tmp_path: Path) -> None:
    def fit(net: Network, epochs: int, **options: Any) -> History:
        return train(net, epochs, Adam(lr=0.02), callbacks=[ExponentialMovingAverage(0.9)], **options)

    whole, again = Network(MODEL, seed=0), Network(MODEL, seed=0)
    expected = fit(whole, 5)
    fit(Network(MODEL, seed=0), 3, checkpoint=tmp_path)
    best = nnxp.load(tmp_path / "best.safetensors")
    val = best.evaluate(X, Y, loss=CrossEntropyLoss())["loss"]
    assert val != nnxp.load(tmp_path / "last.safetensors").evaluate(X, Y, loss=CrossEntropyLoss())["loss"]
    if name == "best":
        (tmp_path / "best.safetensors").replace(tmp_path / "last.safetensors")
    assert_same_history(fit(again, 5, checkpoint=tmp_path, resume=True), expected)
    assert_same(again, whole)
