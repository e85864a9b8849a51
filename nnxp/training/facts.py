"""What a run is made of, as plain JSON: written down with its state, and held against what is to go on with it."""

import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp import __version__
from nnxp._backend import to_host
from nnxp._backend.dispatch import is_array
from nnxp._backend.kernels.path import numba_is_here, switch
from nnxp.threads import get_num_threads
from nnxp.training.batches import ArrayData, IterableData

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["changed_fields", "describe", "environment", "first_difference", "sizes"]


def describe(value: Any) -> Any:
    """Return a value as JSON that tells it from others: a dataclass by its fields, a function by its name alone."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): describe(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [describe(part) for part in value]
    if is_array(value):
        host = np.ascontiguousarray(to_host(value))
        digest = blake2b(host.tobytes(), digest_size=8).hexdigest()
        return f"{host.dtype} {host.shape} {digest}"
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: describe(getattr(value, field.name)) for field in fields(value)}
        return {"type": type(value).__name__} | parts
    return getattr(value, "__qualname__", type(value).__name__)


def first_difference(a: Any, b: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """Return where two descriptions differ first, and what stands there; None where they are equal."""
    pairs: Iterable[tuple[str, Any, Any]] = ()
    if isinstance(a, dict) and isinstance(b, dict):
        # Fields of another type would say less than the type.
        names = ["type"] if a.get("type") != b.get("type") else [*a, *(key for key in b if key not in a)]
        pairs = ((f"{name}.{key}" if name and key != "type" else name or key, a.get(key), b.get(key)) for key in names)
    elif isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        pairs = ((f"{name}[{i}]", *both) for i, both in enumerate(zip(a, b, strict=True)))
    elif a != b:
        return name, a, b
    return next(filter(None, (first_difference(x, y, inner) for inner, x, y in pairs)), None)


def sizes(data: ArrayData | IterableData, held_out: ArrayData | IterableData | None) -> dict[str, Any]:
    """Return how many samples there are to train on and to validate with, and their shape; None of an iterable."""
    parts = {"samples": data, "validation": held_out}
    counts: dict[str, Any] = {name: len(part) if isinstance(part, ArrayData) else None for name, part in parts.items()}
    shapes = [list(x.shape[1:]) for x in data.inputs] if isinstance(data, ArrayData) else None
    return counts | {"sample_shapes": shapes}


def changed_fields(old: Any, new: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that another one of its type has otherwise."""
    pairs = ((field.name, getattr(old, field.name), getattr(new, field.name)) for field in fields(old))
    return {name: b for name, a, b in pairs if describe(a) != describe(b)}


def environment(net: "Network") -> dict[str, Any]:
    """Return what the last bits of a result depend on, besides the run itself."""
    library = net.device.library.word
    found = {
        "nnxp": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "kernels": "Numba" if numba_is_here() else {"0": "layers"}.get(switch(), "NumPy"),
        "machine": platform.machine(),
        "device": net.device.name,
        "threads": get_num_threads(),
    }
    if library != "cpu":
        found[library] = str(getattr(net.device.xp, "__version__", ""))
    return found
