"""Several batches that make one update are one large batch."""

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
    Callback,
    Checkpoint,
    CrossEntropyLoss,
    Dropout,
    KLDivLoss,
    L1Loss,
    Linear,
    LogSoftmax,
    MSELoss,
    Network,
    Sequential,
    Tanh,
    WeightedSum,
)
from nnxp.training import Run
from nnxp.training.accumulation import random_step
from tests.backends import Backend, assert_close

RNG = np.random.default_rng(0)
X = RNG.normal(size=(43, 3)).astype(np.float32)
Y = RNG.normal(size=(43, 3)).astype(np.float32)
LABELS = RNG.integers(0, 3, 43)
SOME = np.where(np.arange(43) % 3 == 0, -100, LABELS)
DISTRIBUTIONS = np.exp(Y) / np.exp(Y).sum(axis=1, keepdims=True)
WEIGHT = RNG.uniform(0.1, 3.0, 43).astype(np.float32)


def plain(output: Any, target: Any, sample_weight: Any = None) -> Any:
    """Return the mean error, and say nothing of what it divides by."""
    return MSELoss()(output, target)


CASES = {
    "mse": (MSELoss(), Y),
    "mse_sum": (MSELoss(reduction="sum"), Y),
    "labels": (CrossEntropyLoss(), LABELS),
    "some ignored, classes weighted": (CrossEntropyLoss((0.2, 1.0, 4.0)), SOME),
    "batchmean": (KLDivLoss(reduction="batchmean"), DISTRIBUTIONS),
    "weighted sum": (WeightedSum((MSELoss(), L1Loss()), (1.0, 0.3)), Y),
    "a function": (plain, Y),
}


def network(device: Any = "cpu", *, last: Any = None, dtype: str = "float32") -> Network:
    layers = [Linear(3, 8), Tanh(), Linear(8, 3), *([last] if last else [])]
    return Network(Sequential(*layers), device=device, seed=0, dtype=dtype)


def train(net: Network, y: Any = Y, **options: Any) -> Any:
    settings: dict[str, Any] = {"loss": MSELoss(), "optimizer": SGD(lr=0.1), "epochs": 2, "verbose": False}
    return net.fit(X, y, **{**settings, **options})


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_batches_together_are_one_large_batch(backend: Backend, name: str, weighted: bool) -> None:
    loss, y = CASES[name]
    last = LogSoftmax() if isinstance(loss, KLDivLoss) else None
    one, several = (network(backend.device, last=last, dtype="float64") for _ in range(2))
    options = {"loss": loss, "sample_weight": WEIGHT if weighted and loss is not plain else None, "metrics": ["mse"]}
    if y.dtype.kind == "i":
        options["metrics"] = ["accuracy"]
    # 43 samples: batches of 20, 20 and 3; of 5 the last four are two, then one of three alone.
    whole = train(one, y, batch_size=20, **options)
    parts = train(several, y, batch_size=5, accumulate=4, **options)
    assert_close(backend.get(several.theta), backend.get(one.theta))
    for column in set(whole) - {"seconds"}:
        assert_close(parts[column], whole[column])
    assert_close(parts.batch_loss, whole.batch_loss)
    assert (several.step, parts.updates) == (one.step, whole.updates) == (6, [3, 6])


def test_a_batch_in_which_nothing_counts_has_no_say() -> None:
    rows, loss = slice(0, 40), CrossEntropyLoss()
    y = np.where(np.arange(43) % 10 < 5, -100, LABELS)
    one, several = network(dtype="float64"), network(dtype="float64")
    options: dict[str, Any] = {"loss": loss, "optimizer": SGD(lr=0.1), "shuffle": False, "verbose": False}
    whole = one.fit(X[rows], y[rows], batch_size=10, **options)
    parts = several.fit(X[rows], y[rows], batch_size=5, accumulate=2, **options)
    assert_close(several.theta, one.theta)
    assert_close(parts["loss"], whole["loss"])
    assert np.isfinite(parts["loss"]).all()


