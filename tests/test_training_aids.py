"""A learning rate that is found, and a batch that is learned by heart."""

from __future__ import annotations

import math
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
    CrossEntropyLoss,
    Dropout,
    ExponentialLR,
    ExponentialMovingAverage,
    Linear,
    MSELoss,
    Network,
    PerOutput,
    ReLU,
    Sequential,
    TensorBoard,
    datasets,
    find_lr,
    overfit_one_batch,
)
from tests.backends import Backend
from tests.test_several_outputs import LABELS, PLACES, TWO_HEADS
from tests.test_several_outputs import X as ROWS

X, Y, X_TEST, Y_TEST = datasets.digits(test=0.2, seed=0)
LOSS = CrossEntropyLoss()


def below_zero(output: Any, target: Any) -> Any:
    return -1.0, 0.0 * output


def network(device: Any = "cpu") -> Network:
    return Network(Sequential(Linear(64, 32), ReLU(), Linear(32, 10)), device=device, seed=0)


def everything(net: Network) -> list[Any]:
    arrays = [*net.state_dict().values(), *(net.device.get(v) for v in net.optimizer_state.values())]
    return [np.array(net.device.get(net.gradient)), net.step, net.epoch, net.optimizer_name, net.loss, *arrays]


def assert_untouched(before: list[Any], after: list[Any]) -> None:
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


# -- the learning rate -------------------------------------------------------------------------------------


def test_the_rate_that_is_suggested_trains(backend: Backend) -> None:
    net = network(backend.device)
    found = find_lr(net, X, Y, loss=LOSS, optimizer=SGD(), steps=60)
    assert 0.01 < found.suggestion == found.minimum / 10 < found.steepest < found.minimum < 10.0
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= 60
    assert str(found) == (
        f"lr={found.suggestion:.2g}, a tenth of {found.minimum:.2g}, where the loss is least; "
        f"it falls most steeply at {found.steepest:.2g}"
    )


def test_losses_are_those_of_a_run_with_a_growing_rate() -> None:
    found = find_lr(network(), X, Y, loss=LOSS, optimizer=SGD(), low=1e-3, high=0.1, steps=20)
    growth = (0.1 / 1e-3) ** (1 / 19)
    history = network().fit(X, Y, loss=LOSS, optimizer=SGD(lr=ExponentialLR(1e-3, growth)), epochs=1, verbose=False)
    np.testing.assert_allclose(found.rates, 1e-3 * growth ** np.arange(20), rtol=1e-12)
    np.testing.assert_allclose(found.losses, history.batch_loss[:20], rtol=1e-5)


@pytest.mark.parametrize("aid", [find_lr, overfit_one_batch])
def test_the_network_is_not_touched(aid: Any) -> None:
    net = Network(Sequential(Linear(64, 32), BatchNorm1d(32), ReLU(), Linear(32, 10)), seed=0)
    net.fit(X, Y, loss=LOSS, optimizer=Adam(), verbose=False)
    net.freeze("0.*")
    before = everything(net)
    aid(net, X, Y, loss=LOSS, optimizer=Adam(), steps=20)
    assert_untouched(before, everything(net))


def test_the_run_ends_where_the_loss_breaks_out() -> None:
    found = find_lr(network(), X, Y, loss=LOSS, optimizer=SGD(), low=1e-2, high=1e4, steps=60)
    assert len(found.losses) < 60
    assert np.isfinite(found.losses).all()


def test_rates_that_all_break_it_are_told() -> None:
    found = find_lr(network(), X, Y, loss=LOSS, optimizer=SGD(), low=100.0, high=1000.0)
    assert math.isnan(found.suggestion)
    assert math.isnan(found.steepest)
    assert re.fullmatch(
        r"no rate from 1e\+02 to \S+ lowers the loss; look at the data and the loss, or begin lower", str(found)
    )


def test_batches_and_several_outputs_serve() -> None:
    batches = [(X[i : i + 50], Y[i : i + 50]) for i in range(0, 400, 50)]
    assert find_lr(network(), batches, loss=LOSS, optimizer=Adam()).suggestion > 1e-4
    loss = PerOutput((LOSS, MSELoss()))
    found = find_lr(Network(TWO_HEADS, seed=0), ROWS, (LABELS, PLACES), loss=loss, optimizer=Adam(), batch_size=10)
    assert 1e-5 < found.suggestion < 1.0


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    found = find_lr(network(), X, Y, loss=LOSS, optimizer=Adam(), steps=50)
    figure = found.plot(tmp_path / "lr.png")
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["minibatch", "smoothed", f"suggestion, {found.suggestion:.2g}", f"steepest, {found.steepest:.2g}"]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), found.rates)
    find_lr(network(), X, Y, loss=LOSS, optimizer=SGD(), low=100.0, high=1000.0).plot()


# -- one batch by heart ------------------------------------------------------------------------------------


def test_a_network_that_works_learns_a_batch_by_heart(backend: Backend) -> None:
    result = overfit_one_batch(network(backend.device), X, Y, loss=LOSS, optimizer=Adam(lr=0.01))
    assert result
    assert result.passed
    assert result.losses[-1] <= result.bound == 0.01 * result.losses[0] < result.losses[-2]
    assert str(result) == (
        f"passed: the loss of 8 samples went from {result.losses[0]:.4g} to {result.losses[-1]:.4g} "
        f"in {len(result.losses)} updates"
    )


def test_a_bound_may_be_given() -> None:
    result = overfit_one_batch(network(), X, Y, loss=LOSS, optimizer=Adam(lr=0.01), bound=1.0, batch_size=4)
    assert (result.passed, result.bound, result.samples) == (True, 1.0, 4)
    smooth = CrossEntropyLoss(label_smoothing=0.1)
    assert overfit_one_batch(network(), X, Y, loss=smooth, optimizer=Adam(lr=0.01), bound=0.6)


