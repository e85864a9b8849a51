"""The first value that is not finite: found at its step, layer and rows, whenever one looks, and seen again by a script."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import (
    SGD,
    Adam,
    BatchNorm1d,
    Callback,
    Checkpoint,
    CrossEntropyLoss,
    Dropout,
    EarlyStopping,
    Flatten,
    KLDivLoss,
    Linear,
    LogSoftmax,
    MSELoss,
    Network,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    TerminateOnNaN,
    load,
)
from nnxp.augmentations import GaussianNoise
from nnxp.layers import Layer, Mode, Views
from nnxp.training import Run
from nnxp.training.accumulation import random_step
from tests.backends import Backend, no_host_reads
from tests.cli_runs import mistake, nnxp
from tests.nan_runs import EVERY, RNG, Exp, Log, Root, X, Y, found, replayed, train

# -- what is named ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", EVERY)
def test_a_rate_that_is_too_high_is_named_at_the_layer_that_overflows(tmp_path: Path, every: int) -> None:
    net = Network(Sequential(Linear(6, 16), ReLU(), Linear(16, 2)), seed=0)
    watcher = TerminateOnNaN(every, folder=tmp_path)
    history = train(net, X, X[:, :2], watcher, optimizer=SGD(lr=1e6))
    assert (found(watcher).operation, found(watcher).name, found(watcher).step) == ("forward", "2", 2)
    assert history.stop_reason.startswith("the output of layer 2 (Linear) is not finite at step 2, in all 32 samples; ")
    assert re.search(r"; the parameters have grown to \S+e\+22: lower lr; ", history.stop_reason)
    assert net.step == 2
    assert np.all(np.isfinite(net.theta))
    text = replayed(watcher)
    assert "first not finite: y[0, 0] = " in text
    assert "units:             0 1" in text


@pytest.mark.parametrize("every", EVERY)
def test_the_rows_of_a_logarithm_are_those_of_the_data(tmp_path: Path, every: int) -> None:
    x = X.copy()
    x[[41, 160], 3] = -9.0
    net = Network(Sequential(Log(8.0), Linear(6, 2)), seed=0)
    watcher = TerminateOnNaN(every, folder=tmp_path)
    train(net, x, x[:, :2], watcher, validation=0.1, clip_norm=0.1, clip_value=0.05)
    finding = found(watcher)
    assert (finding.operation, finding.name) == ("forward", "0")
    assert finding.data_rows is not None
    assert set(finding.data_rows) <= {41, 160}
    assert finding.batch_rows is not None
    assert [finding.batch_rows[row] for row in finding.rows] == finding.data_rows
    text = replayed(watcher)
    assert f"first not finite: y[{finding.rows[0]}, 3] = nan" in text
    assert f"rows of the data:  {' '.join(map(str, finding.data_rows))}" in text
    assert "def forward(self, p: Views, x: Any, mode: Mode)" in found(watcher).script.read_text()  # type: ignore[union-attr]


@pytest.mark.parametrize("every", EVERY)
def test_bad_values_in_the_data_are_named_by_their_rows(tmp_path: Path, every: int) -> None:
    x = X.copy()
    x[17, 2] = np.nan
    net = Network(Linear(6, 2), seed=0)
    watcher = TerminateOnNaN(every, folder=tmp_path)
    history = train(net, x, X[:, :2], watcher, shuffle=False, batch_size=5)
    reason = "the input is not finite at step 3, in 1 of 5 samples (row 17 of the data); run "
    assert history.stop_reason == f"{reason}{tmp_path / 'replay_nan.py'} to see it again"
    assert (found(watcher).rows, found(watcher).data_rows, found(watcher).batch) == ([2], [17], 3)
    assert found(watcher).batch_rows == [15, 16, 17, 18, 19]
    assert "first not finite: x[2, 2] = nan" in replayed(watcher)

    y = X[:, :2].copy()
    y[60, 1] = np.inf
    watcher = TerminateOnNaN(every)
    history = train(Network(Linear(6, 2), seed=0), X, y, watcher, shuffle=False, batch_size=5)
    assert history.stop_reason == "the target is not finite at step 12, in 1 of 5 samples (row 60 of the data)"
    weights = np.ones(200)
    weights[3] = np.nan
    watcher = TerminateOnNaN(every)
    history = train(Network(Linear(6, 2), seed=0), X, X[:, :2], watcher, sample_weight=weights, shuffle=False)
    assert history.stop_reason == "the sample weight is not finite at step 0, in 1 of 32 samples (row 3 of the data)"


@dataclass(frozen=True)
class Sum(Layer):
    """y = a + b"""

    def forward(self, p: Views, *inputs_and_mode: Any) -> tuple[Any, Any]:
        a, b, _ = inputs_and_mode
        return a + b, None

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        return dy, dy


def test_of_several_inputs_the_one_is_named() -> None:
    b = X.copy()
    b[9] = np.inf
    watcher = TerminateOnNaN()
    history = train(Network(Sum(), seed=0), (X, b), X, watcher, shuffle=False)
    assert history.stop_reason == "the input 1 is not finite at step 0, in 1 of 32 samples (row 9 of the data)"


@pytest.mark.parametrize("every", EVERY)
def test_an_exponential_that_overflows_is_named_on_every_device(backend: Backend, every: int) -> None:
    x = X.copy()
    x[77] = 200.0
    net = Network(Sequential(Linear(6, 6), Exp(), Linear(6, 2)), device=backend.device, seed=0)
    net.parameters["0.weight"] = backend.put(np.eye(6), "float32")
    watcher = TerminateOnNaN(every)
    history = train(net, x, x[:, :2], watcher, shuffle=False, optimizer=SGD(lr=1e-9))
    assert history.stop_reason == (
        "the output of layer 1 (Exp) is not finite at step 2, in 1 of 32 samples (row 77 of the data)"
    )
    assert net.step == 2
    assert np.all(np.isfinite(backend.get(net.theta)))


@pytest.mark.parametrize("every", EVERY)
def test_a_target_out_of_range_is_named_at_the_loss(tmp_path: Path, every: int) -> None:
    y = np.full((200, 4), 0.25)
    y[130, 1] = -1.0
    net = Network(Sequential(Linear(6, 4), LogSoftmax()), seed=0)
    watcher = TerminateOnNaN(every, folder=tmp_path)
    train(net, X, y, watcher, loss=KLDivLoss(), shuffle=False)
    assert found(watcher).sentence == (
        "the loss KLDivLoss is not finite at step 4, in 1 of 32 samples (row 130 of the data)"
    )
    assert "first not finite: terms[2, 1] = nan" in replayed(watcher)


def test_a_loss_that_divides_by_zero_says_so() -> None:
    watcher = TerminateOnNaN()
    history = train(
        Network(Linear(6, 2), seed=0), X, Y, watcher, loss=CrossEntropyLoss(ignore_index=1), optimizer=Adam(), epochs=1
    )
    assert history.stop_reason == "all epochs are done"
    history = train(Network(Linear(6, 2), seed=0), X, np.ones(200, int), watcher, loss=CrossEntropyLoss(ignore_index=1))
    assert history.stop_reason == (
        "the loss CrossEntropyLoss divides by 0, since nothing in the batch counts, at step 0"
    )


@pytest.mark.parametrize("every", EVERY)
def test_a_weight_decay_that_overflows_is_named_at_the_update(tmp_path: Path, every: int) -> None:
    net = Network(Linear(6, 2), seed=0)
    watcher = TerminateOnNaN(every, folder=tmp_path)
    history = train(net, X, X[:, :2], watcher, optimizer=SGD(lr=1e3, weight_decay=1e37))
    assert history.stop_reason.startswith(
        "the update of SGD (lr 1000) makes weight and 1 more not finite at step 0; lower lr or weight_decay, whose product"
    )
    assert net.step == 0
    assert "first not finite: theta[0] = " in replayed(watcher)


def test_an_update_by_a_larger_optimizer_is_made_again_through_nnxp(tmp_path: Path) -> None:
    net = Network(Linear(6, 2), seed=0)
    watcher = TerminateOnNaN(folder=tmp_path)
    history = train(net, X, X[:, :2], watcher, optimizer=Adam(lr=1e39))
    assert found(watcher).operation == "update"
    assert history.stop_reason.startswith(
        "the update of Adam (lr 1e+39) makes weight and 1 more not finite at step 0; lower lr; "
    )
    assert "It needs nnxp" in found(watcher).script.read_text()  # type: ignore[union-attr]
    assert "as it was in training" in replayed(watcher, "nnxp")


@pytest.mark.parametrize("every", EVERY)
def test_a_backward_is_named_with_its_rows(tmp_path: Path, every: int) -> None:
    x = np.abs(X) + 1.0
    x[50, 4] = 0.0
    net = Network(Sequential(Linear(6, 6), Root(), Linear(6, 1)), seed=0)
    net.parameters["0.weight"] = np.eye(6, dtype="float32")
    net.parameters["0.bias"] = np.zeros(6, dtype="float32")
    net.freeze("0.bias")
    watcher = TerminateOnNaN(every, folder=tmp_path)
    train(net, x, x[:, :1], watcher, shuffle=False, optimizer=SGD(lr=0.0))
    assert found(watcher).sentence.startswith(
        "in the backward of layer 1 (Root) dx is not finite at step 1, in 1 of 32 samples (row 50 of the data)"
    )
    assert "first not finite: dx[18, 4] = " in replayed(watcher)


def test_a_linear_backward_that_overflows_is_seen_again_in_numpy(tmp_path: Path) -> None:
    net = Network(Sequential(Linear(6, 3), Linear(3, 1)), seed=0)
    net.parameters["1.weight"] = np.full((1, 3), 1e30, dtype="float32")
    net.parameters["0.weight"] = np.zeros((3, 6), dtype="float32")
    net.parameters["0.bias"] = np.zeros(3, dtype="float32")
    watcher = TerminateOnNaN(folder=tmp_path)
    train(net, X, np.full((200, 1), 1e10), watcher, optimizer=SGD(lr=1e-38))
    assert (found(watcher).operation, found(watcher).name) == ("backward", "1")
    assert "linear_backward" in found(watcher).script.read_text()  # type: ignore[union-attr]
    assert "first not finite: dx[0, 0] = -inf" in replayed(watcher)


def test_what_a_container_adds_is_its_own(tmp_path: Path) -> None:
    net = Network(Sequential(Linear(6, 6), Residual(Linear(6, 6)), Linear(6, 2)), seed=0)
    for name, value in [("0.weight", 0.0), ("0.bias", 2e38), ("1.layer.weight", 0.0), ("1.layer.bias", 3e38)]:
        net.parameters[name] = np.full(net.parameters[name].shape, value, dtype="float32")
    watcher = TerminateOnNaN(folder=tmp_path)
    train(net, X, X[:, :2], watcher)
    assert found(watcher).sentence == "the output of layer 1 (Residual) is not finite at step 0, in all 32 samples"
    replayed(watcher)


@dataclass(frozen=True)
class Breaks(Layer):
    """Passes its input on until `step`, then spoils the output (or the gradient) of one batch."""

    where: str
    step: int = 0

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        broken = mode.training and mode.random.draw.step >= self.step
        return (x * float("nan") if broken and self.where == "output" else x), broken

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        return dy * float("nan") if cache and self.where == "gradient" else dy


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("output", "the output of layer 1 (Breaks) is not finite at step 2, in all 32 samples"),
        ("gradient", "in the backward of layer 1 (Breaks) dx is not finite at step 2, in all 32 samples"),
    ],
)
def test_the_layer_is_named_on_every_device_and_the_weights_are_saved(
    backend: Backend, where: str, reason: str, every: int
) -> None:
    net = Network(Sequential(Linear(6, 2), Breaks(where, 2), Linear(2, 1)), device=backend.device, seed=0)
    history = train(net, X, X[:, :1], TerminateOnNaN(every), optimizer=Adam(0.02))
    assert history.stop_reason == reason
    assert net.step == 2
    assert np.all(np.isfinite(backend.get(net.theta)))


def test_a_loss_of_ones_own_is_named() -> None:
    def shortfall(output: Any, target: Any, weight: Any = None) -> Any:
        return output.sum() * float("nan"), output

    history = train(Network(Linear(6, 2), seed=0), X, X[:, :2], TerminateOnNaN(), loss=shortfall)
    assert history.stop_reason == "the loss function shortfall is not finite at step 0"


def test_a_parameter_that_was_bad_before_is_named() -> None:
    net = Network(Sequential(Linear(6, 3), Linear(3, 1)), seed=0)
    net.parameters["1.bias"] = np.full(1, np.nan, dtype="float32")
    watcher = TerminateOnNaN()
    assert train(net, X, X[:, :1], watcher).stop_reason == "the parameter 1.bias is not finite at step 0"


@pytest.mark.parametrize("every", EVERY)
def test_a_loss_above_the_threshold_counts_if_asked(every: int) -> None:
    y = X[:, :1].copy()
    y[90] = 1e6
    watcher = TerminateOnNaN(every, threshold=1e6)
    history = train(Network(Linear(6, 1), seed=0), X, y, watcher, shuffle=False, optimizer=SGD(lr=1e-12))
    assert history.stop_reason.startswith("the loss MSELoss is 3.125e+10, above 1e+06, at step 2")
    watcher = TerminateOnNaN(every)
    train(Network(Linear(6, 1), seed=0), X, y, watcher, shuffle=False, optimizer=SGD(lr=1e-12))
    assert watcher.finding is None


# -- what cannot be had again ----------------------------------------------------------------------------


def batches(x: Any, y: Any) -> list[Any]:
    return [(x[i : i + 20], y[i : i + 20]) for i in range(0, len(x), 20)]


def test_an_iterable_tells_the_batch_row_if_one_looks_every_time_and_says_so_otherwise() -> None:
    x = X.copy()
    x[87] = np.nan
    watcher = TerminateOnNaN(every=1)
    history = train(Network(Linear(6, 2), seed=0), batches(x, X[:, :2]), None, watcher)
    assert history.stop_reason == "the input is not finite at step 4, in 1 of 20 samples (row 7 of the batch)"
    assert found(watcher).data_rows is None
    net = Network(Linear(6, 2), seed=0)
    history = train(net, batches(x, X[:, :2]), None, TerminateOnNaN(every=6))
    assert history.stop_reason == (
        "something became not finite after step 0; an iterable's batches cannot be had again: every=1 finds the first"
    )
    assert net.step == 0


def test_a_callback_that_meddles_is_noticed() -> None:
    class Meddle(Callback):
        def on_step(self, run: Run) -> None:
            run.net.parameters["bias"] += 1.0 if run.net.step < 4 else np.float32(np.nan)

    watcher = TerminateOnNaN(every=6)
    history = train(Network(Linear(6, 2), seed=0), X, X[:, :2], watcher, callbacks=[Meddle(), watcher])
    assert history.stop_reason.endswith("the data or a callback were different")


def test_steps_that_fail_otherwise_when_repeated_are_not_believed() -> None:
    class Hold(Callback):
        """Keeps theta small for a while, so that only the repeated steps run away at once."""

        def on_step(self, run: Run) -> None:
            if run.net.step < 4:
                run.net.theta *= np.float32(1e-30)

    watcher = TerminateOnNaN(every=50)
    net = Network(Sequential(Linear(6, 16), ReLU(), Linear(16, 2)), seed=0)
    history = train(net, X, X[:, :2], watcher, callbacks=[Hold(), watcher], optimizer=SGD(lr=1e10))
    assert found(watcher).step == 0
    assert history.stop_reason.endswith("the data or a callback were different")


def test_the_place_is_the_same_whenever_one_looks() -> None:
    class Slower(Callback):
        """Another optimizer for every step."""

        def on_step(self, run: Run) -> None:
            run.optimizer = Adam(lr=0.01 / (1 + run.net.step))

    x = X.copy()
    x[120] = np.nan
    model = Sequential(Linear(6, 8), BatchNorm1d(8), Tanh(), Dropout(0.2), Linear(8, 2))
    results = []
    for every in (1, 4, 50):
        net, watcher = Network(model, seed=3), TerminateOnNaN(every)
        train(
            net, x, Y, watcher, callbacks=[Slower(), watcher], loss=CrossEntropyLoss(), optimizer=Adam(lr=0.01),
            clip_norm=0.05, batch_size=8, epochs=1, shuffle=False,
        )  # fmt: skip
        results.append((learned(net), found(watcher).sentence))
    assert results[0][1].startswith("the input is not finite at step 15, ")
    assert results[1:] == results[:1] * 2


def learned(net: Network) -> Any:
    """Return all that a network has learned, as bytes."""
    arrays = [net.theta, *net.buffers.values(), *net.optimizer_state.values()]
    return net.step, b"".join(np.asarray(array).tobytes() for array in arrays)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_noise_of_the_step_decides_which_rows_are_named(accumulate: int) -> None:
    x = np.abs(X)
    x[17, 3] = 1e20
    for seed in range(20):
        net = Network(Sequential(Dropout(0.5), Linear(6, 2)), seed=seed)
        net.parameters["1.weight"] = np.full((2, 6), 1e30, dtype="float32")
        number = 17 // 4
        step, place = divmod(number, accumulate)
        noise = random_step(step, place)
        with np.errstate(all="ignore"):
            y, _ = net.forward(x[number * 4 : number * 4 + 4], training=True, random_step=noise)
        expected = not np.all(np.isfinite(y))
        watcher = TerminateOnNaN()
        train(
            net, x[:24], x[:24, :2], watcher, loss=_flat, optimizer=SGD(lr=0.0), shuffle=False, batch_size=4,
            accumulate=accumulate, epochs=1,
        )  # fmt: skip
        assert (watcher.finding is not None) is expected
        if watcher.finding is not None:
            assert (watcher.finding.name, watcher.finding.data_rows) == ("1", [17])
            assert (watcher.finding.step, watcher.finding.batch) == (step, number)


def test_a_frozen_parameters_gradient_does_not_count() -> None:
    net = Network(Sequential(Linear(6, 6), Root(), Linear(6, 1)), seed=0)
    net.parameters["0.weight"] = np.eye(6, dtype="float32") * 1e30
    net.parameters["0.bias"] = np.zeros(6, dtype="float32")
    net.parameters["2.weight"] = np.full((1, 6), 1e-30, dtype="float32")
    net.freeze("2.*")
    x = np.abs(X) + 1.0
    x[5, 2] = 0.0
    watcher = TerminateOnNaN()
    train(net, x, x[:, :1], watcher, loss=_steep, optimizer=SGD(lr=0.0), shuffle=False)
    assert (found(watcher).name, found(watcher).rows) == ("1", [5])


def _steep(output: Any, target: Any, sample_weight: Any = None) -> Any:
    return np.float32(1.0), np.full_like(output, 1e25)


def test_a_formula_that_does_not_agree_is_not_taken(tmp_path: Path) -> None:
    net = Network(Residual(Sequential(Linear(6, 6), Dropout(0.5))), seed=0)
    for name in net.parameters:
        net.parameters[name] = np.full(net.parameters[name].shape, 1.7e38, dtype="float32")
    net.parameters["layer.0.weight"] = np.zeros((6, 6), dtype="float32")
    watcher = TerminateOnNaN(folder=tmp_path)
    train(net, np.full_like(X, 1e38), X, watcher)
    assert found(watcher).name == ""
    assert "It needs nnxp" in found(watcher).script.read_text()  # type: ignore[union-attr]
    replayed(watcher, "nnxp")


def test_several_batches_an_update_are_looked_at_one_by_one() -> None:
    x = X.copy()
    x[133] = np.nan
    model = Sequential(Linear(6, 8), Dropout(0.3), Linear(8, 2))
    for every in (1, 50):
        watcher = TerminateOnNaN(every)
        train(Network(model, seed=0), x, X[:, :2], watcher, shuffle=False, batch_size=10, accumulate=3)
        assert (found(watcher).step, found(watcher).batch, found(watcher).data_rows) == (4, 13, [133])


# -- healthy runs ----------------------------------------------------------------------------------------


class Slow(Callback):
    """Reads nothing, keeps everything."""

    def __init__(self) -> None:
        self.thetas: list[Any] = []

    def on_step(self, run: Run) -> None:
        self.thetas.append(np.array(run.net.device.get(run.net.theta)))


@pytest.mark.parametrize("optimizer", [SGD(lr=0.1, momentum=0.9), Adam()])
def test_a_healthy_run_is_the_same_to_the_bit_and_writes_nothing(
    tmp_path: Path, backend: Backend, optimizer: Any
) -> None:
    model = Sequential(Linear(6, 8), BatchNorm1d(8), Tanh(), Dropout(0.2), Linear(8, 2))
    thetas, states = [], []
    for watchers in ([], [TerminateOnNaN(3, folder=tmp_path / "run", threshold=1e9)]):
        net, log = Network(model, device=backend.device, seed=0), Slow()
        stopper = EarlyStopping("loss", 2)
        callbacks = [*watchers, stopper, log]
        net.fit(X, Y, loss=CrossEntropyLoss(), optimizer=optimizer, epochs=2, callbacks=callbacks, verbose=False)
        net.fit(X, Y, loss=CrossEntropyLoss(), optimizer=optimizer, epochs=1, callbacks=callbacks, verbose=False)
        thetas.append(np.stack(log.thetas))
        states.append({k: np.array(backend.get(v)) for k, v in net.optimizer_state.items()})
    np.testing.assert_array_equal(*thetas)
    for name in states[0]:
        np.testing.assert_array_equal(states[0][name], states[1][name])
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_is_the_same_to_the_bit(tmp_path: Path) -> None:
    model = Sequential(Linear(6, 8), BatchNorm1d(8), Tanh(), Dropout(0.2), Linear(8, 2))

    def fit(net: Network, folder: str, epochs: int, **options: Any) -> None:
        net.fit(
            X, Y, loss=CrossEntropyLoss(), optimizer=Adam(), epochs=epochs, verbose=False,
            checkpoint=tmp_path / folder, **options,
        )  # fmt: skip

    plain, watched, again = (Network(model, seed=0) for _ in range(3))
    fit(plain, "a", 4)
    fit(watched, "b", 2, callbacks=[TerminateOnNaN(3)])
    fit(again, "b", 4, callbacks=[TerminateOnNaN(3)], resume=True)
    np.testing.assert_array_equal(plain.theta, again.theta)


def test_nothing_is_read_between_two_looks() -> None:
    class Deaf(Callback):
        """No look is due while it holds the device's ears shut."""

        def on_epoch_start(self, run: Run) -> None:
            self.guard = no_host_reads()
            self.guard.__enter__()
            self.get = run.net.device.library.get
            object.__setattr__(run.net.device.library, "get", self._refuse)

        def _refuse(self, x: Any) -> Any:
            raise AssertionError("a value is read")

        def on_step(self, run: Run) -> None:
            if run.number == 5:
                object.__setattr__(run.net.device.library, "get", self.get)
                self.guard.__exit__(None, None, None)

    net = Network(Linear(6, 2), device="strict:device1", seed=0)
    deaf = Deaf()
    watcher = TerminateOnNaN(every=100)
    train(net, X, X[:, :2], watcher, callbacks=[watcher, deaf], epochs=1)
    assert net.step == 7


