"""``nnxp train --model``: the networks at hand, and networks written in TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from nnxp.cli._build import read_toml
from nnxp.datasets import digits
from nnxp.io import load
from nnxp.layers import Conv2d, Flatten, Linear, Permute, ReLU, Residual, Sequential, Tanh, Unflatten
from nnxp.models import transformer
from tests.cli_runs import mistake, nnxp, read_csv, score, write_images, write_numbers

CONVNET = """
[[layers]]
type = "Unflatten"
dim = 1
unflattened_size = [1, 8, 8]

[[layers]]
type = "Conv2d"
in_channels = 1
out_channels = 4
kernel_size = 3

[[layers]]
type = "Residual"
layer = { type = "Tanh" }

[[layers]]
type = "Flatten"

[[layers]]
type = "Linear"
in_features = 144
out_features = 10
"""


def toml(folder: Path, text: str) -> Path:
    path = folder / "net.toml"
    path.write_text(text)
    return path


def test_a_convolutional_network_learns_the_digits(tmp_path: Path) -> None:
    lines, _ = nnxp("train", "--model", "simple-convnet", "--epochs", 4, "--out", tmp_path / "run", "--seed", 1)
    assert score(lines) >= 0.88
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["options"]["model"] == "simple-convnet"
    assert "hidden" not in config["options"]
    model = load(tmp_path / "run" / "model.safetensors").model
    assert isinstance(model, Sequential)
    assert [type(layer) for layer in model[:2]] == [Unflatten, Conv2d]


def test_a_transformer_learns_the_digits_by_their_rows(tmp_path: Path) -> None:
    run = tmp_path / "run"
    lines, _ = nnxp("train", "--model", "transformer", "--epochs", 4, "--lr", 0.003, "--out", run)
    assert score(lines) >= 0.85
    config = tomllib.loads((run / "config.toml").read_text())
    assert config["options"]["model"] == "transformer"
    assert "hidden" not in config["options"]
    model = load(run / "model.safetensors").model
    assert isinstance(model, Sequential)
    assert model == Sequential(Unflatten(1, (8, 8)), *transformer(8))
    nnxp("evaluate", run, "digits")
    nnxp("predict", run, "digits", "-o", tmp_path / "out.csv")
    found = read_csv(tmp_path / "out.csv")
    assert len(found) == 1797
    assert len(found[0]) >= 11


def test_a_transformer_takes_the_rows_of_all_channels_together(tmp_path: Path) -> None:
    x, y, x_test, y_test = digits()
    x, x_test = (np.stack([a.reshape(-1, 8, 8)] * 3, axis=1)[:100, :, :, :7] for a in (x, x_test))
    np.savez(tmp_path / "colours.npz", x_train=x, y_train=y[:100], x_test=x_test, y_test=y_test[:100])
    nnxp("train", tmp_path / "colours.npz", "--model", "transformer", "--epochs", 1, "--out", tmp_path / "run")
    net = load(tmp_path / "run" / "model.safetensors")
    first = next(i for i, layer in enumerate(net.model.children().values()) if isinstance(layer, Permute))
    assert net.model[first:] == Sequential(Permute((0, 2, 1, 3)), Flatten(2), *transformer(21))


def test_a_table_that_is_no_square_is_no_sequence(tmp_path: Path) -> None:
    sentence = mistake("train", write_numbers(tmp_path / "numbers.csv"), "--model", "transformer")
    assert sentence == "train: expected images or sequences for --model transformer, got samples of shape (3,)"


@pytest.mark.parametrize("model", ["deep-convnet", "resnet", "transformer"])
def test_images_from_a_file_get_an_axis_of_channels(model: str, tmp_path: Path) -> None:
    lines, _ = nnxp("train", write_images(tmp_path / "images.npz"), "--model", model, "--epochs", 1, "--batch-size", 64)
    assert 0 <= score(lines) <= 1


def test_a_network_from_toml_trains_and_is_kept(tmp_path: Path) -> None:
    path = toml(tmp_path, CONVNET)
    lines, _ = nnxp("train", "--model", path, "--epochs", 3, "--out", tmp_path / "run")
    assert score(lines) > 0.8
    assert load(tmp_path / "run" / "model.safetensors").model == read_toml(path)


def test_toml_describes_any_sequential(tmp_path: Path) -> None:
    layers = (Unflatten(1, (1, 8, 8)), Conv2d(1, 4, 3), Residual(Tanh()), Flatten(), Linear(144, 10))
    assert read_toml(toml(tmp_path, CONVNET)) == Sequential(*layers)
    assert read_toml(toml(tmp_path, '[[layers]]\ntype = "ReLU"')) == Sequential(ReLU())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[layers", "expected a file in TOML, got a mistake ("),
        ("", 'expected tables [[layers]] alone, got nothing; begin each with type = "Linear"'),
        ("layers = 3", 'expected tables [[layers]] alone, got layers; begin each with type = "Linear"'),
        ("[[layers]]\ntype = 'Lniear'", "expected a layer that nnxp knows, got 'Lniear'; did you mean 'Linear'?"),
        ("[[layers]]\ntype = 'Linear'", "expected Linear with its in_features, got 'none'"),
        ("[[layers]]\ntype = 'ReLU'\nslope = 1", "expected a field of ReLU, got 'slope'"),
    ],
)
def test_a_mistake_in_toml_is_one_sentence(text: str, reason: str, tmp_path: Path) -> None:
    path = toml(tmp_path, text)
    assert f"train: --model {path}: {reason}" in mistake("train", "--model", path)


def test_a_model_that_is_not_known_is_refused() -> None:
    expected = "train: expected --model to be one of mlp, lenet5, simple-convnet, deep-convnet, resnet, transformer, or a .toml file"
    assert mistake("train", "--model", "lenet") == f"{expected}, got 'lenet'; did you mean 'lenet5'?"


def test_a_model_file_that_is_not_there_is_one_sentence() -> None:
    assert "nowhere.toml" in mistake("train", "--model", "nowhere.toml")


def test_a_table_is_no_image(tmp_path: Path) -> None:
    sentence = mistake("train", write_numbers(tmp_path / "numbers.csv"), "--model", "lenet5")
    assert sentence.startswith("train: expected images for --model lenet5, got samples of shape (")


def test_a_model_for_numbers_ends_in_linear(tmp_path: Path) -> None:
    path = toml(tmp_path, '[[layers]]\ntype = "Tanh"')
    sentence = mistake("train", write_numbers(tmp_path / "numbers.csv"), "--model", path)
    assert sentence == "train: expected a model for numbers to end in Linear with a bias, got Tanh()"
