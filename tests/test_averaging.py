"""Averages of weights: PyTorch's swa_utils is the oracle."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import (
    LBFGS,
    SGD,
    Adam,
    BatchNorm1d,
    BatchNorm2d,
    Callback,
    Checkpoint,
    Conv2d,
    Dropout,
    EarlyStopping,
    ExponentialMovingAverage,
    Flatten,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Sequential,
    StochasticWeightAveraging,
    Tanh,
    load,
    update_batch_norm,
)
from nnxp.training import Run
from tests.backends import Backend, assert_close

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = np.sin(X[:, :1] * 3.0)
PLAIN = Sequential(Linear(3, 16), Tanh(), Linear(16, 1))
NORMED = Sequential(Linear(3, 16), BatchNorm1d(16), ReLU(), Linear(16, 1))


def network(device: Any = "cpu", model: Any = PLAIN, dtype: str = "float64") -> Network:
    return Network(model, device=device, seed=0, dtype=dtype)


def train(net: Network, *callbacks: Callback, **options: Any) -> Any:
    settings: dict[str, Any] = {"loss": MSELoss(), "optimizer": SGD(lr=0.1), "epochs": 4, "batch_size": 16}
    return net.fit(X, Y, callbacks=callbacks, verbose=False, **{**settings, **options})


class Thetas(Callback):
    """Keeps every theta, or that of every epoch."""

    def __init__(self, epochs: bool = False) -> None:
        self.epochs = epochs
        self.kept: list[Any] = []
        self.rates: list[float] = []

    def keep(self, run: Run) -> None:
        self.kept.append(np.array(run.net.device.get(run.net.theta)))

    def on_epoch_start(self, run: Run) -> None:
        self.rates.append(run.optimizer.rate(run.net))

    def on_step(self, run: Run) -> None:
        if not self.epochs:
            self.keep(run)

    def on_epoch_end(self, run: Run) -> None:
        if self.epochs:
            self.keep(run)


def pytorchs_average(torch: Any, thetas: list[Any], **options: Any) -> Any:
    module = torch.nn.Module()
    module.theta = torch.nn.Parameter(torch.zeros(len(thetas[0]), dtype=torch.float64))
    averaged = torch.optim.swa_utils.AveragedModel(module, **options)
    for theta in thetas:
        module.theta.data = torch.tensor(theta)
        averaged.update_parameters(module)
    return averaged.module.theta.detach().numpy()


def test_the_moving_average_is_pytorchs(backend: Backend) -> None:
    torch = pytest.importorskip("torch")
    net, thetas, average = network(backend.device), Thetas(), ExponentialMovingAverage(0.9)
    train(net, thetas, average)
    rule = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    assert_close(backend.get(average.average), pytorchs_average(torch, thetas.kept, multi_avg_fn=rule))
    np.testing.assert_array_equal(backend.get(net.theta), backend.get(average.average))
    assert average.n_averaged == 12


def test_the_average_of_epochs_is_pytorchs(backend: Backend) -> None:
    torch = pytest.importorskip("torch")
    net, thetas, average = network(backend.device), Thetas(epochs=True), StochasticWeightAveraging(2)
    train(net, thetas, average, epochs=6)
    assert_close(backend.get(net.theta), pytorchs_average(torch, thetas.kept[2:]))
    assert average.n_averaged == 4


@pytest.mark.parametrize("start", [0.75, 15])
def test_the_rate_goes_to_its_new_value_as_pytorchs(start: float) -> None:
    torch = pytest.importorskip("torch")
    thetas = Thetas()
    history = train(network(), StochasticWeightAveraging(start, 0.05, anneal_epochs=3), thetas, epochs=20)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05, anneal_epochs=3)
    theirs = []
    for _ in range(5):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(thetas.rates, [0.1] * 15 + theirs, rtol=1e-12)
    assert history["lr"] == thetas.rates


def test_a_rate_may_change_at_once() -> None:
    thetas = Thetas()
    train(network(), StochasticWeightAveraging(1, 0.3, anneal_epochs=0), thetas)
    assert thetas.rates == [0.1, 0.3, 0.3, 0.3]


def test_warmup_begins_with_a_short_memory() -> None:
    thetas, average = Thetas(), ExponentialMovingAverage(0.5, warmup=True)
    train(network(), thetas, average)
    expected = thetas.kept[0]
    for n, theta in enumerate(thetas.kept[1:], 1):
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * theta
    np.testing.assert_allclose(average.average, expected, rtol=1e-12)


# -- what it is used for ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ExponentialMovingAverage(0.9), StochasticWeightAveraging(0, validate=True)])
def test_validation_sees_the_average_and_training_goes_on_without_it(kind: Any) -> None:
    net, alone, thetas = network(), network(), Thetas(epochs=True)
    history = train(net, kind, thetas, validation=(X, Y))
    other = Thetas(epochs=True)
    plain = train(alone, other, validation=(X, Y))
    for mine, theirs in zip(thetas.kept, other.kept, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert history["val_loss"] != plain["val_loss"]
    assert history["val_loss"][-1] == pytest.approx(net.evaluate(X, Y)["loss"], rel=1e-12)
    assert history["loss"] == plain["loss"]


@pytest.mark.parametrize("kind", [ExponentialMovingAverage, StochasticWeightAveraging])
def test_the_network_keeps_its_own_weights_if_asked(kind: Any) -> None:
    net, alone = network(), network()
    history = train(net, kind(validate=False, at_end=False), validation=(X, Y))
    assert train(alone, validation=(X, Y))["val_loss"] == history["val_loss"]
    np.testing.assert_array_equal(net.theta, alone.theta)


def test_early_stopping_keeps_the_average_that_was_best() -> None:
    net, thetas, average = network(), Thetas(), ExponentialMovingAverage(0.8)
    stopper = EarlyStopping("val_loss", 1, mode="max")
    history = train(net, thetas, average, stopper, validation=(X, Y), epochs=9)
    assert stopper.best_epoch == 1
    assert net.evaluate(X, Y)["loss"] == pytest.approx(history["val_loss"][0], rel=1e-12)


def test_the_best_file_has_the_average(tmp_path: Path) -> None:
    history = train(
        network(), ExponentialMovingAverage(0.9), validation=(X, Y), checkpoint=Checkpoint(tmp_path, mode="min")
    )
    best = load(tmp_path / "best.safetensors")
    assert best.evaluate(X, Y, loss=MSELoss())["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-12)


def test_a_run_without_an_update_leaves_the_network_alone() -> None:
    net = network()
    before = net.theta.copy()
    train(net, ExponentialMovingAverage(), StochasticWeightAveraging(), epochs=0)
    np.testing.assert_array_equal(net.theta, before)


def test_a_callback_serves_again() -> None:
    average = ExponentialMovingAverage(0.9)
    for _ in range(2):
        train(network(), average)
        assert average.n_averaged == 12


def test_buffers_are_averaged_if_asked_as_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    seen: list[Any] = []

    class Keep(Callback):
        def on_step(self, run: Run) -> None:
            seen.append(run.net.buffers["1.running_mean"].copy())

    net, other = network(model=NORMED), network(model=NORMED)
    train(net, Keep(), ExponentialMovingAverage(0.9, use_buffers=True))
    rule = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    assert_close(net.buffers["1.running_mean"], pytorchs_average(torch, seen, multi_avg_fn=rule))
    assert int(net.buffers["1.num_batches_tracked"]) == 12
    train(other, ExponentialMovingAverage(0.9))
    np.testing.assert_array_equal(other.buffers["1.running_mean"], seen[-1])


# -- resuming ---------------------------------------------------------------------------------------------


class LostError(Exception):
    pass


class Cut(Callback):
    def on_step(self, run: Run) -> None:
        if run.net.step == 15:
            raise LostError


@pytest.mark.parametrize("every_steps", [None, 1])
@pytest.mark.parametrize(
    "kind",
    [
        lambda: ExponentialMovingAverage(0.9, warmup=True, use_buffers=True),
        lambda: StochasticWeightAveraging(1, 0.02, anneal_epochs=3, validate=True),
    ],
    ids=["moving", "stochastic"],
)
def test_a_run_that_is_resumed_averages_as_if_it_had_not_stopped(kind: Any, every_steps: Any, tmp_path: Path) -> None:
    model = Sequential(Linear(3, 16), BatchNorm1d(16), ReLU(), Dropout(0.2), Linear(16, 1))
    whole, half, again = (Network(model, seed=0) for _ in range(3))
    options: dict[str, Any] = {"optimizer": Adam(0.01), "validation": 0.2, "epochs": 6, "batch_size": 10}
    expected = train(whole, kind(), **options)
    checkpoint = Checkpoint(tmp_path, every_steps=every_steps)
    with pytest.raises(LostError):
        train(half, kind(), Cut(), checkpoint=checkpoint, **options)
    found = train(again, kind(), checkpoint=checkpoint, resume=True, **options)
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], value, err_msg=name)
    for column in set(expected) - {"seconds"}:
        np.testing.assert_array_equal(found[column], expected[column], err_msg=column)


# -- BatchNorm's statistics -------------------------------------------------------------------------------


def test_statistics_are_measured_anew_as_pytorch_does(backend: Backend) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(20, 2, 5, 5)).astype(np.float32) * 3 + 1
    model = Sequential(Conv2d(2, 4, 3), BatchNorm2d(4), ReLU(), Flatten(), BatchNorm1d(36, momentum=0.3), Linear(36, 1))
    net = Network(model, device=backend.device, seed=0)
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.BatchNorm1d(36, momentum=0.3), torch.nn.Linear(36, 1),
    )  # fmt: skip
    theirs.load_state_dict({name: torch.tensor(value) for name, value in net.state_dict().items()})
    batches = [x[i : i + 8] for i in range(0, 20, 8)]
    torch.optim.swa_utils.update_bn([torch.tensor(b) for b in batches], theirs)
    before = backend.get(net.theta).copy()
    net.buffers["1.running_mean"][...] = net.buffers["1.running_mean"] + 9.0
    update_batch_norm(net, x, batch_size=8)
    for name, tensor in theirs.state_dict().items():
        # Sums over 72 places in float32, twice.
        assert_close(net.state_dict()[name], tensor, "float32", rtol=1e-5)
    np.testing.assert_array_equal(backend.get(net.theta), before)
    first = net.state_dict()
    update_batch_norm(net, ((batch, None) for batch in batches))
    np.testing.assert_array_equal(net.state_dict()["1.running_mean"], first["1.running_mean"])


def test_the_average_of_epochs_brings_its_statistics() -> None:
    net, thetas = network(model=NORMED), Thetas(epochs=True)
    train(net, thetas, StochasticWeightAveraging(1), shuffle=False)
    again = network(model=NORMED)
    again.theta = np.mean(thetas.kept[1:], axis=0)
    update_batch_norm(again, X, batch_size=16)
    assert_close(net.theta, again.theta)
    assert_close(net.buffers["1.running_var"], again.buffers["1.running_var"])
    assert int(net.buffers["1.num_batches_tracked"]) == 3


@pytest.mark.parametrize("frozen", [[1], [1, 3]], ids=str)
def test_statistics_that_are_frozen_stay_as_they_are(frozen: list[int]) -> None:
    def means(net: Network) -> list[Any]:
        return [net.state_dict()[f"{i}.running_mean"] for i in (1, 3)]

    net = network(model=Sequential(Linear(3, 4), BatchNorm1d(4), Linear(4, 4), BatchNorm1d(4), Linear(4, 1)))
    train(net, epochs=2)
    for i in frozen:
        net.freeze(f"{i}.*", statistics=True)
    before = means(net)
    train(net, StochasticWeightAveraging(0), epochs=2)
    update_batch_norm(net, X, batch_size=16)
    after = means(net)
    assert [i for i, a, b in zip((1, 3), before, after, strict=True) if np.array_equal(a, b)] == frozen


def test_an_error_is_not_hidden_by_another_pass() -> None:
    class Fail(Callback):
        def on_step(self, run: Run) -> None:
            if run.net.step == 11:
                raise LostError

    net = network(model=NORMED)
    with pytest.raises(LostError):
        train(net, Fail(), StochasticWeightAveraging(0))
    assert int(net.buffers["1.num_batches_tracked"]) == 11


def test_a_network_without_batch_norm_is_left_alone() -> None:
    net = network()
    update_batch_norm(net, X)
    assert net.state_dict().keys() == network().state_dict().keys()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: ExponentialMovingAverage(1.0),
            ValueError,
            "ExponentialMovingAverage: expected decay in [0, 1), got 1.0",
        ),
        (
            lambda: StochasticWeightAveraging(1.5),
            ValueError,
            "StochasticWeightAveraging: expected start in [0, 1), got 1.5",
        ),
        (
            lambda: StochasticWeightAveraging(lr=0.0),
            ValueError,
            "StochasticWeightAveraging: expected lr in (0, inf), got 0.0",
        ),
        (
            lambda: train(network(), StochasticWeightAveraging(lr=0.1), optimizer=LBFGS(), batch_size=40),
            TypeError,
            "StochasticWeightAveraging: expected an optimizer with a learning rate, got LBFGS",
        ),
        (
            lambda: network(model=NORMED).fit(
                iter([(X, Y)]), loss=MSELoss(), optimizer=SGD(), callbacks=[StochasticWeightAveraging()], verbose=False
            ),
            ValueError,
            "StochasticWeightAveraging: expected data that can be run through again, got an iterator; "
            "BatchNorm's statistics take one more pass",
        ),
        (
            lambda: update_batch_norm(network(model=NORMED), []),
            ValueError,
            "update_batch_norm: expected at least one batch, got none",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(make: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        make()
