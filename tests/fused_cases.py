"""The faster twins that tests/test_fused.py holds against their plain functions: a line for every way through one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp import CrossEntropyLoss

Draw = Callable[..., Any]


@dataclass(frozen=True)
class FusedCase:
    """A path, and what to call it and its plain function with; arrays are copied, so that both may write to them.

    Parameters
    ----------
    name : str
        Of the function.
    about : str
        What is special.
    arguments : callable
        ``arguments(normal)`` returns them; ``normal(*shape)`` draws an array of the dtype under test.
    """

    name: str
    about: str
    arguments: Callable[[Draw], tuple[Any, ...]]

    def __str__(self) -> str:
        return f"{self.name}-{self.about}"


def labels(n: int, classes: int) -> Any:
    return np.arange(n) * 7 % classes


def adam(normal: Draw, *, amsgrad: bool = False, keep: float = 1.0, weight_decay: float = 0.0) -> tuple[Any, ...]:
    n = 70_003
    largest = normal(n) ** 2 if amsgrad else None
    return normal(n), normal(n), normal(n), normal(n) ** 2, largest, 0.9, 0.999, 1e-8, 1e-3, keep, weight_decay


CASES = [
    FusedCase("adam", "plain", adam),
    FusedCase("adam", "amsgrad", lambda normal: adam(normal, amsgrad=True)),
    FusedCase("adam", "decoupled", lambda normal: adam(normal, keep=0.9)),
    FusedCase("adam", "decay", lambda normal: adam(normal, weight_decay=0.1)),
    FusedCase("cross_entropy", "labels", lambda normal: (normal(60, 11), labels(60, 11), CrossEntropyLoss())),
    FusedCase("cross_entropy", "smoothing",
              lambda normal: (normal(60, 11), labels(60, 11), CrossEntropyLoss(label_smoothing=0.3))),
]  # fmt: skip
