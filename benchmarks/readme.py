"""The block of README.md that is made of the committed results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.report import left_out, tables

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = Path(__file__).parent / "results" / "cpu.json"
BEGIN, END = "<!-- python -m benchmarks --readme: from here -->", "<!-- to here -->"


def heading(results: dict[str, Any]) -> str:
    """Say where, when and how it was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    where = f"{results['processor']}, {results['threads']} threads, Python {results['python']}, {versions}"
    quick = " (a quick run)" if results["quick"] else ""
    return (
        f"`python -m benchmarks` on {results['date']}{quick}: {where}.\n"
        "Every peer has a process of its own, the same data, weights and number of threads, and must reach the same\n"
        "losses before it is timed; they take turns, and a ratio is the median over the rounds, with its quartiles.\n"
        '**Above 1, nnxp is faster**; in bold: it is not. "nnxp plain" is nnxp without Numba, and "floor" are\n'
        "the bare matrix products through NumPy's BLAS."
    )


def block(results: dict[str, Any], picture: bool) -> str:
    """Return everything between the markers."""
    parts = [heading(results), *tables(results)]
    if picture:
        parts.append(f"![nnxp beside its peers](benchmarks/results/{RESULTS.stem}.svg)")
    reasons = left_out(results)
    return "\n\n".join([*parts, *([f"Left out:\n\n{reasons}"] if reasons else [])])


def committed() -> str:
    """Return the block that the committed results give."""
    return block(json.loads(RESULTS.read_text()), RESULTS.with_suffix(".svg").exists())


def present(text: str) -> str:
    """Return the block that a README has."""
    return split(text)[1]


def split(text: str) -> tuple[str, str, str]:
    """Cut a README into what is before, between and behind the markers."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"README.md: expected the lines {BEGIN!r} and {END!r} once each")
    before, _, rest = text.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside.strip("\n"), after


def rewrite() -> None:
    """Put the block of the committed results into README.md."""
    before, _, after = split(README.read_text())
    README.write_text(f"{before}{BEGIN}\n{committed()}\n{END}{after}")
