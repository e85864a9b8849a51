"""NumPy's own format for one array, and how two arrays make samples with their targets."""

import os
import re
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp.datasets._reading import FilePath, read_at_most
from nnxp.errors import FormatError

HostArray = np.ndarray[Any, Any]

PARTS = ("x_train", "y_train", "x_test", "y_test")

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 2**14
# As numpy.save writes it. Matched, not evaluated: Python objects and records have other headers.
_HEADER = re.compile(r"\{'descr': '([^']{1,8})', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\),? *\}\s*")
_NUMBERS = re.compile(r"\|[biu]1|[<>=](i2|i4|i8|u2|u4|u8|f2|f4|f8)")


def choose_names(where: str, path: FilePath, there: set[str], needs_target: bool) -> tuple[str, ...]:
    """Return the names of the arrays to read: the four parts, or x and y, or x alone where no target is needed."""
    choices = [PARTS, ("x", "y")] + ([] if needs_target else [("x",)])
    for names in choices:
        if there.issuperset(names):
            return names
    expected = " or ".join(", ".join(names) for names in choices)
    shown = ", ".join(sorted(there)[:10]) or "none"
    raise FormatError(message(where, f"arrays {expected} in {os.fspath(path)}", shown))


def check_pairs(where: str, path: FilePath, arrays: dict[str, HostArray]) -> dict[str, HostArray]:
    """Return the arrays, targets in their form; refuse those that do not go together."""
    names = tuple(arrays)
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


def read_header(where: str, path: FilePath, stream: Any, name: str) -> tuple[np.dtype[Any], bool, tuple[int, ...], int]:
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
        with np.errstate(over="ignore"):
            numbers = (y if y.ndim > 1 else y[:, None]).astype(np.float32, copy=False)
        if not np.isfinite(numbers).all():
            raise FormatError(
                message(where, f"finite float32 numbers as {name} in {os.fspath(path)}", "infinity or NaN")
            )
        return numbers
    labels = y.reshape(len(y), -1).astype(np.int64)
    if labels.shape[1] != 1 or labels.min() < 0:
        got = f"{y.dtype} of shape {y.shape}" if labels.shape[1] != 1 else labels.min()
        expected = f"labels of shape (n,), whole numbers from 0, as {name} in {os.fspath(path)}"
        raise FormatError(message(where, expected, got, "numbers to predict are floating"))
    return labels[:, 0]
