"""A data set from a folder of IDX files, by their names."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.datasets._reading import MAX_BYTES
from nnxp.datasets._split import Split, split_tail
from nnxp.datasets.idx import load_idx
from nnxp.errors import FormatError

__all__ = ["load_idx_folder"]

HostArray = np.ndarray[Any, Any]


def load_idx_folder(folder: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Split:
    """Read images and labels from a folder with MNIST's file names.

    A file with ``images`` in its name and one with ``labels`` are a pair, for testing if the names hold ``t10k`` or
    ``test`` and for training otherwise: ``train-images-idx3-ubyte``, ``t10k-labels.idx1-ubyte.gz``, ... Where a file
    is there both plain and as ``.gz``, the plain one counts.

    Parameters
    ----------
    folder : path
        With one pair or two. Of a single pair the last 20 %, in file order, become the test part.
    max_bytes : int
        For each file; see `load_idx`.

    Returns
    -------
    x_train, y_train, x_test, y_test : array
        Images as they are stored, of shape (n, height, width) and dtype uint8 in MNIST; labels of shape (n,), int64.

    Raises
    ------
    FormatError
        If there is no pair, or more than one for a part; if a file is damaged; if images and labels, or training and
        test part, do not fit together.
    OSError
        If the folder cannot be read.

    Examples
    --------
    >>> x_train, y_train, x_test, y_test = load_idx_folder("mnist")
    >>> x_train.shape
    (60000, 28, 28)
    """
    folder = Path(folder)
    pairs = _find_pairs(folder)
    if not pairs:
        expected = "a pair of IDX files with 'images' and 'labels' in their names"
        raise FormatError(message("load_idx_folder", f"{expected} in {folder}", "none"))
    parts = {part: _read_pair(*paths, max_bytes) for part, paths in pairs.items()}
    if len(parts) == 1:
        [(x, y)] = parts.values()
        return split_tail("load_idx_folder", folder, x, y)
    (x_train, y_train), (x_test, y_test) = parts["training"], parts["testing"]
    if x_train.shape[1:] != x_test.shape[1:]:
        expected = f"test images of shape {x_train.shape[1:]} in {folder}, as for training"
        raise FormatError(message("load_idx_folder", expected, x_test.shape[1:]))
    return x_train, y_train, x_test, y_test


def _find_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return the files of images and of labels for ``training`` and ``testing``, as far as there are any."""
    names = {entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith(".")}
    names = {name for name in names if not (name.endswith(".gz") and name.removesuffix(".gz") in names)}
    pairs = {}
    for part in ("training", "testing"):
        mine = sorted(name for name in names if _is_test(name) == (part == "testing"))
        images = [name for name in mine if "images" in name.lower()]
        labels = [name for name in mine if "labels" in name.lower()]
        if len(images) == len(labels) == 1:
            pairs[part] = folder / images[0], folder / labels[0]
        elif images or labels:
            expected = f"one file of images and one of labels for {part} in {folder}"
            raise FormatError(message("load_idx_folder", expected, ", ".join([*images, *labels])))
    return pairs


def _is_test(name: str) -> bool:
    # A word of its own: "latest" is no test.
    return re.search(r"(?<![a-z])(t10k|test|testing)(?![a-z])", name.lower()) is not None


def _read_pair(images: Path, labels: Path, max_bytes: int) -> tuple[HostArray, HostArray]:
    x, y = load_idx(images, max_bytes=max_bytes), load_idx(labels, max_bytes=max_bytes)
    if x.ndim < 2 or 0 in x.shape:
        raise FormatError(message("load_idx_folder", f"images of shape (n, height, width) in {images}", x.shape))
    if y.ndim != 1 or y.dtype.kind == "f" or y.min(initial=0) < 0:
        got = f"{y.dtype} of shape {y.shape}" if y.ndim != 1 or y.dtype.kind == "f" else y.min()
        raise FormatError(message("load_idx_folder", f"labels of shape (n,), whole numbers from 0, in {labels}", got))
    if len(x) != len(y):
        raise FormatError(message("load_idx_folder", f"as many labels in {labels} as images ({len(x)})", len(y)))
    return x, y.astype(np.int64)
