"""Faster twins for NumPy's arrays: compiled by Numba where the extra ``fast`` is installed, else in blocks.

Each is a function of one name and the same arguments as the plain one that it replaces (see ``fused.py``), and
is held against it by a test. Nothing here is imported before the first array that is large enough: small
networks stay with NumPy, and start as quickly. The environment's ``NNXP_FAST=0`` switches all of it off.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from nnxp._backend.kernels.path import Path

__all__ = ["FASTER", "PATHS"]

PATHS: dict[str, Path] = {
    path.name: path
    for path in (
        Path("adam", "optimizers", least=2**14),
        Path("cross_entropy", "losses", least=512),
    )
}

FASTER: Mapping[str, Callable[..., Any]] = {} if os.environ.get("NNXP_FAST") == "0" else PATHS
