"""A data set from NumPy's .npy files, which stay on the disk: more than fits into memory can be trained on."""

import os
import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import Words, message
from nnxp.datasets._arrays import check_pairs, choose_names, read_header
from nnxp.datasets._reading import FilePath, open_limited
from nnxp.datasets._split import Split, split_tail
from nnxp.errors import FormatError

__all__ = ["load_npy"]

HostArray = np.ndarray[Any, Any]

# What a look at every number may take up; more is looked at while it trains.
_LOOKED_AT = 2**28


def load_npy(path: str | os.PathLike[str], target: str | os.PathLike[str] | None = None) -> Split:
    """Map a data set from files that ``numpy.save`` wrote, without reading it.

    Parameters
    ----------
    path : path
        A folder with ``x_train.npy``, ``y_train.npy``, ``x_test.npy`` and ``y_test.npy``; or with ``x.npy`` and
        ``y.npy``, whose last 20 %, in order, are the test part; or one file of inputs.
    target : path, optional
        The file of targets that goes with a file of inputs; then, too, the last 20 % are the test part.

    Returns
    -------
    x_train, y_train, x_test, y_test : array
        Inputs of shape (n, ...) in the stored dtype, in memory maps that may not be written to; targets as from
        `load_npz`. `Network.fit` reads large maps ahead, in batches.

    Raises
    ------
    FormatError
        If an array is missing, damaged, or not as long as its partner; if it is not made of real numbers, or, in a file
        of at most 256 MB, a number is not finite; if a label is negative.
    ValueError
        If a file of inputs comes without its targets.
    OSError
        If a file cannot be opened.

    Examples
    --------
    >>> x_train, y_train, x_test, y_test = load_npy("images.npy", "labels.npy")
    """
    arrays = map_arrays("load_npy", path, target)
    if "x" in arrays:
        return split_tail("load_npy", path, arrays["x"], arrays["y"])
    x_train, y_train, x_test, y_test = arrays.values()
    return x_train, y_train, x_test, y_test


def map_arrays(
    where: str, path: FilePath, target: FilePath | None, *, needs_target: bool = True
) -> dict[str, HostArray]:
    """Return the four arrays, or ``x`` and ``y``; where no target is needed, ``x`` alone will do."""
    if os.path.isdir(path):
        names = choose_names(where, path, {file.stem for file in Path(path).glob("*.npy")}, needs_target)
        files: dict[str, FilePath] = {name: Path(path) / f"{name}.npy" for name in names}
    elif target is not None:
        files = {"x": path, "y": target}
    elif needs_target:
        hint = "target='labels.npy' (--target labels.npy)"
        raise ValueError(message(where, f"the file of targets for {os.fspath(path)}", Words("none"), hint))
    else:
        files = {"x": path}
    arrays = {name: _map(where, file, name) for name, file in files.items()}
    return check_pairs(where, path, arrays)


def _map(where: str, path: FilePath, name: str) -> HostArray:
    with open_limited(where, path, sys.maxsize) as file:
        dtype, fortran, shape, start = read_header(where, path, file, name)
        size = os.fstat(file.fileno()).st_size - start
    if not shape or 0 in shape:
        raise FormatError(message(where, f"samples in {name} in {os.fspath(path)}", shape))
    claimed = prod(shape) * dtype.itemsize
    if claimed != size:
        expected = f"{name} in {os.fspath(path)} to hold {claimed} bytes for shape {shape}"
        raise FormatError(message(where, expected, size))
    array = np.asarray(np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C"))
    if array.nbytes <= _LOOKED_AT and not np.isfinite(array).all():
        expected = f"finite numbers in {name} in {os.fspath(path)}"
        raise FormatError(message(where, expected, "NaN or infinity", "drop those samples"))
    return array
