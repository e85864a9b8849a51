"""Networks at hand: shapes, sizes, and that they learn."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from nnxp import Adam, CrossEntropyLoss, Network, Sequential, check_gradients, models

RNG = np.random.default_rng(0)

# Model, shape of a sample, outputs, parameters counted by hand from the papers' tables.
MODELS = {
    "mlp": (models.mlp(20), (20,), 10, 20 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10),
    "mlp_inferred": (models.mlp(None, (5,), 3, dropout=0.1), (7,), 3, 7 * 5 + 5 + 5 * 3 + 3),
    "mlp_without_hidden": (models.mlp(4, (), 2), (4,), 2, 10),
    "lenet5": (models.lenet5(), (1, 28, 28), 10, 156 + 2416 + 400 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10),
    "lenet5_colour": (models.lenet5(3, 4), (3, 32, 32), 4, 456 + 2416 + 576 * 120 + 120 + 120 * 84 + 84 + 84 * 4 + 4),
    "simple_convnet": (models.simple_convnet(), (1, 28, 28), 10, 780 + 30 * 144 * 100 + 100 + 1010),
    "deep_convnet": (
        models.deep_convnet(),
        (1, 28, 28),
        10,
        160 + 2320 + 4640 + 9248 + 18496 + 36928 + 1024 * 50 + 50 + 510,
    ),
    "resnet_small": (
        models.resnet(3, 5, blocks=(1, 1), width=4),
        (3, 8, 8),
        5,
        108 + 8 + (144 + 8 + 144 + 8) + (288 + 16 + 576 + 16 + 32 + 16) + 45,
    ),
    "transformer": (
        models.transformer(6, 3, width=8, heads=2, depth=2),
        (5, 6),
        3,
        56 + 2 * (216 + 72 + 288 + 264 + 32) + 16 + 27,
    ),
    "transformer_tokens": (
        models.transformer(None, 3, num_embeddings=7, width=8, heads=2, depth=1, dropout=0.0),
        (5,),
        3,
        56 + (216 + 72 + 288 + 264 + 32) + 16 + 27,
    ),
    # torchvision's resnet18 for 10 classes has 11,181,642; its 7x7 stem has 9,408 weights where ours has 1,728.
    "resnet18": (models.resnet(3), (3, 32, 32), 10, 11_181_642 - 9_408 + 1_728),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_its_shape_and_its_parameters(name: str) -> None:
    model, sample, outputs, count = MODELS[name]
    net = Network(model, input_shape=sample, seed=0)
    assert net.output_shape == (outputs,)
    assert net.summary().parameters == count


@pytest.mark.parametrize("name", [name for name in MODELS if name != "resnet18"])
def test_a_model_trains(name: str) -> None:
    model, sample, outputs, _ = MODELS[name]
    net = Network(model, input_shape=sample, seed=0)
    x: Any = RNG.integers(7, size=(8, *sample)) if model.accepts_integers else RNG.normal(size=(8, *sample))
    y = RNG.integers(outputs, size=8)
    options: dict[str, Any] = {"loss": CrossEntropyLoss(), "optimizer": Adam(lr=3e-3), "verbose": False}
    before = net.evaluate(x, y, loss=CrossEntropyLoss())["loss"]
    net.fit(x, y, epochs=12, batch_size=8, **options)
    assert net.evaluate(x, y)["loss"] < before
    assert net.predict(x).shape == (8, outputs)


def test_the_gradients_of_a_residual_network_hold() -> None:
    net = Network(models.resnet(1, 3, blocks=(1, 1), width=2), input_shape=(1, 6, 6), seed=0)
    check_gradients(net, RNG.normal(size=(3, 1, 6, 6)), np.array([0, 1, 2]), CrossEntropyLoss())


def test_models_are_values() -> None:
    assert models.lenet5() == models.lenet5()
    assert isinstance(models.deep_convnet()[0:3], Sequential)


def test_a_network_without_stages_is_refused() -> None:
    with pytest.raises(ValueError, match=f"^{re.escape('resnet: expected at least one stage of blocks, got ()')}$"):
        models.resnet(blocks=())
