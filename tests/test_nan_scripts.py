"""The formulas that a recording is made of come out as the layers and losses do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import (
    GELU,
    AlphaDropout,
    BatchNorm1d,
    BatchNorm2d,
    BCELoss,
    BCEWithLogitsLoss,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    Dropout2d,
    GroupNorm,
    KLDivLoss,
    L1Loss,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MSELoss,
    Network,
    NLLLoss,
    PoissonNLLLoss,
    ReLU,
    Residual,
    RReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    TerminateOnNaN,
)
from nnxp._nested import leaves
from nnxp.probe import Record, probed
from nnxp.training.callbacks.nan import Finding
from nnxp.training.callbacks.nan.candidates import candidates
from nnxp.training.callbacks.nan.finding import Subject
from nnxp.training.callbacks.nan.recording import _text
from nnxp.training.callbacks.nan.subjects import subject_of
from nnxp.training.callbacks.nan.watching import Found, Watch
from tests.layer_cases import CASES, Case
from tests.nan_runs import RNG, Log, X, Y, found, replayed, train


class Capture(Record):
    """Keeps what a watch would raise."""

    def forward_done(self, probe: Any, p: Any, inputs: Any, named: Any, y: Any, cache: Any) -> None:
        *given, mode = inputs
        self.forward = Found(probe.path, p, tuple(given), named, cache, mode, None, {"y": y})
        self.given, self.mode = tuple(given), mode

    def backward_done(self, probe: Any, p: Any, g: Any, cache: Any, dy: Any, dx: Any) -> None:
        outputs = {"dx": dx, **{f"d{name}": array.copy() for name, array in g.arrays.items()}}
        self.backward = Found(probe.path, p, self.given, {}, cache, self.mode, dy, outputs)


IMAGES = RNG.normal(size=(24, 4, 5, 5)).astype("float32")
LAYERS: list[tuple[Any, Any, bool]] = [
    (Linear(6, 5), X, True),
    (Linear(6, 5, bias=False), X, True),
    (ReLU(), X, True),
    (LeakyReLU(0.2), X, True),
    (Sigmoid(), X, True),
    (Tanh(), X, True),
    (Softmax(dim=1), X, True),
    (LogSoftmax(dim=1), X, True),
    (LayerNorm(6), X, True),
    (BatchNorm1d(6), X, True),
    (BatchNorm2d(4), IMAGES, True),
    (BatchNorm2d(4, affine=False), IMAGES, True),
    (Dropout(0.3), X, True),
    (Dropout2d(0.3), IMAGES, True),
    (RReLU(), X, True),
    (AlphaDropout(0.3), X, False),
    (Conv2d(4, 3, 3, stride=2), IMAGES, False),
    (GELU(), X, False),
    (GroupNorm(2, 4), IMAGES, False),
    (Residual(Linear(6, 6)), X, False),
    (Log(9.0), X, True),
]


@pytest.mark.parametrize(("layer", "x", "plain"), LAYERS, ids=lambda value: type(value).__name__)
def test_a_recorded_layer_comes_out_as_it_was(layer: Any, x: Any, plain: bool) -> None:
    net = Network(layer, seed=0, input_shape=x.shape[1:])
    for name, array in net.parameters.items():
        if name.endswith(("weight", "bias")):
            array[...] = RNG.normal(size=array.shape)
    capture = Capture()
    model: Any
    model, _ = probed(net.model, capture, containers=True)
    y, cache = model.forward(net.views, x, net.mode(training=True))
    forward = subject_of(net, layer, capture.forward)
    model.backward(net.views, net._store.g, cache, RNG.normal(size=y.shape).astype("float32"))
    for subject, in_numpy in [(forward, True), (subject_of(net, layer, capture.backward), plain)]:
        found = list(run_all(subject))
        assert found
        assert (found[0][0] == "NumPy alone") is in_numpy
        for _, outputs in found:
            for name in outputs.keys() & subject.outputs.keys():
                np.testing.assert_allclose(outputs[name], subject.outputs[name], rtol=2e-4, atol=2e-5)
            assert outputs.keys() & subject.outputs.keys()


def run_all(subject: Subject) -> Iterator[tuple[str, Any]]:
    """Run every way to make something again."""
    finding = Finding("forward", "", 0, 0, 0, [], None, 1, None, "", subject)
    for candidate in candidates(subject):
        space: dict[str, Any] = {"__name__": "replay"}
        exec(_text(candidate, finding), space)
        yield candidate.needs, space["replay"](dict(subject.inputs), dict(candidate.weights), {})


P = 1.0 / (1.0 + np.exp(-X))
LOSSES: list[tuple[Any, Any, Any]] = [
    (MSELoss(), X, P),
    (L1Loss(reduction="sum"), X, P),
    (BCELoss(), P, 1.0 - P),
    (BCEWithLogitsLoss(), X, P),
    (CrossEntropyLoss(), X, Y),
    (NLLLoss(), X, Y),
    (KLDivLoss(), np.log(P), P),
    (PoissonNLLLoss(), X, P),
    (CrossEntropyLoss(label_smoothing=0.1), X, Y),
]


@pytest.mark.parametrize(("loss", "output", "target"), LOSSES, ids=lambda value: type(value).__name__)
def test_a_recorded_loss_comes_out_as_it_was(loss: Any, output: Any, target: Any) -> None:
    value, _ = loss(output.astype("float32"), target if target is Y else target.astype("float32"))
    inputs = {"output": output.astype("float32"), "target": target if target is Y else target.astype("float32")}
    for needs, outputs in run_all(Subject(loss, inputs, {}, {"value": value}, {"dtype": "float32"})):
        np.testing.assert_allclose(outputs["value"], value, rtol=1e-5, err_msg=needs)


def steep(output: Any, target: Any, sample_weight: Any = None) -> Any:
    return np.float32(1.0), np.full_like(output, 3.3e38)


def test_a_layer_without_a_plain_backward_runs_through_nnxp(tmp_path: Path) -> None:
    net = Network(Sequential(Linear(6, 4), GELU(), Linear(4, 1)), seed=0)
    net.parameters["0.weight"] = np.zeros((4, 6), dtype="float32")
    net.parameters["0.bias"] = np.full(4, 2.0, dtype="float32")  # where the slope is 1.09
    net.parameters["2.weight"] = np.ones((1, 4), dtype="float32")
    net.freeze("2.*")
    watcher = TerminateOnNaN(folder=tmp_path)
    train(net, X, X[:, :1], watcher, loss=steep)
    assert (found(watcher).operation, found(watcher).name) == ("backward", "1")
    assert "It needs nnxp" in found(watcher).script.read_text()  # type: ignore[union-attr]
    replayed(watcher, "nnxp")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_watch_around_every_layer_changes_nothing(case: Case) -> None:
    results = []
    x = RNG.normal(size=case.shape).astype("float32") * 0.5 + 1.0
    for watched in (False, True):
        net = Network(case.layer, seed=0, input_shape=case.shape[1:])
        model: Any = probed(net.model, Watch(net), containers=True)[0] if watched else net.model
        with np.errstate(all="ignore"):
            y, cache = model.forward(net.views, x, net.mode(training=True))
            net.gradient[...] = 0.0
            model.backward(net.views, net._store.g, cache, slopes(y))
        results.append([*leaves(y), net.gradient.copy()])
    for plain, seen in zip(*results, strict=True):
        np.testing.assert_allclose(seen, plain, rtol=1e-4, atol=1e-5)


def slopes(y: Any) -> Any:
    return tuple(map(slopes, y)) if isinstance(y, tuple) else y if y is None or y.dtype.kind != "f" else np.ones_like(y)
