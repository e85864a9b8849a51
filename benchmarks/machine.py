"""Where and with what it was measured."""

from __future__ import annotations

import datetime
import os
import platform
from typing import Any

from nnxp.benchmark.machine import processor, versions

PACKAGES = ("nnxp", "numpy", "numba", "torch", "jax", "scikit-learn", "thinc")


def facts(threads: int) -> dict[str, Any]:
    """Return date, processor, cores, threads and versions."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions(PACKAGES),
    }
