"""How a network's arrays stand in a written file: as numbers, as base64, or in an archive beside it."""

import base64
from collections.abc import Mapping
from textwrap import fill
from textwrap import indent as indented
from typing import Any

import numpy as np

from nnxp._checks import check_choice
from nnxp.io.plain.writer import literal, quoted

__all__ = ["FORMS", "INLINE_BYTES", "LITERAL_NUMBERS", "choose_form", "weights_text"]

Host = np.ndarray[Any, Any]

FORMS = ("numbers", "base64", "npz")
# Up to so many numbers they can be read; up to so many bytes a file can be scrolled.
LITERAL_NUMBERS = 128
INLINE_BYTES = 2**18
_WIDTH = 108
# What stands around a row of numbers, a name of some length among it.
_AROUND = 50

_DECODED = '''
def decoded(dtype: str, shape: tuple[int, ...], text: str) -> Array:
    """Return the array whose bytes, little-endian, are written in base64."""
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)
'''

_PART = '''
def part(path: str) -> dict[str, Array]:
    """Return the arrays of one layer, by their names in it."""
    names = [name for name in WEIGHTS if name.startswith(path + ".")]
    return {name[len(path) + 1 :]: WEIGHTS[name] for name in names}
'''


def choose_form(arrays: Mapping[str, Host], form: str) -> str:
    """Return the form that was asked for; of "auto", the most readable one that is not too long."""
    check_choice("export", "weights", form, ["auto", *FORMS])
    if form != "auto":
        return form
    if sum(a.size for a in arrays.values()) <= LITERAL_NUMBERS:
        return "numbers"
    return "base64" if sum(a.nbytes for a in arrays.values()) <= INLINE_BYTES else "npz"


def weights_text(arrays: Mapping[str, Host], form: str, archive: str, parts: bool) -> tuple[list[str], set[str]]:
    """Return the blocks of text that define ``WEIGHTS``, and what they import.

    Parameters
    ----------
    arrays : mapping of str to array
        On the host, by name.
    form : {"numbers", "base64", "npz"}
        How they are written.
    archive : str
        The name of the file beside the written one, for ``"npz"``.
    parts : bool
        Whether layers read their arrays by ``part(path)``.
    """
    if not arrays:
        return [], set()
    blocks, imports = ([_PART.strip()] if parts else []), set()
    if form == "npz":
        imports.add("from pathlib import Path")
        read = f"with np.load(Path(__file__).with_name({quoted(archive)}), allow_pickle=False) as archive:"
        blocks.append(f"{read}\n    WEIGHTS = {{name: archive[name] for name in archive.files}}")
        return blocks, imports
    if form == "base64":
        imports.add("import base64")
        blocks.append(_DECODED.strip())
    write = _numbers if form == "numbers" else _base64
    entries = "".join(f"    {quoted(name)}: {write(array)},\n" for name, array in arrays.items())
    return [*blocks, f"WEIGHTS = {{\n{entries}}}"], imports


def _base64(array: Host) -> str:
    little = array.astype(array.dtype.newbyteorder("<"), order="C")
    text = base64.b64encode(little.tobytes()).decode()
    lines = "\n".join(text[i : i + _WIDTH] for i in range(0, len(text), _WIDTH))
    return f'decoded("{little.dtype.str}", {array.shape}, """\n{lines}\n""")'


def _numbers(array: Host) -> str:
    return f'np.array({_nested(array, 8)}, dtype="{array.dtype}")'


def _nested(array: Host, indent: int) -> str:
    """Write an array as nested lists, the rows of a matrix below each other; each number with the digits it needs."""
    if array.ndim == 0:
        number = array[()]
        return str(number) if np.isfinite(number) else literal(number)
    parts = [_nested(part, indent + 4) for part in array]
    before = " " * indent
    if array.ndim > 1:
        return "[\n" + "".join(f"{before}{part},\n" for part in parts) + f"{before[4:]}]"
    row = ", ".join(parts)
    if len(row) <= _WIDTH - indent - _AROUND:
        return f"[{row}]"
    return f"[\n{indented(fill(row, _WIDTH - indent), before)}\n{before[4:]}]"
