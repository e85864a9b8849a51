"""Runs side by side: what differs, what came of it, and which is best."""

import math
from dataclasses import dataclass, field
from typing import Any

from nnxp._table import Table
from nnxp.report.chart import Chart, Line, line_chart
from nnxp.report.fairness import UNFAIR, same_data, same_loss
from nnxp.report.page import fill
from nnxp.report.record import DIAGNOSTICS, Record
from nnxp.report.sentences import name_of
from nnxp.report.words import NOTHING, count, number, percent, seconds, text

__all__ = ["Compared", "compare_runs", "render_comparison"]

Rows = list[tuple[str, list[str], list[bool]]]


@dataclass
class Compared:
    """Runs side by side.

    Attributes
    ----------
    names : list of str
        Of the runs, each once.
    results, options : list of (str, list of str, list of bool)
        What it is, a cell for each run, and which of them are the best.
    same : list of (str, str)
        Options that all runs share.
    curves : list of Chart
        Each with a line for every run that has the column.
    headline : str
        Which run is best, in a sentence.
    missing : list of str
        What could not be read, run by run.
    """

    names: list[str]
    results: Rows = field(default_factory=list)
    options: Rows = field(default_factory=list)
    same: list[tuple[str, str]] = field(default_factory=list)
    curves: list[Chart] = field(default_factory=list)
    headline: str = ""
    missing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [
            [what, *(f"{cell} *" if best else cell for cell, best in zip(cells, marks, strict=True))]
            for what, cells, marks in [*self.results, *self.options]
        ]
        return str(Table(["", *self.names], rows, [self.headline, *self.missing]))


def compare_runs(records: list[Record], parameters: list[int | None]) -> Compared:
    """Hold runs against each other.

    Parameters
    ----------
    records : list of Record
        At least two, from `read_record`.
    parameters : list of int or None
        How many each network has; None where it is not known.

    Returns
    -------
    Compared
        Prints as a table, the best of each row with a star.
    """
    found = Compared(_names(records))
    found.missing = [
        f"{name}: {sentence}"
        for name, record in zip(found.names, records, strict=True)
        for sentence in record.missing
        if not sentence.startswith(DIAGNOSTICS)
    ]
    found.missing += [sentence for fair, sentence in UNFAIR.items() if not fair(records)]
    _add_results(found, records, parameters)
    _add_options(found, records)
    _add_curves(found, records)
    return found


def render_comparison(compared: Compared) -> str:
    """Write the page of a comparison; it is one file, as `render_report`'s is."""
    return fill("compare.html", title="Runs side by side | nnxp", reload=0, compared=compared)


def _names(records: list[Record]) -> list[str]:
    """Name runs by their folders, with as much of the path as tells them apart."""
    for parts in range(1, 6):
        names = ["/".join(record.folder.resolve().parts[-parts:]) for record in records]
        if len(set(names)) == len(names):
            return names
    return [f"{i}: {record.folder}" for i, record in enumerate(records, 1)]


