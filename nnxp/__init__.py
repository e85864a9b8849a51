"""Neural networks with explicit backpropagation on any Array API device.

Layers, losses, optimizers, schedules and callbacks are here; the rest is found by module:
``nnxp.augmentations``, ``nnxp.benchmark``, ``nnxp.datasets``, ``nnxp.initializers``, ``nnxp.io``, ``nnxp.metrics``,
``nnxp.models``, ``nnxp.plotting``, ``nnxp.random``; and, for other libraries, ``nnxp.report``, ``nnxp.search`` and
``nnxp.sklearn``. Everything is looked up in its room on first use, so ``import nnxp`` costs next to
nothing and ``nnxp --help`` need not wait for NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnxp import augmentations, benchmark, datasets, initializers, io, metrics, models, plotting, random
    from nnxp.checking import *
    from nnxp.comparison import *
    from nnxp.device import *
    from nnxp.errors import *
    from nnxp.io import load
    from nnxp.layers import *
    from nnxp.losses import *
    from nnxp.network import *
    from nnxp.optimizers import *
    from nnxp.schedules import *
    from nnxp.threads import *
    from nnxp.training import *

__version__ = "0.1.0"

_MODULES = ("augmentations", "benchmark", "datasets", "initializers", "io", "metrics", "models", "plotting", "random")
_ROOMS = (
    "device",
    "threads",
    "errors",
    "layers",
    "losses",
    "optimizers",
    "network",
    "schedules",
    "training",
    "checking",
    "comparison",
    "io",
)
# Rooms for other libraries, which are not among the names: listing them would load those.
_GUESTS = ("report", "search", "sklearn")
# Rooms that are modules of their own in the public view lend only these names to it.
_LENT = {"io": ("load",)}


def __getattr__(name: str) -> Any:
    if name in _MODULES or name in _ROOMS or name in _GUESTS:
        return import_module(f"nnxp.{name}")
    if name == "__all__":
        return __dir__()
    if not name.startswith("_"):
        for room in _ROOMS:
            module = import_module(f"nnxp.{room}")
            if name in _LENT.get(room, module.__all__):
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module 'nnxp' has no attribute {name!r}")


def __dir__() -> list[str]:
    names = [*_MODULES, "__version__"]
    for room in _ROOMS:
        names += _LENT.get(room, import_module(f"nnxp.{room}").__all__)
    return sorted(names)
