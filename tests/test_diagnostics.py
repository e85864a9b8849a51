"""Diagnostics: what each layer does, written down without touching the training."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import (
    LBFGS,
    LSTM,
    SGD,
    Adam,
    BatchNorm1d,
    Conv2d,
    CrossEntropyLoss,
    Diagnostics,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    MSELoss,
    Network,
    ReLU,
    Sequential,
    Tanh,
    WeightNorm,
)
from nnxp.training import Callback, Run
from tests.backends import Backend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = np.sin(X[:, :1] * 3.0)

COLUMNS = [
    "epoch", "step", "layer", "kind", "mean", "std", "zeros", "dead", "samples", "gradient", "weight", "update",
    "forward_seconds", "backward_seconds",
]  # fmt: skip


def perceptron(device: Any = "cpu") -> Network:
    return Network(Sequential(Linear(3, 16), ReLU(), Linear(16, 1)), device=device, seed=0)


def fit(net: Network, *callbacks: Callback, **options: Any) -> None:
    settings: dict[str, Any] = {"loss": MSELoss(), "optimizer": Adam(lr=0.02), "epochs": 3, "verbose": False}
    net.fit(X, Y, callbacks=callbacks, **{**settings, **options})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        found = list(reader)
    assert reader.fieldnames == COLUMNS
    return found


def test_every_layer_has_a_row_for_every_epoch(tmp_path: Path) -> None:
    path = tmp_path / "diagnostics.csv"
    fit(perceptron(), Diagnostics(path, share=None))
    found = [(row["epoch"], row["step"], row["layer"], row["kind"]) for row in rows(path)]
    kinds = [("0", "Linear"), ("1", "ReLU"), ("2", "Linear")]
    assert found == [(str(e), str(2 * (e - 1)), *kind) for e in (1, 2, 3) for kind in kinds]


def test_the_numbers_are_those_of_the_batch(tmp_path: Path) -> None:
    path = tmp_path / "diagnostics.csv"
    net, lr = perceptron(), 0.125
    fit(net, Diagnostics(path, share=None), optimizer=SGD(lr=lr), epochs=1, batch_size=40, shuffle=False)
    first, hidden, last = rows(path)
    net = perceptron()
    w, v = (net.parameters[name] for name in ("0.weight", "2.weight"))
    a = X @ w.T + net.parameters["0.bias"]
    h = np.maximum(a, 0)
    y, cache = net.forward(X, training=True)
    net.backward(cache, MSELoss()(y, Y.astype(np.float32))[1])
    for row, output in ((first, a), (hidden, h), (last, h @ v.T + net.parameters["2.bias"])):
        expected = {"mean": output.mean(), "std": output.std(), "zeros": (output == 0).mean()}
        assert {name: float(row[name]) for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-7)
        assert float(row["forward_seconds"]) > 0
        assert float(row["backward_seconds"]) > 0
    for row, name in ((first, "0"), (last, "2")):
        gradient = np.hypot(*(np.linalg.norm(net.gradients[f"{name}.{part}"]) for part in ("weight", "bias")))
        weight = np.hypot(*(np.linalg.norm(net.parameters[f"{name}.{part}"]) for part in ("weight", "bias")))
        found = [float(row[column]) for column in ("gradient", "weight", "update")]
        assert found == pytest.approx([gradient, weight, lr * gradient / weight], rel=1e-4)
    assert [hidden[column] for column in ("gradient", "weight", "update")] == [""] * 3


def test_all_devices_write_the_same(backend: Backend, tmp_path: Path) -> None:
    tables = []
    for name, device in (("cpu", "cpu"), ("other", backend.device)):
        path = tmp_path / f"{name}.csv"
        fit(perceptron(device), Diagnostics(path, share=None), optimizer=SGD(lr=0.01), epochs=2)
        tables.append(rows(path))
    for ours, theirs in zip(*tables, strict=True):
        for name in COLUMNS[:-2]:
            if name in {"layer", "kind"} or not ours[name]:
                assert ours[name] == theirs[name]
            else:
                assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-4, abs=1e-6)


def test_the_training_is_left_bit_for_bit_as_it_is(tmp_path: Path) -> None:
    model = Sequential(Linear(3, 16), BatchNorm1d(16), ReLU(), Dropout(0.3), Linear(16, 1))
    nets = [Network(model, seed=0) for _ in range(2)]
    fit(nets[0])
    fit(nets[1], Diagnostics(tmp_path / "diagnostics.csv", every=1, share=None))
    assert len(rows(tmp_path / "diagnostics.csv")) == 6 * 5
    ours, theirs = (net.state_dict() for net in nets)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


@pytest.mark.parametrize(("share", "measured"), [(None, 30), (0.0, 1)])
def test_only_a_share_of_the_time_is_spent(tmp_path: Path, share: float | None, measured: int) -> None:
    path = tmp_path / "diagnostics.csv"
    fit(perceptron(), Diagnostics(path, share=share), epochs=30)
    assert len(rows(path)) == 3 * measured


def test_every_so_many_updates(tmp_path: Path) -> None:
    path = tmp_path / "diagnostics.csv"
    fit(perceptron(), Diagnostics(path, every=3, share=None), batch_size=10)
    assert [row["step"] for row in rows(path)[::3]] == ["0", "3", "6", "9"]


def test_a_unit_that_gives_nothing_is_dead(tmp_path: Path) -> None:
    net = perceptron()
    net.parameters["0.bias"][:4] = -1000.0
    fit(net, Diagnostics(tmp_path / "diagnostics.csv", share=None), optimizer=SGD(lr=1e-6), epochs=9)
    linear, relu, _ = rows(tmp_path / "diagnostics.csv")[-3:]
    assert (float(linear["dead"]), linear["samples"]) == (0.0, "256")
    assert float(relu["dead"]) >= 4 / 16
    assert float(relu["dead"]) < 1


def test_a_unit_that_speaks_now_and_then_is_not_dead(tmp_path: Path) -> None:
    x = np.concatenate([np.full((100, 1), sign, np.float32) for sign in (-1, 1, -1, -1, 1, -1)])
    net = Network(Sequential(Linear(1, 1), ReLU()), seed=0, init={"*.weight": nnxp.initializers.ones()})
    path = tmp_path / "diagnostics.csv"
    net.fit(
        x, x, loss=MSELoss(), optimizer=SGD(lr=0.0), batch_size=100, shuffle=False, verbose=False,
        callbacks=[Diagnostics(path, every=1, share=None)],
    )  # fmt: skip
    found = [(row["dead"], row["samples"]) for row in rows(path)[1::2]]
    assert found == [("1", "100"), ("0", "200"), *[("0", "256")] * 4]


def test_layers_that_hand_silence_on_are_not_called_dead(tmp_path: Path) -> None:
    model = Sequential(Conv2d(1, 4, 3), ReLU(), MaxPool2d(2), Flatten(), Dropout(0.1), Linear(16, 2))
    net = Network(model, seed=0, input_shape=(1, 6, 6))
    net.parameters["0.bias"][0] = -1000.0
    x, y = RNG.normal(size=(32, 1, 6, 6)), RNG.integers(2, size=32)
    path = tmp_path / "diagnostics.csv"
    net.fit(x, y, loss=CrossEntropyLoss(), optimizer=SGD(), verbose=False, callbacks=[Diagnostics(path)])
    assert [row["dead"] for row in rows(path)] == ["0", "0.25", "", "", "0", "0"]


def test_layers_of_all_kinds_are_measured(tmp_path: Path) -> None:
    model = Sequential(
        LSTM(3, 5, return_state=False),
        Flatten(),
        WeightNorm(Linear(20, 4)),
        nnxp.Residual(Sequential(Linear(4, 4), Tanh())),
    )
    net = Network(model, seed=0, input_shape=(4, 3))
    path = tmp_path / "diagnostics.csv"
    net.fit(
        RNG.normal(size=(8, 4, 3)), RNG.normal(size=(8, 4)), loss=MSELoss(), optimizer=Adam(), verbose=False,
        callbacks=[Diagnostics(path)],
    )  # fmt: skip
    assert all(row["update"] for row in rows(path) if row["weight"])
    assert {"LSTM", "Flatten", "Linear", "Tanh"} <= {row["kind"] for row in rows(path)}


def test_what_is_frozen_has_no_gradient(tmp_path: Path) -> None:
    net = perceptron()
    net.freeze("0.*")
    fit(net, Diagnostics(tmp_path / "diagnostics.csv"), epochs=1)
    first, _, last = rows(tmp_path / "diagnostics.csv")
    assert [first[column] for column in ("gradient", "weight", "update")] == [""] * 3
    assert all(last[column] for column in ("gradient", "weight", "update"))
    assert first["backward_seconds"] == "0"


def test_numbers_that_are_not_finite_are_written_as_they_are(tmp_path: Path) -> None:
    net = perceptron()
    net.parameters["2.bias"][:] = np.nan
    fit(net, Diagnostics(tmp_path / "diagnostics.csv"), epochs=1)
    assert [row["mean"] == "nan" for row in rows(tmp_path / "diagnostics.csv")] == [False, False, True]


def test_a_second_fit_goes_on_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "diagnostics.csv"
    net = perceptron()
    fit(net, Diagnostics(path, share=None), epochs=2)
    with path.open("a") as file:
        file.write("3,4,0,Lin")  # as a killed process leaves it
    fit(net, Diagnostics(path, share=None), epochs=2)
    assert [row["epoch"] for row in rows(path)[::3]] == ["1", "2", "3", "4"]
    fit(perceptron(), Diagnostics(path, share=None), epochs=1)
    assert [row["epoch"] for row in rows(path)[::3]] == ["1"]


def test_another_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("mine\n")
    with pytest.raises(
        ValueError,
        match=f"^Diagnostics: expected a new file, or one with columns epoch,.*, got '{re.escape(str(path))}'$",
    ):
        fit(perceptron(), Diagnostics(path))
    assert path.read_text() == "mine\n"


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^Diagnostics: expected every to be a whole number of at least 1, got 0$"):
        Diagnostics(tmp_path, every=0)
    with pytest.raises(ValueError, match=r"^Diagnostics: expected share in \[0, 1\], got 5$"):
        Diagnostics(tmp_path, share=5)
    expected = "^Diagnostics: expected an optimizer that takes one gradient an update, got LBFGS$"
    with pytest.raises(ValueError, match=expected):
        fit(perceptron(), Diagnostics(tmp_path / "d.csv"), optimizer=LBFGS(), batch_size=40)


def test_a_run_that_is_stopped_before_its_update_writes_nothing_of_it(tmp_path: Path) -> None:
    class Stop(Callback):
        def on_gradient(self, run: Run) -> None:
            run.stop("enough")

    fit(perceptron(), Diagnostics(tmp_path / "diagnostics.csv"), Stop())
    assert rows(tmp_path / "diagnostics.csv") == []