def _add_results(found: Compared, records: list[Record], parameters: list[int | None]) -> None:
    """Add a row for every measure; of accuracy and R² the largest is best, of all else the least."""
    measures = dict.fromkeys(name for r in records for name in r.table("result") if name.startswith("test_"))
    for name in sorted(measures, key=lambda name: name == "test_loss"):
        values = [record.number("result", name) for record in records]
        show = percent if name == "test_accuracy" else number
        fair = same_loss(records) if name == "test_loss" else same_data(records)
        best = _best(values, largest=name != "test_loss") if fair else [False] * len(records)
        found.results.append((f"test {name_of(name.removeprefix('test_'))}", [show(v) for v in values], best))
        if not found.headline and any(best):
            found.headline = _headline(found, name_of(name.removeprefix("test_")), [show(v) for v in values], best)
    found.headline = found.headline or _no_best(records, measures)
    lowest = [_value(r, "val_loss", r.best) for r in records]
    best = _best(lowest, largest=False) if same_loss(records) else [False] * len(records)
    found.results.append(("best validation loss", [number(v) for v in lowest], best))
    at = [NOTHING if r.best is None else str(r.epochs[r.best]) for r in records]
    found.results.append(("in epoch", at, [False] * len(records)))
    found.results.append(("epochs", [str(len(r.epochs)) for r in records], [False] * len(records)))
    whole = [_total(r) for r in records]
    found.results.append(("training time", [seconds(v) for v in whole], _best(whole, largest=False)))
    each = [None if t is None or not r.epochs else t / len(r.epochs) for t, r in zip(whole, records, strict=True)]
    found.results.append(("time per epoch", [seconds(v) for v in each], _best(each, largest=False)))
    sizes = [None if n is None else float(n) for n in parameters]
    shown = [NOTHING if n is None else count(n) for n in parameters]
    found.results.append(("parameters", shown, _best(sizes, largest=False)))


def _no_best(records: list[Record], measures: dict[str, None]) -> str:
    if not measures:
        return "None of the runs has a test result."
    if not same_data(records):
        return UNFAIR[same_data]
    known = [[record.number("result", name) for name in measures] for record in records]
    if not all(any(v is not None and math.isfinite(v) for v in values) for values in known):
        return "Not every run has a test result that is a number, so none of them is called best."
    return "The runs are alike on the test samples."


def _headline(found: Compared, measure: str, shown: list[str], best: list[bool]) -> str:
    winners = [name for name, is_best in zip(found.names, best, strict=True) if is_best]
    result = f"{'a' if measure == 'loss' else 'an'} {measure} of {shown[best.index(True)]}"
    if len(winners) == 1:
        return f"{winners[0]} is best on the test samples, with {result}."
    return f"{' and '.join(winners)} are equally good on the test samples, with {result}."


def _add_options(found: Compared, records: list[Record]) -> None:
    """Part the options into those that differ and those that do not."""
    for table in ("options", "versions"):
        for name in dict.fromkeys(name for record in records for name in record.table(table)):
            cells = [text(record.table(table)[name]) if name in record.table(table) else NOTHING for record in records]
            shown = name.replace("_", " ") if table == "options" else f"version of {name}"
            if len(set(cells)) > 1:
                found.options.append((shown, cells, [False] * len(cells)))
            else:
                found.same.append((shown, cells[0]))
    sources = [text(record.table("data").get("source", NOTHING)) for record in records]
    if len(set(sources)) > 1:
        found.options.insert(0, ("data", sources, [False] * len(sources)))


def _add_curves(found: Compared, records: list[Record]) -> None:
    """Lay the runs' curves over each other, column by column."""
    columns = dict.fromkeys(n for r in records for n in r.history if n not in {"epoch", "seconds", "lr"})
    epochs = sorted({epoch for record in records for epoch in record.epochs})
    for column in sorted(columns, key=lambda name: not name.startswith("val_")):
        lines = []
        for name, record in zip(found.names, records, strict=True):
            known = dict(zip(record.epochs, record.history.get(column, []), strict=False))
            lines.append(Line(name, [known.get(epoch) for epoch in epochs]))
        chart = line_chart(name_of(column).capitalize(), epochs, lines)
        if chart is not None:
            found.curves.append(chart)


def _best(values: list[float | None], *, largest: bool) -> list[bool]:
    """Mark the best of several; nothing is best where all are alike or only one is known."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if len(known) < 2 or (len(set(known)) == 1 and len(known) == len(values)):
        return [False] * len(values)
    best = max(known) if largest else min(known)
    return [v == best for v in values]


def _value(record: Record, column: str, place: int | None) -> float | None:
    values: list[Any] = record.history.get(column, [])
    return None if place is None or not values else values[place]


def _total(record: Record) -> float | None:
    times = [v for v in record.history.get("seconds", []) if v is not None]
    return sum(times) if times else None