def test_a_sum_that_overflows_is_no_alarm() -> None:
    net = Network(Linear(6, 2), seed=0)
    watcher = TerminateOnNaN(every=1)
    large = np.float32(1e20)
    net.parameters["weight"] *= large
    net.parameters["bias"] *= large
    history = train(net, X, X[:, :2], watcher, optimizer=SGD(lr=1e-12), loss=_flat, epochs=1)
    assert history.stop_reason == "all epochs are done"


def _flat(output: Any, target: Any, sample_weight: Any = None) -> Any:
    return np.float32(1.0), np.full_like(output, 1e20)


def test_weights_of_the_last_good_step_are_left_for_what_comes_after(tmp_path: Path) -> None:
    x = X.copy()
    x[199] = np.nan
    net = Network(Linear(6, 2), seed=0)
    train(net, x, X[:, :2], TerminateOnNaN(), shuffle=False)
    twin = Network(Linear(6, 2), seed=0)
    twin.fit(X[:192], X[:192, :2], loss=MSELoss(), optimizer=SGD(lr=0.01), shuffle=False, verbose=False)
    np.testing.assert_array_equal(net.theta, twin.theta)


def test_a_run_resumed_within_an_epoch_finds_the_same_place(tmp_path: Path) -> None:
    x = X.copy()
    x[150] = np.nan
    found_at = []
    for stop in (None, 2):

        class Stop(Callback):
            def on_step(self, run: Run, stop: int | None = stop) -> None:
                if run.net.step == stop:
                    run.interrupt("enough")

        watcher = TerminateOnNaN(50)
        options = {"checkpoint": Checkpoint(tmp_path / str(stop)), "batch_size": 10, "accumulate": 2, "epochs": 1}
        options["shuffle"] = False
        model = Sequential(Linear(6, 8), Dropout(0.2), Linear(8, 2))
        train(Network(model, seed=1), x, X[:, :2], watcher, **options, callbacks=[watcher, Stop()])
        if stop is not None:
            assert watcher.finding is None
            train(Network(model, seed=1), x, X[:, :2], watcher, **options, resume=True)
        found_at.append((found(watcher).step, found(watcher).batch, found(watcher).data_rows))
    assert found_at == [(7, 15, [150])] * 2


