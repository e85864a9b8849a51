"""Arrays in a line: their numbers where there are few, else what they are like."""

from typing import Any

import numpy as np

__all__ = ["MOST_SHOWN", "matrix_lines", "numbers_text", "shape_text"]

Host = np.ndarray[Any, Any]

# So many numbers fit into a line.
MOST_SHOWN = 9


def numbers_text(a: Host) -> str:
    """Write an array's numbers, or of a large one mean, standard deviation, ends and Euclidean norm."""
    if a.size == 0:
        return "nothing"
    if a.size <= MOST_SHOWN:
        return nested(a)
    if a.dtype.kind not in "f":
        return f"from {a.min()} to {a.max()}"
    with np.errstate(all="ignore"):
        about = {"mean": a.mean(), "std": a.std(), "from": a.min(), "to": a.max(), "norm": np.sqrt((a * a).sum())}
    return "  ".join(f"{name} {number(value)}" for name, value in about.items())


def number(value: Any) -> str:
    """Write a number with four digits."""
    return f"{value + 0.0:.4g}" if isinstance(value, (float, np.floating)) else str(value)  # -0 is 0


def nested(a: Any) -> str:
    """Write nested lists of numbers."""
    return f"[{' '.join(nested(part) for part in a)}]" if a.ndim else number(a[()])


def matrix_lines(a: Host) -> list[str]:
    """Write a row or a matrix, numbers below each other."""
    rows = [[number(value) for value in row] for row in np.atleast_2d(a)]
    width = max(len(word) for row in rows for word in row)
    return [" ".join(word.rjust(width) for word in row) for row in rows]


def shape_text(shape: Any) -> str:
    """Write the shape of an array, or those of several."""
    if shape is None:
        return "none"
    if isinstance(shape, tuple) and any(isinstance(part, tuple) or part is None for part in shape):
        return ", ".join(map(shape_text, shape))
    return str(shape)
