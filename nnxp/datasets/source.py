"""What the command line calls DATA: digits, a CSV file, an NPZ archive or a folder of IDX files, in one shape."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import did_you_mean, message
from nnxp.datasets._reading import MAX_BYTES
from nnxp.datasets._sheet import read_sheet
from nnxp.datasets._split import TEST_SHARE, shuffled_order
from nnxp.datasets.csv import Classes, find_classes, read_target
from nnxp.datasets.digits import digits
from nnxp.datasets.idx_folder import load_idx_folder
from nnxp.datasets.npz import load_npz
from nnxp.errors import FormatError

__all__ = ["DataSet", "load"]

HostArray = np.ndarray[Any, Any]

# Labels above this are numbers that somebody stored as integers, not classes.
_LARGEST_LABEL = 2**16


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set, ready to train on.

    Attributes
    ----------
    x_train, x_test : array of shape (n, *sample_shape)
        As stored, not scaled.
    y_train, y_test : array
        Labels of shape (n,), int64, that are positions in `classes`; or numbers of shape (n, outputs), float32.
    classes : tuple of int or str, or None
        What the labels stand for; None for regression.
    scale : {"unit", "standardize", "none"}
        What the network should do to its input: divide by 255 (images of bytes), bring each feature to mean 0 and
        standard deviation 1, or nothing, since it is in [0, 1].
    feature_names : tuple of str
        From a CSV file; empty otherwise.
    """

    x_train: HostArray
    y_train: HostArray
    x_test: HostArray
    y_test: HostArray
    classes: Classes
    scale: str
    feature_names: tuple[str, ...] = ()

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.x_train.shape[1:])


def load(
    data: str | os.PathLike[str], target: str | int | None = None, *, seed: int = 0, max_bytes: int = MAX_BYTES
) -> DataSet:
    """Return a data set by name.

    Parameters
    ----------
    data : str or path
        ``"digits"``; a file ending in ``.csv`` (whose rows are shuffled by the seed, 20 % for testing) or ``.npz``; or
        a folder of IDX files. See `digits`, `load_csv`, `load_npz` and `load_idx_folder`.
    target : str or int, optional
        Of a CSV file; see `load_csv`.
    seed : int
        Of the split, where there is one to draw.
    max_bytes : int
        Of each file.

    Returns
    -------
    DataSet
        With the classes 0 to the largest label, where the file has no names for them.

    Raises
    ------
    FormatError
        If a file is damaged, foreign, or too large.
    ValueError
        If `data` is none of the four, or has no such target.
    OSError
        If a file cannot be opened.
    """
    kind = find_kind("load", data, target)
    if kind == "csv":
        return _load_csv(data, target, seed, max_bytes)
    if kind == "digits":
        x_train, y_train, x_test, y_test = digits(TEST_SHARE, seed)
        return DataSet(x_train, y_train, x_test, y_test, tuple(range(10)), "none")
    read = load_npz if kind == "npz" else load_idx_folder
    x_train, y_train, x_test, y_test = read(data, max_bytes=max_bytes)
    classes = None if y_train.dtype.kind == "f" else tuple(range(_class_count(data, y_train, y_test)))
    return DataSet(x_train, y_train, x_test, y_test, classes, _scale(x_train))


def find_kind(where: str, data: str | os.PathLike[str], target: str | int | None) -> str:
    """Return ``digits``, ``csv``, ``npz`` or ``idx``."""
    name, path = os.fspath(data), Path(data)
    kind = "digits" if name == "digits" else "idx" if path.is_dir() else path.suffix.lower().removeprefix(".")
    if kind not in ("digits", "csv", "npz", "idx") or not (kind == "digits" or path.exists()):
        expected = "digits, a .csv file, a .npz file or a folder of IDX files"
        if path.exists():
            raise ValueError(message(where, expected, name))
        hint = did_you_mean(name, ["digits"]) or "there is no such file"
        raise FileNotFoundError(message(where, expected, name, hint))
    if target is not None and kind != "csv":
        raise ValueError(message(where, "target with a .csv file alone", name))
    return kind


def _load_csv(data: str | os.PathLike[str], target: str | int | None, seed: int, max_bytes: int) -> DataSet:
    sheet = read_sheet("load", data, target, max_bytes)
    y, classes = read_target(sheet, find_classes(sheet))
    if len(y) < 3:
        raise FormatError(message("load", f"at least 3 rows in {os.fspath(data)}", len(y)))
    train, test = shuffled_order("load", len(y), TEST_SHARE, seed)
    return DataSet(sheet.x[train], y[train], sheet.x[test], y[test], classes, "standardize", sheet.feature_names)


def _class_count(data: str | os.PathLike[str], *labels: HostArray) -> int:
    largest = max(int(y.max(initial=0)) for y in labels)
    if largest > _LARGEST_LABEL:
        hint = "numbers to predict are floating"
        raise FormatError(message("load", f"labels up to {_LARGEST_LABEL} in {os.fspath(data)}", largest, hint))
    return largest + 1


def _scale(x: HostArray) -> str:
    """Tell what brings the input into a range that a network likes."""
    if x.dtype == np.uint8:
        return "unit"
    if x.ndim > 2 and x.min() >= 0 and x.max() <= 255:
        return "unit" if x.max() > 1 else "none"
    return "standardize"
