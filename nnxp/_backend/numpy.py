"""NumPy on the CPU: the default. NumPy 2.1 and later speak the standard themselves, without a wrapper."""

import os
import platform
import sys
from typing import Any

import numpy as np

from nnxp._backend import agnostic
from nnxp._backend.kernels import FASTER
from nnxp._backend.library import Array, DeviceInfo, Library
from nnxp._checks import message
from nnxp.errors import DeviceError

# Counters at a time: their words and products fit the second-level cache.
_PIECE = 8192
_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)


class NumPyLibrary(Library):
    """NumPy's arrays, on the host."""

    word = "cpu"
    xp = np
    faster = FASTER

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
        """Philox4x32-10 with true 64-bit products, whose halves are views; in pieces that stay in the cache."""
        del like
        blocks = -(-count // 4)
        words = np.empty((blocks, 4), dtype=np.uint32)
        for start in range(0, blocks, _PIECE):
            piece = words[start : start + _PIECE]
            piece[:, 0] = np.arange(start, start + len(piece), dtype=np.uint32)
            piece[:, 1:] = np.array(counter, dtype=np.uint64).astype(np.uint32)
            _philox(piece, key)
        return words.reshape(-1)[:count]

    def checked_labels(
        self, where: str, labels: Array, classes: int, ignore: int | None, name: str
    ) -> tuple[Array, Array | None]:
        """Refuse an invalid label at once: on the host a look costs nothing."""
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            ignored = np.zeros(labels.shape, bool) if ignore is None else labels == ignore
            wrong = labels[~ignored & ((labels < 0) | (labels >= classes))]
            if wrong.size:
                raise ValueError(message(where, f"{name} in [0, {classes - 1}]", wrong.flat[0]))
            return np.where(ignored, 0, labels), None
        return labels, None


def _philox(words: Array, key: tuple[int, int]) -> None:
    """Turn counters (n, 4) into random words, in place."""
    m0, m1 = (np.uint64(m) for m in agnostic.PHILOX_MULTIPLIERS)
    c0, c1, c2, c3 = (np.ascontiguousarray(words[:, i]) for i in range(4))
    products = np.empty((2, len(words)), dtype=np.uint64)
    halves = products.view(np.uint32).reshape(2, len(words), 2)
    (low0, low1), (high0, high1) = halves[:, :, _LOW], halves[:, :, _HIGH]
    k0, k1 = key
    for _ in range(agnostic.PHILOX_ROUNDS):
        np.multiply(c0, m0, out=products[0], dtype=np.uint64)
        np.multiply(c2, m1, out=products[1], dtype=np.uint64)
        np.bitwise_xor(high1, c1, out=c0)
        np.bitwise_xor(high0, c3, out=c2)
        c0 ^= np.uint32(k0)
        c2 ^= np.uint32(k1)
        c1[...] = low1
        c3[...] = low0
        k0 = (k0 + agnostic.PHILOX_KEY_STEPS[0]) & 0xFFFFFFFF
        k1 = (k1 + agnostic.PHILOX_KEY_STEPS[1]) & 0xFFFFFFFF
    for i, word in enumerate((c0, c1, c2, c3)):
        words[:, i] = word


LIBRARY = NumPyLibrary()
