"""Files that appear whole or not at all: written under another name, flushed, then renamed."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnxp._checks import message

__all__ = ["atomic_path", "write_atomic"]

# What a disk that is full or failing raises.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a name to write to, and rename what was written there to `path` when the block ends.

    Parameters
    ----------
    path : path
        What the file is to be called. Its folder must exist; an old file is replaced, and through a symbolic
        link the file that it points at.

    Yields
    ------
    pathlib.Path
        An empty file beside `path`, with the same suffix and the rights that the umask leaves. After the block
        it is flushed to the disk and renamed; if the block fails it is removed, and an old file stays.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the folder does not exist.
    IsADirectoryError
        If `path` is a folder.
    OSError
        If the folder may not be written to, `path` is no regular file, or the disk fails or is full.

    Examples
    --------
    >>> with atomic_path("history.csv") as temporary:
    ...     temporary.write_text("epoch,loss")
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".nnxp-{secrets.token_hex(6)}{target.suffix}"
    _check_target(path, target)
    try:
        # Not tempfile: its files are readable by the owner alone, where the umask may say otherwise.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except OSError as error:
        raise _explained(error, path) from None
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        # A mistake of the block's own, about another file, is not the disk's.
        if isinstance(error, OSError) and (error.errno in _DISK or str(error.filename) == str(temporary)):
            raise _explained(error, path) from None
        raise
    _flush_folder(target.parent)


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a file whole or not at all; text is written as UTF-8. Raises what `atomic_path` raises."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def _check_target(path: str | os.PathLike[str], target: Path) -> None:
    where = _where(path)
    if target.is_dir():
        raise IsADirectoryError(message(where, "the name of a file", "a folder"))
    if target.exists() and not target.is_file():
        # Renaming over /dev/null would put a plain file in its place.
        raise OSError(message(where, "the name of a regular file", "a device, a pipe or a socket"))


def _where(path: str | os.PathLike[str]) -> str:
    return f"write({os.fspath(path)!r})"


def _explained(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """Say an error in one sentence; its type and number stay."""
    folder = str(Path(path).parent)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        text = message(_where(path), "a folder that exists", folder, "make it first")
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        text = message(_where(path), "a folder that may be written to", folder)
    else:
        text = message(_where(path), "a disk that takes the file", error.strerror, "what was there before is unchanged")
    explained = type(error)(text)
    explained.errno = error.errno
    return explained


def _flush_folder(folder: Path) -> None:
    """Make the new name itself survive a power failure, where the system can open folders."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        # Some network file systems refuse; the file is complete all the same.
        with suppress(OSError):
            os.fsync(handle)
        os.close(handle)
