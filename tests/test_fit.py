"""Training: data in every form, columns and epochs, weights, and the same run on every device."""

from __future__ import annotations

import contextlib
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import (
    LBFGS,
    SGD,
    Activation,
    Adam,
    BCEWithLogitsLoss,
    Callback,
    CrossEntropyLoss,
    Device,
    Dropout,
    L1Loss,
    Layer,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Sequential,
    StepLR,
    Tanh,
    TerminateOnNaN,
    datasets,
)
from nnxp._backend import namespace
from nnxp._backend.kernels.path import numba_is_here
from nnxp.training import Run
from nnxp.training.batches import ArrayData, class_weights
from tests.backends import DEVICES, Backend, assert_close, missing

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
MODEL = Sequential(Linear(3, 8), Tanh(), Linear(8, 3))


def network(device: Any = "cpu", **options: Any) -> Network:
    return Network(options.pop("model", MODEL), device=device, seed=0, **options)


def train(net: Network, x: Any = X, y: Any = LABELS, **options: Any) -> Any:
    settings: dict[str, Any] = {"loss": CrossEntropyLoss(), "optimizer": Adam(lr=0.02), "epochs": 3, "verbose": False}
    return net.fit(x, y, **{**settings, **options})


def sentence(text: str) -> str:
    return f"^{re.escape(text)}$"


def test_training_lowers_the_loss(backend: Backend) -> None:
    net = network(backend.device)
    history = train(net, epochs=20)
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    assert net.epoch == 20
    assert net.step == 20 * 2


def test_training_equals_the_loop_in_the_open() -> None:
    net, other = network(), network()
    train(net, optimizer=SGD(lr=0.1), epochs=2, batch_size=40, shuffle=False)
    for _ in range(2):
        y, cache = other.forward(X, training=True)
        _, dy = CrossEntropyLoss()(y, LABELS)
        other.backward(cache, dy)
        SGD(lr=0.1).update(other)
    if numba_is_here():
        np.testing.assert_array_equal(net.theta, other.theta)
    else:  # NumPy makes many updates in a row of batches that lie in columns, whose sums go another way
        assert_close(net.theta, other.theta, "float32")


def test_the_history_has_its_columns_in_order() -> None:
    history = train(network(), validation=0.25, metrics=["accuracy", L1ness])
    assert list(history) == [
        "epoch",
        "loss",
        "val_loss",
        "accuracy",
        "val_accuracy",
        "L1ness",
        "val_L1ness",
        "lr",
        "seconds",
    ]
    assert history["epoch"] == [1, 2, 3]
    assert history["lr"] == [0.02] * 3
    assert all(seconds > 0 for seconds in history["seconds"])
    assert history.updates == [1, 2, 3]
    assert len(history.batch_loss) == 3
    assert history.stop_reason == "all epochs are done"


def L1ness(output: Any, target: Any) -> float:  # noqa: N802 - the name of the column
    return float(np.abs(output).mean())


def test_a_second_fit_goes_on() -> None:
    once, twice = network(), network()
    train(once, epochs=4, batch_size=16)
    first = train(twice, epochs=1, batch_size=16)
    second = train(twice, epochs=3, batch_size=16)
    np.testing.assert_array_equal(once.theta, twice.theta)
    assert (first["epoch"], second["epoch"]) == ([1], [2, 3, 4])


def test_no_epochs_train_nothing() -> None:
    net = network()
    theta = net.theta.copy()
    assert train(net, epochs=0).rows() == []
    np.testing.assert_array_equal(net.theta, theta)


def test_the_loss_is_the_mean_over_the_samples() -> None:
    # A rate of 0: the weights stay, so the epoch's loss is that of the whole set, the short last batch included.
    net = network()
    history = train(net, optimizer=SGD(lr=0.0), epochs=1, batch_size=16)
    assert_close(history["loss"][0], net.evaluate(X, LABELS, loss=CrossEntropyLoss())["loss"], "float32")


