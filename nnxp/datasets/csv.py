"""Tables from files of comma-separated values."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp._checks import Words, message
from nnxp.datasets._cells import BLANK, Style, is_number, lacking, plain
from nnxp.datasets._fitting import fit_table, read_by_rules, read_by_table
from nnxp.datasets._head import read_head
from nnxp.datasets._reading import MAX_BYTES
from nnxp.datasets._rules import Categories, Missing, Rules
from nnxp.datasets._sheet import Sheet
from nnxp.datasets.table import Table

__all__ = ["CsvData", "load_csv"]

HostArray = np.ndarray[Any, Any]
Classes = tuple[int | str, ...] | None

_MOST_CLASSES = 100


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
        The header's, or ``column 1``, ... without one; ``colour=red``, ... of categories that are one-hot.
    target_name : str
        Likewise.
    classes : tuple of int or str, or None
        What the labels stand for, in order; None where the target is a number.
    table : Table
        What was learned of the columns.
    """

    x: HostArray
    y: HostArray
    feature_names: tuple[str, ...]
    target_name: str
    classes: Classes
    table: Table


def load_csv(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    *,
    missing: Missing = "error",
    categories: Categories = "error",
    unseen: str = "error",
    table: Table | None = None,
    separator: str | None = None,
    decimal: str = ".",
    header: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> CsvData:
    """Read features and a target from a file of comma-separated values in UTF-8.

    Blank lines are skipped, and cells may be quoted. The file is read row by row, twice where words may come.

    Parameters
    ----------
    path : path
        The file.
    target : str or int, optional
        The target column by its name in the header, or by its place from 0 (-1 is the last); None is the last.
    missing : {"error", "drop", "mean", "median", "most_frequent"} or number, or mapping of str to these
        What to do with a feature that is missing (an empty cell, ``?``, ``nan``; among numbers also ``na``, ``n/a``,
        ``null`` and ``none``): leave its row out, or put the column's mean, median or most frequent value there, or
        this number. ``"drop"`` leaves rows without a target out, too. A mapping is of name patterns: the first that
        fits a column counts, and what fits none is an error; there a word may stand for missing words.
    categories : {"error", "one-hot", "ordinal"}, or mapping of str to these or to a list of words
        What to do with a column of words: make a column of zeros and ones for each, or number them, in alphabetical
        order or in that of the list. A mapping is of name patterns; a column that it names may be of numbers, too.
    unseen : {"error", "other"}
        What `table` will do with a word that is not in this file; see `Table`.
    table : Table, optional
        Of another file, which this one is to be read like, instead of `missing`, `categories` and `unseen`.
    separator : str, optional
        A character; None takes semicolons or tabs where they cut the first line into more cells than commas do.
    decimal : {".", ","}
        What stands before the fractions; with a comma, commas do not separate, and a point within a number is an error.
    header : bool, optional
        Whether the first row holds names. None says yes if a feature in it is no number; where categories may come, if
        all of them are words, or there is a number below a word.
    max_bytes : int
        How large the file may be.

    Returns
    -------
    CsvData
        A target of words, or of whole numbers with at most 100 distinct values, is made of classes; any other is a
        number to predict, and a word among such numbers is an error.

    Raises
    ------
    FormatError
        If a cell is missing or no number and nothing was said about it, two columns have one name, a row has more or
        fewer cells than the first, or the file is empty, not UTF-8 or too large; it says file, line and column.
    ValueError
        If there is no such target, or an argument is none of those above.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> train = load_csv("train.csv", "price", missing="median", categories={"size": ["S", "M", "L"], "*": "one-hot"})
    >>> test = load_csv("test.csv", "price", table=train.table)
    """
    style = Style("load_csv", separator, decimal, header)
    rules = Rules.of("load_csv", missing, categories, unseen)
    if table is not None:
        if rules != Rules.of("load_csv", "error", "error", "error"):
            raise ValueError(message("load_csv", "missing, categories and unseen to be the table's", Words("both")))
        words = any(column.categories is not None for column in table.columns)
        head = read_head(style, path, target, max_bytes, takes_words=words)
        sheet, x = read_by_table(style, path, head, table, max_bytes)
    else:
        sheet, plans = read_by_rules(style, path, target, rules, max_bytes)
        table = fit_table(sheet, plans, rules)
        x = table.encode(sheet.x)
    y, classes = read_target(sheet, find_classes(sheet, decimal), decimal)
    return CsvData(x, y, table.feature_names, sheet.target_name, classes, table)


def find_classes(sheet: Sheet, decimal: str = ".") -> Classes:
    """Return the classes that a target's cells make, in order; None where they are numbers to predict."""
    number = Style(sheet.where, decimal=decimal).number
    distinct = set(sheet.cells)
    _refuse(sheet, {cell for cell in distinct if cell.lower() in BLANK}, "a target", _NO_TARGET)
    _refuse(sheet, lacking(distinct, number), "a target", _NO_TARGET)
    numbers = {cell for cell in distinct if is_number(cell, number)}
    if not numbers:
        return tuple(sorted(distinct))
    values = {number(cell) for cell in numbers}
    as_classes = len(values) <= _MOST_CLASSES and all(value.is_integer() for value in values)
    if len(numbers) < len(distinct):
        if not as_classes:
            _refuse(sheet, distinct - numbers, "a number, as in other rows,", "drop that row")
        return tuple(sorted(distinct))
    return tuple(sorted({int(plain(cell, number)) for cell in numbers})) if as_classes else None


_NO_TARGET = "missing='drop' leaves rows without one out (--missing drop)"


def read_target(sheet: Sheet, classes: Classes, decimal: str = ".") -> tuple[HostArray, Classes]:
    """Return the target as positions in `classes`, or as numbers where there are none."""
    number = Style(sheet.where, decimal=decimal).number
    distinct = set(sheet.cells)
    if classes is None:
        with np.errstate(over="ignore"):
            values = {cell: np.float32(number(cell) if is_number(cell, number) else float("nan")) for cell in distinct}
        _refuse(
            sheet, {cell for cell, value in values.items() if not np.isfinite(value)}, "a finite float32 number", ""
        )
        return np.array([values[cell] for cell in sheet.cells], dtype=np.float32).reshape(-1, 1), None
    places = {str(name): i for i, name in enumerate(classes)}
    labels = {cell: places.get(cell, places.get(plain(cell, number), -1)) for cell in distinct}
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
