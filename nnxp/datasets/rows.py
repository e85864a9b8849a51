"""Every sample of a data set, for a network that is trained already."""

import os
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.datasets._reading import MAX_BYTES
from nnxp.datasets._sheet import count_columns, read_sheet
from nnxp.datasets.csv import Classes, read_target, shown
from nnxp.datasets.digits import digits
from nnxp.datasets.idx_folder import load_idx_folder
from nnxp.datasets.npz import read_arrays
from nnxp.datasets.source import find_kind
from nnxp.errors import FormatError

__all__ = ["load_all"]

HostArray = np.ndarray[Any, Any]


def load_all(
    data: str | os.PathLike[str],
    target: str | int | None = None,
    *,
    classes: Classes,
    features: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[HostArray, HostArray | None]:
    """Return every sample of a data set, in order, for a network that exists.

    Parameters
    ----------
    data, target, max_bytes
        As for `load`. Training samples come before those for testing.
    classes : tuple of int or str, or None
        The network's: labels become positions in it. None for regression.
    features : int, optional
        How many numbers the network takes. Given, the data may lack a target: a CSV file with as many columns, or an
        NPZ archive with ``x`` alone.

    Returns
    -------
    x : array of shape (n, *sample_shape)
        As stored, not scaled.
    y : array or None
        As in `DataSet`; None without a target.

    Raises
    ------
    FormatError
        If a file is damaged, foreign or too large, or a label is not among the classes.
    ValueError
        If `data` is none of the four, or has no such target.
    OSError
        If a file cannot be opened.
    """
    kind = find_kind("load_all", data, target)
    if kind == "csv":
        return _all_rows(data, target, classes, features, max_bytes)
    if kind == "npz":
        parts = tuple(read_arrays("load_all", data, max_bytes, needs_target=features is None).values())
    else:
        parts = digits(test=0) if kind == "digits" else load_idx_folder(data, max_bytes=max_bytes)
    x = np.concatenate(parts[::2])
    return x, _as_positions(data, np.concatenate(parts[1::2]), classes) if len(parts) > 1 else None


def _all_rows(
    data: str | os.PathLike[str], target: str | int | None, classes: Classes, features: int | None, max_bytes: int
) -> tuple[HostArray, HostArray | None]:
    if features is not None and count_columns("load_all", data, max_bytes) == features:
        return read_sheet("load_all", data, None, max_bytes, has_target=False).x, None
    sheet = read_sheet("load_all", data, target, max_bytes)
    if features is not None and sheet.x.shape[1] != features:
        expected = f"{features} columns of features in {os.fspath(data)}, and a target or none"
        raise FormatError(message("load_all", expected, sheet.x.shape[1] + 1))
    return sheet.x, read_target(sheet, classes)[0]


def _as_positions(data: str | os.PathLike[str], y: HostArray, classes: Classes) -> HostArray:
    """Turn stored labels into positions in a network's classes."""
    if classes is None:
        return y if y.dtype.kind == "f" else y[:, None].astype(np.float32)
    if y.dtype.kind == "f":
        raise FormatError(message("load_all", f"labels in {os.fspath(data)}", "numbers to predict"))
    places = {str(name): i for i, name in enumerate(classes)}
    distinct, inverse = np.unique(y, return_inverse=True)
    unknown = [label for label in distinct.tolist() if str(label) not in places]
    if unknown:
        expected = f"labels among the classes {shown(classes)} in {os.fspath(data)}"
        raise FormatError(message("load_all", expected, unknown[0]))
    return np.array([places[str(label)] for label in distinct.tolist()], dtype=np.int64)[inverse]
