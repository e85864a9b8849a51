"""The header of a safetensors file: its limits, checked before anything is parsed, and its one spelling."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.errors import FormatError
from nnxp.io._json import dump_json, parse_json, short

__all__ = ["CODES", "METADATA", "Arrays", "encode_header", "read_header"]

_MAX_HEADER = 2**20
_MAX_ARRAYS = 10_000
_HEADER_DEPTH = 3
METADATA = "__metadata__"
_FOREIGN = "this is no safetensors file"
_ZIP = b"PK\x03\x04"

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "C64": "<c8", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
CODES = {np.dtype(dtype): code for code, dtype in _DTYPES.items()}

Arrays = dict[str, np.ndarray[Any, Any]]


def read_header(where: str, path: str | PathLike[str]) -> tuple[dict[str, str], list[str]]:
    """Read metadata and the arrays' names, within the limits; places and shapes are left to the library."""
    header = parse_json(where, "a header", _header_text(where, Path(path)), depth=_HEADER_DEPTH)
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError(message(where, "metadata of text alone", short(metadata)))
    if len(header) > _MAX_ARRAYS:
        raise FormatError(message(where, f"at most {_MAX_ARRAYS} arrays", len(header)))
    for name, entry in header.items():
        code = entry.get("dtype") if isinstance(entry, dict) else None
        if not isinstance(code, str) or code not in _DTYPES:
            hint = "convert it to float32 before saving" if str(code).startswith(("BF", "F")) else ""
            expected = f"{short(name)!r} of one of the dtypes {', '.join(_DTYPES)}"
            raise FormatError(message(where, expected, short(code), hint))
    return metadata, list(header)


def _header_text(where: str, path: Path) -> str:
    if path.is_dir():
        raise IsADirectoryError(message(where, "a file", "a folder"))
    if not path.exists():
        raise FileNotFoundError(message(where, "a file that exists", "no such file"))
    if not path.is_file():
        raise FormatError(message(where, "a regular file", "a device, a pipe or a socket"))
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if start.startswith(_ZIP):
            hint = "in PyTorch write safetensors.torch.save_file(model.state_dict(), path)"
            got = "a zip archive, as torch.save and numpy.savez write it"
            raise FormatError(message(where, "a safetensors file", got, hint))
        if len(start) < 8:
            raise FormatError(message(where, "a header", f"a file of {size} bytes", _FOREIGN))
        if length > _MAX_HEADER:
            raise FormatError(message(where, f"a header of at most {_MAX_HEADER} bytes", length, _FOREIGN))
        if length > size - 8:
            raise FormatError(message(where, f"a header of {length} bytes", size - 8, "the file is truncated"))
        try:
            return file.read(length).decode()
        except UnicodeDecodeError:
            raise FormatError(message(where, "a header in UTF-8", "other bytes", _FOREIGN)) from None


def encode_header(where: str, host: Arrays, order: list[str], metadata: dict[str, str]) -> bytes:
    """Return the header, padded so that the arrays begin at a multiple of 8 bytes."""
    if len(host) > _MAX_ARRAYS:
        raise ValueError(message(where, f"at most {_MAX_ARRAYS} arrays", len(host)))
    places, start = {}, 0
    for name in order:
        places[name] = [start, start + host[name].nbytes]
        start += host[name].nbytes
    entries: dict[str, Any] = {METADATA: metadata} if metadata else {}
    for name, a in host.items():
        entries[name] = {"dtype": CODES[a.dtype], "shape": list(a.shape), "data_offsets": places[name]}
    header = dump_json(entries).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > _MAX_HEADER:
        raise ValueError(message(where, f"names and metadata of at most {_MAX_HEADER} bytes", len(header)))
    return header
