"""Reading files that may say anything about themselves: limits before allocation, one kind of error."""

import os
import stat
from typing import Any, BinaryIO

from nnxp._checks import check_positive_int, message
from nnxp.errors import FormatError

FilePath = str | os.PathLike[str]

MAX_BYTES = 2**31


def open_limited(where: str, path: FilePath, max_bytes: int) -> BinaryIO:
    """Open a regular file of at most `max_bytes`; FormatError otherwise, OSError where it cannot be opened."""
    check_positive_int(where, "max_bytes", max_bytes)
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        # Opening a pipe would wait for its other end.
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, a pipe or a socket"
        raise FormatError(message(where, f"{os.fspath(path)} to be a regular file", kind))
    check_size(where, path, status.st_size, max_bytes)
    return open(path, "rb")


def check_size(where: str, path: FilePath, size: int, max_bytes: int) -> None:
    """Refuse what is, or says it is, larger than allowed."""
    if size > max_bytes:
        hint = "give max_bytes if that is right"
        raise FormatError(message(where, f"{os.fspath(path)} to hold at most {max_bytes} bytes", size, hint))


def read_at_most(stream: Any, limit: int) -> bytearray:
    """Read until `limit` bytes or the end, in pieces: memory follows what is there, not what is claimed."""
    data = bytearray()
    while len(data) < limit and (piece := stream.read(min(2**20, limit - len(data)))):
        data += piece
    return data
