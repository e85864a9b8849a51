"""What was learned of a table's columns when it was read for training, so that others are read alike."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Column", "Table"]

HostArray = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Column:
    """A column of features.

    Attributes
    ----------
    name : str
        In the header, or ``column 1``, ...
    fill : float, str or None
        What stands in for a missing cell; None refuses one.
    drop : bool
        Whether rows without it are left out.
    categories : tuple of str, or None
        The words in it, in order; None where it is of numbers.
    coding : {"one-hot", "ordinal"}
        Whether each word has a column of zeros and ones, or words are numbered from 0.
    """

    name: str
    fill: float | str | None = None
    drop: bool = False
    categories: tuple[str, ...] | None = None
    coding: str = "ordinal"

    @property
    def width(self) -> int:
        """How many features it makes."""
        return len(self.categories) if self.categories is not None and self.coding == "one-hot" else 1

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Their names: ``colour=red``, ... of a column that is one-hot."""
        if self.categories is None or self.coding == "ordinal":
            return (self.name,)
        return tuple(f"{self.name}={word}" for word in self.categories)

    def encode(self, raw: HostArray) -> HostArray:
        """Turn numbers, or places among the words, into features of shape (n, width); NaN is filled."""
        if self.fill is not None:
            fill = self.fill if self.categories is None else self.categories.index(str(self.fill))
            raw = np.where(np.isnan(raw), np.float32(fill), raw)
        if self.categories is None or self.coding == "ordinal":
            return raw[:, None]
        hot: HostArray = raw[:, None] == np.arange(len(self.categories), dtype=np.float32)
        return hot


@dataclass(frozen=True)
class Table:
    """The columns of features in a table, as `load_csv` and `load` fitted them to its (training) rows.

    Give it to `load_csv` or `load_all` to read another file alike: with the same means for missing cells, and the same
    categories in the same order.

    Attributes
    ----------
    columns : tuple of Column
        In order.
    unseen : {"error", "other"}
        Whether a word that is not among a column's categories is refused, or is another one: all zeros where they are
        one-hot, and else a number of its own, that of the categories.
    drops_targets : bool
        Whether rows without a target are left out.
    """

    columns: tuple[Column, ...]
    unseen: str = "error"
    drops_targets: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features that the columns make."""
        return tuple(name for column in self.columns for name in column.feature_names)

    def encode(self, raw: HostArray) -> HostArray:
        """Turn a column each into features, float32 of shape (n, features)."""
        if any(column.width != 1 for column in self.columns):
            x = np.empty((len(raw), len(self.feature_names)), dtype=np.float32)
        else:
            x = raw
        start = 0
        for j, column in enumerate(self.columns):
            if column.fill is not None or column.categories is not None or x is not raw:
                x[:, start : start + column.width] = column.encode(raw[:, j])
            start += column.width
        return x

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "unseen": self.unseen,
            "drops_targets": self.drops_targets,
            "columns": [
                {
                    "name": column.name,
                    "fill": column.fill,
                    "drop": column.drop,
                    "categories": None if column.categories is None else list(column.categories),
                    "coding": column.coding,
                }
                for column in self.columns
            ],
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Table":
        """Rebuild it; KeyError, TypeError or ValueError where something is amiss."""
        columns = tuple(_column(**part) for part in kept["columns"])
        unseen, drops_targets = kept["unseen"], kept["drops_targets"]
        if unseen not in ("error", "other") or not isinstance(drops_targets, bool) or not columns:
            raise ValueError(unseen)
        return cls(columns, unseen, drops_targets)


def _column(name: Any, fill: Any, drop: Any, categories: Any, coding: Any) -> Column:
    words = None if categories is None else tuple(categories)
    right = [
        isinstance(name, str),
        isinstance(drop, bool),
        coding in ("one-hot", "ordinal"),
        words is None or (0 < len(words) == len(set(words)) and all(isinstance(word, str) for word in words)),
        fill is None or (fill in words if words is not None else _is_finite(fill)),
    ]
    if not all(right):
        raise ValueError(name)
    return Column(name, fill, drop, words, coding)


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
