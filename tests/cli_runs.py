"""What the tests of the command line share: running it in this process, and data written to files."""

from __future__ import annotations

import csv
import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from nnxp.cli import app
from nnxp.datasets import blobs, digits


def nnxp(*arguments: object, status: int = 0) -> tuple[list[str], str]:
    """Run a command; return the lines of its output, and its standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.stdout.splitlines(), result.stderr


def mistake(*arguments: object) -> str:
    """Run a command that the user got wrong; return its one sentence."""
    lines, said = nnxp(*arguments, status=2)
    assert lines == []
    assert said.startswith("nnxp: ")
    assert said.count("\n") == 1
    return said.removeprefix("nnxp: ").rstrip("\n")


def score(lines: list[str], name: str = "accuracy") -> float:
    """Read the last line of a training."""
    label, value = lines[-1].rsplit(" ", 1)
    assert label == f"test {name}:"
    assert len(value.rpartition(".")[2]) == 4
    return float(value)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[list[Any]]) -> Path:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def write_classes(path: Path) -> Path:
    """Write three clouds as a table with a header, the target in the middle and made of words."""
    x, y = blobs(240, classes=3, seed=1)
    names = ["red fox", "grey wolf", "arctic hare"]
    rows = [[1000 + 10 * a, names[label], b] for (a, b), label in zip(x.tolist(), y.tolist(), strict=True)]
    return write_rows(path, [["length", "kind", "weight"], *rows])


def write_numbers(path: Path) -> Path:
    """Write a plane without a header, its target far from 0 and wide."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)) * (1.0, 100.0, 0.01)
    y = 250_000 + 40_000 * (x @ (1.0, 0.01, 50.0)) + rng.normal(size=300) * 500
    return write_rows(path, np.column_stack([x, y]).tolist())


def write_images(path: Path) -> Path:
    """Write digits as bytes, in the shape of images."""
    x_train, y_train, x_test, y_test = digits()
    x_train, x_test = ((x.reshape(-1, 8, 8) * 255).astype(np.uint8) for x in (x_train, x_test))
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def write_idx(folder: Path, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], prefix: str) -> Path:
    """Write a pair of IDX files, the labels compressed."""
    folder.mkdir(exist_ok=True)
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *x.shape) + x.tobytes())
    labels = struct.pack(">4BI", 0, 0, 8, 1, len(y)) + y.astype(np.uint8).tobytes()
    (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return folder
