"""Every sample of a data set, for a network that is trained already."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.datasets._cells import Style
from nnxp.datasets._fitting import read_by_table
from nnxp.datasets._head import read_head
from nnxp.datasets._reading import MAX_BYTES
from nnxp.datasets._sheet import Plan, read_sheet
from nnxp.datasets.csv import Classes, read_target, shown
from nnxp.datasets.digits import digits
from nnxp.datasets.idx_folder import load_idx_folder
from nnxp.datasets.images import find_images, images_in, read_images
from nnxp.datasets.npy import map_arrays
from nnxp.datasets.npz import read_arrays
from nnxp.datasets.source import find_kind
from nnxp.datasets.table import Table
from nnxp.errors import FormatError

__all__ = ["load_all"]

HostArray = np.ndarray[Any, Any]


def load_all(
    data: str | os.PathLike[str],
    target: str | int | os.PathLike[str] | None = None,
    *,
    classes: Classes,
    features: int | None = None,
    sample_shape: Sequence[int] | None = None,
    table: Table | None = None,
    decimal: str = ".",
    max_bytes: int = MAX_BYTES,
) -> tuple[HostArray, HostArray | None]:
    """Return every sample of a data set, in order, for a network that exists.

    Parameters
    ----------
    data, target, decimal, max_bytes
        As for `load`. Training samples come before those for testing.
    classes : tuple of int or str, or None
        The network's: labels become positions in it. None for regression.
    features : int, optional
        How many numbers the network takes. Given, the data may lack a target: a CSV file with as many columns, an NPZ
        archive with ``x`` alone, a file of inputs, a folder with images in it. And no row is left out: one that
        training would leave out is an error.
    sample_shape : tuple of int, optional
        Of what the network takes: images are scaled to it, and made grey or coloured.
    table : Table, optional
        How the columns of a CSV file were read for training.

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
        If `data` is of no kind that `load` knows, or has no such target.
    OSError
        If a file cannot be opened.
    """
    kind = find_kind("load_all", data, target)
    if kind == "csv":
        return _all_rows(data, target, classes, features, table, Style("load_all", decimal=decimal), max_bytes)
    if kind == "images":
        return _all_images(data, classes, features, sample_shape, max_bytes)
    if kind in ("npz", "npy"):
        needs_target = features is None
        found = (
            read_arrays("load_all", data, max_bytes, needs_target=needs_target)
            if kind == "npz"
            else map_arrays("load_all", data, None if target is None else str(target), needs_target=needs_target)
        )
        parts = tuple(found.values())
    else:
        parts = digits(test=0) if kind == "digits" else load_idx_folder(data, max_bytes=max_bytes)
    # One array may be larger than the memory; several are put side by side.
    x = parts[0] if len(parts) < 3 else np.concatenate(parts[::2])
    return x, _as_positions(data, np.concatenate(parts[1::2]), classes) if len(parts) > 1 else None


def _all_rows(
    data: str | os.PathLike[str],
    target: Any,
    classes: Classes,
    features: int | None,
    table: Table | None,
    style: Style,
    max_bytes: int,
) -> tuple[HostArray, HostArray | None]:
    words = table is not None and any(column.categories is not None for column in table.columns)
    due = features if table is None else len(table.columns)
    head = read_head(style, data, None, max_bytes, has_target=False, takes_words=words)
    if features is None or len(head.names) != due:
        head = read_head(style, data, target, max_bytes, takes_words=words)
    if features is not None and len(head.features) != due:
        expected = f"{due} columns of features in {os.fspath(data)}, and a target or none"
        raise FormatError(message("load_all", expected, len(head.names)))
    if table is None:
        sheet = read_sheet(style, data, head, [Plan() for _ in head.features], max_bytes)
        x = sheet.x
    else:
        sheet, x = read_by_table(style, data, head, table, max_bytes, drop=features is None)
    return x, None if head.target is None else read_target(sheet, classes, style.decimal)[0]


def _all_images(
    data: str | os.PathLike[str],
    classes: Classes,
    features: int | None,
    sample_shape: Sequence[int] | None,
    max_bytes: int,
) -> tuple[HostArray, HostArray | None]:
    channels, size = None, None
    if sample_shape is not None and len(sample_shape) == 3:
        channels, size = int(sample_shape[0]), (int(sample_shape[1]), int(sample_shape[2]))
    bare = images_in(Path(data))
    if bare and features is not None:
        return read_images("load_all", data, bare, size, channels, max_bytes), None
    files = [
        (path, name)
        for part in find_images("load_all", data).values()
        for name, paths in sorted(part.items())
        for path in paths
    ]
    x = read_images("load_all", data, [path for path, _ in files], size, channels, max_bytes)
    return x, _as_positions(data, np.array([name for _, name in files]), classes)


def _as_positions(data: str | os.PathLike[str], y: HostArray, classes: Classes) -> HostArray:
    """Turn stored labels into positions in a network's classes."""
    if classes is None:
        if y.dtype.kind == "U":
            raise FormatError(message("load_all", f"numbers to predict in {os.fspath(data)}", "classes"))
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
