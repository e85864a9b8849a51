"""Whole networks train as PyTorch's do: the same weights, the same data, twenty steps of Adam in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnxp import (
    Adam,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    Layer,
    Linear,
    Network,
    ReLU,
    Sequential,
    models,
)


def lenet5(t: Any) -> Any:
    return t.nn.Sequential(
        t.nn.Conv2d(1, 6, 5, padding=2),
        t.nn.ReLU(),
        t.nn.MaxPool2d(2),
        t.nn.Conv2d(6, 16, 5),
        t.nn.ReLU(),
        t.nn.MaxPool2d(2),
        t.nn.Flatten(),
        t.nn.Linear(400, 120),
        t.nn.ReLU(),
        t.nn.Linear(120, 84),
        t.nn.ReLU(),
        t.nn.Linear(84, 10),
    )


def normalised(t: Any) -> Any:
    return t.nn.Sequential(
        t.nn.Conv2d(3, 4, 3, stride=2),
        t.nn.BatchNorm2d(4),
        t.nn.ReLU(),
        t.nn.Flatten(),
        t.nn.Linear(64, 8),
        t.nn.BatchNorm1d(8, momentum=None),
        t.nn.Linear(8, 10),
    )


NORMALISED = Sequential(
    Conv2d(3, 4, 3, stride=2), BatchNorm2d(4), ReLU(), Flatten(), Linear(64, 8), BatchNorm1d(8, momentum=None), Linear(8, 10)
)  # fmt: skip
NETWORKS = {
    "lenet5": (models.lenet5(), lenet5, (1, 28, 28)),
    "batch_norm": (NORMALISED, normalised, (3, 9, 9)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_twenty_steps_of_adam_end_where_pytorchs_do(name: str) -> None:
    torch = pytest.importorskip("torch")
    model: Layer
    build: Callable[[Any], Any]
    model, build, sample = NETWORKS[name]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 8, *sample)), rng.integers(10, size=(20, 8))

    twin = build(torch).double()
    net = Network(model, input_shape=sample, dtype="float64")
    net.load_state_dict(twin.state_dict())
    optimizer = torch.optim.Adam(twin.parameters(), lr=1e-3)
    for inputs, labels in zip(x, y, strict=True):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(twin(torch.from_numpy(inputs)), torch.from_numpy(labels)).backward()
        optimizer.step()
    net.fit(list(zip(x, y, strict=True)), loss=CrossEntropyLoss(), optimizer=Adam(lr=1e-3), verbose=False)

    assert net.step == 20
    state = net.state_dict()
    assert list(state) == list(twin.state_dict())
    for key, tensor in twin.state_dict().items():
        np.testing.assert_allclose(state[key], tensor.numpy(), rtol=0, atol=1e-8, err_msg=key)
