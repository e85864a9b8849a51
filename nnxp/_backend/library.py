"""What an array library must provide: its devices, and the primitives that the standard lacks."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from nnxp._backend import agnostic

# The standard has no static type for arrays; this name marks every place where one is meant.
Array = Any

# One for all: it holds nothing, and making one is a good part of what entering it costs.
_NOTHING = nullcontext()


@dataclass(frozen=True)
class DeviceInfo:
    """One line of ``nnxp devices``: a device that is there, or the reason why it is not.

    Attributes
    ----------
    name : str
        What to write after ``device=``.
    available : bool
        Whether a network can be built on it.
    detail : str
        What it is; or, for a device that is missing, why.
    remedy : str
        The line that mends it; empty where there is nothing to mend.
    """

    name: str
    available: bool
    detail: str
    remedy: str = ""


class Library:
    """An array library; the primitives given here are the agnostic twins, in standard Array API code.

    Attributes
    ----------
    word : str
        The first word of its devices' names.
    faster : mapping of str to callable
        Its own twins of functions marked `fused`, by name.
    """

    word: ClassVar[str]
    xp: Any
    faster: Mapping[str, Callable[..., Any]] = MappingProxyType({})

    # -- devices ---------------------------------------------------------------------------------

    def resolve(self, index: str) -> tuple[str, Any]:
        """Return the canonical name and the library's own device for what follows ``word:``.

        Raises
        ------
        DeviceError
            If the device is missing or does not work, with the reason and the remedy.
        """
        raise NotImplementedError

    def devices(self) -> list[DeviceInfo]:
        """List what is there."""
        raise NotImplementedError

    def locate(self, x: Array) -> str:
        """Return the canonical name of the device that holds `x`."""
        return f"{self.word}:{x.device}"

    def shared(self, x: Any, handle: Any) -> Array | None:
        """Return an array of another library as one of ours in the same memory, by DLPack; None where that cannot be.

        It cannot where `x` lies elsewhere, may not be written to, or is of a dtype that is not known on both sides.
        """
        place = self.dlpack_device(handle)
        # PyTorch gives away the memory of a view that is to be negated, and not the sign.
        negated = getattr(x, "is_neg", None)
        if negated is not None and negated():
            return None
        if place is None or not hasattr(x, "__dlpack_device__") or tuple(map(int, x.__dlpack_device__())) != place:
            return None
        try:
            return self.xp.from_dlpack(x)
        except (BufferError, RuntimeError, TypeError, ValueError):
            return None

    def dlpack_device(self, handle: Any) -> tuple[int, int] | None:
        """Return DLPack's type and number of a device; None where memory is not to be shared."""
        del handle
        return None

    def put(self, host: np.ndarray[Any, Any], handle: Any) -> Array:
        """Copy a host array to a device."""
        return self.xp.asarray(host, device=handle)

    def vector(self, n: int, value: float, dtype: Any, handle: Any) -> Array:
        """Return `n` equal numbers on a device, for vectors that live as long as a network."""
        return self.xp.full((n,), value, dtype=dtype, device=handle)

    def get(self, x: Array) -> np.ndarray[Any, Any]:
        """Copy a device array to the host."""
        raise NotImplementedError

    def context(self, handle: Any) -> AbstractContextManager[Any]:
        """Make the device current for the block, where a library has such a notion."""
        del handle
        return _NOTHING

    def paths(self) -> list[tuple[str, int, str]]:
        """List the functions with a faster twin: name, from how many elements it is taken, and what runs then."""
        return []

    def synchronize(self, handle: Any) -> None:
        """Wait until everything queued on the device is done."""

    def memory_info(self, handle: Any) -> tuple[int, int] | None:
        """Return the device's free and total memory in bytes, or None where it is the host's."""
        del handle
        return None

    def release_memory(self, handle: Any) -> None:
        """Give back what the library keeps of the device's memory for arrays to come; for measuring."""

    # -- primitives ------------------------------------------------------------------------------

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Return the matrix product ``a @ b``, in `out` if it is given."""
        if out is None:
            return self.xp.matmul(a, b)
        out[...] = self.xp.matmul(a, b)
        return out

    def sum_rows(self, x: Array) -> Array:
        """Sum a matrix over its rows."""
        return self.xp.sum(x, axis=0)

    def erf(self, x: Array) -> Array:
        """Return the error function, element by element."""
        return agnostic.erf(self.xp, x)

    def random_words(self, like: Array, count: int, key: tuple[int, int], counter: tuple[int, int, int]) -> Array:
        """Return `count` words of 32 random bits as non-negative integers beside `like`."""
        return agnostic.random_words(self.xp, like.device, count, key, counter)

    def checked_labels(
        self, where: str, labels: Array, classes: int, ignore: int | None, name: str
    ) -> tuple[Array, Array | None]:
        """Return labels that are safe to index with, and where they were invalid."""
        del where, name  # nothing is raised: the values stay on the device
        return agnostic.checked_labels(self.xp, labels, classes, ignore)
