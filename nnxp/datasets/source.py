"""What the command line calls DATA: digits, a file or a folder, of one kind or another, in one shape."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import did_you_mean, message
from nnxp.datasets._cells import Style
from nnxp.datasets._fitting import fit_table, read_by_rules
from nnxp.datasets._pictures import SUFFIXES
from nnxp.datasets._reading import MAX_BYTES
from nnxp.datasets._rules import Rules
from nnxp.datasets._split import TEST_SHARE, shuffled_order
from nnxp.datasets.csv import find_classes, read_target
from nnxp.datasets.data_set import DataSet
from nnxp.datasets.digits import digits
from nnxp.datasets.idx_folder import load_idx_folder
from nnxp.datasets.images import load_images
from nnxp.datasets.npy import load_npy
from nnxp.datasets.npz import load_npz
from nnxp.errors import FormatError

__all__ = ["load"]

HostArray = np.ndarray[Any, Any]

KINDS = "digits, a .csv, .npz or .npy file, or a folder of .npy files, of IDX files or of images"

# Labels above this are numbers that somebody stored as integers, not classes.
_LARGEST_LABEL = 2**16
# So much of a memory map is looked at to tell what it holds.
_LOOKED_AT = 2**26
_RULES, _STYLE = ("missing", "categories", "unseen"), ("separator", "decimal", "header")
_OPTIONS = {"csv": (*_RULES, *_STYLE), "images": ("size", "channels")}


def load(
    data: str | os.PathLike[str],
    target: str | int | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
    **options: Any,
) -> DataSet:
    """Return a data set by name.

    Parameters
    ----------
    data : str or path
        ``"digits"``; a file ending in ``.csv`` (whose rows are shuffled by the seed, 20 % for testing), ``.npz`` or
        ``.npy``; a folder of ``.npy`` files, of IDX files, or of images in folders named after their classes. See
        `digits`, `load_csv`, `load_npz`, `load_npy`, `load_idx_folder` and `load_images`.
    target : str, int or path, optional
        Of a CSV file its column, see `load_csv`; of a ``.npy`` file the file of its targets.
    seed : int
        Of the split, where there is one to draw.
    max_bytes : int
        Of each file, or of all images; memory maps may be of any size.
    **options
        Of a CSV file `load_csv`'s ``missing``, ``categories``, ``unseen``, ``separator``, ``decimal`` and ``header``;
        what is learned of the columns is learned from the training rows, but for the categories, which are the file's.
        Of images `load_images`'s ``size`` and ``channels``.

    Returns
    -------
    DataSet
        With the classes 0 to the largest label, where the file has no names for them.

    Raises
    ------
    FormatError
        If a file is damaged, foreign, or too large.
    TypeError
        If there is no such option for data of this kind.
    ValueError
        If `data` is of none of these kinds, has no such target, or an option is none of its own.
    OSError
        If a file cannot be opened.
    """
    kind = find_kind("load", data, target)
    for name in options:
        if name not in _OPTIONS.get(kind, ()):
            kinds = [k for k, names in _OPTIONS.items() if name in names]
            whose = {"csv": "a .csv file", "images": "a folder of images"}[kinds[0]] if kinds else "no data at all"
            raise TypeError(message("load", f"{name} with {whose} alone", os.fspath(data)))
    if kind == "csv":
        return _load_csv(data, target, seed, max_bytes, options)
    if kind == "digits":
        x_train, y_train, x_test, y_test = digits(TEST_SHARE, seed)
        return DataSet(x_train, y_train, x_test, y_test, tuple(range(10)), "none")
    if kind == "images":
        parts, names = load_images(data, seed=seed, max_bytes=max_bytes, **options)
        return DataSet(*parts, names, "unit")
    if kind == "npy":
        x_train, y_train, x_test, y_test = load_npy(data, None if target is None else str(target))
    else:
        x_train, y_train, x_test, y_test = (load_npz if kind == "npz" else load_idx_folder)(data, max_bytes=max_bytes)
    classes = None if y_train.dtype.kind == "f" else tuple(range(_class_count(data, y_train, y_test)))
    return DataSet(x_train, y_train, x_test, y_test, classes, _scale(x_train))


def find_kind(where: str, data: str | os.PathLike[str], target: Any) -> str:
    """Return ``digits``, ``csv``, ``npz``, ``npy``, ``idx`` or ``images``."""
    name, path = os.fspath(data), Path(data)
    kind = "digits" if name == "digits" else path.suffix.lower().removeprefix(".")
    if kind != "digits" and path.is_dir():
        kind = _kind_of_folder(path)
    if kind not in ("digits", "csv", "npz", "npy", "idx", "images") or not (kind == "digits" or path.exists()):
        if path.exists():
            raise ValueError(message(where, KINDS, name))
        hint = did_you_mean(name, ["digits"]) or "there is no such file"
        raise FileNotFoundError(message(where, KINDS, name, hint))
    if target is not None and kind != "csv" and (kind != "npy" or path.is_dir()):
        raise ValueError(message(where, "target with a .csv or .npy file alone", name))
    return kind


def _kind_of_folder(path: Path) -> str:
    """Tell what a folder holds by the names in it."""
    with os.scandir(path) as entries:
        there = [(entry.name.lower(), entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    files = {name for name, is_folder in there if not is_folder}
    if files & {"x.npy", "x_train.npy"}:
        return "npy"
    as_idx = any(word in name for name in files for word in ("images", "labels"))
    as_images = any(is_folder or name.endswith(SUFFIXES) for name, is_folder in there)
    return "images" if as_images and not as_idx else "idx"


def _load_csv(data: str | os.PathLike[str], target: Any, seed: int, max_bytes: int, options: dict[str, Any]) -> DataSet:
    style = Style("load", **{name: options[name] for name in _STYLE if name in options})
    told = {"missing": "error", "categories": "error", "unseen": "error"} | options
    rules = Rules.of("load", *(told[name] for name in _RULES))
    sheet, plans = read_by_rules(style, data, target, rules, max_bytes)
    y, classes = read_target(sheet, find_classes(sheet, style.decimal), style.decimal)
    if len(y) < 3:
        raise FormatError(message("load", f"at least 3 rows in {os.fspath(data)}", len(y)))
    train, test = shuffled_order("load", len(y), TEST_SHARE, seed)
    table = fit_table(sheet, plans, rules, train)
    x = table.encode(sheet.x)
    return DataSet(x[train], y[train], x[test], y[test], classes, "standardize", table.feature_names, table)


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
    if not x.flags.writeable:
        x = x[: max(_LOOKED_AT // max(x[:1].nbytes, 1), 1)]
    if x.ndim > 2 and x.min() >= 0 and x.max() <= 255:
        return "unit" if x.max() > 1 else "none"
    return "standardize"
