"""The parts of the page, as plain values for its templates."""

import math
from typing import Any

from nnxp.report import scales
from nnxp.report.chart import Chart, Line, line_chart
from nnxp.report.findings import Findings
from nnxp.report.health import LayerHistory
from nnxp.report.record import Record
from nnxp.report.sentences import name_of
from nnxp.report.words import NOTHING, count, number, percent, plural, seconds, text

__all__ = ["confusion", "curves", "epoch_table", "facts", "layer_rows", "layer_times", "scatter", "time_chart"]

_ROWS = 200
_SHADES = 9
_NAMES = 12
_SPARK_POINTS = 100


def curves(record: Record) -> list[Chart]:
    """Draw loss and metrics, training and validation together, and a learning rate that varies."""
    found = []
    for column in [n for n in record.history if n not in {"epoch", "seconds"} and not n.startswith("val_")]:
        lines = [Line("training", record.history[column])]
        if f"val_{column}" in record.history:
            lines.append(Line("validation", record.history[f"val_{column}"]))
        if column == "lr":
            lines = [Line("learning rate", record.history[column])]
            if len(set(record.history[column])) == 1:
                continue
        best = None if record.best is None or column == "lr" else (len(lines) - 1, record.best)
        found.append(line_chart(name_of(column).capitalize(), record.epochs, lines, best=best))
    return [chart for chart in found if chart is not None]


def epoch_table(record: Record) -> dict[str, Any]:
    """Return the history as heads and rows of text; of a long one every so many rows."""
    epochs, columns = record.epochs, [name for name in record.history if name != "epoch"]
    step = math.ceil(len(epochs) / _ROWS) or 1
    kept = sorted({*range(0, len(epochs), step), *([len(epochs) - 1] if epochs else [])})
    rows = [[str(epochs[i]), *(_cell(name, record.history[name][i]) for name in columns)] for i in kept]
    best = None if record.best is None else str(epochs[record.best])
    return {"heads": ["epoch", *map(name_of, columns)], "rows": rows, "best": best, "whole": step == 1}


def _cell(column: str, value: float | None) -> str:
    return seconds(value) if column == "seconds" else number(value)


def time_chart(record: Record) -> Chart | None:
    """Draw the seconds of every epoch."""
    line = Line("time", record.history.get("seconds", []))
    if not line.values:
        return None
    known = [v for v in line.values if v is not None and math.isfinite(v)]
    # The first epoch, which loads and compiles, can take a hundred times as long.
    far = bool(known) and scales.wants_logarithm(known)
    limits = None if far else (0.0, max(known, default=1.0))
    return line_chart("Time per epoch, in seconds", record.epochs, [line], limits=limits, logarithmic=far, show=seconds)


def layer_rows(layers: list[LayerHistory]) -> list[dict[str, Any]]:
    """Return a row a layer: its curves, its last values, and the word for what looks ill."""
    gradients, updates = _reach(layers, "gradient"), _reach(layers, "update")
    rows = []
    for layer in layers:
        one = [
            _spark(layer, "Output", {"standard deviation": "std", "mean": "mean"}),
            _spark(layer, "Share of zeros", {"zeros": "zeros", "dead": "dead"}, limits=(0.0, 1.0), show=percent),
            _spark(layer, "Norm of the gradient", {"gradient": "gradient"}, limits=gradients, logarithmic=True),
            _spark(
                layer, "Update to weight", {"update": "update"}, limits=updates, logarithmic=True, guides=(1e-5, 0.1)
            ),
        ]
        mean, std = layer.last("mean"), layer.last("std")
        dead = layer.last("dead")
        share = layer.last("zeros")
        zeros = "" if share is None else f"{percent(share)} zeros" if share else "no zeros"
        cells = [
            "" if std is None else f"{number(mean, 3)} ± {number(std, 3)}",
            f"{zeros}, {percent(dead)} dead" if zeros and dead else zeros,
            "" if layer.last("gradient") is None else number(layer.last("gradient"), 3),
            "" if layer.last("update") is None else number(layer.last("update"), 2),
        ]
        rows.append(
            {
                "path": layer.path or "model",
                "kind": layer.kind,
                "sparks": one,
                "cells": cells,
                "findings": layer.findings,
            }
        )
    return rows


