"""NumPy on the CPU: the default. NumPy 2.1 and later speak the standard themselves, without a wrapper."""

import os
import platform
from typing import Any

import numpy as np

from nnxp._backend import agnostic
from nnxp._backend.library import Array, DeviceInfo, Library
from nnxp._checks import message
from nnxp.errors import DeviceError

_U32 = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


class NumPyLibrary(Library):
    """NumPy's arrays, on the host."""

    word = "cpu"
    xp = np

    def resolve(self, index: str) -> tuple[str, Any]:
        """Accept ``cpu`` alone: the host is one device."""
        if index:
            raise DeviceError(message("Device", "cpu", f"cpu:{index}", "the host is one device, without an index"))
        return "cpu", "cpu"

    def devices(self) -> list[DeviceInfo]:
        """Describe the host."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return [DeviceInfo("cpu", True, f"NumPy {np.__version__} on {platform.machine()}, {cores} cores")]

    def locate(self, x: Array) -> str:
        """Return ``cpu``."""
        del x
        return "cpu"

    def put(self, host: np.ndarray[Any, Any], handle: Any) -> Array:
        """Return the array itself: it is there already."""
        del handle
        return host

    def get(self, x: Array) -> np.ndarray[Any, Any]:
        """Return the array itself; NumPy's scalars become 0-d arrays."""
        return np.asarray(x)

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        """Write the product in place, without a temporary."""
        np.matmul(a, b, out=out)

    def sum_rows(self, x: Array) -> Array:
        """Sum over the rows; the ufunc itself costs half of what `numpy.sum` does on small matrices."""
        return np.add.reduce(x, axis=0)

    def random_words(self, like: Array, count: int, key: tuple[int, int], counter: tuple[int, int, int]) -> Array:
        """Philox4x32-10 with true 64-bit products, a fifth of the agnostic twin's operations."""
        del like
        c0: Any = np.arange(-(-count // 4), dtype=np.uint64)
        c1, c2, c3 = (np.full_like(c0, c & 0xFFFFFFFF) for c in counter)
        m0, m1 = (np.uint64(m) for m in agnostic.PHILOX_MULTIPLIERS)
        k0, k1 = key
        for _ in range(agnostic.PHILOX_ROUNDS):
            product0, product1 = c0 * m0, c2 * m1
            c0, c1 = (product1 >> _SHIFT) ^ c1 ^ np.uint64(k0), product1 & _U32
            c2, c3 = (product0 >> _SHIFT) ^ c3 ^ np.uint64(k1), product0 & _U32
            k0 = (k0 + agnostic.PHILOX_KEY_STEPS[0]) & 0xFFFFFFFF
            k1 = (k1 + agnostic.PHILOX_KEY_STEPS[1]) & 0xFFFFFFFF
        return np.stack((c0, c1, c2, c3), axis=-1).reshape(-1)[:count]

    def checked_labels(self, where: str, labels: Array, classes: int, ignore: int | None) -> tuple[Array, Array | None]:
        """Refuse an invalid label at once: on the host a look costs nothing."""
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            ignored = np.zeros(labels.shape, bool) if ignore is None else labels == ignore
            wrong = labels[~ignored & ((labels < 0) | (labels >= classes))]
            if wrong.size:
                raise ValueError(message(where, f"labels in [0, {classes - 1}]", wrong.flat[0]))
            return np.where(ignored, 0, labels), None
        return labels, None


LIBRARY = NumPyLibrary()
