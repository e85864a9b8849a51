"""Where and with what it was measured."""

import datetime
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from nnxp import __version__
from nnxp.device import Device
from nnxp.threads import get_num_threads

__all__ = ["machine", "processor", "versions"]

# The packages whose versions tell, beside our own.
_PACKAGES = ("numpy", "numba", "cupy-cuda12x", "cupy-cuda13x", "torch", "array-api-strict")


def machine(devices: Sequence[str | Device]) -> dict[str, Any]:
    """Describe this machine, for a file that is read elsewhere.

    Parameters
    ----------
    devices : sequence of str or Device
        What was measured on.

    Returns
    -------
    dict
        ``date, processor, system, threads, devices`` (name -> what it is) and ``versions``; plain values throughout.
    """
    places = [Device(device) for device in devices]  # type: ignore[arg-type]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": processor(),
        "system": platform.platform(),
        "threads": get_num_threads(),
        "devices": {device.name: _detail(device) for device in places},
        "versions": {"nnxp": __version__, "python": platform.python_version(), **versions(_PACKAGES)},
    }


def _detail(device: Device) -> str:
    """Say what a device is, as ``nnxp devices`` does."""
    return next((info.detail for info in device.library.devices() if info.name == device.name), "")


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Name the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
