"""The rows of a file of comma-separated values, as text, one at a time."""

import csv
import math
import os
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from nnxp._checks import Words, check_choice, message
from nnxp.datasets._reading import FilePath
from nnxp.errors import FormatError

Row = tuple[int, list[str]]  # the line that it ends in, from 1, and its cells

# What stands for a number that is not there. In a column of words the longer ones may be words like any other.
BLANK = {"", "?", "nan"}
MISSING = BLANK | {"na", "n/a", "null", "none"}


@dataclass(frozen=True)
class Style:
    """How a file is written.

    Parameters
    ----------
    where : str
        For messages.
    separator : str, optional
        What stands between cells; None finds out.
    decimal : {".", ","}
        What stands before the fractions.
    header : bool, optional
        Whether the first row holds names; None finds out.
    """

    where: str
    separator: str | None = None
    decimal: str = "."
    header: bool | None = None

    def __post_init__(self) -> None:
        check_choice(self.where, "decimal", self.decimal, [".", ","])
        check_choice(self.where, "header", self.header, [None, True, False])
        mark = self.separator
        if mark is not None and (not isinstance(mark, str) or len(mark) != 1 or mark in '"\r\n' or mark.isalnum()):
            raise ValueError(message(self.where, "separator to be one character such as ',' or ';'", mark))
        if mark == self.decimal:
            raise ValueError(message(self.where, "separator and decimal to differ", mark))

    @property
    def number(self) -> Callable[[str], float]:
        """What reads a cell as a number, or raises ValueError."""
        return _with_point if self.decimal == "." else _with_comma

    def numbers(self, row: list[str]) -> list[float]:
        """Read a row of cells as numbers, or raise ValueError."""
        text = "".join(row)
        plainly = self.decimal == "." and "_" not in text and text.isascii()
        return list(map(float if plainly else self.number, row))

    def advice(self, cell: str) -> str:
        """Return what to do about a cell that is no number."""
        if re.fullmatch(r"[+-]?\d{1,3}([.,]\d{3})+", cell):
            return "write thousands without a mark (decimal=',' is for fractions: 1,5)"
        if self.decimal == "." and re.fullmatch(r"[+-]?\d+,\d+", cell):
            return "decimal=',' reads 1,5 as a number"
        return "categories='one-hot' or 'ordinal' makes numbers of words (--categories)"


def read_cells(style: Style, path: FilePath, file: BinaryIO) -> Iterator[Row]:
    """Yield the rows that are not blank; FormatError where the file is no text, or no table."""
    lines = _decoded(style.where, path, file)
    first = next(lines, "")
    mark = style.separator or _delimiter(first, style.decimal)
    # Strictly: a quote that is never closed would swallow all rows below it.
    reader = csv.reader(chain([first], lines), delimiter=mark, skipinitialspace=mark != " ", strict=True)
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield reader.line_num, cells
    except csv.Error as error:
        expected = f"comma-separated values in {os.fspath(path)}, line {reader.line_num}"
        raise FormatError(message(style.where, expected, str(error))) from None


def _with_point(cell: str) -> float:
    # Python's float also takes 1_000, and the digits of other scripts.
    if "_" in cell or not cell.strip().isascii():
        raise ValueError(cell)
    return float(cell)


def _with_comma(cell: str) -> float:
    # A point would separate thousands: 1.234 is not what it seems to be.
    if "." in cell:
        raise ValueError(cell)
    return _with_point(cell.replace(",", "."))


def is_number(cell: str, number: Callable[[str], float] = _with_point) -> bool:
    """Tell whether a cell is a number; nan, which stands for a missing one, is not."""
    try:
        return not math.isnan(number(cell))
    except ValueError:
        return False


def plain(cell: str, number: Callable[[str], float] = _with_point) -> str:
    """Write a whole number as Python does: ``"3.0"`` and ``"03"`` are ``"3"``."""
    if not is_number(cell, number) or not number(cell).is_integer():
        return cell
    try:
        # A float would round long ones, and make one of two.
        return str(int(cell))
    except ValueError:
        return str(int(number(cell)))


def lacking(cells: Collection[str], number: Callable[[str], float]) -> set[str]:
    """Return the cells that stand for a missing number: words for that, where all others are numbers."""
    absent = {cell for cell in cells if cell.lower() in MISSING}
    numbers = [cell for cell in cells if cell not in absent]
    return absent if numbers and all(is_number(cell, number) for cell in numbers) else set()


def _decoded(where: str, path: FilePath, file: BinaryIO) -> Iterator[str]:
    for number, raw in enumerate(file, 1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            expected = f"UTF-8 text in {os.fspath(path)}, line {number}"
            got = Words(f"the byte 0x{raw[error.start]:02x}")
            raise FormatError(message(where, expected, got, "save it as UTF-8")) from None


def _delimiter(line: str, decimal: str) -> str:
    """Return what cuts the line into most cells; the first choice if nothing does."""
    marks = ",;\t" if decimal == "." else ";\t"
    try:
        counts = {mark: sum(len(row) for row in csv.reader([line], delimiter=mark)) for mark in marks}
    except csv.Error:
        # The reader will meet the same line, and say what is wrong.
        return marks[0]
    return max(counts, key=counts.__getitem__)
