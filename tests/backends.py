"""The backends that every contract runs on, and comparison that looks at more than values.

NumPy; NumPy with every faster path open, however small the arrays; NumPy with read-only inputs; array-api-strict on a device of make-believe, with everything
forbidden that would make a GPU wait for the host; PyTorch on the CPU where it is installed; CuPy where
there is a GPU. PyTorch's ``meta`` device, which has shapes and no values, stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from unittest import mock

import array_api_strict
import numpy as np
import pytest

from nnxp._backend.kernels import FASTER
from nnxp.device import Device

# dtype -> (rtol, atol); a local override carries its reason.
TOLERANCES = {"float32": (2e-6, 2e-6), "float64": (1e-12, 1e-12)}


def missing(name: str) -> str:
    """Say why a backend cannot be used here; empty if it can."""
    if name.startswith("torch") and find_spec("torch") is None:
        return "PyTorch is not installed"
    if name == "fast" and not FASTER:
        return "NNXP_FAST=0 is set"
    if name.startswith("cuda"):
        found = next(d for d in devices_once() if d.name.startswith("cuda"))
        return "" if found.available else found.detail
    return ""


def devices_once() -> list[Any]:
    if not _DEVICES:
        from nnxp._backend import load_library

        _DEVICES.extend(load_library("cupy").devices())
    return _DEVICES


_DEVICES: list[Any] = []


def backend_param(name: str) -> Any:
    reason = missing(name)
    return pytest.param(name, marks=pytest.mark.skip(reason=reason)) if reason else pytest.param(name)


NAMES = ["cpu", "fast", "readonly", "strict:device1", "torch:cpu", "cuda:0"]
ON_NUMPY = ("cpu", "fast", "readonly")
DEVICES = [name for name in NAMES if name not in ON_NUMPY[1:]]


@dataclass(frozen=True)
class Backend:
    """A device, and how a test brings its data there."""

    name: str

    @property
    def device(self) -> Device:
        return Device("cpu" if self.name in ON_NUMPY else self.name)

    def put(self, host: Any, dtype: str | None = None) -> Any:
        """Copy to the device; on the backend ``readonly`` the copy may not be written to."""
        array = np.array(host) if dtype is None else np.array(host, dtype=dtype)
        x = self.device.put(array, dtype)
        if self.name == "readonly":
            x.setflags(write=False)
        return x

    def get(self, x: Any) -> Any:
        return self.device.get(x)


@contextmanager
def every_path_open() -> Iterator[None]:
    """Let arrays of any size take the faster paths."""
    with ExitStack() as stack:
        for path in FASTER.values():
            stack.enter_context(mock.patch.object(path, "least", 0))
        yield


@contextmanager
def no_numba() -> Iterator[None]:
    """Let every path take the way that it has where Numba is missing."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch("nnxp._backend.kernels.path.numba_is_here", return_value=False))
        for path in FASTER.values():
            stack.enter_context(mock.patch.object(path, "_kernel", None))
        yield


@contextmanager
def no_host_reads() -> Iterator[None]:
    """Make array-api-strict's make-believe devices as deaf as a GPU in a captured graph."""
    cls = array_api_strict._array_object.Array
    host = array_api_strict.Device("CPU_DEVICE")

    def guard(name: str) -> Any:
        original = getattr(cls, name)

        def guarded(self: Any, *args: Any) -> Any:
            if self.device != host:
                raise AssertionError(f"{name} reads a value back from {self.device}")
            return original(self, *args)

        return mock.patch.object(cls, name, guarded)

    flags = array_api_strict.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False)
    patches = [guard(name) for name in ("__float__", "__int__", "__bool__", "__index__", "__complex__")]
    with flags:
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


def assert_on(backend: Backend, x: Any, dtype: str, shape: tuple[int, ...]) -> None:
    """Hold namespace, device, dtype and shape of a result against what is due."""
    # NumPy's reductions return scalars of its own; they count as arrays.
    assert backend.device.owns(x), f"{type(x)} is not on {backend.device}"
    assert str(x.dtype).rpartition(".")[2] == dtype
    assert tuple(x.shape) == tuple(shape)


def assert_close(
    actual: Any, desired: Any, dtype: str = "float64", rtol: float | None = None, atol: float | None = None
) -> None:
    """Compare values on the host; `atol` is relative to the largest desired magnitude, so that cancellation is fair."""
    actual, desired = np.asarray(actual, dtype=np.float64), np.asarray(desired, dtype=np.float64)
    assert actual.shape == desired.shape, f"shape {actual.shape} instead of {desired.shape}"
    default_rtol, default_atol = TOLERANCES[dtype]
    finite = np.abs(desired[np.isfinite(desired)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    np.testing.assert_allclose(
        actual,
        desired,
        rtol=default_rtol if rtol is None else rtol,
        atol=(default_atol if atol is None else atol) * scale,
    )
