"""From options to a model and an optimizer."""

import tomllib
from collections.abc import Callable
from math import isqrt, prod
from pathlib import Path
from typing import Any

import numpy as np

import nnxp.layers
import nnxp.optimizers
from nnxp import models
from nnxp._checks import Words, message
from nnxp.cli.settings import Settings
from nnxp.errors import FormatError
from nnxp.io.architecture import from_config
from nnxp.layers import Dropout, Flatten, Layer, Linear, Permute, Sequential, Standardize, Unflatten
from nnxp.optimizers import Optimizer

__all__ = ["build_model", "build_optimizer", "samples", "side_of"]

HostArray = np.ndarray[Any, Any]

# Where the library's default, which is PyTorch's, is not what a small network wants.
_RATES = {"sgd": 0.05, "rmsprop": 1e-3, "lion": 3e-4}
_IMAGE_MODELS: dict[str, Callable[[int, int], Sequential]] = {
    "lenet5": models.lenet5,
    "simple-convnet": models.simple_convnet,
    "deep-convnet": models.deep_convnet,
    "resnet": models.resnet,
}


def build_optimizer(settings: Settings) -> Optimizer:
    """Build the optimizer; what was not told is its own default, or ours."""
    lr = _RATES.get(settings.optimizer) if settings.lr is None else settings.lr
    told = {"lr": lr, "weight_decay": settings.weight_decay}
    kind = getattr(nnxp.optimizers, settings.optimizer.name)
    optimizer: Optimizer = kind(**{name: value for name, value in told.items() if value is not None})
    return optimizer


def samples(x: HostArray) -> HostArray:
    """Give samples that are single numbers an axis of features."""
    return x[:, None] if x.ndim == 1 else x


def build_model(settings: Settings, scale: str, x: Any, outputs: int) -> Sequential:
    """Build the network: its input is scaled, shaped as the model wants it, and goes through the model.

    Parameters
    ----------
    settings : Settings
        Say which model, and for a multilayer perceptron which layers.
    scale : str
        As in `nnxp.datasets.DataSet`.
    x : array of shape (n, *sample)
        What is trained on; its features are measured where they are to be standardised.
    outputs : int
        How many the last layer has.
    """
    layers: list[Layer] = []
    if scale == "unit":
        # On the device: bytes travel, not floats.
        layers.append(Standardize(0.0, 255.0))
    elif scale == "standardize":
        layers.append(Standardize.fit(x))
    if settings.model.endswith(".toml"):
        return Sequential(*layers, *read_toml(Path(settings.model)))
    if settings.model == "mlp":
        return Sequential(*layers, *_perceptron(settings, x.shape[1:], outputs))
    if settings.model == "transformer":
        features, as_sequence = _sequence(x.shape[1:])
        return Sequential(*layers, *as_sequence, *models.transformer(features, outputs))
    channels, as_images = _images(settings.model, x.shape[1:])
    return Sequential(*layers, *as_images, *_IMAGE_MODELS[settings.model](channels, outputs))


def _perceptron(settings: Settings, sample: tuple[int, ...], outputs: int) -> list[Layer]:
    layers: list[Layer] = [Flatten()] if len(sample) > 1 else []
    width = prod(sample)
    for hidden in settings.hidden:
        layers += [Linear(width, hidden), getattr(nnxp.layers, settings.activation.name)()]
        if settings.dropout:
            layers.append(Dropout(settings.dropout))
        width = hidden
    return [*layers, Linear(width, outputs)]


def _images(model: str, sample: tuple[int, ...]) -> tuple[int, list[Layer]]:
    """Return how many channels the images have, and the layer that gives samples the axes of images."""
    if len(sample) == 3:
        return sample[0], []
    if len(sample) == 2:
        return 1, [Unflatten(1, (1, sample[0]))]
    side = side_of(sample)
    if side:
        return 1, [Unflatten(1, (1, side, side))]
    raise ValueError(message("train", f"images for --model {model}", Words(f"samples of shape {sample}")))


def _sequence(sample: tuple[int, ...]) -> tuple[int, list[Layer]]:
    """Return how many features an element has, and the layers that make a sequence of a sample: an image's rows."""
    if len(sample) == 3:
        channels, _, width = sample
        return channels * width, [Permute((0, 2, 1, 3)), Flatten(2)]
    if len(sample) == 2:
        return sample[1], []
    side = side_of(sample)
    if side:
        return side, [Unflatten(1, (side, side))]
    what = "images or sequences for --model transformer"
    raise ValueError(message("train", what, Words(f"samples of shape {sample}")))


def side_of(sample: tuple[int, ...]) -> int:
    """Return the side of a square image whose pixels are in a row; 0 if it is none."""
    side = isqrt(sample[0])
    return side if len(sample) == 1 and side * side == sample[0] > 1 else 0


def read_toml(path: Path) -> Sequential:
    """Read a Sequential from TOML: a table ``[[layers]]`` for each layer, with its ``type`` and its fields.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Sequential
        Its layers, in their order.

    Raises
    ------
    FormatError
        If the file is not TOML, holds anything else, or names a layer or a field that does not exist.
    OSError
        If it cannot be read.
    """
    where = f"train: --model {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(message(where, "a file in TOML", Words(f"a mistake ({error})"))) from None
    if set(content) != {"layers"} or not isinstance(content["layers"], list) or not content["layers"]:
        got = ", ".join(content) or "nothing"
        raise FormatError(message(where, "tables [[layers]] alone", Words(got), 'begin each with type = "Linear"'))
    model = from_config({"type": "Sequential", "layers": content["layers"]}, where=where)
    return Sequential(*model.children().values())
