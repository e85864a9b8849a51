"""What a training run is, how to repeat it, and what it came to."""

import platform
import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
import tomli_w

from nnxp import __version__
from nnxp.cli._goal import Goal
from nnxp.cli.settings import Settings
from nnxp.datasets import DataSet
from nnxp.network import Network
from nnxp.optimizers import Optimizer
from nnxp.threads import get_num_threads
from nnxp.training import History

__all__ = ["Plan", "Report"]


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before its first step: all that was told, and all that was found."""

    settings: Settings
    data: DataSet
    goal: Goal
    optimizer: Optimizer
    net: Network

    def options(self) -> dict[str, Any]:
        """Return the options of ``nnxp train`` as they were resolved; what says nothing is left out."""
        s = self.settings
        perceptron = s.model == "mlp"
        found = {
            "target": s.target,
            **s.reading.to_json(),
            "device": self.net.device.name,
            "model": s.model,
            "hidden": (",".join(map(str, s.hidden)) or "none") if perceptron else None,
            "activation": str(s.activation) if perceptron else None,
            "dropout": s.dropout if perceptron else None,
            "dtype": str(s.dtype),
            "loss": str(self.goal.loss_name),
            "label-smoothing": None if self.goal.classes is None else self.goal.label_smoothing,
            "optimizer": str(s.optimizer),
            "lr": self.optimizer.lr,
            "weight-decay": float(self.optimizer.weight_decay),
            "epochs": s.epochs,
            "batch-size": s.batch_size,
            "validation": s.validation,
            "patience": s.patience,
            "augment": s.augment,
            "seed": s.seed,
            "threads": get_num_threads(),
        }
        return {name: value for name, value in found.items() if value is not None}

    def to_toml(self, result: dict[str, Any] | None = None) -> str:
        """Write everything that it takes to repeat the run, and what it gave, once that is known."""
        options = self.options()
        command = ["nnxp", "train", self.settings.data, *(f"--{name}={value}" for name, value in options.items())]
        data: dict[str, Any] = {
            "source": self.settings.data,
            "training_samples": len(self.data.x_train),
            "test_samples": len(self.data.x_test),
            "sample_shape": list(self.data.sample_shape),
            "scale": self.data.scale,
        }
        if self.goal.classes is not None:
            data["classes"] = list(self.goal.classes)
        if self.data.feature_names:
            data["features"] = list(self.data.feature_names)
        parts = {"command": shlex.join(command), "options": options, "data": data}
        parts |= {} if result is None else {"result": result}
        return tomli_w.dumps(parts | {"versions": self._versions()})

    def _versions(self) -> dict[str, str]:
        versions = {
            "nnxp": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": platform.platform(),
        }
        if (library := getattr(self.net.device.xp, "__version__", None)) and self.net.device.library.word != "cpu":
            versions[self.net.device.library.word] = str(library)
        return versions


@dataclass(frozen=True, eq=False)
class Report:
    """A run that has ended.

    Attributes
    ----------
    plan, history
        What was to be done, and what was done.
    best_epoch : int
        Whose weights the network has.
    test : dict of str to float
        Loss and metric on the test part.
    """

    plan: Plan
    history: History
    best_epoch: int
    test: dict[str, float]

    @property
    def seconds_per_epoch(self) -> float:
        """The mean, with its validation."""
        return float(np.mean(self.history["seconds"]))

    @property
    def samples_per_second(self) -> float:
        """Trained on."""
        samples = len(self.plan.data.x_train)
        return (samples - round(samples * self.plan.settings.validation)) / self.seconds_per_epoch

    def to_toml(self) -> str:
        """Write the plan with its result."""
        result = {
            "epochs": len(self.history["epoch"]),
            "best_epoch": self.best_epoch,
            "stop_reason": self.history.stop_reason,
            "seconds_per_epoch": self.seconds_per_epoch,
            "samples_per_second": self.samples_per_second,
        }
        return self.plan.to_toml(result | {f"test_{name}": value for name, value in self.test.items()})
