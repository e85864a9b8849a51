"""What a search has found."""

import csv
import io
import math
from dataclasses import dataclass
from os import PathLike
from typing import Any

from nnxp._files import write_atomic
from nnxp._table import Table

__all__ = ["SearchResult", "TrialRow"]


@dataclass(frozen=True)
class TrialRow:
    """One trial that has ended.

    Attributes
    ----------
    number : int
        From 1, in the order of the search.
    values : dict
        What was tried.
    value : float
        What it came to; NaN where it did not come to its end.
    outcome : {"finished", "stopped", "diverged"}
        Stopped, since others had come further by then; or it ended without a finite value.
    epochs : int
        For how many epochs it was watched.
    seconds : float
        How long it took.
    """

    number: int
    values: dict[str, Any]
    value: float
    outcome: str
    epochs: int
    seconds: float


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search; prints as a table, the best first.

    Attributes
    ----------
    trials : tuple of TrialRow
        In their order.
    direction : {"minimize", "maximize"}
        Whether less or more is better.
    """

    trials: tuple[TrialRow, ...]
    direction: str = "minimize"

    @property
    def best(self) -> TrialRow | None:
        """The best of the trials that came to their end; None if there is none."""
        finished = [trial for trial in self.trials if trial.outcome == "finished"]
        return min(finished, key=self._rank, default=None)

    def _rank(self, trial: TrialRow) -> tuple[float, int]:
        if math.isnan(trial.value):
            return math.inf, trial.number
        return trial.value if self.direction == "minimize" else -trial.value, trial.number

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary a trial, the best first: those that came to no end are last."""
        return [
            {
                "trial": t.number, **t.values, "value": t.value, "outcome": t.outcome, "epochs": t.epochs,
                "seconds": t.seconds,
            }
            for t in sorted(self.trials, key=self._rank)
        ]  # fmt: skip

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the table to a file, whole or not at all."""
        rows = self.rows()
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["trial"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(path, text.getvalue())

    def __str__(self) -> str:
        rows = self.rows()
        if not rows:
            return "no trials"
        return str(Table(list(rows[0]), [[_cell(value) for value in row.values()] for row in rows]))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)
