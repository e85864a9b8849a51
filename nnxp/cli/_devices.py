"""The work of ``nnxp devices``."""

from nnxp._table import Table
from nnxp.device import Device, devices

__all__ = ["show_devices"]


def show_devices(*, paths: bool = False) -> int:
    """Print a line for each device, and below it what mends a missing one; or the CPU's faster paths."""
    if paths:
        rows = [[name, str(least), way] for name, least, way in Device("cpu").library.paths()]
        print(Table(["function", "from elements", "by"], rows))
        return 0
    rows = []
    for device in devices():
        rows.append([device.name, "yes" if device.available else "no", device.detail])
        if device.remedy:
            rows.append(["", "", f"mend it: {device.remedy}"])
    print(Table(["device", "usable", "what, or why not"], rows))
    return 0
