"""Many updates in one call: they are those of the plain way, whoever looks on and however they are cut."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from nnxp import (
    SGD,
    Adam,
    AdamW,
    Callback,
    CrossEntropyLoss,
    Flatten,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from nnxp._backend import threads
from nnxp._backend.kernels import FASTER, PATHS, blocks, descent, descent_numpy, descent_numpy_places
from nnxp._backend.kernels.path import numba_is_here
from nnxp.schedules import ExponentialLR
from nnxp.training.descent import Descent
from nnxp.training.run import Run
from tests.backends import assert_close

pytestmark = pytest.mark.skipif(not FASTER, reason="NNXP_FAST=0 is set")

ROWS, FEATURES, CLASSES = 53, 6, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, FEATURES))
LABELS = RNG.integers(0, CLASSES, ROWS)
VALUES = RNG.normal(size=(ROWS, CLASSES))

MODELS = [
    Sequential(Linear(FEATURES, CLASSES)),
    Sequential(Linear(FEATURES, 20, bias=False), ReLU(), Linear(20, 70), Tanh(), Linear(70, CLASSES)),
    Sequential(Linear(FEATURES, 9), Sigmoid(), Linear(9, CLASSES), Tanh()),
]
OPTIMIZERS = [
    SGD(lr=0.1),
    SGD(lr=0.1, weight_decay=0.01),
    SGD(lr=0.1, momentum=0.9),
    SGD(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01),
    SGD(lr=0.1, momentum=0.9, nesterov=True),
    SGD(lr=ExponentialLR(0.1, gamma=0.9)),
    Adam(lr=0.01),
    Adam(lr=0.01, amsgrad=True, weight_decay=0.01),
    AdamW(lr=0.01, weight_decay=0.1),
    Adam(lr=ExponentialLR(0.02, gamma=0.8), betas=(0.5, 0.9), eps=1e-3),
]


def brief(value: Any) -> str:
    """Name an optimizer or a loss by what was said of it."""
    said = (f"{f.name}={getattr(value, f.name)}" for f in fields(value) if getattr(value, f.name) != f.default)
    return f"{type(value).__name__}({','.join(said)})"


class EachStep(Callback):
    """Looks at every step, and keeps what there was."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def on_step(self, run: Run) -> None:
        net, batch = run.net, run.batch
        assert batch is not None
        assert run.value is not None
        self.seen.append(
            (run.number, net.step, float(run.value), batch[1].copy(), net.theta.copy(), net.gradient.copy())
        )


def train(net: Network, **options: Any) -> Any:
    settings: dict[str, Any] = {"loss": CrossEntropyLoss(), "optimizer": SGD(lr=0.1), "epochs": 3, "batch_size": 8}
    settings |= options
    target = VALUES.astype(net.dtype) if isinstance(settings["loss"], MSELoss) else LABELS
    return net.fit(X.astype(net.dtype), settings.pop("y", target), verbose=False, **settings)


def network(model: Sequential = MODELS[1], dtype: str = "float32") -> Network:
    return Network(model, seed=3, dtype=dtype)


def after(net: Network) -> list[Any]:
    """List what training moves."""
    return [net.theta, net.gradient, *net.optimizer_state.values(), np.array([net.step, net.epoch])]