@pytest.mark.parametrize("form", ["lists", "float64", "memory map", "device", "batches", "strided"])
def test_every_form_of_data_trains_alike(form: str, backend: Backend, tmp_path: Path) -> None:
    reference, net = network(backend.device), network(backend.device)
    train(reference, batch_size=16, shuffle=False)
    x: Any = X
    y: Any = LABELS
    if form == "lists":
        x, y = X.tolist(), LABELS.tolist()
    elif form == "float64":
        x = X.astype(np.float64)
    elif form == "memory map":
        np.save(tmp_path / "x.npy", X)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    elif form == "device":
        x, y = backend.put(X), backend.put(LABELS)
    elif form == "strided":
        x = np.repeat(X, 2, axis=0)[::2]
    else:
        x, y = [(X[i : i + 16], LABELS[i : i + 16]) for i in range(0, 40, 16)], None
    train(net, x, y, batch_size=16, shuffle=False)
    assert_close(backend.get(net.theta), backend.get(reference.theta), rtol=0, atol=0)


def test_shuffled_device_arrays_train_as_host_arrays(backend: Backend) -> None:
    reference, net = network(backend.device), network(backend.device)
    train(reference, validation=0.2)
    train(net, backend.put(X), backend.put(LABELS), validation=0.2)
    assert_close(backend.get(net.theta), backend.get(reference.theta), rtol=0, atol=0)


def test_an_iterable_may_bring_weights_and_validation() -> None:
    net, other = network(), network()
    weights = np.linspace(0.5, 2.0, 40)
    batches = [(X[:20], LABELS[:20], weights[:20]), (X[20:], LABELS[20:], weights[20:])]
    history = train(net, batches, None, validation=batches)
    expected = train(
        other, X, LABELS, sample_weight=weights, batch_size=20, shuffle=False, validation=(X, LABELS, weights)
    )
    np.testing.assert_array_equal(net.theta, other.theta)
    assert_close(history["val_loss"], expected["val_loss"], "float32")


def test_a_generator_serves_for_one_epoch_alone() -> None:
    def batches() -> Iterator[Any]:
        yield X, LABELS

    train(network(), batches(), None, epochs=1)
    text = (
        "fit: expected an iterable that can be run through 2 times, got an iterator; "
        "give a list, a DataLoader or an object whose __iter__ begins anew"
    )
    with pytest.raises(ValueError, match=sentence(text)):
        train(network(), batches(), None, epochs=2)


def test_a_data_loader_is_an_iterable_of_batches(backend: Backend) -> None:
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    loader = data.DataLoader(data.TensorDataset(torch.tensor(X), torch.tensor(LABELS)), batch_size=16)
    net, other = network(backend.device), network(backend.device)
    train(net, loader, None, validation=loader)
    train(other, batch_size=16, shuffle=False)
    assert_close(backend.get(net.theta), backend.get(other.theta), rtol=0, atol=0)
    assert_close(net.predict(loader), other.predict(X), "float32")


def test_an_iterable_is_begun_once_an_epoch_and_need_not_know_its_length() -> None:
    class Source:
        begun = 0

        def __len__(self) -> int:
            raise TypeError("no length")

        def __iter__(self) -> Iterator[Any]:
            self.begun += 1
            yield X, LABELS

    source = Source()
    train(network(), source, None, epochs=3)
    assert source.begun == 3


def test_pandas_serves_as_data() -> None:
    pandas = pytest.importorskip("pandas")
    net, other = network(), network()
    train(net, pandas.DataFrame(X), pandas.Series(LABELS), validation=0.2)
    train(other, validation=0.2)
    np.testing.assert_array_equal(net.theta, other.theta)
    np.testing.assert_array_equal(net.predict(pandas.DataFrame(X)), other.predict(X))
    text = "fit: expected y, or an iterable of batches (x, y) as x, got DataFrame"
    with pytest.raises(TypeError, match=sentence(text)):
        train(network(), pandas.DataFrame(X), None)


@pytest.mark.parametrize("dtype", ["float16", ">f4", ">f8", "int16", "bool", "uint8"])
def test_every_kind_of_number_trains(dtype: str, backend: Backend) -> None:
    x = np.abs(X * 10).astype(dtype)
    net, other = network(backend.device), network(backend.device)
    train(net, x, LABELS.astype(">i4"), epochs=1)
    train(other, x.astype("float32"), epochs=1)
    assert_close(backend.get(net.theta), backend.get(other.theta), rtol=0, atol=0)