def _reach(layers: list[LayerHistory], name: str) -> tuple[float, float] | None:
    """Return the smallest and the largest value of all layers, so that their curves compare."""
    values = [v for layer in layers for v in layer.columns.get(name, []) if v is not None and 0 < v < math.inf]
    return (min(values), max(values)) if values else None


def _spark(layer: LayerHistory, title: str, names: dict[str, str], **options: Any) -> Chart | None:
    lines = [Line(shown, layer.columns.get(column, [])) for shown, column in names.items()]
    lines = [line for line in lines if any(v is not None for v in line.values)]
    # A share that is always 0 is said in words; a curve of it would tell no more.
    lines = [line for line in lines if line.name not in {"zeros", "dead"} or any(line.values)]
    title = f"{title} of layer {layer.path or 'model'} ({layer.kind})"
    return line_chart(title, layer.steps, lines, x_name="update", most=_SPARK_POINTS, **options)


def layer_times(layers: list[LayerHistory]) -> list[dict[str, Any]]:
    """Return the median times of each layer, and their shares of the whole step."""
    found = [(layer, layer.median("forward_seconds"), layer.median("backward_seconds")) for layer in layers]
    timed = [(layer, f or 0.0, b or 0.0) for layer, f, b in found if f is not None or b is not None]
    total, longest = sum(f + b for _, f, b in timed), max((f + b for _, f, b in timed), default=0.0)
    return [
        {
            "path": layer.path or "model",
            "kind": layer.kind,
            "forward": seconds(forward or None),
            "backward": seconds(backward or None),
            "share": percent((forward + backward) / total),
            "bars": (round(100 * forward / longest, 1), round(100 * backward / longest, 1)),
        }
        for layer, forward, backward in timed
        if total > 0
    ]


def confusion(findings: Findings) -> dict[str, Any] | None:
    """Return the confusion matrix with a shade for each cell, recalls and precisions."""
    if not findings.matrix:
        return None
    rows = []
    columns = [sum(row[k] for row in findings.matrix) for k in range(len(findings.matrix))]
    for i, row in enumerate(findings.matrix):
        total = sum(row) or 1
        # The square root lifts rare mistakes off the ground.
        shades = [math.ceil(_SHADES * math.sqrt(n / total)) for n in row]
        cells = [(count(n), f"{'r' if i == k else 'w'}{shades[k]}") if n else ("·", "") for k, n in enumerate(row)]
        rows.append({"name": findings.classes[i], "cells": cells, "recall": _whole(row[i], sum(row))})
    precision = [_whole(findings.matrix[k][k], n) for k, n in enumerate(columns)]
    return {"classes": findings.classes, "rows": rows, "precision": precision, "dense": len(columns) > 20}


def _whole(part: int, total: int) -> str:
    """Write a share as a whole percentage, rounded down so that 100 means all."""
    return str(100 * part // total) if total else NOTHING


def scatter(findings: Findings) -> list[dict[str, Any]]:
    """Lay out predictions over the truth, both on one scale."""
    found = []
    for name, pairs in findings.points:
        known = [(a, b) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]
        if not known:
            continue
        scale = scales.Scale.around((min(map(min, known)), max(map(max, known))), False)
        dots = "".join(f"M{scale.place(a):g} {100 - scale.place(b):g}h0" for a, b in known)
        ticks = scale.ticks()
        summary = f"{name} against the truth for {plural(len(known), 'test sample')}"
        x_ticks = [ticks[0], ticks[-1]] if len(ticks) > 1 else ticks
        found.append({"name": name, "dots": dots, "x_ticks": x_ticks, "y_ticks": [(100 - p, t) for p, t in ticks],
                      "summary": summary, "left_out": len(pairs) - len(known)})  # fmt: skip
    return found


def facts(record: Record) -> dict[str, list[tuple[str, str]]]:
    """Return options, data and versions as names and words."""
    found = {}
    for title, name in (("Options", "options"), ("Data", "data"), ("Versions", "versions")):
        pairs = [(key.replace("_", " "), _short(key, value)) for key, value in record.table(name).items()]
        if pairs:
            found[title] = pairs
    return found


def _short(key: str, value: Any) -> str:
    """Write a value; of a long list the beginning."""
    if not isinstance(value, list):
        return text(value)
    more = f", … ({count(len(value))})" if len(value) > _NAMES else ""
    return (" \N{MULTIPLICATION SIGN} " if key.endswith("shape") else ", ").join(map(text, value[:_NAMES])) + more
