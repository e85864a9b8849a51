"""The first rows of a table: whether they hold names, and which column is the target."""

import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from nnxp._checks import Words, did_you_mean, message
from nnxp.datasets._cells import MISSING, Row, Style, is_number, read_cells
from nnxp.datasets._reading import FilePath, open_limited
from nnxp.errors import FormatError


@dataclass(frozen=True)
class Head:
    """What is known before the numbers are read.

    Attributes
    ----------
    names : tuple of str
        Of all columns: the header's, or ``column 1``, ...
    target : int or None
        The target's place among them.
    has_header : bool
        Whether the first row holds names.
    """

    names: tuple[str, ...]
    target: int | None
    has_header: bool

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of all columns but the target."""
        return tuple(name for i, name in enumerate(self.names) if i != self.target)


def read_head(
    style: Style,
    path: FilePath,
    target: str | int | None,
    max_bytes: int,
    *,
    has_target: bool = True,
    takes_words: bool = False,
) -> Head:
    """Look at the first two rows; `takes_words` tells whether features may be words in rows of data too."""
    with open_limited(style.where, path, max_bytes) as file:
        rows = read_cells(style, path, file)
        first, second = next(rows, None), next(rows, None)
    name = os.fspath(path)
    if first is None:
        raise FormatError(message(style.where, f"rows of numbers in {name}", Words("an empty file")))
    cells = [cell.strip() for cell in first[1]]
    if has_target and len(cells) < 2:
        expected = f"a feature and a target in each row of {name}"
        raise FormatError(message(style.where, expected, Words(f"{len(cells)} column")))
    index = _target_index(style, path, target, cells) if has_target else None
    has_header = style.header
    if has_header is None:
        has_header = _is_header(style, cells, second, index, target, takes_words)
    if not has_header:
        return Head(tuple(f"column {i + 1}" for i in range(len(cells))), index, False)
    if second is None:
        raise FormatError(message(style.where, f"rows of numbers in {name}", Words("a header alone")))
    names = tuple(cell or f"column {i + 1}" for i, cell in enumerate(cells))
    twice = next((word for word, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        hint = "rename one, or drop it"
        raise FormatError(
            message(style.where, f"columns of different names in {name}", Words(f"{twice!r} twice"), hint)
        )
    return Head(names, index, True)


def _target_index(style: Style, path: FilePath, target: str | int | None, cells: list[str]) -> int:
    if target is None:
        return len(cells) - 1
    if isinstance(target, bool) or not (isinstance(target, str) or hasattr(target, "__index__")):
        expected = f"target to be the name or the place of a column in {os.fspath(path)}"
        raise TypeError(message(style.where, expected, Words(f"{target!r} of type {type(target).__name__}")))
    if isinstance(target, str) and target in cells and not all(map(is_number, cells)):
        return cells.index(target)
    try:
        index = int(target)
    except ValueError:
        index = len(cells)
    if not -len(cells) <= index < len(cells):
        expected = f"target to be the name or the place of a column in {os.fspath(path)}"
        hint = did_you_mean(str(target), cells) or f"there are {len(cells)}, counted from 0"
        raise ValueError(message(style.where, expected, target, hint))
    return index % len(cells)


def _is_header(
    style: Style, cells: list[str], second: Row | None, index: int | None, target: str | int | None, takes_words: bool
) -> bool:
    """Tell whether the first row holds names: it has a word where numbers belong."""
    words = [not is_number(cell, style.number) and cell.lower() not in MISSING for cell in cells]
    below = [is_number(cell, style.number) for cell in second[1]] if second else []
    below += [False] * (len(cells) - len(below))
    features = [i for i in range(len(cells)) if i != index]
    if takes_words and not all(words[i] for i in features):
        # Words may be data; below a name there are numbers.
        return any(words[i] and below[i] for i in features)
    if any(words[i] for i in features) or (index is not None and words[index] and target == cells[index]):
        return True
    # A word for the target alone may be a class.
    return index is not None and words[index] and below[index]
