"""What a layer under contract says about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnxp.layers import Layer
from tests import oracles as o


@dataclass(frozen=True)
class Case:
    """One layer under contract.

    shape: of the input, the batch axis first. oracle: see tests/oracles.py. torch: from the module ``torch`` to the
    same thing there, None where PyTorch lacks it. kinks: inputs without a derivative. training: the mode that it is
    held to its oracle in. no_repr: why its repr cannot rebuild it.
    """

    name: str
    layer: Layer
    shape: tuple[int, ...]
    oracle: o.Oracle
    torch: Callable[[Any], Any] | None = None
    kinks: tuple[float, ...] = ()
    training: bool = False
    no_repr: str = ""
