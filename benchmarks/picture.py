"""A picture of the results: every peer beside nnxp, and what a step costs against batch and width."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks.report import COLUMNS, NNXP, fastest, ratio

# Okabe and Ito's colours, which the colour-blind can tell apart.
COLOURS = {
    "nnxp": "#0072B2", "nnxp plain": "#56B4E9", "torch": "#D55E00", "torch fused": "#E69F00",
    "torch.compile": "#F0E442", "jax": "#009E73", "scikit-learn": "#CC79A7", "thinc": "#9AA5B1", "floor": "#000000",
}  # fmt: skip


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw whatever there is, and save it."""
    import matplotlib
    from matplotlib.figure import Figure

    works = [work for work in results["workloads"] if not work["sweep"] and fastest(work, NNXP)]
    sweeps = [kind for kind in ("batch", "width") if series(results, kind)]
    bars_height = 0.6 + 0.55 * len(works)
    figure = Figure(figsize=(11, bars_height + (3.6 if sweeps else 0)), layout="constrained")
    parts = figure.subfigures(1 + bool(sweeps), 1, height_ratios=[bars_height, 3.6] if sweeps else None, squeeze=False)
    if works:
        bars(parts[0, 0].subplots(), works)
    if sweeps:
        places = parts[-1, 0].subplots(1, len(sweeps), squeeze=False)[0]
        for axes, kind in zip(places, sweeps, strict=True):
            lines(axes, results, kind)
    # The same results give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "nnxp", "svg.fonttype": "none"}):
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)


def bars(axes: Any, works: list[dict[str, Any]]) -> None:
    """Draw how many times longer than nnxp everyone takes."""
    columns = [column for column in COLUMNS if any(ratio(work, column) for work in works)]
    height = 0.85 / max(1, len(columns))
    for k, column in enumerate(columns):
        found = [(i, ratio(work, column)) for i, work in enumerate(works)]
        there = [(i, three) for i, three in found if three]
        axes.barh(
            [i + (k - (len(columns) - 1) / 2) * height for i, _ in there], [middle - 1 for _, (_, middle, _) in there],
            height, left=1, color=COLOURS[column], label=column, ecolor="#555555", error_kw={"linewidth": 0.7},
            xerr=[[m - low for _, (low, m, _) in there], [high - m for _, (_, m, high) in there]],
        )  # fmt: skip
    axes.axvline(1, color=COLOURS[NNXP], linewidth=1.5)
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    axes.margins(y=0.01)
    axes.set_yticks(range(len(works)), [work["title"] for work in works], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("time / nnxp's time: right of the line nnxp is faster")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))


def series(results: dict[str, Any], kind: str) -> list[tuple[int, dict[str, Any]]]:
    """Return the workloads of a series, by what varies."""
    mine = [work for work in results["workloads"] if work["sweep"] == kind and fastest(work, NNXP)]
    return sorted(((int(work["name"].rpartition("-")[2]), work) for work in mine), key=lambda pair: pair[0])


def lines(axes: Any, results: dict[str, Any], kind: str) -> None:
    """Draw the time of a step against what varies."""
    for column in (NNXP, *COLUMNS):
        points = []
        for value, work in series(results, kind):
            name = fastest(work, column)
            if name is not None:
                points.append((value, statistics.median(work["measured"][name]["seconds"]) * 1e6))
        if points:
            style = "--" if column == "floor" else "-"
            axes.plot(*zip(*points, strict=True), style, marker="o", color=COLOURS[column], label=column, markersize=3)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks([value for value, _ in series(results, kind)])
    axes.xaxis.set_major_formatter("{x:g}")
    plain_numbers(axes.yaxis)
    fixed = "width 256" if kind == "batch" else "batch 64"
    axes.set_xlabel(f"{kind} (multilayer perceptron, two hidden layers, {fixed}, Adam)", fontsize=8)
    axes.set_ylabel("microseconds a step", fontsize=8)
    axes.legend(fontsize=8)


def plain_numbers(axis: Any) -> None:
    """Label a logarithmic axis with 1, 2, 5, 10, ..."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
