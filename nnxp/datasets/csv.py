"""Tables of numbers from files of comma-separated values."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp.datasets._cells import is_number
from nnxp.datasets._reading import MAX_BYTES
from nnxp.datasets._sheet import Sheet, read_sheet

__all__ = ["CsvData", "load_csv"]

HostArray = np.ndarray[Any, Any]
Classes = tuple[int | str, ...] | None

_MOST_CLASSES = 100
_MISSING = {"", "?", "nan"}


@dataclass(frozen=True, eq=False)
class CsvData:
    """What `load_csv` read.

    Attributes
    ----------
    x : array of shape (n, features), float32
        One row a sample.
    y : array
        Labels of shape (n,), int64, that are positions in `classes`; or numbers of shape (n, 1), float32.
    feature_names : tuple of str
        The header's, or ``column 1``, ... without one.
    target_name : str
        Likewise.
    classes : tuple of int or str, or None
        What the labels stand for, in order; None where the target is a number.
    """

    x: HostArray
    y: HostArray
    feature_names: tuple[str, ...]
    target_name: str
    classes: Classes


def load_csv(path: str | os.PathLike[str], target: str | int | None = None, *, max_bytes: int = MAX_BYTES) -> CsvData:
    """Read features and a target from a file of comma-separated values in UTF-8.

    The first row is a header if a feature in it is no number. Where semicolons or tabs cut the first line into more
    cells than commas do, they separate. Blank lines are skipped.

    Parameters
    ----------
    path : path
        The file.
    target : str or int, optional
        The target column by its name in the header, or by its place from 0 (-1 is the last); None is the last.
    max_bytes : int
        How large the file may be.

    Returns
    -------
    CsvData
        A target of words, or of whole numbers with at most 100 distinct values, is made of classes; any other is a
        number to predict.

    Raises
    ------
    FormatError
        If a cell is missing or no number, a row has more or fewer cells than the first, or the file is empty, not UTF-8
        or too large; the message says file, line and column.
    ValueError
        If there is no such target.
    OSError
        If the file cannot be opened.
    """
    sheet = read_sheet("load_csv", path, target, max_bytes)
    y, classes = read_target(sheet, find_classes(sheet))
    return CsvData(sheet.x, y, sheet.feature_names, sheet.target_name, classes)


def find_classes(sheet: Sheet) -> Classes:
    """Return the classes that a target's cells make, in order; None where they are numbers to predict."""
    distinct = set(sheet.cells)
    _refuse(sheet, {cell for cell in distinct if cell.lower() in _MISSING}, "a target", "drop rows without one")
    if not all(map(is_number, distinct)):
        return tuple(sorted(distinct))
    numbers = {float(cell) for cell in distinct}
    if len(numbers) > _MOST_CLASSES or not all(number.is_integer() for number in numbers):
        return None
    return tuple(sorted(int(number) for number in numbers))


def read_target(sheet: Sheet, classes: Classes) -> tuple[HostArray, Classes]:
    """Return the target as positions in `classes`, or as numbers where there are none."""
    distinct = set(sheet.cells)
    if classes is None:
        with np.errstate(over="ignore"):
            values = {cell: np.float32(cell) if is_number(cell) else np.float32("nan") for cell in distinct}
        _refuse(
            sheet, {cell for cell, value in values.items() if not np.isfinite(value)}, "a finite float32 number", ""
        )
        return np.array([values[cell] for cell in sheet.cells], dtype=np.float32).reshape(-1, 1), None
    places = {str(name): i for i, name in enumerate(classes)}
    labels = {cell: places.get(cell, places.get(_plain(cell), -1)) for cell in distinct}
    _refuse(sheet, {cell for cell, label in labels.items() if label < 0}, f"one of the classes {shown(classes)}", "")
    return np.array([labels[cell] for cell in sheet.cells], dtype=np.int64), classes


def shown(classes: tuple[int | str, ...]) -> str:
    """List classes for a message, the first ten of them."""
    return ", ".join(map(str, classes[:10])) + (", ..." if len(classes) > 10 else "")


def _refuse(sheet: Sheet, wrong: set[str], expected: str, hint: str) -> None:
    """Raise for the first cell of the file that is among the wrong ones."""
    if wrong:
        row = next(i for i, cell in enumerate(sheet.cells) if cell in wrong)
        raise sheet.error(expected, row, sheet.cells[row], hint)


def _plain(cell: str) -> str:
    """Write a whole number as Python does: ``"3.0"`` and ``"03"`` are ``"3"``."""
    if not is_number(cell) or not float(cell).is_integer():
        return cell
    return str(int(float(cell)))
