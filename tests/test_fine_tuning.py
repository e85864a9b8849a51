"""A network that was trained goes on with another head, parts of it frozen; PyTorch is the oracle."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import (
    SGD,
    Adam,
    BatchNorm1d,
    BatchNorm2d,
    Callback,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    Linear,
    Network,
    ReLU,
    Sequential,
)
from nnxp.training import Run
from tests.backends import Backend, assert_close

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
OLD = RNG.integers(0, 4, 40)
NEW = RNG.integers(0, 3, 40)
BODY = Sequential(Linear(6, 8), BatchNorm1d(8), ReLU())
LOSS = CrossEntropyLoss()


def trained(device: Any = "cpu", dtype: str = "float32") -> Network:
    net = Network(Sequential(*BODY, Linear(8, 4)), device=device, seed=0, dtype=dtype)
    train(net, OLD, epochs=3)
    return net


def train(net: Network, y: Any = NEW, **options: Any) -> Any:
    settings: dict[str, Any] = {"loss": LOSS, "optimizer": SGD(lr=0.1), "batch_size": 20, "verbose": False}
    return net.fit(X, y, shuffle=False, **{**settings, **options})


def with_new_head(net: Network) -> Network:
    other = Network(Sequential(*BODY, Linear(8, 3)), device=net.device, seed=1, dtype=net.dtype)
    left = other.load_state_dict(net.state_dict(), strict=False)
    assert left == ["3.weight of shape (4, 8) instead of (3, 8)", "3.bias of shape (4,) instead of (3,)"]
    return other


def test_a_file_a_new_head_frozen_then_thawed(backend: Backend, tmp_path: Path) -> None:
    trained(backend.device).save(tmp_path / "old.safetensors")
    net = with_new_head(nnxp.load(tmp_path / "old.safetensors", device=backend.device))
    before = net.state_dict()
    net.freeze("[01].*", statistics=True)
    assert net.frozen == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert net.frozen_buffers == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    train(net, optimizer=Adam(lr=0.05), epochs=5)
    after = net.state_dict()
    for name in before:
        same = np.array_equal(before[name], after[name])
        assert same == (not name.startswith("3."))
    net.unfreeze()
    net.scale_lr("[01].*", 0.1)
    history = train(net, optimizer=Adam(lr=0.01), epochs=5)
    last = net.state_dict()
    assert all((last[name] != after[name]).any() for name in last)
    assert history["loss"][-1] < history["loss"][0]


def pytorch(torch: Any, net: Network) -> Any:
    theirs = torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
    ).double()
    theirs.load_state_dict({name: torch.tensor(value) for name, value in net.state_dict().items()})
    return theirs


def pytorch_epochs(torch: Any, theirs: Any, epochs: int, groups: Any) -> None:
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for _ in range(epochs):
        for rows in (slice(0, 20), slice(20, 40)):
            optimizer.zero_grad()
            y = theirs(torch.tensor(X[rows], dtype=torch.float64))
            torch.nn.functional.cross_entropy(y, torch.tensor(NEW[rows])).backward()
            optimizer.step()


def assert_equal(net: Network, theirs: Any) -> None:
    for name, tensor in theirs.state_dict().items():
        assert_close(net.state_dict()[name], tensor, rtol=1e-10, atol=1e-12)  # six updates through BatchNorm


@pytest.mark.parametrize("statistics", [False, True], ids=["statistics move", "statistics stay"])
def test_a_frozen_body_equals_pytorchs(statistics: bool) -> None:
    torch = pytest.importorskip("torch")
    net = with_new_head(trained(dtype="float64"))
    theirs = pytorch(torch, net)
    net.freeze("[01].*", statistics=statistics)
    theirs.train()
    for module in theirs[:2]:
        module.requires_grad_(False)
    if statistics:
        theirs[1].eval()
    train(net, optimizer=SGD(lr=0.1, momentum=0.9), epochs=3)
    pytorch_epochs(torch, theirs, 3, [p for p in theirs.parameters() if p.requires_grad])
    assert_equal(net, theirs)


def test_rates_by_layer_equal_pytorchs_groups() -> None:
    torch = pytest.importorskip("torch")
    net = with_new_head(trained(dtype="float64"))
    theirs = pytorch(torch, net)
    net.scale_lr("0.*", 0.01)
    net.scale_lr("1.*", 0.1)
    train(net, optimizer=SGD(lr=0.1, momentum=0.9), epochs=3)
    groups = [{"params": theirs[i].parameters(), "lr": 0.1 * f} for i, f in ((0, 0.01), (1, 0.1), (3, 1.0))]
    pytorch_epochs(torch, theirs, 3, groups)
    assert_equal(net, theirs)


def test_statistics_that_stay_are_those_of_evaluation(backend: Backend) -> None:
    net = Network(Sequential(Conv2d(1, 3, 3), BatchNorm2d(3), Flatten()), device=backend.device, seed=0)
    x = backend.put(RNG.normal(size=(4, 1, 5, 5)), "float32")
    net.forward(x, training=True)
    expected, _ = net.forward(x)
    assert (backend.get(net.forward(x, training=True)[0]) != backend.get(expected)).any()
    expected, _ = net.forward(x)
    net.freeze("1.running*", statistics=True)
    found, cache = net.forward(x, training=True)
    np.testing.assert_array_equal(backend.get(found), backend.get(expected))
    net.backward(cache, found)
    assert backend.get(net.gradients["1.weight"]).any()


def test_a_layer_alone_keeps_its_statistics() -> None:
    net = Network(BatchNorm1d(6), seed=0)
    net.freeze("*", statistics=True)
    net.forward(X, training=True)
    assert net.buffers["num_batches_tracked"] == 0
    net.unfreeze()
    net.forward(X, training=True)
    assert net.buffers["num_batches_tracked"] == 1


def test_what_is_frozen_survives_files_clones_and_devices(tmp_path: Path) -> None:
    net = trained()
    net.freeze("1.*", statistics=True)
    net.save(tmp_path / "net.safetensors")
    for other in (nnxp.load(tmp_path / "net.safetensors"), net.clone(), net.to("strict:device1")):
        assert (other.frozen, other.frozen_buffers) == (net.frozen, net.frozen_buffers)
        before = other.state_dict()["1.running_mean"]
        train(other, OLD)
        np.testing.assert_array_equal(other.state_dict()["1.running_mean"], before)


def test_a_callback_may_thaw_what_is_frozen() -> None:
    seen: list[int] = []

    class Thaw(Callback):
        def on_epoch_start(self, run: Run) -> None:
            seen.append(int(run.net.buffers["1.num_batches_tracked"]))
            if run.net.epoch == 5:
                run.net.unfreeze()

    net = trained()
    net.freeze("[01].*", statistics=True)
    train(net, OLD, epochs=4, callbacks=[Thaw()])
    assert seen == [6, 6, 6, 8]


def test_a_pattern_that_fits_no_parameter_needs_statistics() -> None:
    net = trained()
    names = "0.weight, 0.bias, 1.weight, 1.bias, 3.weight, 3.bias"
    text = f"Network.freeze: expected a pattern that fits one of {names}, got '*.running_mean'"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        net.freeze("*.running_mean")
    net.freeze("*.running_mean", statistics=True)
    assert net.frozen_buffers == ["1.running_mean"]
