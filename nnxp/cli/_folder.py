"""The folder of a run: made by ``nnxp train --out``, read by the commands that go on from there."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from nnxp._checks import Words, message
from nnxp._files import write_atomic
from nnxp.cli._build import samples
from nnxp.cli._goal import Goal
from nnxp.cli._reading import Reading
from nnxp.cli._report import Report
from nnxp.datasets import DataSet, Table, load_all
from nnxp.datasets import load as load_data
from nnxp.errors import FormatError
from nnxp.io import load, read_metadata, save
from nnxp.metrics import confusion_matrix
from nnxp.network import Network

__all__ = ["CONFIG", "DIAGNOSTICS", "HISTORY", "LOG", "TrainedRun", "check_new", "make", "open_run", "write"]

_MODEL, HISTORY, CONFIG, LOG, DIAGNOSTICS = (
    "model.safetensors", "history.csv", "config.toml", "log.txt", "diagnostics.csv",
)  # fmt: skip
_IMAGES, _CURVES, _CONFUSION, _PAGE = "images.png", "history.png", "confusion_matrix.png", "report.html"
_STATES = ("last.safetensors", "best.safetensors")
_RECORDING = ("replay_nan.py", "replay_nan.npz")

_IMAGES_SHOWN = 40
# A picture of more could not be read.
_MOST_CLASSES = 100


def check_new(folder: Path | None, force: bool) -> None:
    """Refuse a folder that is in use, before any work is done."""
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise ValueError(message("train", "--out to be a folder", Words(f"{folder}, which is a file")))
    if folder.is_dir() and not force and any(folder.iterdir()):
        raise ValueError(message("train", "--out to be a new or empty folder", str(folder), "--force overwrites"))


def make(folder: Path, resume: bool) -> None:
    """Make the folder, before the work whose result goes into it, and clear away what must not be taken for ours."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        option = "--resume" if resume else "--out"
        raise ValueError(message("train", f"{option} to be a folder that may be written to", str(folder)))
    # What a killed writer has left; and of an earlier run everything.
    old = [*folder.glob(".nnxp-*")]
    if not resume:
        names = (_MODEL, HISTORY, CONFIG, LOG, DIAGNOSTICS, _IMAGES, _CURVES, _CONFUSION, _PAGE)
        old += [folder / name for name in (*names, *_STATES, *_RECORDING)]
    for path in old:
        path.unlink(missing_ok=True)


def write(report: Report) -> list[str]:
    """Write everything that a run leaves, and return the files' names."""
    plan = report.plan
    folder = plan.settings.out
    if folder is None:
        return []
    kept = {**plan.goal.to_json(), "data": plan.settings.data, "target": plan.settings.target}
    table = plan.data.table
    kept |= {"reading": plan.settings.reading.to_json(), "table": None if table is None else table.to_json()}
    save(plan.net, folder / _MODEL, extra={"train": kept})
    report.history.to_csv(folder / HISTORY)
    drawn = _draw(report, folder)
    # Last of all: who finds a result there finds everything.
    write_atomic(folder / CONFIG, report.to_toml())
    return [_MODEL, HISTORY, CONFIG, *drawn]


def _draw(report: Report, folder: Path) -> list[str]:
    """Draw the pictures; without matplotlib, say so."""
    from nnxp.plotting import plot_confusion_matrix, plot_history, plot_images

    data, classes = report.plan.data, report.plan.goal.classes
    drawings: dict[str, Callable[[Path], Any]] = {}
    if data.scale != "standardize" and _is_picture(data.sample_shape):
        labels = None if classes is None else [classes[label] for label in data.y_train[:_IMAGES_SHOWN]]
        drawings[_IMAGES] = lambda path: plot_images(data.x_train[:_IMAGES_SHOWN], labels, path=path)
    drawings[_CURVES] = lambda path: plot_history(report.history, path=path)
    if classes is not None and len(classes) <= _MOST_CLASSES:
        matrix = confusion_matrix(report.plan.net.predict(data.x_test), data.y_test, len(classes))
        drawings[_CONFUSION] = lambda path: plot_confusion_matrix(matrix, classes, path=path)
    try:
        for name, draw in drawings.items():
            draw(folder / name)
    except ImportError as error:
        print(f"no pictures: {error}")
        return []
    return list(drawings)


def _is_picture(shape: tuple[int, ...]) -> bool:
    if len(shape) == 1:
        return int(shape[0] ** 0.5 + 0.5) ** 2 == shape[0]
    return len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))


@dataclass(frozen=True)
class TrainedRun:
    """A run as it was left.

    Attributes
    ----------
    net : Network
        On the device that was asked for.
    goal : Goal
        What it has learned.
    data : str
        What it was trained on.
    target : str or None
        The target's column there.
    reading : Reading
        How that was read.
    table : Table or None
        What was learned of its columns.
    """

    net: Network
    goal: Goal
    data: str
    target: str | None
    reading: Reading = field(default_factory=Reading)
    table: Table | None = None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(n or 0 for n in self.net.input_shape or ())

    def target_in(self, data: str) -> str | None:
        """Return the column that training took for its target, where there are columns."""
        return self.target if data.lower().endswith(".csv") else None

    def load(self) -> DataSet:
        """Read what the run was trained on again, with the same test part."""
        return load_data(self.data, self.target, **self.reading.options())

    def read(
        self, command: str, data: str, target: str | None = None, *, needs_target: bool = True
    ) -> tuple[Any, Any | None]:
        """Read all samples of other data, as those of training were read; None where there is no target."""
        features = None if needs_target else prod(self.sample_shape)
        x, y = load_all(
            data, target or self.target_in(data), classes=self.goal.classes, features=features,
            sample_shape=self.sample_shape, table=self.table, decimal=self.reading.decimal or ".",
        )  # fmt: skip
        x = samples(x)
        self.check_samples(command, x.shape[1:], data)
        return x, y if y is None or self.goal.classes else y.reshape(len(y), -1)

    def check_samples(self, command: str, shape: tuple[int, ...], data: str) -> None:
        """Refuse samples of another shape."""
        if shape != self.sample_shape:
            raise ValueError(message(command, f"samples of shape {self.sample_shape} in {data}, as the run's", shape))


def open_run(command: str, folder: Path, device: str | None = None) -> TrainedRun:
    """Read a run's network and what it is for."""
    path = folder / _MODEL
    if not path.is_file():
        hint = f"nnxp train --out {folder} makes one"
        raise FileNotFoundError(message(command, f"a run, which is a folder with {_MODEL}", str(folder), hint))
    kept = read_metadata(path)["extra"].get("train")
    foreign = FormatError(message(command, "a network that nnxp train saved", str(path)))
    try:
        goal = Goal.from_json(kept)
        data, target = str(kept["data"]), kept["target"]
        reading = Reading.from_json(kept.get("reading", {}))
        table = None if kept.get("table") is None else Table.from_json(kept["table"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise foreign from None
    net = load(path, device=device)
    named = goal.outputs if goal.classes is None else len(goal.classes)
    if net.input_shape is None or None in net.input_shape or {net.output_shape, (goal.outputs,)} != {(named,)}:
        raise foreign
    net.loss = goal.loss
    return TrainedRun(net, goal, data, None if target is None else str(target), reading, table)
