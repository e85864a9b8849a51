"""How much memory a piece of work takes: the host's, as Linux counts it, or a GPU's, as its driver does."""

import ctypes
import re
from contextlib import suppress
from pathlib import Path

from nnxp.device import Device

__all__ = ["Memory"]

_STATUS, _CLEAR, _CLEAR_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs"), "5"


class Memory:
    """A gauge that is set to zero when it is made; what was freed before is given back first, so that it is not reused.

    Parameters
    ----------
    device : Device
        A GPU has memory of its own; all others use the host's.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        device.release_memory()
        self._free = _free(device)
        self._resident = None
        if self._free is None:
            # Not every system has glibc, or Linux's files.
            with suppress(AttributeError, OSError, TypeError):
                ctypes.CDLL(None).malloc_trim(0)
            with suppress(OSError):
                _CLEAR.write_text(_CLEAR_PEAK)
                self._resident = _kilobytes("VmRSS")

    def growth(self) -> int | None:
        """Return the bytes taken at the highest point since; None where the system does not tell."""
        free = _free(self._device)
        if free is not None and self._free is not None:
            return max(self._free - free, 0)  # a GPU's pool keeps what it had at its peak
        peak = _kilobytes("VmHWM")
        if peak is None or self._resident is None:
            return None
        return max(peak - self._resident, 0) * 1024


def _free(device: Device) -> int | None:
    device.synchronize()
    info = device.memory_info()
    return None if info is None else info[0]


def _kilobytes(name: str) -> int | None:
    """Read a line of what Linux says of this process."""
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else int(found[1])