def test_a_state_is_not_kept_of_an_epoch_that_went_wrong(tmp_path: Path) -> None:
    x = X.copy()
    x[150] = np.nan
    net = Network(Linear(6, 2), seed=0)
    checkpoint = Checkpoint(tmp_path, every_steps=1)
    train(net, x, X[:, :2], TerminateOnNaN(1), checkpoint=checkpoint, shuffle=False, batch_size=10)
    assert net.step == 15
    np.testing.assert_array_equal(load(checkpoint.last).theta, net.theta)
    # With the row mended the run goes on as if nothing had been.
    again, clean = Network(Linear(6, 2), seed=0), Network(Linear(6, 2), seed=0)
    train(again, X, X[:, :2], TerminateOnNaN(1), checkpoint=checkpoint, shuffle=False, batch_size=10, resume=True)
    train(clean, X, X[:, :2], TerminateOnNaN(1), shuffle=False, batch_size=10)
    np.testing.assert_array_equal(again.theta, clean.theta)


def test_augmented_batches_come_again_as_they_were() -> None:
    images = np.abs(RNG.normal(size=(60, 1, 4, 4)).astype("float32"))
    images[33, 0, 1, 1] = 3e38
    at = set()
    for every in EVERY:
        watcher = TerminateOnNaN(every)
        net = Network(Sequential(Flatten(), Linear(16, 8), Exp(), Linear(8, 1)), seed=0)
        net.parameters["1.weight"] = np.ones((8, 16), dtype="float32")
        train(
            net, images, np.zeros((60, 1)), watcher, batch_size=10, augment=[GaussianNoise(0.1)],
            optimizer=SGD(lr=0.0), loss=_flat,
        )  # fmt: skip
        at.add((found(watcher).sentence, found(watcher).name))
    assert len(at) == 1
    assert at.pop()[1] == "2"


