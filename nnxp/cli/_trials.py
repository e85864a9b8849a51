"""A training as ``nnxp train`` would begin it, for those that train only to see."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnxp.cli._build import build_optimizer
from nnxp.cli._goal import Goal
from nnxp.cli._report import Plan
from nnxp.cli._train import Units, _fitted, _outputs, _plan, _read
from nnxp.cli.settings import Settings
from nnxp.datasets import DataSet
from nnxp.device import Device

__all__ = ["Ready", "prepare"]


@dataclass(frozen=True, eq=False)
class Ready:
    """A plan with its network, and what it trains on.

    Attributes
    ----------
    plan : Plan
        Settings, data, goal, optimizer and network.
    x, y : array
        The training samples, and their targets as training takes them: numbers are standardised.
    """

    plan: Plan
    x: Any
    y: np.ndarray[Any, Any]


def prepare(settings: Settings, data: DataSet | None = None) -> Ready:
    """Read the data, unless they are there already, and build the network."""
    settings = replace(settings, verbose=False)
    optimizer, device = build_optimizer(settings), Device(settings.device)  # type: ignore[arg-type]
    data = _read(settings) if data is None else data
    goal = Goal.choose(data.classes, _outputs(data), settings.loss, settings.label_smoothing)
    plan = _plan(settings, device, data, goal, optimizer)
    y = data.y_train
    return Ready(plan, data.x_train, y if data.classes else Units.of(y[_fitted(settings, data)]).standardize(y))
