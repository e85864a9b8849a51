"""The work of ``nnxp devices``."""

from nnxp._table import Table
from nnxp.device import devices

__all__ = ["show_devices"]


def show_devices() -> int:
    """Print a line for each device, and below it what mends a missing one."""
    rows = []
    for device in devices():
        rows.append([device.name, "yes" if device.available else "no", device.detail])
        if device.remedy:
            rows.append(["", "", f"mend it: {device.remedy}"])
    print(Table(["device", "usable", "what, or why not"], rows))
    return 0
