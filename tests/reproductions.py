"""What the tests of ``nnxp reproduce`` share: how to read its table, shorter runs, and images in a folder."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import datasets
from nnxp.cli.reproduce import _book_convnet, _xor_image, _xor_mnist, book, xor

# least accuracy by the number of images -> exit status and verdict, with 400 to train
OUTCOMES = [({}, 0, ""), ({400: 0.7}, 0, "holds"), ({300: 1.01}, 1, "falls short"), ({401: 1.01}, 0, "")]

Lines = dict[str, tuple[str, ...]]


def table(text: str) -> Lines:
    """Read the last table of an output: what -> (published, here, verdict)."""
    lines = text.splitlines()
    start = max(i for i, line in enumerate(lines) if line.startswith("what"))
    ends = [match.end() for match in re.finditer("-+", lines[start + 1])]
    starts = [0, *(end + 2 for end in ends[:-1])]
    rows = {}
    for line in lines[start + 2 :]:
        cells = tuple(line[a:b].strip() for a, b in zip(starts, [*ends[:-1], None], strict=True))
        # Notes below the table do not keep to its columns.
        if all(line[end : end + 2].strip() == "" for end in ends[:-1]):
            rows[cells[0]] = cells[1:]
    return rows


def verdicts(rows: Lines) -> set[str]:
    return {row[-1] for row in rows.values()}


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the book's networks two hidden units and two maps: the whole of them has a test of its own."""
    monkeypatch.setattr(book, "HIDDEN", 2)
    monkeypatch.setattr(_book_convnet, "SMALL", (2, 2))


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train the library's networks for three epochs, and expect nothing of them."""
    for module in (xor, _xor_image, _xor_mnist):
        monkeypatch.setattr(module, "EPOCHS", 3)
    for module in (xor, _xor_image):
        monkeypatch.setattr(module, "LARGEST_ERROR", 10.0)
    monkeypatch.setattr(xor, "PUBLISHED_ERRORS", {1: 0.322980, 2: 0.311174, 3: 0.307195})


def write_idx(path: Path, array: np.ndarray[Any, Any]) -> None:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def write_digits(folder: Path) -> Path:
    """Write the digits as a folder of IDX files: 400 to train, 100 to test."""
    x, y, _, _ = datasets.digits(test=0.0)
    write_idx(folder / "train-images-idx3-ubyte", 255 * x[:500].reshape(-1, 8, 8))
    write_idx(folder / "train-labels-idx1-ubyte", y[:500])
    return folder
