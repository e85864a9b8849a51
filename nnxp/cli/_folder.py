"""The folder of a run: made by ``nnxp train --out``, read by the commands that go on from there."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnxp._checks import Words, message
from nnxp._files import write_atomic
from nnxp.cli._goal import Goal
from nnxp.cli._report import Report
from nnxp.errors import FormatError
from nnxp.io import load, read_metadata, save
from nnxp.metrics import confusion_matrix
from nnxp.network import Network

__all__ = ["TrainedRun", "check_new", "make", "open_run", "write"]

_MODEL, _HISTORY, _CONFIG = "model.safetensors", "history.csv", "config.toml"
_IMAGES, _CURVES, _CONFUSION = "images.png", "history.png", "confusion_matrix.png"

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


def make(folder: Path | None) -> None:
    """Make the folder, before the work whose result goes into it."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise ValueError(message("train", "--out to be a folder that may be written to", str(folder)))


def write(report: Report) -> list[str]:
    """Write everything that a run leaves, and return the files' names."""
    folder = report.settings.out
    if folder is None:
        return []
    for name in (_MODEL, _HISTORY, _CONFIG, _IMAGES, _CURVES, _CONFUSION):
        # What an earlier run left must not be taken for ours.
        (folder / name).unlink(missing_ok=True)
    kept = {**report.goal.to_json(), "data": report.settings.data, "target": report.settings.target}
    save(report.net, folder / _MODEL, extra={"train": kept})
    report.history.to_csv(folder / _HISTORY)
    write_atomic(folder / _CONFIG, report.to_toml())
    return [_MODEL, _HISTORY, _CONFIG, *_draw(report, folder)]


def _draw(report: Report, folder: Path) -> list[str]:
    """Draw the pictures; without matplotlib, say so."""
    from nnxp.plotting import plot_confusion_matrix, plot_history, plot_images

    data, classes = report.data, report.goal.classes
    drawings: dict[str, Callable[[Path], Any]] = {}
    if data.scale != "standardize" and _is_picture(data.sample_shape):
        labels = None if classes is None else [classes[label] for label in data.y_train[:_IMAGES_SHOWN]]
        drawings[_IMAGES] = lambda path: plot_images(data.x_train[:_IMAGES_SHOWN], labels, path=path)
    drawings[_CURVES] = lambda path: plot_history(report.history, path=path)
    if classes is not None and len(classes) <= _MOST_CLASSES:
        matrix = confusion_matrix(report.net.predict(data.x_test), data.y_test, len(classes))
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
    """

    net: Network
    goal: Goal
    data: str
    target: str | None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(n or 0 for n in self.net.input_shape or ())

    def target_in(self, data: str) -> str | None:
        """Return the column that training took for its target, where there are columns."""
        return self.target if data.lower().endswith(".csv") else None

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
    except (AttributeError, KeyError, TypeError, ValueError):
        raise foreign from None
    net = load(path, device=device)
    named = goal.outputs if goal.classes is None else len(goal.classes)
    if net.input_shape is None or None in net.input_shape or {net.output_shape, (goal.outputs,)} != {(named,)}:
        raise foreign
    net.loss = goal.loss
    return TrainedRun(net, goal, data, None if target is None else str(target))
