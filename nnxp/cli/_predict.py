"""The work of ``nnxp predict``."""

import csv
import sys
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from nnxp._checks import message
from nnxp._files import atomic_path
from nnxp.cli._folder import TrainedRun, open_run
from nnxp.cli._threads import use_threads

__all__ = ["predict_run"]

HostArray = np.ndarray[Any, Any]


def predict_run(
    folder: Path, data: str, out: Path | None, target: str | None, device: str | None, threads: int | None, force: bool
) -> int:
    """Write a row of predictions for every sample."""
    use_threads(threads)
    if out is not None and out.exists() and not force:
        raise ValueError(message("predict", "--out to be a new file", str(out), "--force overwrites"))
    run = open_run("predict", folder, device)
    x, _ = run.read("predict", data, target, needs_target=False)
    head, rows = _numbers(run, x) if run.goal.classes is None else _classes(run, x, run.goal.classes)
    if out is None:
        _write(sys.stdout, head, rows)
        return 0
    with atomic_path(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        _write(file, head, rows)
    print(f"wrote {out}: {len(x):,} predictions")
    return 0


def _classes(run: TrainedRun, x: HostArray, classes: tuple[int | str, ...]) -> tuple[list[Any], list[list[Any]]]:
    probabilities = run.net.predict_proba(x)
    rows = [
        [classes[best], *(f"{p:.6g}" for p in row)]
        for best, row in zip(probabilities.argmax(axis=1), probabilities, strict=True)
    ]
    return ["prediction", *classes], rows


def _numbers(run: TrainedRun, x: HostArray) -> tuple[list[Any], list[list[Any]]]:
    outputs = run.net.predict(x)
    several = outputs.shape[1] > 1
    head = [f"prediction {i + 1}" for i in range(outputs.shape[1])] if several else ["prediction"]
    return head, [[f"{value:.9g}" for value in row] for row in outputs]


def _write(file: TextIO, head: list[Any], rows: list[list[Any]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
