"""From options to a model and an optimizer."""

from typing import Any

import numpy as np

import nnxp.layers
import nnxp.optimizers
from nnxp.cli.settings import Settings
from nnxp.layers import Dropout, Flatten, Layer, Linear, Sequential, Standardize
from nnxp.optimizers import Optimizer

__all__ = ["build_model", "build_optimizer", "samples"]

HostArray = np.ndarray[Any, Any]

# Where the library's default, which is PyTorch's, is not what a small network wants.
_RATES = {"sgd": 0.05, "rmsprop": 1e-3, "lion": 3e-4}


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


def build_model(settings: Settings, scale: str, x: HostArray, outputs: int) -> Sequential:
    """Build the network: its input is scaled, flattened, and goes through the hidden layers.

    Parameters
    ----------
    settings : Settings
        Say which layers.
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
    if x.ndim > 2:
        layers.append(Flatten())
    width = int(np.prod(x.shape[1:]))
    for hidden in settings.hidden:
        layers += [Linear(width, hidden), getattr(nnxp.layers, settings.activation.name)()]
        if settings.dropout:
            layers.append(Dropout(settings.dropout))
        width = hidden
    return Sequential(*layers, Linear(width, outputs))