def test_batches_and_several_outputs_are_learned_by_heart() -> None:
    assert overfit_one_batch(network(), [(X[:6], Y[:6])], loss=LOSS, optimizer=Adam(lr=0.01)).samples == 6
    loss = PerOutput((LOSS, MSELoss()))
    net = Network(TWO_HEADS, seed=0)
    assert overfit_one_batch(net, ROWS, (LABELS, PLACES), loss=loss, optimizer=Adam(0.05), batch_size=4)


def equal_samples() -> Any:
    x = X[:8].copy()
    x[3] = x[0]
    return x


def all_frozen() -> Network:
    net = network()
    net.freeze("*")
    return net


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: (network(), X, SGD(lr=1e9)), "lower lr"),
        (lambda: (network(), X, SGD(lr=100.0)), "the loss rises: lower lr"),
        (
            lambda: (all_frozen(), X, SGD()),
            "no parameter has a gradient: look for units that never answer, or parameters that are frozen",
        ),
        (
            lambda: (network(), equal_samples(), Adam(0.01)),
            "samples 0 and 3 are equal but their targets differ, so no network can tell them apart",
        ),
        (
            lambda: (Network(Sequential(Dropout(0.9), Linear(64, 10)), seed=0), X, Adam(0.01)),
            "dropout keeps a network from learning by heart: try without, or give a higher bound or more steps",
        ),
        (lambda: (network(), X, SGD(lr=0.05)), "the loss still falls: give more steps, or raise lr"),
        (
            lambda: (network(), X, SGD(lr=1e-6)),
            "give a bound if the loss cannot come near 0; else look at lr, at the model's size, and at the targets",
        ),
    ],
)
def test_what_to_look_at_is_told(make: Any, advice: str) -> None:
    net, x, optimizer = make()
    result = overfit_one_batch(net, x, Y[: len(x)], loss=LOSS, optimizer=optimizer, steps=100)
    assert not result
    assert advice in result.advice
    assert re.fullmatch(
        rf"failed: the loss of 8 samples went from \S+ to \S+ in \d+ updates, not below \S+; {re.escape(result.advice)}",
        str(result),
    )


# -- together ----------------------------------------------------------------------------------------------


def test_the_aids_work_together(tmp_path: Path) -> None:
    net = network()
    assert overfit_one_batch(net, X, Y, loss=LOSS, optimizer=Adam(lr=0.01))  # eight samples, by heart
    found = find_lr(net, X, Y, loss=LOSS, optimizer=Adam())
    net.fit(X, Y, loss=LOSS, optimizer=Adam(lr=found.suggestion), epochs=10, batch_size=16, accumulate=2,
            callbacks=[ExponentialMovingAverage(0.98), TensorBoard(tmp_path)], validation=0.2, verbose=False)  # fmt: skip
    assert net.evaluate(X_TEST, Y_TEST, metrics=["accuracy"])["accuracy"] > 0.94

    even = Y_TEST % 2  # another task: another head on the same body, frozen
    other = Network(Sequential(*net.model[:-1], Linear(32, 2)), seed=1)  # type: ignore[index]
    other.load_state_dict(net.state_dict(), strict=False)
    other.freeze("0.*")
    other.fit(X_TEST, even, loss=LOSS, optimizer=Adam(lr=0.01), epochs=30, verbose=False)
    assert other.evaluate(X_TEST, even, metrics=["accuracy"])["accuracy"] > 0.9


# -- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: find_lr(network(), X, Y, loss=LOSS, optimizer=Adam(), low=0.0),
            ValueError,
            "find_lr: expected low in (0, inf), got 0.0",
        ),
        (
            lambda: find_lr(network(), X, Y, loss=LOSS, optimizer=Adam(), low=1.0, high=0.5),
            ValueError,
            "find_lr: expected high in (1, inf), got 0.5",
        ),
        (
            lambda: find_lr(network(), X, Y, loss=LOSS, optimizer=Adam(), steps=5),
            ValueError,
            "find_lr: expected steps to be a whole number of at least 10, got 5",
        ),
        (
            lambda: find_lr(network(), X, Y, loss=LOSS, optimizer=Adam),
            TypeError,
            "find_lr: expected an optimizer with a learning rate, such as Adam(), got Adam",
        ),
        (
            lambda: find_lr(network(), X, Y, loss=LOSS, optimizer=LBFGS()),
            TypeError,
            "find_lr: expected an optimizer with a learning rate, such as Adam(), got LBFGS",
        ),
        (
            lambda: find_lr(network(), X * np.nan, Y, loss=LOSS, optimizer=Adam()),
            ValueError,
            "find_lr: expected a finite loss at lr=1e-06, got none; give a lower low",
        ),
        (
            lambda: overfit_one_batch(network(), X, Y, loss=LOSS, optimizer=Adam(), steps=0),
            ValueError,
            "overfit_one_batch: expected steps to be a whole number of at least 1, got 0",
        ),
        (
            lambda: overfit_one_batch(network(), [], loss=LOSS, optimizer=Adam()),
            ValueError,
            "overfit_one_batch: expected at least one sample, got none",
        ),
        (
            lambda: overfit_one_batch(network(), X, Y, loss=LOSS, optimizer=Adam(), bound=math.nan),
            ValueError,
            "overfit_one_batch: expected bound in (-inf, inf), got nan",
        ),
        (
            lambda: overfit_one_batch(network(), X, Y, loss=below_zero, optimizer=Adam()),
            ValueError,
            "overfit_one_batch: expected a bound with a loss that may be below 0, got None",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(make: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        make()
