"""The peers: for each a file that builds a workload as its own users would, and the configurations that are measured.

A file has one function, ``build(work, **options)``, which returns a `Measured`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.workloads import Workload


@dataclass(frozen=True)
class Measured:
    """A workload, built.

    Parameters
    ----------
    check : callable
        Returns numbers that must come out the same for all peers: the first losses from the given weights.
    repeat : callable
        Does the work so many times, and comes back when it is done.
    per : int
        How many steps one time consists of: more than one where only whole epochs can be had.
    """

    check: Callable[[], list[float]]
    repeat: Callable[[int], Any]
    per: int = 1


@dataclass(frozen=True)
class Configuration:
    """One way of doing it.

    Parameters
    ----------
    column : str
        Where it is reported; of several with the same column the fastest counts.
    module : str
        The file in this folder.
    needs : str
        What must be installed.
    kinds : tuple of str
        The kinds of workloads that it is for.
    mlp_only : bool
        Whether it knows multilayer perceptrons alone.
    sweeps : bool
        Whether it is in the series over batches and widths.
    slow_start : bool
        Left out of quick runs.
    options, environment : dict
        For `build`, and for the process.
    """

    column: str
    module: str
    needs: str
    kinds: tuple[str, ...]
    mlp_only: bool = False
    sweeps: bool = False
    slow_start: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def installed(self) -> bool:
        return find_spec(self.needs) is not None

    def does(self, work: Workload) -> bool:
        if work.sweep and not self.sweeps:
            return False
        return work.kind in self.kinds and (work.net.is_mlp or not self.mlp_only)

    def build(self, work: Workload) -> Measured:
        return import_module(f"benchmarks.peers.{self.module}").build(work, **self.options)


ALL = ("step", "predict", "convolution", "job")
TRAINING = ("step", "job")
PLAIN = {"NNXP_FAST": "numpy"}
FIT = {"way": "fit"}

CONFIGURATIONS = {
    "nnxp": Configuration("nnxp", "ours", "nnxp", ("step", "predict", "convolution"), sweeps=True),
    "nnxp, fit": Configuration("nnxp", "ours", "nnxp", ("step", "predict", "job"), sweeps=True, options=FIT),
    "nnxp plain": Configuration("nnxp plain", "ours", "nnxp", ("step", "predict", "convolution"), environment=PLAIN),
    "nnxp plain, fit": Configuration("nnxp plain", "ours", "nnxp", TRAINING, options=FIT, environment=PLAIN),
    "torch": Configuration("torch", "pytorch", "torch", ALL),
    "torch fused": Configuration("torch fused", "pytorch", "torch", TRAINING, sweeps=True, options={"fused": True}),
    "torch.compile": Configuration(
        "torch.compile", "pytorch", "torch", ("step", "predict"), slow_start=True,
        options={"fused": True, "compiled": True},
    ),
    "jax": Configuration("jax", "jaxed", "jax", ALL, sweeps=True, environment={"JAX_PLATFORMS": "cpu"}),
    "scikit-learn": Configuration("scikit-learn", "scikit", "sklearn", ("step", "predict", "job"), mlp_only=True),
    "thinc": Configuration("thinc", "thincs", "thinc", ("step", "predict", "job"), mlp_only=True),
    "floor": Configuration("floor", "floor", "numpy", ("step", "predict", "convolution"), sweeps=True),
}  # fmt: skip


def accuracy(labels: Any, wanted: Any) -> list[float]:
    """Return the share of right labels."""
    return [float((labels == wanted).mean())]
