"""NumPy on the CPU: the default. NumPy 2.1 and later speak the standard themselves, without a wrapper."""

import platform
from typing import Any

import numpy as np

from nnxp._backend import agnostic, threads
from nnxp._backend.kernels import FASTER
from nnxp._backend.kernels.path import Path, numba_is_here, switch
from nnxp._backend.kernels.rooms import aligned_empty
from nnxp._backend.library import Array, DeviceInfo, Library
from nnxp._backend.memory import keep_freed_memory
from nnxp._backend.threads import for_each_piece
from nnxp._checks import message
from nnxp.errors import DeviceError

# Numbers at a time: what is made of them fits the second-level cache, and outweighs the calls.
_PIECE = 16384
# artanh(erf(x)) / x in x^2, highest power first: fitted for the least relative error (8e-8) of erf up to 3.9, beyond
# which it is 1 in float32.
_ERF_ARGUMENT = (
    5.42133473e-9, 2.75828996e-8, -4.79466903e-6, 8.45968631e-5, -6.14838839e-4, -1.95287573e-4,
    0.102769864, 1.12837925,
)  # fmt: skip
_ERF_FAR = 3.9
_WORD, _BITS = np.uint64(0xFFFFFFFF), np.uint64(32)


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
        place = f"NumPy {np.__version__} on {platform.machine()}, {threads.cores()} cores"
        return [DeviceInfo("cpu", True, f"{place}; threads: {threads.count()}; {self._compiled()}")]

    def paths(self) -> list[tuple[str, int, str]]:
        """List the table of kernels."""
        return [(path.name, path.least, path.way) for path in self.faster.values() if isinstance(path, Path)]

    def _compiled(self) -> str:
        """Say whether there are compiled kernels, without loading Numba."""
        if not self.faster:
            return "no faster paths since NNXP_FAST=0"
        if numba_is_here():
            from importlib.metadata import version

            return f"kernels compiled by Numba {version('numba')}"
        if switch() == "numpy":
            return "no compiled kernels since NNXP_FAST=numpy"
        return "no compiled kernels without Numba: pip install 'nnxp[fast]'"

    def locate(self, x: Array) -> str:
        """Return ``cpu``."""
        del x
        return "cpu"

    def dlpack_device(self, handle: Any) -> tuple[int, int] | None:
        """Return the host."""
        del handle
        return 1, 0

    def put(self, host: np.ndarray[Any, Any], handle: Any) -> Array:
        """Return the array itself: it is there already."""
        del handle
        return host

    def vector(self, n: int, value: float, dtype: Any, handle: Any) -> Array:
        """Begin where a line of the cache does: no vector register is then filled from two of them."""
        del handle
        vector = aligned_empty(n, dtype)
        vector[...] = value
        return vector

    def get(self, x: Array) -> np.ndarray[Any, Any]:
        """Return the array itself; NumPy's scalars become 0-d arrays."""
        return np.asarray(x)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Write the product in place, without a temporary; larger ones by the faster twin, where there is one."""
        faster = self.faster.get("matmul")
        result = NotImplemented if faster is None else faster(a, b, out)
        return np.matmul(a, b, out=out) if result is NotImplemented else result

    def sum_rows(self, x: Array) -> Array:
        """Sum over the rows; the ufunc itself costs half of what `numpy.sum` does on small matrices."""
        return np.add.reduce(x, axis=0)

    def erf(self, x: Array) -> Array:
        """Evaluate it in pieces that stay in the cache, over threads."""
        y = np.empty(x.shape, x.dtype)
        given, result = x.reshape(-1), y.reshape(-1)

        def fill(start: int, stop: int) -> None:
            for begin in range(start, stop, _PIECE):
                piece = slice(begin, min(begin + _PIECE, stop))
                result[piece] = (_erf32 if y.dtype == np.float32 else _erf64)(given[piece])

        for_each_piece(fill, x.size, _PIECE)
        return y

    def random_words(self, like: Array, count: int, key: tuple[int, int], counter: tuple[int, int, int]) -> Array:
        """Philox4x32-10 with true 64-bit products, in pieces that stay in the cache, over threads."""
        del like
        blocks = -(-count // 4)
        words = np.empty((blocks, 4), dtype=np.uint32)

        def fill(start: int, stop: int) -> None:
            for begin in range(start, stop, _PIECE):
                _philox(words[begin : min(begin + _PIECE, stop)], begin, key, counter)

        for_each_piece(fill, blocks, _PIECE)
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


def _erf32(x: Array) -> Array:
    """Return ``tanh(x * P(x^2))``, within 2 units in the last place: odd, exact far out, and few passes."""
    square = x * x
    np.minimum(square, _ERF_FAR**2, out=square)
    value = _ERF_ARGUMENT[0] * square
    value += _ERF_ARGUMENT[1]
    for c in _ERF_ARGUMENT[2:]:
        value *= square
        value += c
    value *= x
    return np.tanh(value, out=value)


def _erf64(x: Array) -> Array:
    return agnostic.erf(np, x)


def _philox(words: Array, first: int, key: tuple[int, int], counter: tuple[int, int, int]) -> None:
    """Write the random words of counters from `first` on, one a row.

    The rows of `even` are words 0 and 2 of the counters, those of `odd` words 1 and 3.
    """
    even, odd, products = np.empty((3, 2, len(words)), dtype=np.uint64)
    even[0] = np.arange(first, first + len(words), dtype=np.uint64) & _WORD
    even[1], odd[0], odd[1] = (c & 0xFFFFFFFF for c in (counter[1], counter[0], counter[2]))
    multipliers = np.array(agnostic.PHILOX_MULTIPLIERS, dtype=np.uint64)[:, None]
    steps = np.array(agnostic.PHILOX_KEY_STEPS, dtype=np.uint64)[:, None]
    keys = np.array(key, dtype=np.uint64)[:, None]
    for _ in range(agnostic.PHILOX_ROUNDS):
        np.multiply(even, multipliers, out=products)
        np.right_shift(products, _BITS, out=even)
        products &= _WORD
        odd ^= keys
        odd ^= even[::-1]
        # Each half is made of the other's product.
        even, odd, products = odd, products[::-1], even
        keys = keys + steps & _WORD
    for i, word in enumerate((even[0], odd[0], even[1], odd[1])):
        words[:, i] = word


keep_freed_memory()
LIBRARY = NumPyLibrary()