def test_a_matrix_is_read_as_an_array() -> None:
    with pytest.warns(PendingDeprecationWarning):
        x = np.matrix(X)
    model = Sequential(Activation(lambda x: x * x, lambda x: 2.0 * x), Linear(3, 3))
    np.testing.assert_array_equal(network(model=model).predict(x), network(model=model).predict(X))


def test_samples_may_have_axes_that_the_model_was_not_told_of() -> None:
    net = network(model=Linear(3, 2))
    train(net, np.ones((8, 7, 3)), np.ones((8, 7, 2)), loss=MSELoss())
    assert net.step == 3


def test_samples_of_no_axes_are_legal(backend: Backend) -> None:
    net = network(backend.device, model=Tanh())
    history = train(net, np.ones(8), np.zeros(8), loss=MSELoss(), validation=0.25, metrics=["mae"])
    assert_close(history["loss"], [np.tanh(1.0) ** 2] * 3, "float32")
    assert net.predict(np.ones(8)).shape == (8,)


def test_a_batch_without_samples_has_no_say(backend: Backend) -> None:
    net, other = network(backend.device), network(backend.device)
    history = train(net, [(X, LABELS), (X[:0], LABELS[:0])], None, optimizer=SGD(lr=0.1))
    expected = train(other, batch_size=40, shuffle=False, optimizer=SGD(lr=0.1))
    assert_close(history["loss"], expected["loss"], "float32")
    assert_close(backend.get(net.theta), backend.get(other.theta), rtol=0, atol=0)


def test_an_iterable_that_is_spent_is_refused() -> None:
    batches = iter([(X, LABELS)])
    train(network(), batches, None, epochs=1)
    with pytest.raises(ValueError, match=sentence("fit: expected at least one batch, got none")):
        train(network(), batches, None, epochs=1)


def test_sample_weights_equal_repeated_samples() -> None:
    net, other = network(dtype="float64"), network(dtype="float64")
    weights = np.where(np.arange(40) % 3 == 0, 2.0, 1.0)
    train(net, sample_weight=weights, batch_size=40, shuffle=False)
    repeats = weights.astype(int)
    train(other, np.repeat(X, repeats, axis=0), np.repeat(LABELS, repeats), batch_size=99, shuffle=False)
    assert_close(net.theta, other.theta, "float64")


def test_class_weights_are_sample_weights() -> None:
    net, other, balanced = network(), network(), network()
    train(net, class_weight={0: 2.0, 2: 0.5}, sample_weight=np.full(40, 3.0))
    train(other, sample_weight=np.array([2.0, 1.0, 0.5])[LABELS] * 3.0)
    np.testing.assert_array_equal(net.theta, other.theta)
    counts = np.bincount(LABELS)
    train(balanced, class_weight="balanced")
    train(net := network(), sample_weight=(40 / (3 * counts))[LABELS])
    np.testing.assert_array_equal(balanced.theta, net.theta)


def test_balanced_weights_count_what_is_trained_on() -> None:
    labels = np.repeat([0, 1, 2], [50, 49, 1])
    rows = np.concatenate([np.arange(10), np.arange(50, 90)])
    weights = class_weights(labels, "balanced", None, rows)
    np.testing.assert_allclose(weights[[0, 50]], [50 / (2 * 10), 50 / (2 * 40)])
    x = np.arange(100.0)[:, None] / 100
    net, other = Network(Linear(1, 3), seed=0), Network(Linear(1, 3), seed=0)
    options = {"loss": CrossEntropyLoss(), "optimizer": SGD(), "validation": 0.5, "verbose": False}
    trained = ArrayData((x,), labels).split(0.5, net.seed)[0].indices
    net.fit(x, labels, class_weight="balanced", **options)
    other.fit(x, labels, sample_weight=class_weights(labels, "balanced", None, trained), **options)
    np.testing.assert_array_equal(net.theta, other.theta)


def test_class_weights_may_meet_labels_on_the_device(backend: Backend) -> None:
    net, other = network(backend.device), network(backend.device)
    train(
        net, backend.put(X), backend.put(LABELS), class_weight="balanced", sample_weight=backend.put(np.full(40, 2.0))
    )
    train(other, class_weight="balanced", sample_weight=np.full(40, 2.0))
    assert_close(backend.get(net.theta), backend.get(other.theta), rtol=0, atol=0)


