"""A run that was saved and loaded goes on as if it had never stopped, bit for bit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import (
    Adam,
    BatchNorm1d,
    Checkpoint,
    CosineAnnealingLR,
    CrossEntropyLoss,
    Dropout,
    Linear,
    Network,
    ReLU,
    Sequential,
)  # fmt: skip
from nnxp.errors import FormatError
from nnxp.io import read_metadata, read_state_dict, write_state_dict
from nnxp.optimizers import SGD, Adadelta, Adagrad, Adamax, AdamW, Lion, NAdam, RAdam, RMSprop
from tests.backends import Backend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype("float32")
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
MODEL = Sequential(Linear(6, 16), BatchNorm1d(16), ReLU(), Dropout(0.3), Linear(16, 3))
OPTIMIZERS = [
    SGD(lr=0.1), SGD(lr=0.1, momentum=0.9, nesterov=True), Adam(), Adam(amsgrad=True), AdamW(), NAdam(), RAdam(),
    Adamax(), RMSprop(centered=True, momentum=0.9), Adagrad(), Adadelta(), Lion(),
    Adam(lr=CosineAnnealingLR(0.01, 40)),
]  # fmt: skip


def train(net: Network, optimizer: Any, epochs: int, **options: Any) -> Any:
    return net.fit(
        X, Y, loss=CrossEntropyLoss(), optimizer=optimizer, epochs=epochs, batch_size=16, verbose=False, **options
    )


def assert_same(a: Network, b: Network) -> None:
    assert (a.step, a.epoch, a.optimizer_name, a.optimizer_start) == (
        b.step,
        b.epoch,
        b.optimizer_name,
        b.optimizer_start,
    )
    assert a.optimizer_state.keys() == b.optimizer_state.keys()
    for one, other in [(a.state_dict(), b.state_dict()), (a.optimizer_state, b.optimizer_state)]:
        for name in one:
            np.testing.assert_array_equal(a.device.get(one[name]), b.device.get(other[name]), err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_four_epochs_are_two_saved_loaded_and_two_more(optimizer: Any, backend: Backend, tmp_path: Path) -> None:
    whole, half = (Network(MODEL, device=backend.device, seed=0) for _ in range(2))
    losses = train(whole, optimizer, 4, validation=0.2)["loss"]
    train(half, optimizer, 2, validation=0.2)
    half.save(tmp_path / "half.safetensors", training=True)
    back = nnxp.load(tmp_path / "half.safetensors", device=backend.device)
    assert train(back, optimizer, 2, validation=0.2)["loss"] == losses[2:]
    assert_same(back, whole)


def test_another_process_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    whole, half = (Network(MODEL, seed=0) for _ in range(2))
    train(whole, Adam(), 5)
    train(half, Adam(), 3, checkpoint=Checkpoint(tmp_path, monitor=None))
    code = """
import sys, nnxp
from tests.test_resume import Adam, train
net = nnxp.load(sys.argv[1] + "/last.safetensors")
train(net, Adam(), 2)
net.save(sys.argv[1] + "/done.safetensors", training=True)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert_same(nnxp.load(tmp_path / "done.safetensors"), whole)


def test_a_file_of_weights_alone_starts_the_optimizer_anew(tmp_path: Path) -> None:
    net = Network(MODEL, seed=0)
    train(net, Adam(), 1)
    net.save(tmp_path / "weights.safetensors")
    assert read_metadata(tmp_path / "weights.safetensors")["version"] == 1
    back = nnxp.load(tmp_path / "weights.safetensors")
    assert (back.optimizer_name, back.optimizer_state) == ("", {})


@pytest.mark.parametrize(("name", "vector"), [
    ("optimizer:exp_avg", np.zeros(3, "float32")), ("optimizer:exp_avg", np.zeros(227, "float64")),
])  # fmt: skip
def test_vectors_that_are_not_the_network_s_are_refused(name: str, vector: Any, tmp_path: Path) -> None:
    net, path = Network(MODEL, seed=0), tmp_path / "model.safetensors"
    train(net, Adam(), 1)
    net.save(path, training=True)
    about = {"format": "nnxp", "nnxp": nnxp.io._json.dump_json(read_metadata(path))}
    write_state_dict(path, read_state_dict(path) | {name: vector}, about)
    sentence = (
        f"nnxp.load({str(path)!r}): expected no more than the vectors of an optimizer, float32 ({net.theta.size},), got "
        f"{f'{name} {vector.dtype} {vector.shape}'!r}"
    )
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        nnxp.load(path)


def test_vectors_without_an_optimizer_are_refused(tmp_path: Path) -> None:
    net, path = Network(Linear(2, 2), seed=0), tmp_path / "model.safetensors"
    net.save(path)
    about = {"format": "nnxp", "nnxp": nnxp.io._json.dump_json(read_metadata(path))}
    write_state_dict(path, read_state_dict(path) | {"optimizer:exp_avg": np.zeros(6, "float32")}, about)
    with pytest.raises(FormatError, match="expected no more than the vectors of an optimizer"):
        nnxp.load(path)