def test_the_command_line_leaves_a_recording_in_the_runs_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ["--quiet", "--epochs", "2", "--out", out, "--hidden", "8"]
    said = mistake("train", *options, "--optimizer", "sgd", "--lr", "1e30")
    assert f"; run {out / 'replay_nan.py'} to see it again" in said
    done = subprocess.run([sys.executable, out / "replay_nan.py"], capture_output=True, text=True, check=True)
    assert "as it was in training" in done.stdout
    nnxp("train", *options, "--force")
    assert not list(out.glob("replay*"))


# -- refusals --------------------------------------------------------------------------------------------


def test_bad_arguments(tmp_path: Path) -> None:
    text = "TerminateOnNaN: expected every to be a whole number of at least 1, got 0"
    with pytest.raises(ValueError, match=f"^{text}$"):
        TerminateOnNaN(0)
    with pytest.raises(ValueError, match=r"^TerminateOnNaN: expected threshold in \[0, inf\), got nan$"):
        TerminateOnNaN(threshold=float("nan"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"^TerminateOnNaN: expected folder to be a folder, got "):
        train(Network(Linear(6, 2), seed=0), X, X[:, :2], TerminateOnNaN(folder=tmp_path / "file"))


def test_a_folder_that_cannot_be_written_does_not_hide_the_finding(tmp_path: Path) -> None:
    x = X.copy()
    x[0] = np.nan
    (tmp_path / "replay_nan.npz").mkdir()
    history = train(Network(Linear(6, 2), seed=0), x, X[:, :2], TerminateOnNaN(folder=tmp_path), shuffle=False)
    assert history.stop_reason.startswith(
        "the input is not finite at step 0, in 1 of 32 samples (row 0 of the data); no recording: "
    )


def test_names_from_strangers_stay_text(tmp_path: Path) -> None:
    from nnxp import Graph

    evil = 'a"""\nimport os  # '
    model = Graph(inputs=("x",), nodes=((evil, Linear(6, 2), "x"),), outputs=(evil,))
    net = Network(model, seed=0)
    net.parameters[f"{evil}.weight"] = np.full((2, 6), 3e38, dtype="float32")
    watcher = TerminateOnNaN(folder=tmp_path)
    train(net, X * 1e3, X[:, :2], watcher)
    assert found(watcher).operation == "forward"
    assert "import os" not in replayed(watcher).splitlines()
