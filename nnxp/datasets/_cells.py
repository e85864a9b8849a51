"""The rows of a file of comma-separated values, as text, one at a time."""

import csv
import math
import os
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from nnxp._checks import message
from nnxp.datasets._reading import FilePath
from nnxp.errors import FormatError

Row = tuple[int, list[str]]  # the line that it ends in, from 1, and its cells


def read_cells(where: str, path: FilePath, file: BinaryIO) -> Iterator[Row]:
    """Yield the rows that are not blank; FormatError where the file is no text, or no table."""
    lines = _decoded(where, path, file)
    first = next(lines, "")
    reader = csv.reader(chain([first], lines), delimiter=_delimiter(first))
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield reader.line_num, cells
    except csv.Error as error:
        expected = f"comma-separated values in {os.fspath(path)}, line {reader.line_num}"
        raise FormatError(message(where, expected, str(error))) from None


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number; nan, which stands for a missing one, is not."""
    try:
        return not math.isnan(float(cell))
    except ValueError:
        return False


def _decoded(where: str, path: FilePath, file: BinaryIO) -> Iterator[str]:
    for number, raw in enumerate(file, 1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            expected = f"UTF-8 text in {os.fspath(path)}, line {number}"
            raise FormatError(message(where, expected, f"the byte 0x{raw[error.start]:02x}")) from None


def _delimiter(line: str) -> str:
    """Return what cuts the line into most cells; a comma if nothing does."""
    try:
        counts = {mark: sum(len(row) for row in csv.reader([line], delimiter=mark)) for mark in ",;\t"}
    except csv.Error:
        # The reader will meet the same line, and say what is wrong.
        return ","
    return max(counts, key=counts.__getitem__)
