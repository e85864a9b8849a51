"""A file of comma-separated values as numbers, row by row: features as float32, the target's cells as text."""

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from nnxp._checks import did_you_mean, message
from nnxp.datasets._cells import Row, is_number, read_cells
from nnxp.datasets._reading import FilePath, open_limited
from nnxp.errors import FormatError

MISSING = {"", "?", "nan", "na", "n/a", "null", "none"}
_FILL = "fill missing values, or drop their rows"


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is in the file.

    Attributes
    ----------
    where, path : str
        For messages.
    x : array of shape (n, features), float32
        All finite.
    cells : list of str
        The target's; empty where there is no target.
    lines : sequence of int
        Where each row ends in the file, from 1.
    feature_names : tuple of str
        From the header, or ``column 1``, ...
    target_name : str
        Likewise; empty where there is no target.
    """

    where: str
    path: str
    x: np.ndarray[Any, Any]
    cells: list[str]
    lines: "array[int]"
    feature_names: tuple[str, ...]
    target_name: str

    def error(self, expected: str, row: int, got: object, hint: str = "") -> FormatError:
        """Make the sentence for a wrong target."""
        place = f"{self.path}, line {self.lines[row]}, column {self.target_name!r}"
        return FormatError(message(self.where, f"{expected} in {place}", got, hint))


def read_sheet(
    where: str, path: FilePath, target: str | int | None, max_bytes: int, *, has_target: bool = True
) -> Sheet:
    """Read the file.

    Parameters
    ----------
    where : str
        For messages.
    path : path
        The file.
    target : str, int or None
        The target column's name or place; None is the last.
    max_bytes : int
        How large it may be.
    has_target : bool
        False makes every column a feature.
    """
    with open_limited(where, path, max_bytes) as file:
        rows = read_cells(where, path, file)
        first, second = next(rows, None), next(rows, None)
        if first is None:
            raise FormatError(message(where, f"rows of numbers in {os.fspath(path)}", "an empty file"))
        cells = [cell.strip() for cell in first[1]]
        if has_target and len(cells) < 2:
            raise FormatError(
                message(where, f"a feature and a target in each row of {os.fspath(path)}", f"{len(cells)} column")
            )
        index = _target_index(where, path, target, cells) if has_target else None
        has_header = _is_header(cells, second, index, target)
        if has_header and second is None:
            raise FormatError(message(where, f"rows of numbers in {os.fspath(path)}", "a header alone"))
        names = cells if has_header else [f"column {i + 1}" for i in range(len(cells))]
        start = [second] if has_header else [first, second]
        return _numbers(where, path, chain((row for row in start if row), rows), names, index)


def count_columns(where: str, path: FilePath, max_bytes: int) -> int:
    """Count the cells of the first row; 0 in an empty file."""
    with open_limited(where, path, max_bytes) as file:
        return len(next(read_cells(where, path, file), (0, []))[1])


def _target_index(where: str, path: FilePath, target: str | int | None, cells: list[str]) -> int:
    if target is None:
        return len(cells) - 1
    if isinstance(target, str) and target in cells and not all(map(is_number, cells)):
        return cells.index(target)
    try:
        index = int(target)
    except ValueError:
        index = len(cells)
    if not -len(cells) <= index < len(cells):
        hint = did_you_mean(str(target), cells) or f"there are {len(cells)}, counted from 0"
        raise ValueError(
            message(where, f"target to be the name or the place of a column in {os.fspath(path)}", target, hint)
        )
    return index % len(cells)


def _is_header(cells: list[str], second: Row | None, index: int | None, target: str | int | None) -> bool:
    """Tell whether the first row holds names: it has a word where numbers belong."""
    words = [not is_number(cell) and cell.lower() not in MISSING for cell in cells]
    if index is None:
        return any(words)
    if any(words[:index] + words[index + 1 :]) or (words[index] and target == cells[index]):
        return True
    # A word for the target alone may be a class; below a name there are numbers.
    return words[index] and second is not None and index < len(second[1]) and is_number(second[1][index])


def _numbers(where: str, path: FilePath, rows: Iterator[Row], names: list[str], index: int | None) -> Sheet:
    values, lines = array("f"), array("q")
    cells: list[str] = []
    kept: dict[str, str] = {}
    for line, row in rows:
        if len(row) != len(names):
            raise FormatError(message(where, f"{len(names)} columns in {os.fspath(path)}, line {line}", len(row)))
        if index is not None:
            cell = row.pop(index).strip()
            # Classes repeat: one string each is enough.
            cells.append(kept.setdefault(cell, cell) if len(kept) < 1000 else cell)
        lines.append(line)
        try:
            values.extend(map(float, row))
        except ValueError:
            raise _bad_cell(where, path, line, names, index, row) from None
    features = [name for i, name in enumerate(names) if i != index]
    x = np.frombuffer(values, dtype=np.float32).reshape(len(lines), len(features))
    for start in range(0, len(x), 65536):
        finite = np.isfinite(x[start : start + 65536])
        if not finite.all():
            wrong, column = (int(i) for i in np.argwhere(~finite)[0])
            place = f"{os.fspath(path)}, line {lines[start + wrong]}, column {features[column]!r}"
            cell = x[start + wrong, column]
            raise FormatError(
                message(where, f"a finite float32 number in {place}", cell, _FILL if np.isnan(cell) else "")
            )
    name = "" if index is None else names[index]
    return Sheet(where, os.fspath(path), x, cells, lines, tuple(features), name)


def _bad_cell(
    where: str, path: FilePath, line: int, names: list[str], index: int | None, row: list[str]
) -> FormatError:
    features = [name for i, name in enumerate(names) if i != index]
    name, cell = next((n, c.strip()) for n, c in zip(features, row, strict=True) if not is_number(c))
    place = f"{os.fspath(path)}, line {line}, column {name!r}"
    return FormatError(message(where, f"a number in {place}", cell, _FILL if cell.lower() in MISSING else ""))
