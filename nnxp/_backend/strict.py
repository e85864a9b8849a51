"""array-api-strict: the standard and nothing else, on make-believe devices. For proof, not for speed."""

from importlib.metadata import version
from typing import Any

import array_api_strict
import numpy as np

from nnxp._backend.library import Array, DeviceInfo, Library
from nnxp._checks import message
from nnxp.errors import DeviceError

_HOST = array_api_strict.Device("CPU_DEVICE")


class StrictLibrary(Library):
    """array-api-strict's arrays; ``device1`` by default, where a leak into NumPy raises."""

    word = "strict"
    xp = array_api_strict

    def resolve(self, index: str) -> tuple[str, Any]:
        """Find one of the make-believe devices by its name."""
        known = [_name(device) for device in array_api_strict.__array_namespace_info__().devices()]
        index = index or "device1"
        if index not in known:
            raise DeviceError(message("Device", " or ".join(f"strict:{k}" for k in known), f"strict:{index}"))
        return f"strict:{index}", array_api_strict.Device(index)

    def devices(self) -> list[DeviceInfo]:
        """Describe the default one."""
        detail = f"array-api-strict {version('array-api-strict')}, a device of make-believe, for proof"
        return [DeviceInfo("strict:device1", True, detail)]

    def locate(self, x: Array) -> str:
        """Return the make-believe device's name."""
        return f"strict:{_name(x.device)}"

    def get(self, x: Array) -> np.ndarray[Any, Any]:
        """Move to the library's own CPU device first: NumPy may look nowhere else."""
        return np.array(x if x.device == _HOST else x.to_device(_HOST))


def _name(device: Any) -> str:
    return str(device).removeprefix("array_api_strict.Device('").removesuffix("')")


LIBRARY = StrictLibrary()