def test_class_weights_are_for_training_alone() -> None:
    """However the validation data came, its loss is the one that `evaluate` returns."""
    weights = {0: 5.0, 1: 0.1}
    options: dict[str, Any] = {"optimizer": SGD(lr=0.0), "epochs": 1, "class_weight": weights}
    net = network()
    given = train(net, validation=(X, LABELS), **options)["val_loss"][0]
    assert_close(given, net.evaluate(X, LABELS)["loss"], "float32")
    seen: list[Any] = []

    def rows(output: Any, target: Any) -> float:
        seen.append(output)
        return 0.0

    held_out = train(net, validation=0.25, metrics=[rows], **options)["val_loss"][0]
    mine = np.array([np.any(np.all(y == seen[-1], axis=1)) for y in net.predict(X)])
    assert mine.sum() == 10
    assert_close(held_out, net.evaluate(X[mine], LABELS[mine])["loss"], "float32")


def test_the_validation_rows_are_held_out_and_always_the_same() -> None:
    seen: list[Any] = []

    class Watch(Callback):
        def on_gradient(self, run: Run) -> None:
            assert run.batch is not None
            seen.extend(map(tuple, run.batch[0][0].tolist()))

    net = network()
    train(net, validation=0.25, epochs=1, callbacks=[Watch()])
    first = set(seen)
    assert len(first) == 30
    train(net, validation=0.25, epochs=2, callbacks=[Watch()])
    assert set(seen) == first


def test_a_schedule_counts_updates() -> None:
    history = train(network(), optimizer=SGD(lr=StepLR(1.0, 4, 0.1)), batch_size=20, epochs=4)
    np.testing.assert_allclose(history["lr"], [1.0, 1.0, 0.1, 0.1])


def test_clipping_limits_the_gradient() -> None:
    norms: list[float] = []
    largest: list[float] = []

    class Watch(Callback):
        def on_step(self, run: Run) -> None:
            norms.append(float(np.linalg.norm(run.net.gradient)))
            largest.append(float(np.abs(run.net.gradient).max()))

    train(network(), clip_norm=1e-3, callbacks=[Watch()])
    assert max(norms) <= 1e-3 * (1 + 1e-5)
    train(network(), clip_value=1e-4, callbacks=[Watch()])
    assert max(largest[-6:]) <= 1e-4 * (1 + 1e-6)


def test_lbfgs_trains_on_the_whole_set(backend: Backend) -> None:
    pytest.importorskip("scipy")
    net = network(backend.device)
    history = train(net, optimizer=LBFGS(), batch_size=40, epochs=3)
    assert history["loss"][-1] < 0.3
    assert net.step == 3
    text = "fit: expected one batch an epoch, got batch_size=32; LBFGS needs the loss of all samples: batch_size=40"
    with pytest.raises(ValueError, match=sentence(text)):
        train(net, optimizer=LBFGS())
    text = "fit: expected clip_norm=None with LBFGS, got 0.1"
    with pytest.raises(ValueError, match=sentence(text)):
        train(net, optimizer=LBFGS(), batch_size=40, clip_norm=0.1)


def test_lbfgs_reports_the_point_that_it_took() -> None:
    pytest.importorskip("scipy")
    net = network()
    history = train(net, optimizer=LBFGS(max_iter=3), batch_size=40, epochs=2, metrics=["accuracy"])
    found = net.evaluate(X, LABELS, metrics=["accuracy"])
    assert_close(history["loss"][-1], found["loss"], "float32")
    assert history["accuracy"][-1] == found["accuracy"]


def test_several_outputs_of_one_unit_train_with_binary_loss(backend: Backend) -> None:
    net = network(backend.device, model=Linear(3, 1))
    history = train(
        net, X, (X[:, :1] > 0).astype(np.float32), loss=BCEWithLogitsLoss(), epochs=30, metrics=["accuracy"]
    )
    assert history["loss"][-1] < history["loss"][0]
    right = (net.predict(X) > 0.0) == (X[:, :1] > 0)
    assert_close(net.evaluate(X, (X[:, :1] > 0) * 1.0, metrics=["accuracy"])["accuracy"], right.mean())


