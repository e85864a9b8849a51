"""Where a network lives: the grammar of device names, and the value that one resolves to."""

import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from nnxp._backend import Array, Library, library_of, load_library, to_host
from nnxp._backend.dispatch import is_array
from nnxp._backend.library import DeviceInfo
from nnxp._checks import message
from nnxp.errors import DeviceError

__all__ = ["Device", "DeviceInfo", "devices"]

_ROOMS = {"cpu": "numpy", "cuda": "cupy", "gpu": "cupy", "torch": "torch", "strict": "strict"}
_GRAMMAR = "cpu, cuda[:N], gpu[:N], torch[:device], strict[:device] or auto"
_PACKAGES = {"torch": ("torch", "oracle"), "strict": ("array_api_strict", "test")}


@dataclass(frozen=True)
class Device:
    """A place for arrays, resolved and tried once.

    Parameters
    ----------
    name : str or Device, optional
        ``cpu`` (NumPy), ``cuda`` or ``gpu`` or ``cuda:N`` (CuPy), ``torch`` or ``torch:cuda:0`` (PyTorch),
        ``strict`` or ``strict:device2`` (array-api-strict), or ``auto``: a GPU that works, else the CPU, with a
        line on the standard error that says which. None takes the environment's ``NNXP_DEVICE``, else ``cpu``.

    Attributes
    ----------
    name : str
        The canonical name, with its index: ``cuda`` becomes ``cuda:0``. Two devices are equal when their names are.

    Raises
    ------
    DeviceError
        If the name is not in the grammar, or the device is missing or does not work.

    Examples
    --------
    >>> Device("cpu").put([1.0, 2.0])
    array([1., 2.])
    """

    name: str = None  # type: ignore[assignment]
    library: Library = field(init=False, repr=False, compare=False)
    handle: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        name = self.name.name if isinstance(self.name, Device) else self.name
        if name is None or name == "":
            name = os.environ.get("NNXP_DEVICE") or "cpu"
        library, canonical, handle = _choose() if name == "auto" else _resolve(name)
        for key, value in (("name", canonical), ("library", library), ("handle", handle)):
            object.__setattr__(self, key, value)

    def __reduce__(self) -> tuple[type["Device"], tuple[str]]:
        return Device, (self.name,)

    def __str__(self) -> str:
        return self.name

    @property
    def xp(self) -> Any:
        """The Array API namespace of its arrays."""
        return self.library.xp

    def owns(self, x: object) -> bool:
        """Tell whether `x` is an array on this device."""
        try:
            library = library_of(x)
        except TypeError:
            return False
        return library is self.library and library.locate(x) == self.name

    def put(self, x: Any, dtype: str | None = None) -> Array:
        """Bring an array here, from the host or from any other device.

        Parameters
        ----------
        x : array, list or number
            What is here already, in the right dtype, is returned as it is; what another library has here, and shows by
            DLPack, in an array that shares its memory.
        dtype : str, optional
            Such as ``"float32"``; None keeps the array's.

        Returns
        -------
        array
            On this device.
        """
        with self.context():
            if not self.owns(x):
                shared = self._shared(x)
                x = self._brought(x, dtype) if shared is None else shared
            if dtype is None or x.dtype == getattr(self.xp, dtype):
                return x
            return self.xp.astype(x, getattr(self.xp, dtype))

    def _shared(self, x: Any) -> Array | None:
        # What is on a device of make-believe lies on the host all the same.
        apart = is_array(x) and library_of(x).dlpack_device(x.device) is None
        return None if apart else self.library.shared(x, self.handle)

    def _brought(self, x: Any, dtype: str | None) -> Array:
        host = to_host(x)
        # Bytes are cast after they travel; the rest before: not every library has NumPy's other kinds.
        late = dtype is None or host.dtype.itemsize == 1
        host = host.astype(host.dtype.newbyteorder("=") if late else dtype, copy=False)
        return self.library.put(host, self.handle)

    def get(self, x: Any) -> Any:
        """Bring an array to the host as a NumPy array; tuples keep their nesting, None stays None."""
        if x is None:
            return None
        if isinstance(x, tuple):
            return tuple(self.get(part) for part in x)
        return to_host(x)

    def context(self) -> AbstractContextManager[Any]:
        """Make this device current for the block: GPU 1 works while GPU 0 is current outside."""
        return self.library.context(self.handle)

    def synchronize(self) -> None:
        """Wait until everything queued here is done; for timing."""
        self.library.synchronize(self.handle)

    def memory_info(self) -> tuple[int, int] | None:
        """Return free and total memory in bytes; None for the host."""
        return self.library.memory_info(self.handle)

    def release_memory(self) -> None:
        """Give back what the library keeps of a GPU's memory for arrays to come; for measuring."""
        self.library.release_memory(self.handle)


def devices() -> list[DeviceInfo]:
    """List the devices of this machine; for what is missing, the reason and the line that mends it.

    Returns
    -------
    list of DeviceInfo
        The CPU, CUDA GPUs, PyTorch's devices, and array-api-strict's.
    """
    found = load_library("numpy").devices() + load_library("cupy").devices()
    for word, (package, extra) in _PACKAGES.items():
        if find_spec(package) is None:
            reason = f"{package.replace('_', '-')} is not installed"
            found.append(DeviceInfo(word, False, reason, f"pip install 'nnxp[{extra}]'"))
        else:
            found += load_library(_ROOMS[word]).devices()
    return found


def _resolve(name: str) -> tuple[Library, str, Any]:
    word, _, index = name.partition(":") if isinstance(name, str) else ("", "", "")
    if word not in _ROOMS or name.endswith(":"):
        raise DeviceError(message("Device", _GRAMMAR, name))
    package, extra = _PACKAGES.get(word, ("numpy", ""))
    if find_spec(package) is None:
        hint = f"{package.replace('_', '-')} is not installed: pip install 'nnxp[{extra}]'"
        raise DeviceError(message("Device", "a device that is there", name, hint))
    library = load_library(_ROOMS[word])
    return library, *library.resolve(index)


def _choose() -> tuple[Library, str, Any]:
    """Take a GPU that passes its probe, else the CPU, and say which."""
    try:
        library, name, handle = _resolve("cuda")
        said = f"nnxp: auto chose {name}"
    except DeviceError as error:
        library, name, handle = _resolve("cpu")
        reason = getattr(error, "reason", str(error))
        said = f"nnxp: auto chose cpu ({reason})"
    print(said, file=sys.stderr)
    return library, name, handle
