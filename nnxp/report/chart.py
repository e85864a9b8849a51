"""Curves as lines of an SVG that stretches with the page, and the numbers behind them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nnxp.report import scales
from nnxp.report.words import number

__all__ = ["Chart", "Line", "line_chart", "thinned"]

Values = Sequence[float | None]

# More points than this cannot be told apart on a screen.
MOST_POINTS = 400
# With so few, each is drawn as a dot too.
_FEW_POINTS = 24


@dataclass(frozen=True)
class Line:
    """A series of numbers with a name; None is a gap."""

    name: str
    values: Values


@dataclass
class Chart:
    """A chart, ready for the page: places are percentages of the plot, from its upper left corner.

    Attributes
    ----------
    title, summary : str
        What it shows, and the same in a sentence for those who do not see it.
    lines : list of dict
        Each with ``name``, ``path`` and ``dots`` (SVG path data).
    x_ticks, y_ticks : list of tuple of float and str
        Place and label.
    guides : list of float
        Places of horizontal lines that mark a threshold.
    best : dict or None
        ``left``, ``top`` and ``label`` of the point to mark.
    hover : dict
        What the script shows under the pointer: ``x`` labels, ``left`` places, and ``lines`` of ``name``, ``text``
        and ``top``.
    """

    title: str
    summary: str
    logarithmic: bool
    lines: list[dict[str, str]] = field(default_factory=list)
    x_ticks: list[tuple[float, str]] = field(default_factory=list)
    y_ticks: list[tuple[float, str]] = field(default_factory=list)
    guides: list[float] = field(default_factory=list)
    best: dict[str, Any] | None = None
    hover: dict[str, Any] = field(default_factory=dict)


def line_chart(
    title: str,
    x: Sequence[float],
    lines: Sequence[Line],
    *,
    x_name: str = "epoch",
    best: tuple[int, int] | None = None,
    limits: tuple[float, float] | None = None,
    logarithmic: bool | None = None,
    guides: Sequence[float] = (),
    show: Any = number,
    most: int = MOST_POINTS,
) -> Chart | None:
    """Lay out a chart of lines over the same places.

    Parameters
    ----------
    title : str
        Its heading.
    x : sequence of float
        In ascending order.
    lines : sequence of Line
        One value for every place.
    x_name : str
        What the places count.
    best : (line, index), optional
        The point to mark.
    limits : (low, high), optional
        Of the vertical axis; else those of the values.
    logarithmic : bool, optional
        None decides by how far the values reach.
    guides : sequence of float
        Values to mark across, where they lie within the limits.
    show : callable
        Writes a value.
    most : int
        Of more points than about these, some are left out.

    Returns
    -------
    Chart or None
        None where no value is finite.
    """
    finite = [v for line in lines for v in line.values if v is not None and math.isfinite(v)]
    finite = [v for v in finite if v > 0] if logarithmic else finite
    if not finite or not x:
        return None
    logarithmic = scales.wants_logarithm(finite) if logarithmic is None else logarithmic
    vertical = scales.Scale.around(limits or (min(finite), max(finite)), logarithmic)
    horizontal = scales.Scale(min(x), max(x), False)
    chart = Chart(title, _summary(title, x, lines, x_name, best, show), logarithmic)
    kept = thinned(len(x), None if best is None else best[1], most)
    left = [horizontal.place(x[i]) for i in kept]
    hover_lines = []
    for line in lines:
        tops = [vertical.top(line.values[i]) for i in kept]
        dots = len(kept) <= _FEW_POINTS
        chart.lines.append({"name": line.name, "path": _path(left, tops), "dots": _dots(left, tops) if dots else ""})
        shown = [show(line.values[i]) for i in kept]
        hover_lines.append({"name": line.name, "text": shown, "top": tops})
    chart.hover = {"x": [f"{x_name} {x[i]:g}" for i in kept], "left": left, "lines": hover_lines}
    chart.y_ticks = [(100 - p, t) for p, t in vertical.ticks()]
    chart.x_ticks = horizontal.whole_ticks()
    chart.guides = [100 - vertical.place(v) for v in guides if vertical.low <= v <= vertical.high]
    if best is not None and (value := lines[best[0]].values[best[1]]) is not None and math.isfinite(value):
        label = f"best {x_name} {x[best[1]]:g}: {show(value)}"
        chart.best = {"left": horizontal.place(x[best[1]]), "top": vertical.top(value), "label": label}
    return chart


def thinned(n: int, keep: int | None = None, most: int = MOST_POINTS) -> list[int]:
    """Choose places so that not more are left than can be seen; the first, the last and one other stay."""
    step = math.ceil(n / most) if n else 1
    return sorted({*range(0, n, step), n - 1, *([] if keep is None else [keep])} - {-1})


def _summary(
    title: str, x: Sequence[float], lines: Sequence[Line], x_name: str, best: tuple[int, int] | None, show: Any
) -> str:
    """Say in words what the curves do."""
    parts = []
    for line in lines:
        known = [show(v) for v in line.values if v is not None]
        parts.append(f"{line.name} from {known[0]} to {known[-1]}" if known else f"{line.name} without values")
    if best is not None:
        parts[-1] += f"; the best is {x_name} {x[best[1]]:g} with {show(lines[best[0]].values[best[1]])}"
    return f"{title} over {x_name} {x[0]:g} to {x[-1]:g}: {', '.join(parts)}."


def _path(left: Sequence[float], tops: Sequence[float | None]) -> str:
    """Draw a line that is broken where there is no value."""
    parts, pen = [], "M"
    for place, top in zip(left, tops, strict=True):
        if top is None:
            pen = "M"
            continue
        parts.append(f"{pen}{place:g} {top:g}")
        pen = "L"
    return "".join(parts)


def _dots(left: Sequence[float], tops: Sequence[float | None]) -> str:
    """Draw points: lines without a length have round ends."""
    return "".join(f"M{a:g} {b:g}h0" for a, b in zip(left, tops, strict=True) if b is not None)
