"""One array from a file in the IDX format, in which MNIST and its kin are published."""

import gzip
import os
import zlib
from math import prod
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.datasets._reading import MAX_BYTES, FilePath, check_size, open_limited, read_at_most
from nnxp.errors import FormatError

__all__ = ["load_idx"]

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
_MOST_AXES = 8


def load_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> np.ndarray[Any, Any]:
    """Read an array from an IDX file, plain or compressed with gzip, whatever its name.

    The format: two zero bytes, a byte for the dtype, a byte for the number of axes, the length of each axis in four
    bytes, and the numbers, all big-endian.

    Parameters
    ----------
    path : path
        The file.
    max_bytes : int
        What the file, and the array in it, may take up at most.

    Returns
    -------
    array
        uint8, int8, int16, int32, float32 or float64 in the machine's byte order.

    Raises
    ------
    FormatError
        If the file is foreign, damaged, truncated, longer than it says, or too large; the message names it.
    OSError
        If it cannot be opened.

    Notes
    -----
    Memory is taken for bytes that are there, never for those that a header only claims.

    Examples
    --------
    >>> load_idx("t10k-labels-idx1-ubyte.gz")[:3]
    array([7, 2, 1], dtype=uint8)
    """
    with open_limited("load_idx", path, max_bytes) as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            return _read(file, path, max_bytes)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _read(stream, path, max_bytes)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _foreign(path, "gzip data that can be unpacked", str(error)) from None


def _read(stream: Any, path: FilePath, max_bytes: int) -> np.ndarray[Any, Any]:
    dtype, shape = _read_header(stream, path)
    # An axis of length 0 must not excuse the others.
    check_size("load_idx", path, prod(max(n, 1) for n in shape) * dtype.itemsize, max_bytes)
    size = prod(shape) * dtype.itemsize
    data = read_at_most(stream, size + 1)
    if len(data) != size:
        got = len(data) if len(data) < size else "more"
        raise _foreign(path, f"{size} bytes after the header for shape {shape}", got)
    array = np.frombuffer(data, dtype=dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream: Any, path: FilePath) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = bytes(read_at_most(stream, 4))
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or not 1 <= magic[3] <= _MOST_AXES:
        codes = ", ".join(f"{code:02x}" for code in _DTYPES)
        expected = f"the IDX magic 00 00, dtype ({codes}), axes (01 to {_MOST_AXES:02})"
        raise _foreign(path, expected, magic.hex(" ") or "an empty file")
    lengths = bytes(read_at_most(stream, 4 * magic[3]))
    if len(lengths) < 4 * magic[3]:
        raise _foreign(path, f"a header of {4 + 4 * magic[3]} bytes", 4 + len(lengths))
    return np.dtype(_DTYPES[magic[2]]), tuple(np.frombuffer(lengths, dtype=">u4").tolist())


def _foreign(path: FilePath, expected: str, got: object) -> FormatError:
    return FormatError(message("load_idx", f"{expected} in {os.fspath(path)}", got))
