"""What the tests of values that are not finite share: runs that go wrong, and scripts that show where."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp import (
    SGD,
    Callback,
    MSELoss,
    Network,
    TerminateOnNaN,
)
from nnxp.layers import Layer, Mode, Views
from nnxp.training.callbacks.nan import Finding

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
EVERY = [1, 3, 50]


@dataclass(frozen=True)
class Log(Layer):
    """y = log(x + shift)"""

    shift: float

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        return np.log(x + self.shift), x

    def backward(self, p: Views, g: Views, x: Any, dy: Any) -> Any:
        return dy / (x + self.shift)


@dataclass(frozen=True)
class Exp(Layer):
    """y = exp(x), written for every device"""

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        from nnxp._backend import namespace

        y = namespace(x).exp(x)
        return y, y

    def backward(self, p: Views, g: Views, y: Any, dy: Any) -> Any:
        return dy * y


@dataclass(frozen=True)
class Root(Layer):
    """y = sqrt(max(x, 0)), whose slope at 0 is infinite"""

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        y = np.sqrt(np.maximum(x, 0.0))
        return y, y

    def backward(self, p: Views, g: Views, y: Any, dy: Any) -> Any:
        return dy / (2.0 * y)


def train(net: Network, x: Any, y: Any, watcher: Callback, **options: Any) -> Any:
    settings = {"loss": MSELoss(), "optimizer": SGD(lr=0.01), "epochs": 4, "verbose": False, "callbacks": [watcher]}
    with np.errstate(all="ignore"):
        return net.fit(x, y, **{**settings, **options})


def found(watcher: TerminateOnNaN) -> Finding:
    assert watcher.finding is not None
    return watcher.finding


def replayed(watcher: TerminateOnNaN, needs: str = "numpy") -> str:
    """Run the script in a process of its own that may import NumPy alone."""
    script = found(watcher).script
    assert script is not None
    code = (
        "import runpy, sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        assert name.partition('.')[0] not in {{'nnxp', 'array_api_compat'}} or {needs!r} == 'nnxp', name\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
