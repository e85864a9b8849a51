"""A data set from NumPy's .npz archives: a zip file of arrays, each with a header of text."""

import os
import re
import struct
import zipfile
import zlib
from math import prod
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.datasets._reading import MAX_BYTES, FilePath, check_size, open_limited, read_at_most
from nnxp.datasets._split import Split, split_tail
from nnxp.errors import FormatError

__all__ = ["load_npz"]

HostArray = np.ndarray[Any, Any]

_PARTS = ("x_train", "y_train", "x_test", "y_test")
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
_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 2**14
# As numpy.save writes it. Matched, not evaluated: Python objects and records have other headers.
_HEADER = re.compile(r"\{'descr': '([^']{1,8})', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\),? *\}\s*")
_NUMBERS = re.compile(r"\|[biu]1|[<>=](i2|i4|i8|u2|u4|u8|f2|f4|f8)")


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
    x_train, y_train, x_test, y_test = (arrays[name] for name in _PARTS)
    return x_train, y_train, x_test, y_test


def read_arrays(where: str, path: FilePath, max_bytes: int, *, needs_target: bool = True) -> dict[str, HostArray]:
    """Return the four arrays, or ``x`` and ``y``; where no target is needed, ``x`` alone will do."""
    with open_limited(where, path, max_bytes) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                check_size(where, path, sum(info.file_size for info in archive.infolist()), max_bytes)
                names = _wanted(where, path, set(members), needs_target)
                arrays = {name: _read_array(where, path, archive, members[name], name) for name in names}
        except FormatError:
            raise
        except _DAMAGE as error:
            raise FormatError(
                message(where, f"{os.fspath(path)} to be an .npz archive in good order", str(error))
            ) from None
    for x, y in zip(names[::2], names[1::2], strict=False):
        arrays[y] = _as_target(where, path, y, arrays[y])
        if len(arrays[x]) != len(arrays[y]):
            expected = f"{y} as long as {x} ({len(arrays[x])}) in {os.fspath(path)}"
            raise FormatError(message(where, expected, len(arrays[y])))
    for train, test in zip(names[:2], names[2:], strict=False):
        if arrays[train].shape[1:] != arrays[test].shape[1:] or arrays[train].dtype != arrays[test].dtype:
            expected = f"{test} in {os.fspath(path)} to be samples like those of {train}, {_words(arrays[train])}"
            raise FormatError(message(where, expected, _words(arrays[test])))
    return arrays


def _wanted(where: str, path: FilePath, there: set[str], needs_target: bool) -> tuple[str, ...]:
    choices = [_PARTS, ("x", "y")] + ([] if needs_target else [("x",)])
    for names in choices:
        if there.issuperset(names):
            return names
    expected = " or ".join(", ".join(names) for names in choices)
    shown = ", ".join(sorted(there)[:10]) or "an empty archive"
    raise FormatError(message(where, f"arrays {expected} in {os.fspath(path)}", shown))


def _read_array(where: str, path: FilePath, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> HostArray:
    place = f"in {os.fspath(path)}"
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FormatError(
            message(where, f"{name} {place} to be stored or deflated", "another compression or a password")
        )
    with archive.open(info) as stream:
        dtype, fortran, shape, start = _read_header(where, path, stream, name)
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


def _read_header(
    where: str, path: FilePath, stream: Any, name: str
) -> tuple[np.dtype[Any], bool, tuple[int, ...], int]:
    """Return dtype, order, shape, and how many bytes all that took."""
    start = bytes(read_at_most(stream, 8))
    wide = start[6:7] in (b"\x02", b"\x03")
    size = int.from_bytes(read_at_most(stream, 4 if wide else 2), "little")
    header = bytes(read_at_most(stream, min(size, _LONGEST_HEADER))).decode("latin-1")
    found = _HEADER.fullmatch(header)
    if start[:6] != _MAGIC or found is None:
        raise FormatError(message(where, f"a NumPy array as {name} in {os.fspath(path)}", "something else"))
    descr, fortran, axes = found.groups()
    if _NUMBERS.fullmatch(descr) is None:
        hint = "objects are never unpickled" if descr == "|O" else ""
        raise FormatError(message(where, f"real numbers in {name} in {os.fspath(path)}", f"dtype {descr}", hint))
    shape = tuple(int(n) for n in axes.split(",") if n.strip())
    return np.dtype(descr), fortran == "True", shape, 8 + (4 if wide else 2) + len(header)


def _words(x: HostArray) -> str:
    return f"{x.dtype} of shape {('n', *x.shape[1:])}".replace("'", "")


def _as_target(where: str, path: FilePath, name: str, y: HostArray) -> HostArray:
    """Return labels (n,) as int64, or numbers as float32 with at least one axis beside the samples."""
    if y.dtype.kind == "f":
        return (y if y.ndim > 1 else y[:, None]).astype(np.float32)
    labels = y.reshape(len(y), -1).astype(np.int64)
    if labels.shape[1] != 1 or labels.min() < 0:
        got = f"{y.dtype} of shape {y.shape}" if labels.shape[1] != 1 else labels.min()
        expected = f"labels of shape (n,), whole numbers from 0, as {name} in {os.fspath(path)}"
        raise FormatError(message(where, expected, got, "numbers to predict are floating"))
    return labels[:, 0]