@pytest.fixture(params=["Numba", "NumPy", "NumPy, as for larger networks"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the updates by either twin."""
    if request.param == "Numba" and not numba_is_here():
        pytest.skip("Numba is not installed")
    if "larger" in request.param:
        monkeypatch.setattr(descent_numpy_places, "_PACKED", 0)
        monkeypatch.setattr(descent_numpy_places, "LEAST", 0)
        monkeypatch.setattr(blocks, "LEAST", 0)
        monkeypatch.setattr(blocks, "_BLOCK", 700)
    return descent.descend if request.param == "Numba" else descent_numpy.descend


@pytest.fixture
def taken(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the updates of every call that was taken."""
    calls: list[int] = []

    def descend(x: Any, target: Any, updates: Any) -> Any:
        made = kernel(x, target, updates)
        if made is not NotImplemented:
            calls.append(len(made[0]))
        return made

    monkeypatch.setattr(PATHS["descend"], "_kernel", descend)
    return calls


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Train without it from here on."""
    return lambda: monkeypatch.setattr(Descent, "of", lambda net, loss: None)


def same(first: Network, second: Network) -> None:
    for here, there in zip(after(first), after(second), strict=True):
        np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=brief)
@pytest.mark.parametrize("loss", [CrossEntropyLoss(), CrossEntropyLoss(label_smoothing=0.1), MSELoss()], ids=brief)
@pytest.mark.parametrize("model", MODELS, ids=[0, 1, 2])
def test_the_updates_are_those_of_the_plain_way(
    model: Sequential, loss: Any, optimizer: Any, dtype: str, taken: list[int], plain: Any
) -> None:
    one, other = network(model, dtype), network(model, dtype)
    found = train(one, loss=loss, optimizer=optimizer, metrics=["accuracy"] if loss.accepts_indices else ["mae"])
    assert taken == [7] * 3
    plain()
    wanted = train(other, loss=loss, optimizer=optimizer, metrics=["accuracy"] if loss.accepts_indices else ["mae"])
    assert taken == [7] * 3
    for column in set(wanted) - {"seconds"}:
        np.testing.assert_allclose(found[column], wanted[column], rtol=1e-4 if dtype == "float32" else 1e-11)
    np.testing.assert_allclose(found.batch_loss, wanted.batch_loss, rtol=1e-4 if dtype == "float32" else 1e-11)
    for here, there in zip(after(one), after(other), strict=True):
        assert here.dtype == there.dtype
        assert_close(here, there, dtype)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=brief)
def test_nothing_changes_by_a_bit_when_somebody_looks_at_every_step(optimizer: Any, taken: list[int]) -> None:
    watched, alone, watch = network(), network(), EachStep()
    train(watched, optimizer=optimizer, callbacks=[watch])
    assert taken == [1] * 21
    train(alone, optimizer=optimizer)
    assert taken[21:] == [7] * 3
    same(watched, alone)
    assert [(number, step) for number, step, *_ in watch.seen] == [(i % 7, i + 1) for i in range(21)]
    assert [len(labels) for _, _, _, labels, _, _ in watch.seen] == [8, 8, 8, 8, 8, 8, 5] * 3
    np.testing.assert_array_equal(watch.seen[-1][4], alone.theta)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_nothing_changes_by_a_bit_however_many_come_together(
    most: int, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = network(), network()
    train(many, optimizer=Adam(), metrics=["accuracy"])
    monkeypatch.setattr("nnxp.training.descent._MOST", most)
    train(few, optimizer=Adam(), metrics=["accuracy"])
    assert max(taken[3:]) == most
    assert sum(taken[3:]) == 21
    same(few, many)


# Whose products and parameters several threads share.
LARGER = Sequential(Linear(FEATURES, 1000), ReLU(), Linear(1000, 200), ReLU(), Linear(200, CLASSES))


@pytest.mark.parametrize("model", [*MODELS, LARGER], ids=[0, 1, 2, "larger"])
def test_nothing_changes_by_a_bit_with_the_number_of_threads(
    model: Sequential, kernel: Any, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if model is LARGER and kernel is descent_numpy.descend:
        pytest.skip("BLAS rounds by how it cuts a product for its threads")
    nets = []
    monkeypatch.setattr(descent, "_SHARED", 0)
    monkeypatch.setattr(descent, "_COLUMNS", 3)
    for threads_used in (1, 2, 3):
        with threads.temporarily(threads_used):
            nets.append(network(model))
            train(nets[-1], optimizer=Adam(), epochs=20)
    assert len(taken) == 60
    same(nets[0], nets[1])
    same(nets[0], nets[2])


def test_a_rate_that_was_changed_between_epochs_counts(taken: list[int], plain: Any) -> None:
    class Halve(Callback):
        def on_epoch_end(self, run: Run) -> None:
            run.optimizer = SGD(lr=run.optimizer.lr / 2, momentum=0.9)

    one, other = network(), network()
    found = train(one, optimizer=SGD(lr=0.1, momentum=0.9), callbacks=[Halve()])
    plain()
    wanted = train(other, optimizer=SGD(lr=0.1, momentum=0.9), callbacks=[Halve()])
    assert found["lr"] == wanted["lr"] == [0.1, 0.05, 0.025]
    assert_close(one.theta, other.theta, "float32")
    assert len(taken) == 3


def test_the_run_is_where_its_last_update_was(taken: list[int]) -> None:
    seen: list[Any] = []

    class AtEnd(Callback):
        def on_epoch_end(self, run: Run) -> None:
            assert run.batch is not None
            seen.append((run.number, len(run.batch[0][0]), float(run.value), run.steps.sizes))  # type: ignore[arg-type]

    history = train(network(), callbacks=[AtEnd()], epochs=1)
    [(number, rows, value, sizes)] = seen
    assert (number, rows, value) == (6, 5, history.batch_loss[-1])
    assert sizes == [8] * 6 + [5]
    assert taken == [7]


def test_rows_that_do_not_count_go_the_plain_way(taken: list[int], plain: Any) -> None:
    labels = np.where(np.arange(ROWS) % 11 == 0, -100, LABELS)
    one, other = network(), network()
    found = train(one, y=labels)
    assert taken == []
    plain()
    wanted = train(other, y=labels)
    same(one, other)
    assert found["loss"] == wanted["loss"]


@dataclass(frozen=True)
class Twice(CrossEntropyLoss):
    """A loss of one's own, derived from one that is known."""

    def __call__(self, output: Any, target: Any, sample_weight: Any = None) -> Any:
        value, dy = super().__call__(output, target, sample_weight)
        return 2 * value, 2 * dy


@dataclass(frozen=True)
class Backwards(SGD):
    """An optimizer of one's own, derived from one that is known."""

    def step_run(self, theta: Any, gradient: Any, state: Any, lr: Any, t: Any, weight_decay: float) -> None:
        theta += lr * gradient


class Gradient(Callback):
    """Looks at gradients before they move anything."""

    def on_gradient(self, run: Run) -> None:
        assert np.any(run.net.gradient)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": Twice()},
        {"optimizer": Backwards(lr=0.1)},
        {"clip_norm": 0.1},
        {"clip_value": 0.1},
        {"accumulate": 2},
        {"sample_weight": np.ones(ROWS)},
        {"class_weight": {0: 2.0}},
        {"loss": CrossEntropyLoss(weight=[1.0, 2.0, 1.0, 1.0])},
        {"loss": CrossEntropyLoss(ignore_index=1)},
        {"loss": CrossEntropyLoss(reduction="sum"), "optimizer": SGD(lr=0.01)},
        {"optimizer": Adam(decay="weights", weight_decay=0.1)},
        {"callbacks": [Gradient()]},
    ],
    ids=lambda options: ",".join(options),
)
def test_what_it_is_not_for_goes_the_plain_way(options: dict[str, Any], taken: list[int], plain: Any) -> None:
    one, other = network(), network()
    train(one, **options)
    assert taken == []
    plain()
    train(other, **options)
    same(one, other)