def test_an_update_in_which_nothing_counts_moves_nothing() -> None:
    net = network()
    before = net.theta.copy()
    history = train(net, np.full(43, -100), loss=CrossEntropyLoss(), batch_size=10, accumulate=2, epochs=1)
    np.testing.assert_array_equal(net.theta, before)
    assert np.isnan(history.batch_loss).all()


def test_clipping_sees_the_whole_gradient() -> None:
    one, several = network(dtype="float64"), network(dtype="float64")
    train(one, batch_size=20, clip_norm=0.05, clip_value=0.02)
    train(several, batch_size=5, accumulate=4, clip_norm=0.05, clip_value=0.02)
    assert_close(several.theta, one.theta)


def test_callbacks_answer_once_an_update() -> None:
    seen: list[tuple[str, float]] = []

    class Watch(Callback):
        def on_gradient(self, run: Run) -> None:
            seen.append(("gradient", float(np.linalg.norm(run.net.gradient))))

        def on_step(self, run: Run) -> None:
            seen.append(("step", float(run.value)))

    history = train(network(), batch_size=5, accumulate=4, epochs=1, callbacks=[Watch()])
    assert [name for name, _ in seen] == ["gradient", "step"] * 3
    np.testing.assert_allclose([value for name, value in seen if name == "step"], history.batch_loss)


def test_a_callback_may_leave_the_update_out() -> None:
    class Stop(Callback):
        def on_gradient(self, run: Run) -> None:
            run.stop("enough")

    net = network()
    before = net.theta.copy()
    train(net, accumulate=3, callbacks=[Stop()])
    np.testing.assert_array_equal(net.theta, before)
    assert net.step == 0


def test_frozen_parameters_stay() -> None:
    net = network()
    net.freeze("0.*")
    before = net.state_dict()
    train(net, batch_size=5, accumulate=4, optimizer=Adam())
    np.testing.assert_array_equal(net.parameters["0.weight"], before["0.weight"])
    assert (net.parameters["2.weight"] != before["2.weight"]).any()


def test_every_batch_of_an_update_has_noise_of_its_own() -> None:
    drawn = [random_step(7, i) for i in range(64)]
    assert drawn[0] == 7
    assert len(set(drawn)) == 64
    assert all(0 <= step < 2**32 for step in drawn)
    ones = np.ones((8, 50), np.float32)
    net = Network(Sequential(Dropout(0.5), Linear(50, 1)), seed=0)
    seen: list[Any] = []

    def keep(output: Any, target: Any) -> Any:
        seen.append(output.copy())
        return MSELoss()(output, target)

    net.fit(ones, ones[:, :1], loss=keep, optimizer=SGD(), batch_size=4, accumulate=2, verbose=False)
    assert (seen[0] != seen[1]).any()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"accumulate": 0}, "fit: expected accumulate to be a whole number of at least 1, got 0"),
        ({"accumulate": 2, "optimizer": LBFGS(), "batch_size": 43}, "fit: expected accumulate=1 with LBFGS, got 2"),
    ],
)
def test_what_cannot_be_accumulated_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        train(network(), **options)


def test_a_run_of_groups_is_resumed_in_the_midst_of_an_epoch(tmp_path: Path) -> None:
    class Cut(Callback):
        def on_step(self, run: Run) -> None:
            if run.net.step == 4:
                raise RuntimeError

    options: dict[str, Any] = {"loss": WeightedSum((MSELoss(), L1Loss())), "batch_size": 5, "accumulate": 4}
    model = Sequential(Linear(3, 8), Dropout(0.3), Linear(8, 3))
    whole, half, again = (Network(model, seed=0) for _ in range(3))
    expected = train(whole, **options)
    checkpoint = Checkpoint(tmp_path, every_steps=1)
    with pytest.raises(RuntimeError):
        train(half, callbacks=[Cut()], checkpoint=checkpoint, **options)
    found = train(again, checkpoint=checkpoint, resume=True, **options)
    np.testing.assert_array_equal(again.theta, whole.theta)
    for column in set(expected) - {"seconds"}:
        assert found[column] == expected[column]
