"""What happened, epoch by epoch, as a plain table."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import Words, message
from nnxp._files import write_atomic
from nnxp._table import Table

__all__ = ["History"]


class History(Mapping[str, list[Any]]):
    """The table that `fit` returns: ``history["val_loss"]`` is a column, a list with one entry an epoch.

    Parameters
    ----------
    columns : iterable of str
        The columns to begin with.

    Attributes
    ----------
    batch_loss : array of shape (updates,)
        The loss of every batch, on the host in float64.
    updates : list of int
        How many updates had been made at the end of each epoch.
    stop_reason : str
        Why the run ended.
    """

    def __init__(self, columns: Iterable[str] = ()) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in columns}
        self._batches: list[np.ndarray[Any, Any]] = []
        self.updates: list[int] = []
        self.stop_reason = ""

    def __getitem__(self, column: str) -> list[Any]:
        return self._columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def batch_loss(self) -> np.ndarray[Any, Any]:
        """The loss of every batch so far."""
        return np.concatenate([np.zeros(0), *self._batches])

    def record(self, row: Mapping[str, Any], batch_loss: np.ndarray[Any, Any]) -> None:
        """Add an epoch; every epoch has the same columns."""
        for name, value in row.items():
            self._columns.setdefault(name, []).append(value)
        self._batches.append(batch_loss)
        self.updates.append(len(batch_loss) + (self.updates[-1] if self.updates else 0))

    def state_dict(self) -> dict[str, Any]:
        """Return columns and batches as arrays, for `load_state_dict`."""
        columns = {name: np.asarray(values) for name, values in self._columns.items()}
        return {"columns": columns, "batch_loss": self.batch_loss, "updates": np.asarray(self.updates, dtype=np.int64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned.

        Raises
        ------
        ValueError
            If the columns are others, or not of one length.
        """
        columns = {name: np.asarray(values).tolist() for name, values in state["columns"].items()}
        updates, losses = np.asarray(state["updates"]).tolist(), np.asarray(state["batch_loss"], dtype=np.float64)
        lengths = {len(values) for values in (*columns.values(), updates)}
        if list(columns) != list(self._columns) or len(lengths) != 1 or (updates or [0])[-1] != len(losses):
            what = f"columns {', '.join(self._columns)} of one length"
            raise ValueError(message("History.load_state_dict", what, Words(", ".join(columns))))
        self._columns, self.updates, self._batches = columns, updates, [losses]

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary an epoch."""
        return [dict(zip(self._columns, values, strict=True)) for values in zip(*self._columns.values(), strict=True)]

    def to_csv(self, path: str | Path) -> None:
        """Write the table to a file, whole or not at all."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self._columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        write_atomic(path, text.getvalue().encode())

    def to_pandas(self) -> Any:
        """Return the table as a pandas DataFrame; needs pandas."""
        try:
            import pandas
        except ImportError:
            raise ImportError("History.to_pandas: expected pandas to be installed; pip install pandas") from None
        return pandas.DataFrame(self._columns)

    def __repr__(self) -> str:
        rows = [[_number(value) for value in row.values()] for row in self.rows()]
        return str(Table(list(self._columns), rows))


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