def test_a_loss_and_a_metric_of_ones_own_will_do(backend: Backend) -> None:
    def squares(output: Any, target: Any, sample_weight: Any = None) -> tuple[Any, Any]:
        difference = output - target
        return (difference * difference).sum() / output.shape[0], 2.0 * difference / output.shape[0]

    if backend.name.startswith("strict"):
        pytest.skip("the standard has functions where this loss uses methods")
    net = network(backend.device)
    history = train(net, X, np.zeros((40, 3)), loss=squares, metrics=[L1ness], validation=0.2)
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert "loss" in net.evaluate(X, np.zeros((40, 3)))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"epochs": -1}, "fit: expected epochs to be a whole number of at least 0, got -1"),
        ({"batch_size": 0}, "fit: expected batch_size to be a whole number of at least 1, got 0"),
        ({"clip_norm": 0.0}, "fit: expected clip_norm in (0, inf), got 0.0"),
        ({"validation": 1.5}, "fit: expected validation in (0, 1], got 1.5"),
        ({"validation": 0.001}, "fit: expected validation to leave samples on both sides of a split of 40, got 0.001"),
        ({"validation": (X,)}, "fit: expected validation (x, y) or (x, y, weight), got 1 entries"),
        ({"y": LABELS[:7]}, "fit: expected x, y and sample_weight of one length, got 40, 7"),
        ({"x": X[:0], "y": LABELS[:0]}, "fit: expected at least one sample, got none"),
        ({"verbose": "loud"}, "fit: expected verbose to be one of 'auto', 'bar', 'lines', True, False, got 'loud'"),
        ({"class_weight": "fair"}, "fit: expected class_weight to be a mapping or 'balanced', got 'fair'"),
        ({"class_weight": [1.0, 2.0, 3.0]}, "fit: expected class_weight to be a mapping or 'balanced', got [1.0, 2.0, 3.0]"),
        ({"class_weight": "balanced", "x": [(X, LABELS)], "y": None}, "fit: expected class_weight=None with an iterable, got 'balanced'; yield (x, y, weight)"),
        ({"x": [X, X]}, "fit: expected x, y and sample_weight of one length, got 2, 40; several inputs are a tuple"),
        ({"x": 3.0, "y": 4.0}, "fit: expected arrays of shape (n, ...), got a number"),
        ({"metrics": ["accuracy", "accuracy"]}, "fit: expected metrics with names of their own, got epoch, loss, accuracy, accuracy, lr, seconds"),
        ({"class_weight": {0: 1.0}, "y": np.zeros((40, 3))}, "fit: expected integer labels of shape (n,) with class_weight, got float64 (40, 3)"),
        ({"x": [(X, LABELS)], "y": None, "sample_weight": [1.0]}, "fit: expected sample_weight=None with an iterable, got weights; yield (x, y, weight)"),
        ({"x": [(X, LABELS)], "y": None, "validation": 0.5}, "fit: expected validation (x, y) with an iterable of batches, got 0.5"),
        ({"loss": CrossEntropyLoss(reduction="none")}, f"fit: expected a loss that reduces to one value, got {CrossEntropyLoss(reduction='none')}; use reduction='mean' or 'sum'"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=sentence(text)):
        train(network(), **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"y": None}, "fit: expected y, or an iterable of batches (x, y) as x, got ndarray"),
        ({"x": [[1.0], [1.0, 2.0]]}, None),
        ({"x": [(X, LABELS, LABELS, X)], "y": None}, "fit: expected batches (x, y) or (x, y, weight), got tuple"),
        (
            {"y": np.array(["a", "b"] * 20)},
            "fit: expected arrays of numbers, got dtype <U1; number the classes: np.unique(y, return_inverse=True)[1]",
        ),
        ({"x": [{}] * 40}, "fit: expected arrays of numbers, got dtype object"),
        ({"loss": "mse"}, "fit: expected loss to be a loss such as MSELoss(), got 'mse'"),
        ({"loss": MSELoss}, "fit: expected loss to be a loss such as MSELoss(), got MSELoss; call it: MSELoss()"),
        ({"optimizer": "adam"}, "fit: expected optimizer to be an Optimizer such as Adam(), got 'adam'"),
        ({"optimizer": Adam}, "fit: expected optimizer to be an Optimizer such as Adam(), got Adam; call it: Adam()"),
        ({"callbacks": Callback()}, "fit: expected callbacks to be a list, got Callback"),
        ({"callbacks": [Callback]}, "fit: expected every callback to be a Callback, got Callback; call it: Callback()"),
        ({"callbacks": [print]}, "fit: expected every callback to be a Callback, got builtin_function_or_method"),
        ({"metrics": "accuracy"}, "fit: expected metrics to be a list, got 'accuracy'"),
    ],
)
def test_data_that_is_no_data_is_refused(options: dict[str, Any], text: str | None) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence(text) if text else "inhomogeneous"):
        train(network(), **options)


