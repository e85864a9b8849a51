"""A table row by row: features as float32, NaN where nothing is, words by their number; the target's cells as text."""

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.datasets._cells import BLANK, MISSING, Row, Style, is_number, lacking, plain, read_cells
from nnxp.datasets._head import Head
from nnxp.datasets._reading import FilePath, open_limited
from nnxp.errors import FormatError

FILL = "in training, missing='drop', 'mean', 'median', 'most_frequent' or a number says what to do (--missing)"
_MOST_WORDS = 1000


@dataclass
class Plan:
    """How a column of features is read.

    Parameters
    ----------
    keeps_missing : bool
        Whether a missing cell becomes NaN; else it is an error.
    drops : bool
        Whether its row is left out.
    words : dict of str to int, or None
        The number of each word; None for a column of numbers.
    closed : bool
        Whether there may be no other words.
    other : int or None
        The number of any other word, where there may be some that have none of their own.
    """

    keeps_missing: bool = False
    drops: bool = False
    words: dict[str, int] | None = None
    closed: bool = False
    other: int | None = None


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is in the file.

    Attributes
    ----------
    where, path : str
        For messages.
    x : array of shape (n, columns), float32
        Of features; not a number where a cell is missing.
    cells : list of str
        The target's; empty where there is no target.
    lines : sequence of int
        Where each row ends in the file, from 1.
    head : Head
        What the columns are called.
    """

    where: str
    path: str
    x: np.ndarray[Any, Any]
    cells: list[str]
    lines: "array[int]"
    head: Head

    @property
    def target_name(self) -> str:
        """The target's name; empty where there is no target."""
        return "" if self.head.target is None else self.head.names[self.head.target]

    def error(self, expected: str, row: int, got: object, hint: str = "", column: str | None = None) -> FormatError:
        """Make the sentence for a wrong cell, of the target unless told."""
        place = f"{self.path}, line {self.lines[row]}, column {(column or self.target_name)!r}"
        return FormatError(message(self.where, f"{expected} in {place}", got, hint))


def data_rows(style: Style, path: FilePath, head: Head, max_bytes: int) -> Iterator[Row]:
    """Yield the rows of data, each with as many cells as there are columns."""
    with open_limited(style.where, path, max_bytes) as file:
        for line, row in islice(read_cells(style, path, file), int(head.has_header), None):
            if len(row) != len(head.names):
                expected = f"{len(head.names)} columns in {os.fspath(path)}, line {line}"
                raise FormatError(message(style.where, expected, len(row)))
            yield line, row


def read_sheet(
    style: Style, path: FilePath, head: Head, plans: Sequence[Plan], max_bytes: int, *, drops_targets: bool = False
) -> Sheet:
    """Read the file, a plan for each column of features; `drops_targets` leaves rows without a target out."""
    reader = _Reader(style, os.fspath(path), head, plans)
    cells: list[str] = []
    kept: dict[str, str] = {}
    values, lines = array("f"), array("q")
    for line, row in data_rows(style, path, head, max_bytes):
        target = "" if head.target is None else row.pop(head.target).strip()
        if drops_targets and target.lower() in BLANK:
            continue
        numbers = reader.numbers(line, row)
        if numbers is None:
            continue
        values.extend(numbers)
        lines.append(line)
        if head.target is not None:
            # Classes repeat: one string each is enough.
            cells.append(kept.setdefault(target, target) if len(kept) < _MOST_WORDS else target)
    if not lines:
        raise FormatError(message(style.where, f"rows without a missing cell in {os.fspath(path)}", 0))
    x = np.frombuffer(values, dtype=np.float32).reshape(len(lines), len(plans))
    if drops_targets and (absent := lacking(set(cells), style.number)):
        rows = [i for i, cell in enumerate(cells) if cell not in absent]
        x, cells, lines = x[rows], [cells[i] for i in rows], array("q", [lines[i] for i in rows])
    sheet = Sheet(style.where, os.fspath(path), x, cells, lines, head)
    _check_finite(sheet, plans)
    return sheet


@dataclass
class _Reader:
    """Turns the cells of a row into numbers."""

    style: Style
    path: str
    head: Head
    plans: Sequence[Plan]
    worded: list[tuple[int, Plan]] = field(init=False)
    dropping: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.worded = [(j, plan) for j, plan in enumerate(self.plans) if plan.words is not None]
        self.dropping = [j for j, plan in enumerate(self.plans) if plan.drops]

    def numbers(self, line: int, row: list[str]) -> list[float] | None:
        """Return a number a column; None for a row that is to be left out."""
        codes = [(j, self._code(line, j, plan, row[j].strip())) for j, plan in self.worded]
        for j, _ in codes:
            row[j] = "0"
        try:
            numbers = self.style.numbers(row)
        except ValueError:
            numbers = [self._number(line, j, cell.strip()) for j, cell in enumerate(row)]
        for j, code in codes:
            numbers[j] = code
        return None if any(numbers[j] != numbers[j] for j in self.dropping) else numbers

    def _number(self, line: int, j: int, cell: str) -> float:
        if is_number(cell, self.style.number):
            return self.style.number(cell)
        if cell.lower() not in MISSING:
            raise self._error(line, j, "a number", cell, self.style.advice(cell))
        if not self.plans[j].keeps_missing:
            raise self._error(line, j, "a number", cell, FILL)
        return float("nan")

    def _code(self, line: int, j: int, plan: Plan, cell: str) -> float:
        words = plan.words
        assert words is not None  # of a column of words
        cell = plain(cell, self.style.number)
        code = words.get(cell)
        if code is not None:
            return code
        if cell.lower() in BLANK:
            if not plan.keeps_missing:
                raise self._error(line, j, "a category", cell, FILL)
            return float("nan")
        if plan.other is not None:
            return plan.other
        if plan.closed:
            some = ", ".join(list(words)[:10]) + (", ..." if len(words) > 10 else "")
            hint = "in training, unseen='other' takes any other as one (--unseen)"
            raise self._error(line, j, f"one of the categories {some}", cell, hint)
        if len(words) >= _MOST_WORDS:
            hint = "leave out a column that names each row, or is free text"
            raise self._error(line, j, f"at most {_MOST_WORDS} categories", cell, hint)
        return words.setdefault(cell, len(words))

    def _error(self, line: int, j: int, expected: str, cell: str, hint: str) -> FormatError:
        place = f"{self.path}, line {line}, column {self.head.features[j]!r}"
        return FormatError(message(self.style.where, f"{expected} in {place}", cell, hint))


def _check_finite(sheet: Sheet, plans: Sequence[Plan]) -> None:
    """Refuse what float32 cannot hold, and a spelled-out NaN where nothing may be missing."""
    lenient = np.array([plan.keeps_missing for plan in plans], dtype=bool)
    for start in range(0, len(sheet.x), 65536):
        block = sheet.x[start : start + 65536]
        wrong = ~np.isfinite(block) & ~(np.isnan(block) & lenient)
        if wrong.any():
            row, j = (int(i) for i in np.argwhere(wrong)[0])
            hint = FILL if np.isnan(block[row, j]) else ""
            raise sheet.error(
                "a finite float32 number", start + row, block[row, j], hint, column=sheet.head.features[j]
            )
