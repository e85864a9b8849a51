"""Arrays to train on from columns with names: a data set of Hugging Face, a frame, a dictionary."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nnxp._backend import to_host
from nnxp._backend.dispatch import is_array
from nnxp._checks import Words, did_you_mean, message

__all__ = ["from_columns"]

HostArray = np.ndarray[Any, Any]


def from_columns(
    source: Any, inputs: str | Sequence[str], target: str | Sequence[str] | None = None
) -> tuple[HostArray, ...]:
    """Return arrays of some columns, ready for `Network.fit`.

    Parameters
    ----------
    source : mapping of str to array, pandas or polars DataFrame, or datasets.Dataset
        Whatever answers ``source[name]`` with a column. A data set of Hugging Face is read as NumPy, images decoded.
    inputs : str or sequence of str
        One column whose entries are samples (numbers, or arrays of one shape); or several columns of numbers, which
        become the features of samples of shape (len(inputs),).
    target : str or sequence of str, optional
        Likewise.

    Returns
    -------
    (x, y) : tuple of array
        Or ``(x,)`` without a target; ``net.fit(*from_columns(...), loss=...)`` takes them.

    Raises
    ------
    TypeError
        If a column is not made of numbers.
    ValueError
        If there is no such column, the entries of a column differ in shape, some are missing, or columns differ in
        length.

    Notes
    -----
    All of it is brought into memory. What does not fit there is better read by a ``torch.utils.data.DataLoader`` or a
    generator of batches, which `Network.fit` takes too.

    Examples
    --------
    >>> x, y = from_columns({"a": [1.0, 2.0], "b": [3.0, 4.0], "kind": [0, 1]}, ["a", "b"], "kind")
    >>> x
    array([[1., 3.],
           [2., 4.]])
    """
    if hasattr(source, "with_format") and hasattr(source, "features"):
        # One look at all rows; a column by itself would be decoded entry by entry.
        wanted = [name for part in (inputs, target) if part is not None for name in _names(part)]
        known = list(source.column_names)
        for name in wanted:
            _check_name(name, known)
        source = source.select_columns(list(dict.fromkeys(wanted))).with_format("numpy")[:]
    parts = tuple(_gathered(source, part) for part in (inputs, target) if part is not None)
    if len({len(part) for part in parts}) > 1:
        raise ValueError(message("from_columns", "columns of one length", Words(", ".join(str(len(p)) for p in parts))))
    return parts


def _names(part: str | Sequence[str]) -> list[str]:
    if isinstance(part, str):
        return [part]
    if not isinstance(part, Iterable) or not (names := list(part)):
        raise TypeError(message("from_columns", "a column's name or several", Words(repr(part))))
    return names


def _gathered(source: Any, part: str | Sequence[str]) -> HostArray:
    columns = [_column(source, name) for name in _names(part)]
    if isinstance(part, str):
        return columns[0]
    for name, column in zip(part, columns, strict=True):
        if column.ndim != 1 or len(column) != len(columns[0]):
            expected = f"a column of {len(columns[0])} numbers as {name!r}"
            raise ValueError(message("from_columns", expected, column.shape, "give one column of arrays by itself"))
    return np.stack(columns, axis=1)


def _column(source: Any, name: str) -> HostArray:
    known = list(source.columns if hasattr(source, "columns") else source)
    _check_name(name, known)
    column = source[name]
    try:
        array = to_host(column) if is_array(column) or not hasattr(column, "to_numpy") else column.to_numpy()
    except ValueError:
        raise ValueError(
            message("from_columns", f"entries of one shape in column {name!r}", Words("several"))
        ) from None
    if array.dtype == object and len(array) and all(isinstance(entry, (np.ndarray, list, tuple)) for entry in array):
        try:
            array = np.stack([np.asarray(entry) for entry in array])
        except ValueError:
            raise ValueError(
                message("from_columns", f"entries of one shape in column {name!r}", Words("several"))
            ) from None
    if array.dtype.kind not in "biuf":
        hint = "number the words: np.unique(column, return_inverse=True)[1]"
        raise TypeError(message("from_columns", f"numbers in column {name!r}", Words(f"dtype {array.dtype}"), hint))
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(message("from_columns", f"no missing value in column {name!r}", "nan", "fill or drop it"))
    return array


def _check_name(name: str, known: list[str]) -> None:
    if name not in known:
        hint = did_you_mean(name, known)
        raise ValueError(message("from_columns", f"one of the columns {', '.join(map(str, known[:20]))}", name, hint))
