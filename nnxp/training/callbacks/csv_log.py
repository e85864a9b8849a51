"""Write the history down as it grows."""

import csv
from pathlib import Path
from typing import Any

from nnxp._checks import message
from nnxp.training.run import Callback, Run

__all__ = ["CSVLog"]


class CSVLog(Callback):
    """Writes the history to a CSV file, a row after every epoch.

    Parameters
    ----------
    path : path
        A new file.
    append : bool
        Go on in a file that exists, instead of refusing it.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.path = Path(path)
        self.append = append

    def on_start(self, run: Run) -> None:
        """Write the head."""
        exists = self.path.exists()
        if exists and not self.append:
            raise FileExistsError(
                message("CSVLog", "a path without a file", str(self.path), "append=True goes on in it")
            )
        if not exists:
            self._write(run.columns)
        elif self.path.read_text().partition("\n")[0] != ",".join(run.columns):
            raise ValueError(message("CSVLog", f"a file with columns {','.join(run.columns)}", str(self.path)))
        self.append = True

    def on_epoch_end(self, run: Run) -> None:
        """Write a row."""
        self._write([run.row[column] for column in run.columns])

    def _write(self, cells: list[Any]) -> None:
        with self.path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(cells)
