"""From measured times to tables: medians, quartiles, and ratios of paired rounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

NNXP = "nnxp"
COLUMNS = ("nnxp plain", "torch", "torch fused", "torch.compile", "jax", "scikit-learn", "thinc", "floor")
HEADS = {"step": "training step", "convolution": "convolution, forward and both gradients", "predict": "prediction"}


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    if len(values) == 1:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def fastest(workload: dict[str, Any], column: str) -> str | None:
    """Return the configuration of a column with the lowest median, or None if there is none."""
    mine = [name for name, found in workload["measured"].items() if found["column"] == column]
    key = lambda name: statistics.median(workload["measured"][name]["seconds"])  # noqa: E731
    return min(mine, key=key, default=None)


def ratio(workload: dict[str, Any], column: str, what: str = "seconds") -> tuple[float, float, float] | None:
    """Return how many times longer a column takes than nnxp, round by round; above 1 nnxp is faster."""
    ours, theirs = fastest(workload, NNXP), fastest(workload, column)
    if ours is None or theirs is None:
        return None
    pairs = zip(workload["measured"][theirs][what], workload["measured"][ours][what], strict=True)
    return spread([their / our for their, our in pairs])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, without the columns that are empty."""
    full = [i for i in range(len(heads)) if i == 0 or any(row[i] for row in rows)]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line[i] for i in full) + " |" for line in lines)


def duration(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 99.5 else f"{value:.2f}"


def ratio_cell(found: tuple[float, float, float] | None, column: str) -> str:
    """Return a ratio with its quartiles, in bold where a peer is faster."""
    if found is None:
        return ""
    low, middle, high = map(number, found)
    peer = column not in {"floor", "nnxp plain"}
    return f"{f'**{middle}**' if peer and found[1] < 1 else middle} ({low} to {high})"


def our_time(workload: dict[str, Any]) -> str:
    """Return nnxp's median with its quartiles, and how it was reached."""
    name = fastest(workload, NNXP)
    if name is None:
        return ""
    low, middle, high = map(duration, spread(workload["measured"][name]["seconds"]))
    return f"{middle} ({low} to {high}){' by fit' if name.endswith('fit') and workload['kind'] == 'step' else ''}"


def ratios(results: dict[str, Any], kind: str) -> str:
    """Return the table of one kind of workloads."""
    rows = [
        [work["title"], our_time(work), *(ratio_cell(ratio(work, column), column) for column in COLUMNS)]
        for work in results["workloads"]
        if work["kind"] == kind and not work["sweep"] and work["measured"]
    ]
    return (rows and table([HEADS[kind], NNXP, *(f"{column} / nnxp" for column in COLUMNS)], rows)) or ""


def memory(results: dict[str, Any]) -> str:
    """Return the table of the most memory that each training took."""
    columns = (NNXP, *COLUMNS[:-1])
    rows = []
    for work in results["workloads"]:
        if work["kind"] in {"step", "job"} and not work["sweep"] and work["measured"]:
            names = [fastest(work, column) for column in columns]
            peaks = [f"{work['measured'][name]['peak_megabytes']:.0f}" if name else "" for name in names]
            rows.append([work["title"], *peaks])
    return table(["peak memory of the process, MiB", *columns], rows) if rows else ""


def jobs(results: dict[str, Any]) -> str:
    """Return the table of the whole jobs."""
    parts = []
    for work in results["workloads"]:
        if work["kind"] != "job" or fastest(work, NNXP) is None:
            continue
        rows = []
        for column in (NNXP, *COLUMNS):
            name = fastest(work, column)
            if name is None:
                continue
            found = work["measured"][name]
            cells = [duration(statistics.median(found[what])) for what in ("seconds", "process_seconds")]
            beside = [ratio_cell(ratio(work, column, what), column) for what in ("seconds", "process_seconds")]
            if column == NNXP:
                beside = ["1", "1"]
            rows.append([column, cells[0], beside[0], cells[1], beside[1], f"{min(found['accuracy']):.3f}"])
        heads = [work["title"], "training", "/ nnxp", "whole process", "/ nnxp", "lowest accuracy"]
        parts.append(table(heads, rows))
    return "\n\n".join(parts)


def starting(results: dict[str, Any]) -> str:
    """Return the table of starts, Python's own taken off, and of what is installed."""
    times, sizes = results.get("starts", {}), results.get("sizes", {})
    if not times:
        return ""
    own = {name: [t - bare for t, bare in zip(each, times[""], strict=True)] for name, each in times.items() if name}
    rows = []
    for name in dict.fromkeys([*own, *sizes]):
        cells = ["", ""]
        if name in own:
            beside = ratio_cell(spread([t / ours for t, ours in zip(own[name], own[NNXP], strict=True)]), "floor")
            cells = [duration(statistics.median(own[name])), "1" if name == NNXP else beside]
        if name in sizes:
            cells += [f"{sizes[name]['megabytes']:.1f}", f"{sizes[name]['with_requirements']:.0f}"]
        rows.append([name, *cells, *[""] * (4 - len(cells))])
    return table(
        ["import, without Python's own start", "median", "/ nnxp", "installed, MB", "with all it requires, MB"], rows
    )


def left_out(results: dict[str, Any]) -> str:
    """Say which peers were left out of what, and why."""
    lines: dict[tuple[str, str], list[str]] = {}
    for work in results["workloads"]:
        for name, reason in work["left_out"].items():
            lines.setdefault((name, reason), []).append(work["name"])
    return "\n".join(f"- {name}: {reason} ({', '.join(works)})" for (name, reason), works in lines.items())


def tables(results: dict[str, Any]) -> list[str]:
    """Return all tables that there is something for."""
    made = [*(ratios(results, kind) for kind in HEADS), jobs(results), memory(results), starting(results)]
    return [part for part in made if part]
