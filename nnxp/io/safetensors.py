"""Arrays under names in one file: the safetensors layout.

Eight bytes give the length of a JSON header, which gives each array's dtype, shape and place in the bytes
that follow. Reading is the `safetensors` library's, behind limits that are checked before anything is parsed.
Writing is our own: the same arrays give the same bytes every time, in the order given; an array in any
memory order is written by its values (that library's 0.8.0 writes it as it lies, and reads back another
array); and what was written is read back and compared before it takes the file's name.
"""

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._backend import to_host
from nnxp._checks import message
from nnxp._files import atomic_path
from nnxp.errors import FormatError
from nnxp.io._header import CODES, METADATA, Arrays, encode_header, read_header
from nnxp.io._json import short

__all__ = ["MAX_BYTES", "read_state_dict", "write_state_dict"]

MAX_BYTES = 2**34


def write_state_dict(
    path: str | PathLike[str], arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays to a safetensors file, whole or not at all.

    Parameters
    ----------
    path : path
        The file; an old one is replaced once the new one is complete and compared.
    arrays : mapping of str to array
        On any device, in any memory order; floats of 16, 32 or 64 bits, integers, booleans, complex64. Their order
        is kept.
    metadata : mapping of str to str, optional
        Goes into the header.

    Raises
    ------
    TypeError
        If a name or metadata is not text, or safetensors has no such dtype.
    ValueError
        If there are more than 10,000 arrays, or the header takes more than 1 MiB: no reader would take the file.
    OSError
        If the file cannot be written.
    """
    where = "nnxp.io.write_state_dict"
    host = {_checked_name(where, name): _packed(where, name, value) for name, value in arrays.items()}
    for word in [*(metadata or {}).keys(), *(metadata or {}).values()]:
        if not isinstance(word, str):
            raise TypeError(message(where, "metadata of text alone", short(word)))
    # Wide dtypes first, as other writers do, so that every array lies at a multiple of its item size.
    order = sorted(host, key=lambda name: -host[name].itemsize)
    header = encode_header(where, host, order, dict(metadata or {}))
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for name in order:
                file.write(host[name].data)
        _compare(path, temporary, host)


def read_state_dict(path: str | PathLike[str], *, max_bytes: int = MAX_BYTES) -> Arrays:
    """Read every array of a safetensors file, whoever wrote it.

    Parameters
    ----------
    path : path
        Such as what ``safetensors.torch.save_file(model.state_dict(), path)`` wrote in PyTorch.
    max_bytes : int
        The largest file to read; 16 GiB unless told.

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of the file's header; for `Network.load_state_dict`.

    Raises
    ------
    FormatError
        If the file is damaged, truncated, foreign or too large, or has a dtype that NumPy lacks, such as bfloat16.
    OSError
        If it is not there or cannot be read.

    Examples
    --------
    >>> net.load_state_dict(nnxp.io.read_state_dict("resnet.safetensors"))
    """
    return read_file(f"nnxp.io.read_state_dict({fspath(path)!r})", path, max_bytes)[1]


def read_file(where: str, path: str | PathLike[str], max_bytes: int) -> tuple[dict[str, str], Arrays]:
    """Read metadata and arrays; `where` begins the sentence of every error."""
    from safetensors import SafetensorError, safe_open

    metadata, names = read_header(where, path)
    size = Path(path).stat().st_size
    if size > max_bytes:
        raise FormatError(
            message(where, f"a file of at most {max_bytes} bytes", size, "raise max_bytes if you trust it")
        )
    try:
        with safe_open(path, framework="numpy") as file:
            return metadata, {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise FormatError(message(where, "a sound safetensors file", f"a damaged one ({short(str(error))})")) from None


def _checked_name(where: str, name: object) -> str:
    if not isinstance(name, str) or name == METADATA:
        raise TypeError(message(where, f"names that are text, and not {METADATA}", name))
    return name


def _packed(where: str, name: str, value: Any) -> np.ndarray[Any, Any]:
    """Bring an array to the host, C-contiguous and little-endian."""
    array = to_host(value)
    dtype = array.dtype.newbyteorder("<")
    if dtype not in CODES:
        known = ", ".join(str(known) for known in CODES)
        raise TypeError(message(where, f"{name} of one of the dtypes {known}", array.dtype))
    # Not ascontiguousarray, which gives an array without axes one.
    return array.astype(dtype, order="C", subok=False, copy=False)


def _compare(path: str | PathLike[str], temporary: Path, host: Arrays) -> None:
    """Read the file back with the library, and refuse it if a bit differs."""
    where = f"write({fspath(path)!r})"
    written = read_file(where, temporary, temporary.stat().st_size)[1]
    for name, a in host.items():
        b = written[name]
        if a.shape != b.shape or a.dtype != b.dtype or not np.array_equal(_bytes(a), _bytes(b)):
            raise OSError(
                message(where, f"to read back {name} as it was written", "other bytes", "the disk may be failing")
            )


def _bytes(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return a.reshape(-1).view(np.uint8)
