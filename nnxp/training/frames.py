"""Frames and columns of pandas and polars as plain arrays; what is no number in them is named."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnxp._checks import Words, message

__all__ = ["from_frame", "is_frame"]

HostArray = np.ndarray[Any, Any]

_LIBRARIES = {"pandas", "polars"}


def is_frame(x: object) -> bool:
    """Tell whether `x` is a DataFrame or a Series, by the library of its type: nothing is imported."""
    return type(x).__module__.partition(".")[0] in _LIBRARIES and hasattr(x, "to_numpy")


def from_frame(where: str, x: Any) -> HostArray:
    """Return the numbers in a frame, of shape (n, columns), or in a column, of shape (n,).

    A frame whose columns are of one dtype is not copied where its library need not. Columns of different dtypes come
    in one that holds them all. Missing values, and what is no number, are refused with the name of their column.
    """
    if not hasattr(x, "columns"):
        return _numbers(where, "the column" if x.name is None else f"column {x.name!r}", x)
    columns = [_numbers(where, f"column {name!r}", column) for name, column in _columns(x)]
    if not columns:
        raise ValueError(message(where, "a frame with columns", Words("none")))
    # One block may be had as it is.
    whole = x.to_numpy()
    return whole if whole.dtype.kind in "biuf" else np.column_stack(columns)


def _columns(x: Any) -> Iterator[tuple[Any, Any]]:
    # By place, since pandas allows several of one name.
    if hasattr(x, "iter_columns"):
        return ((column.name, column) for column in x.iter_columns())
    return iter(x.items())


def _numbers(where: str, name: str, column: Any) -> HostArray:
    """Return a column as it is held; look into it as far as that is needed."""
    missing = int(column.null_count()) if hasattr(column, "null_count") else int(column.isna().sum())
    if missing:
        hint = "fill them, or drop their rows"
        raise ValueError(message(where, f"no missing values in {name}", missing, hint))
    array: HostArray = column.to_numpy()
    if array.dtype == object and _kind(column) in "biuf":
        # An extension's dtype of numbers, which were found to be all there.
        array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        hint = "number the words: np.unique(column, return_inverse=True)[1]"
        raise TypeError(message(where, f"numbers in {name}", Words(f"dtype {column.dtype}"), hint))
    return array


def _kind(column: Any) -> str:
    return str(getattr(column.dtype, "kind", "O"))