def test_frozen_and_scaled_parameters_go_the_plain_way(taken: list[int], plain: Any) -> None:
    nets = [network(), network()]
    for net in nets:
        net.scale_lr("0.*", 0.5)
        net.freeze("2.*")
    train(nets[0])
    assert taken == []
    plain()
    train(nets[1])
    same(*nets)


def test_one_rate_for_all_parameters_is_taken(taken: list[int], plain: Any) -> None:
    nets = [network(), network()]
    for net in nets:
        net.scale_lr("*", 0.5)
    train(nets[0])
    assert taken == [7] * 3
    plain()
    train(nets[1])
    assert_close(nets[0].theta, nets[1].theta, "float32")


def test_batches_of_an_iterable_come_one_by_one_whatever_their_size(taken: list[int], plain: Any) -> None:
    x, batches = X.astype("float32"), []
    for start, stop in ((0, 20), (20, 21), (21, 53)):
        batches.append((x[start:stop], LABELS[start:stop]))
    nets = [network(), network()]
    nets[0].fit(batches, loss=CrossEntropyLoss(), optimizer=Adam(), epochs=2, verbose=False)
    assert taken == [1] * 6
    plain()
    nets[1].fit(batches, loss=CrossEntropyLoss(), optimizer=Adam(), epochs=2, verbose=False)
    assert_close(nets[0].theta, nets[1].theta, "float32")