def test_a_label_out_of_range_is_refused_before_any_work(backend: Backend) -> None:
    net = network(backend.device)
    before = np.array(backend.get(net.theta))
    with pytest.raises(ValueError, match="labels in \\[0, 2\\], got 3"):
        train(net, X, np.where(np.arange(40) == 39, 3, LABELS))
    np.testing.assert_array_equal(backend.get(net.theta), before)


def test_evaluation_does_not_depend_on_the_batches(backend: Backend) -> None:
    net = network(backend.device, model=Sequential(Linear(3, 8), Dropout(0.5), Linear(8, 3)))
    loss = CrossEntropyLoss(weight=[1.0, 2.0, 3.0], ignore_index=1)
    whole = net.evaluate(X, LABELS, loss=loss, metrics=["accuracy", "f1"])
    parts = net.evaluate(X, LABELS, loss=loss, metrics=["accuracy", "f1"], batch_size=7)
    assert list(whole) == ["loss", "accuracy", "f1"]
    for name, value in whole.items():
        assert_close(parts[name], value, "float32")


def test_evaluation_of_a_sum_is_the_sum() -> None:
    net = network(model=Linear(3, 1))
    y = X[:, :1]
    whole = net.evaluate(X, y, loss=MSELoss(reduction="sum"))["loss"]
    assert_close(net.evaluate(X, y, loss=MSELoss(reduction="sum"), batch_size=7)["loss"], whole, "float32")


def test_evaluation_takes_the_loss_of_the_last_fit() -> None:
    net = network()
    assert set(net.evaluate(X, LABELS, metrics=["accuracy"])) == {"accuracy"}
    train(net, epochs=1)
    assert set(net.evaluate(X, LABELS, metrics=["accuracy"])) == {"loss", "accuracy"}


def test_weighted_evaluation_is_a_weighted_mean() -> None:
    net = network(model=Linear(3, 1))
    weights = np.linspace(0.1, 2.0, 40)
    errors = np.abs(net.predict(X) - X[:, :1])[:, 0]
    found = net.evaluate(X, X[:, :1], loss=L1Loss(), sample_weight=weights, batch_size=9)["loss"]
    assert_close(found, np.average(errors, weights=weights), "float32")


def test_evaluation_refuses_what_it_cannot_average(backend: Backend) -> None:
    loss = CrossEntropyLoss(reduction="none")
    text = f"evaluate: expected a loss that reduces to one value, got {loss}; use reduction='mean' or 'sum'"
    with pytest.raises(ValueError, match=sentence(text)):
        network(backend.device).evaluate(X, LABELS, loss=loss)
    with pytest.raises(ValueError, match="labels in \\[0, 2\\], got 7"):
        network(backend.device).evaluate(X, LABELS * 0 + 7, loss=CrossEntropyLoss())
    with pytest.raises(TypeError, match=sentence("evaluate: expected arrays of numbers, got dtype object")):
        network(backend.device).evaluate(X, [{}] * 40)


def test_nothing_counted_is_not_a_number() -> None:
    net = network()
    found = net.evaluate(X, np.full(40, -100), loss=CrossEntropyLoss(), batch_size=16)
    assert np.isnan(found["loss"])


