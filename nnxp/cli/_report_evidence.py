"""What ``nnxp report`` finds out from a run's network and from its data, which are read again."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnxp.cli._build import samples
from nnxp.cli._folder import TrainedRun, open_run
from nnxp.datasets import DataSet
from nnxp.errors import DeviceError
from nnxp.report import Evidence, Record, explanation_of, look_at_classes, look_at_numbers, prove
from nnxp.report.words import plural

__all__ = ["gather"]

HostArray = np.ndarray[Any, Any]

# What a file or its content may do wrong.
_REFUSALS = (OSError, ValueError, TypeError, ImportError, DeviceError, MemoryError)
_LONGEST = 300


def gather(record: Record) -> Evidence:
    """Look at the network, and at what it does with its test data; whatever fails becomes a sentence."""
    found, folder = Evidence(), record.folder
    try:
        run = open_run("report", folder, "cpu")
    except _REFUSALS as error:
        found.notes.append(_without_network(record, error))
        return found
    found.parameters = int(run.net.theta.shape[0])
    table = run.net.summary().table
    found.structure = [list(table.columns), *(list(row) for row in table.rows)]
    try:
        data = run.load()
        x = samples(data.x_test)
        run.check_samples("report", x.shape[1:], run.data)
        _check_unchanged(record, run, data)
    except _REFUSALS as error:
        lost = "so there are no mistakes to show and no gradients to check"
        found.notes.append(f"The data {run.data} could not be read again, {lost} ({_short(error)}).")
        return found
    _look(found, run, data, x)
    return found


def _check_unchanged(record: Record, run: TrainedRun, data: DataSet) -> None:
    """Refuse data that are not those of the run any more: what is found there would be said of other samples."""
    if data.classes != run.goal.classes:
        raise ValueError(f"its {_classes(data.classes)} are not the run's {_classes(run.goal.classes)}")
    before = record.number("data", "test_samples")
    if before is not None and before != len(data.x_test):
        raise ValueError(f"it has {plural(len(data.x_test), 'test sample')} now, and had {before:,.0f} in training")


def _classes(names: tuple[int | str, ...] | None) -> str:
    return "numbers to predict" if names is None else f"classes {', '.join(map(str, names))}"


def _without_network(record: Record, error: BaseException) -> str:
    folder, lost = record.folder, "so nothing is said of mistakes, gradients and formulas"
    if record.diverged is not None and (script := folder / "replay_nan.py").exists():
        return f"The run has not come to its end, {lost}; python {script} shows where its numbers ceased to be finite."
    if isinstance(error, FileNotFoundError) and (folder / "last.safetensors").exists():
        return f"The run has not come to its end, {lost}; nnxp train --resume {folder} goes on with it."
    return f"The network could not be read, {lost} ({_short(error)})."


def _look(found: Evidence, run: TrainedRun, data: DataSet, x: HostArray) -> None:
    """Fill in what the network does with the test data."""
    net, goal, y = run.net, run.goal, data.y_test
    shown: dict[str, Any] = {"pictures": data.scale != "standardize", "features": data.feature_names}
    y = y.reshape(len(y), -1) if goal.classes is None else y

    def findings() -> None:
        if goal.classes is None:
            found.findings = look_at_numbers(net, x, y, **shown)
        else:
            found.findings = look_at_classes(net, x, y, goal.classes, **shown)

    def proof() -> None:
        found.proof = prove(net, x, y, goal.loss)

    def explanation() -> None:
        try:
            found.explanation = explanation_of(net, x, y, goal.loss)
        except TimeoutError as error:
            found.unexplained = str(error)

    parts: dict[str, Callable[[], None]] = {"mistakes": findings, "gradient check": proof, "formulas": explanation}
    for what, work in parts.items():
        try:
            with np.errstate(all="ignore"):
                work()
        except _REFUSALS as error:
            found.notes.append(f"There is no part on {what} ({_short(error)}).")


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