def test_batches_of_many_sizes_are_taken(taken: list[int], plain: Any) -> None:
    x, sizes = X.astype("float32"), (1, 2, 3, 4, 5, 6, 7, 8, 9, 3)
    cuts = np.cumsum((0, *sizes))
    batches = [(x[a:b], LABELS[a:b]) for a, b in pairwise(cuts)]
    nets = [network(), network()]
    for net in nets:
        net.fit(batches, loss=CrossEntropyLoss(), optimizer=Adam(), epochs=3, verbose=False)
        plain()
    assert taken == [1] * 30
    assert_close(nets[0].theta, nets[1].theta, "float32")


def test_what_a_callback_does_to_the_network_counts(taken: list[int], plain: Any) -> None:
    class Meddle(Callback):
        def on_step(self, run: Run) -> None:
            state = run.net.optimizer_state
            run.net.theta[...] *= 0.9
            for vector in state.values():
                vector[...] = 0.5 * abs(run.net.gradient)
            run.net.optimizer_state = {name: vector.copy() for name, vector in state.items()}

        def on_epoch_end(self, run: Run) -> None:
            run.optimizer = SGD(lr=0.1)

    nets = [network(), network()]
    for net in nets:
        train(net, optimizer=Adam(lr=0.01), callbacks=[Meddle()])
        plain()
    assert taken == [1] * 21
    assert_close(nets[0].theta, nets[1].theta, "float32")


def test_images_are_taken_as_their_vectors(taken: list[int]) -> None:
    nets = [network(), Network(Sequential(Flatten(), *MODELS[1]), seed=3)]
    nets[1].theta = nets[0].theta
    for net, x in zip(nets, (X, X.reshape(ROWS, 1, 2, 3)), strict=True):
        net.fit(x.astype("float32"), LABELS, loss=CrossEntropyLoss(), optimizer=Adam(), verbose=False)
    assert taken == [2, 2]
    same(*nets)


def test_infinite_and_missing_numbers_pass(taken: list[int]) -> None:
    x = X.astype("float32")
    x[20, 2] = np.nan
    net = network()
    history = net.fit(x, LABELS, loss=CrossEntropyLoss(), optimizer=SGD(lr=0.1), batch_size=8, verbose=False)
    assert np.isnan(history.batch_loss[-1])
    assert np.isnan(net.theta).any()
    assert taken == [7]


def test_data_that_cannot_be_written_to_or_lies_apart_is_taken(taken: list[int]) -> None:
    x = np.asfortranarray(X.astype("float32"))
    x.flags.writeable = False
    one, other = network(), network()
    one.fit(x, LABELS, loss=CrossEntropyLoss(), optimizer=Adam(), batch_size=8, shuffle=False, verbose=False)
    other.fit(x.copy(), LABELS, loss=CrossEntropyLoss(), optimizer=Adam(), batch_size=8, shuffle=False, verbose=False)
    assert taken == [7, 7]
    same(one, other)


def test_a_run_that_is_asked_to_stop_ends_between_two_calls(taken: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp.training.descent._MOST", 2)

    class Stop(Callback):
        every_step = False

        def on_step(self, run: Run) -> None:
            if run.net.step >= 3:
                run.stop("enough")

    net = network()
    history = train(net, callbacks=[Stop()])
    assert history.stop_reason == "enough"
    assert taken == [2, 2]
    assert net.step == 4