def test_predictions_come_back_in_order_as_numpy(backend: Backend) -> None:
    net = network(backend.device)
    whole = net.predict(X)
    assert type(whole) is np.ndarray
    assert whole.shape == (40, 3)
    assert_close(net.predict(X, batch_size=7), whole, "float32")
    assert_close(net.predict(X.tolist()), whole, "float32")
    assert_close(net.predict(iter([X[:9], (X[9:], LABELS[9:])])), whole, "float32")
    assert_close(net.predict(backend.put(X)), whole, "float32")
    assert net.predict(X[:0]).shape == (0, 3)


def test_predicting_needs_a_batch() -> None:
    with pytest.raises(ValueError, match=sentence("predict: expected at least one batch, got none")):
        network().predict(iter([]))
    with pytest.raises(ValueError, match=sentence("predict: expected arrays of shape (n, ...), got a number")):
        network().predict(3.0)
    with pytest.raises(ValueError, match=sentence("predict: expected inputs of one length, got 40, 1")):
        network().predict((X, X[:1]))


@dataclass(frozen=True)
class Crossed(Layer):
    """Several inputs, several outputs: ``(a b, (a + b, number of the larger))``, the last without a gradient."""

    def forward(self, p: Any, a: Any, b: Any, mode: Any) -> tuple[Any, Any]:
        xp = namespace(a)
        return (a * b, (a + b, xp.astype(a < b, xp.int64))), (a, b)

    def backward(self, p: Any, g: Any, cache: Any, dy: Any) -> Any:
        a, b = cache
        product, (total, _) = dy
        return (product * b + total, product * a + total) if product is not None else (total, total)


def product_loss(output: Any, target: Any, sample_weight: Any = None) -> Any:
    value, dy = MSELoss()(output[0], target, sample_weight)
    return value, (dy, (0.0 * dy, None))


def test_several_inputs_and_outputs_pass_through(backend: Backend) -> None:
    net = network(backend.device, model=Crossed())
    product, (total, larger) = net.predict((X, X + 1.0), batch_size=7)
    assert_close(product, X * (X + 1.0), "float32")
    assert_close(total, X + X + 1.0, "float32")
    assert larger.sum() == 120
    history = train(net, (X, X), X * X, loss=product_loss, validation=0.25, callbacks=[TerminateOnNaN()])
    assert_close(history["val_loss"], [0.0] * 3, "float32")
    spoiled = {"the input 0": X * np.nan, "the output of layer Crossed": X * 0.0 + 1e30}
    for culprit, x in spoiled.items():
        with np.errstate(all="ignore"):
            history = train(net, (x, x), X, loss=product_loss, callbacks=[TerminateOnNaN()])
        assert history.stop_reason.startswith(f"{culprit} is not finite at step 3, in all ")


def test_training_and_evaluation_mode_need_no_remembering(backend: Backend) -> None:
    net = network(backend.device, model=Sequential(Linear(3, 8), Dropout(0.5), Linear(8, 3)))
    before = net.predict(X)
    np.testing.assert_array_equal(net.predict(X), before)
    train(net, optimizer=SGD(lr=0.0), validation=0.2, epochs=1)
    np.testing.assert_array_equal(net.predict(X), before)


@pytest.mark.parametrize(
    ("loss", "target", "rule"),
    [
        (CrossEntropyLoss(), LABELS, lambda y: np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)),
        (BCEWithLogitsLoss(), np.zeros((40, 3)), lambda y: 1 / (1 + np.exp(-y))),
    ],
)
def test_probabilities_follow_from_the_loss(loss: Any, target: Any, rule: Any) -> None:
    net = network()
    train(net, X, target, loss=loss, epochs=1)
    assert_close(net.predict_proba(X), rule(net.predict(X).astype(np.float64)))


def test_without_a_loss_there_are_no_probabilities() -> None:
    text = (
        "predict_proba: expected a network whose last loss implies probabilities, got None; "
        "train with CrossEntropyLoss, NLLLoss, BCELoss or BCEWithLogitsLoss, or use predict"
    )
    with pytest.raises(ValueError, match=sentence(text)):
        network().predict_proba(X)


def test_scale_layers_take_raw_bytes() -> None:
    images = RNG.integers(0, 256, (20, 4), dtype=np.uint8)
    net = Network(Linear(4, 2), seed=0)
    assert_close(net.predict(images), net.predict(images.astype(np.float32)), rtol=0, atol=0)


