"""Pictures of text: edges with their value above and their gradient below, and the nodes between them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp.explanation.numbers import matrix_lines

__all__ = ["Picture", "beside", "chain", "edge", "join", "node"]

Host = np.ndarray[Any, Any]

_WIDTH = 116


@dataclass(frozen=True)
class Picture:
    """Lines of one width, one of which, the axis, is where pictures meet."""

    lines: tuple[str, ...]
    axis: int

    @property
    def width(self) -> int:
        """Of every line."""
        return len(self.lines[0])

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)


def edge(name: str, value: Host, gradient: Host) -> Picture:
    """Draw an arrow with a name, its value above and the loss's gradient by it below."""
    above, below = matrix_lines(value), matrix_lines(gradient)
    width = max(map(len, [*above, *below, f"{name} ---->"])) + 2
    arrow = f" {name} ".ljust(width - 1, "-") + ">"
    lines = [*(line.center(width) for line in above), arrow, *(line.center(width) for line in below)]
    return Picture(tuple(lines), len(above))


def node(word: str) -> Picture:
    """Draw an operation of one input."""
    return Picture((f"({word})",), 0)


def beside(a: Picture, b: Picture) -> Picture:
    """Put two pictures side by side, axis to axis."""
    top = max(a.axis, b.axis)
    bottom = max(len(p.lines) - p.axis for p in (a, b))
    columns = []
    for p in (a, b):
        blank = " " * p.width
        columns.append([blank] * (top - p.axis) + list(p.lines) + [blank] * (bottom - (len(p.lines) - p.axis)))
    return Picture(tuple(x + y for x, y in zip(*columns, strict=True)), top)


def join(upper: Picture, lower: Picture, word: str) -> Picture:
    """Let two pictures, one below the other, meet in an operation of two inputs."""
    width = max(upper.width, lower.width)
    first, last = upper.axis, len(upper.lines) + 1 + lower.axis
    sign = f"({word})-"
    behind = {first: "--.", last: "--'", (first + last) // 2: sign}
    lines = []
    for i, line in enumerate([*upper.lines, "", *lower.lines]):
        # An arrow that ends further on is a line here.
        whole = line.replace(">", "-").ljust(width, "-") if i in (first, last) else line.ljust(width)
        between = behind.get(i, "  |" if first < i < last else "")
        lines.append(whole + between.ljust(len(sign)))
    return Picture(tuple(lines), (first + last) // 2)


def chain(pictures: list[Picture]) -> str:
    """Draw pictures one behind the other, in as many rows as it takes."""
    rows: list[Picture] = []
    for each in pictures:
        if rows and rows[-1].width + each.width <= _WIDTH:
            rows[-1] = beside(rows[-1], each)
        else:
            rows.append(each)
    return "\n\n".join(map(str, rows))
