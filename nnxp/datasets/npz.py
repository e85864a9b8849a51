"""A data set from NumPy's .npz archives: a zip file of arrays, each with a header of text."""

import os
import struct
import zipfile
import zlib
from math import prod
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.datasets._arrays import PARTS, check_pairs, choose_names, read_header
from nnxp.datasets._reading import MAX_BYTES, FilePath, check_size, open_limited, read_at_most
from nnxp.datasets._split import Split, split_tail
from nnxp.errors import FormatError

__all__ = ["load_npz"]

HostArray = np.ndarray[Any, Any]

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
)


def load_npz(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Split:
    """Read a data set from an archive that ``numpy.savez`` or ``numpy.savez_compressed`` wrote.

    Parameters
    ----------
    path : path
        With arrays ``x_train, y_train, x_test, y_test``; or ``x, y``, whose last 20 %, in order, are the test part.
        Other arrays are not looked at.
    max_bytes : int
        What the file, and all that is in it once unpacked, may take up at most.

    Returns
    -------
    x_train, y_train, x_test, y_test : array
        Inputs of shape (n, ...) in the stored dtype. Whole numbers of shape (n,) or (n, 1) as targets are labels: int64
        of shape (n,). Floating numbers are float32 of shape (n, ...), at least (n, 1).

    Raises
    ------
    FormatError
        If an array is missing, damaged, not made of finite numbers, or not as long as its partner; if a label is
        negative; if the archive is foreign or too large.
    OSError
        If the file cannot be opened.

    Notes
    -----
    Nothing is unpickled: an array of Python objects is refused by its header.
    """
    arrays = read_arrays("load_npz", path, max_bytes)
    if "x" in arrays:
        return split_tail("load_npz", path, arrays["x"], arrays["y"])
    x_train, y_train, x_test, y_test = (arrays[name] for name in PARTS)
    return x_train, y_train, x_test, y_test


def read_arrays(where: str, path: FilePath, max_bytes: int, *, needs_target: bool = True) -> dict[str, HostArray]:
    """Return the four arrays, or ``x`` and ``y``; where no target is needed, ``x`` alone will do."""
    with open_limited(where, path, max_bytes) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                check_size(where, path, sum(info.file_size for info in archive.infolist()), max_bytes)
                names = choose_names(where, path, set(members), needs_target)
                arrays = {name: _read_array(where, path, archive, members[name], name) for name in names}
        except FormatError:
            raise
        except _DAMAGE as error:
            raise FormatError(
                message(where, f"{os.fspath(path)} to be an .npz archive in good order", str(error))
            ) from None
    return check_pairs(where, path, arrays)


def _read_array(where: str, path: FilePath, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> HostArray:
    place = f"in {os.fspath(path)}"
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FormatError(
            message(where, f"{name} {place} to be stored or deflated", "another compression or a password")
        )
    with archive.open(info) as stream:
        dtype, fortran, shape, start = read_header(where, path, stream, name)
        if not shape or 0 in shape:
            raise FormatError(message(where, f"samples in {name} {place}", shape))
        size, claimed = info.file_size - start, prod(shape) * dtype.itemsize
        if claimed != size:
            raise FormatError(message(where, f"{name} {place} to hold {claimed} bytes for shape {shape}", size))
        data = read_at_most(stream, size + 1)
        if len(data) != size:
            raise FormatError(message(where, f"{name} {place} to hold {size} bytes", len(data)))
    array = np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    array = array.astype(dtype.newbyteorder("="), copy=False)
    if not np.isfinite(array).all():
        raise FormatError(message(where, f"finite numbers in {name} {place}", "NaN or infinity", "drop those samples"))
    return array