def test_training_is_equal_on_every_device() -> None:
    """The same script from the same seed: equal losses after one epoch, and close at the end."""
    x, y, _, _ = datasets.digits(test=0.2, seed=0)
    names = [name for name in ("cpu", "torch:cpu", "strict:device1", "cuda:0") if not missing(name)]
    assert set(names) <= set(DEVICES)
    losses = {}
    for name in names:
        net = Network(Sequential(Linear(64, 32), ReLU(), Dropout(0.2), Linear(32, 10)), device=name, seed=0)
        losses[name] = train(net, x[:600], y[:600], epochs=10, optimizer=Adam(lr=1e-3), validation=0.1)["loss"]
    for name in names[1:]:
        np.testing.assert_allclose(losses[name][0], losses["cpu"][0], rtol=1e-6)
        np.testing.assert_allclose(losses[name][-1], losses["cpu"][-1], rtol=1e-3)


def test_a_device_without_float64_trains_in_float32() -> None:
    net, other = network("strict:no_float64"), network()
    for each in (net, other):
        train(each, validation=0.2, metrics=["accuracy", "f1"], clip_norm=1.0)
    assert_close(net.device.get(net.theta), other.theta, "float32")


@dataclass(frozen=True)
class Depth(Layer):
    """Writes down how deep in the device's context it runs."""

    seen: list[int]
    depth: list[int]

    def forward(self, p: Any, x: Any, mode: Any) -> tuple[Any, Any]:
        self.seen.append(self.depth[0])
        return x, None

    def backward(self, p: Any, g: Any, cache: Any, dy: Any) -> Any:
        self.seen.append(self.depth[0])
        return dy


def test_every_entry_makes_the_networks_device_current(monkeypatch: pytest.MonkeyPatch) -> None:
    depth, seen = [0], []

    @contextlib.contextmanager
    def context(self: Any, handle: Any) -> Iterator[None]:
        depth[0] += 1
        yield
        depth[0] -= 1

    monkeypatch.setattr(type(Device("strict").library), "context", context)
    net = Network(Sequential(Linear(3, 3), Depth(seen, depth)), device="strict", seed=0)
    x = net.device.put(X)
    y, cache = net.forward(x)
    net.backward(cache, y)
    assert seen == [1, 1]
    train(net, epochs=1, validation=0.2)
    net.predict(X)
    net.evaluate(X, LABELS)
    assert min(seen) >= 1
    assert depth == [0]


def test_losses_are_read_in_bundles(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    net, other = network(backend.device), network(backend.device)
    expected = train(other, batch_size=7).batch_loss
    monkeypatch.setattr("nnxp.training.readings._MOST", 4)
    assert_close(train(net, batch_size=7).batch_loss, expected)


@pytest.mark.slow
def test_a_long_run_and_a_large_set_take_flat_memory(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        x = np.lib.format.open_memmap(tmp_path / f"{rows}.npy", mode="w+", dtype=np.float32, shape=(rows, 64))
        net = Network(Sequential(Linear(64, 64), ReLU(), Linear(64, 1)), seed=0)
        targets = np.zeros((rows, 1), np.float32)
        options: dict[str, Any] = {"loss": MSELoss(), "optimizer": Adam(), "batch_size": 256, "verbose": False}
        net.fit(x[:512], targets[:512], **options)
        tracemalloc.start()
        net.fit(x, targets, **options)
        net.evaluate(x, targets)
        net.predict(x)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(8_000), peak(80_000)
    # What grows is the order of the rows, the targets' and outputs' own few bytes a row, and one loss a batch.
    assert large - small < 72_000 * 40, (small, large)


@pytest.mark.parametrize("dtype", ["float64", "bool"])
def test_labels_that_are_no_integers_are_refused_with_the_cast(dtype: str) -> None:
    text = "CrossEntropyLoss: expected target of integer labels, or of probabilities of shape (batch, 3), got "
    with pytest.raises(TypeError, match=sentence(f"{text}{dtype} of shape (40,); cast labels to int64")):
        train(network(), X, LABELS.astype(dtype))
