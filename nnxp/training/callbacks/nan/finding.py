"""What was found: where the first value that is not finite arose, and in which samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

__all__ = ["Finding", "Operation", "Subject", "in_rows", "label"]

Operation = Literal[
    "parameter", "buffer", "input", "target", "sample_weight", "forward", "loss", "backward", "update", "unknown"
]

HostArray = np.ndarray[Any, Any]

# How many rows a sentence names one by one.
_NAMED = 8


@dataclass
class Subject:
    """What a finding is about, for a replay: who did it, and the arrays that went in and came out, on the host.

    Attributes
    ----------
    doer : Layer, loss, Optimizer or None
        None where it was there before.
    inputs, parameters, outputs : dict of str to array
        By name. The outputs are what was not finite, as it was found.
    settings : dict
        Numbers and words that belong to it, such as the seed and the step of its noise.
    """

    doer: Any = None
    inputs: dict[str, HostArray] = field(default_factory=dict)
    parameters: dict[str, HostArray] = field(default_factory=dict)
    outputs: dict[str, HostArray] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Finding:
    """Where the first value that is not finite arose.

    Attributes
    ----------
    operation : str
        ``"forward"`` or ``"backward"`` of a layer, ``"loss"``, ``"update"``; or the value was there already, in a
        ``"parameter"``, a ``"buffer"``, the ``"input"``, the ``"target"`` or the ``"sample_weight"``; or
        ``"unknown"``.
    name : str
        The layer's path, the parameter's name, the loss or the optimizer.
    step, epoch, batch : int
        Counted from 0: how many updates, epochs, and batches of this epoch had gone before.
    rows : list of int
        Which rows of the batch; empty where it is no row's doing.
    data_rows : list of int or None
        Which rows of the arrays that `fit` was given; None where it was given batches.
    size : int
        How many rows the batch has.
    batch_rows : list of int or None
        Which rows of those arrays they are.
    sentence : str
        All of this in one line.
    subject : Subject
        What a replay needs.
    script : Path or None
        What replays it.
    """

    operation: Operation
    name: str
    step: int
    epoch: int
    batch: int
    rows: list[int]
    data_rows: list[int] | None
    size: int
    batch_rows: list[int] | None
    sentence: str
    subject: Subject
    script: Path | None = None

    def __str__(self) -> str:
        return self.sentence


def label(path: str, name: str) -> str:
    """Name a layer by its path and its kind."""
    return f"layer {path} ({name})" if path else f"layer {name}"


def in_rows(rows: Sequence[int], size: int, data_rows: Sequence[int] | None) -> str:
    """Say in which samples of a batch: by their rows in the data where these are known."""
    if not rows:
        return ""
    if len(rows) == size > 1:
        return f", in all {size} samples"
    named = rows if data_rows is None else data_rows
    words = ", ".join(str(row) for row in named[:_NAMED]) + (", ..." if len(named) > _NAMED else "")
    where = "the batch" if data_rows is None else "the data"
    return f", in {len(rows)} of {size} samples (row{'s' if len(named) > 1 else ''} {words} of {where})"
