"""The work of ``nnxp check``."""

from pathlib import Path
from typing import Any

import numpy as np

import nnxp.layers as nl
from nnxp._backend import namespace
from nnxp.checking import check_gradients
from nnxp.cli._folder import TrainedRun, open_run
from nnxp.comparison import compare_devices
from nnxp.datasets import digits
from nnxp.device import devices
from nnxp.errors import GradientError
from nnxp.losses import CrossEntropyLoss, Loss
from nnxp.network import Network
from nnxp.random import generator

__all__ = ["check_network", "sample_model"]

HostArray = np.ndarray[Any, Any]

_SAMPLES = 8
_CHECK_FAILED = 1


def check_network(folder: Path | None) -> int:
    """Check gradients and devices; return 1 where something disagrees."""
    if folder is None:
        net = Network(sample_model(), device="cpu", seed=0)
        loss: Loss = CrossEntropyLoss()
        x, y = _digits()
    else:
        run = open_run("check", folder, "cpu")
        net, loss = run.net, run.goal.loss
        x, y = _digits() if run.data == "digits" else _draw(run)
    print(f"gradients of {net.theta.shape[0]:,} parameters, against finite differences in float64:")
    status = 0
    try:
        print(check_gradients(net, x, y, loss))
    except GradientError as error:
        print(error)
        status = _CHECK_FAILED
    names = [device.name for device in devices() if device.available]
    print(f"\ndifference from a float64 run, in units in the last place, on {', '.join(names)}:")
    comparison = compare_devices(
        net.model,
        names,
        x,
        y,
        loss,
        seed=net.seed,
        input_shape=net.input_shape,
        dtype=net.dtype,
        state=net.state_dict(),
    )
    print(comparison)
    return status if comparison.agree else _CHECK_FAILED


def sample_model() -> nl.Layer:
    """Return a model of many kinds of layer, for the digits."""
    smooth = nl.Activation(lambda x: namespace(x).sin(x), lambda x: namespace(x).cos(x))
    branches = (
        smooth, nl.ReLU(), nl.LeakyReLU(), nl.ELU(), nl.SELU(), nl.GELU(), nl.GELU("tanh"), nl.SiLU(), nl.Sigmoid(),
        nl.Tanh(), nl.Softplus(), nl.Softmax(), nl.LogSoftmax(), nl.Identity(), nl.Dropout(0.25),
    )  # fmt: skip
    side_by_side = (nl.Sequential(nl.Linear(16, 4), branch) for branch in branches)
    return nl.Sequential(
        nl.Standardize(0.3, 0.4),
        nl.Flatten(),
        nl.Linear(64, 16),
        nl.Residual(nl.Linear(16, 16)),
        nl.Parallel(*side_by_side, combine="concatenate"),
        nl.Linear(4 * len(branches), 10),
    )


def _digits() -> tuple[HostArray, HostArray]:
    x, y, _, _ = digits()
    return x[:_SAMPLES], y[:_SAMPLES]


def _draw(run: TrainedRun) -> tuple[HostArray, HostArray]:
    """Draw samples that the network takes, in the range that it was trained on."""
    rng = generator(run.net.seed, "check")
    x = rng.random((_SAMPLES, *run.sample_shape))
    first = next(iter(run.net.model.children().values()))
    if isinstance(first, nl.Standardize):
        x = np.asarray(first.mean) + np.asarray(first.std) * x
    if run.goal.classes is None:
        return x, rng.normal(size=(_SAMPLES, run.goal.outputs))
    return x, rng.integers(len(run.goal.classes), size=_SAMPLES)
