"""Write the history down as it grows."""

import csv
from pathlib import Path
from typing import Any

from nnxp._checks import message
from nnxp._files import write_atomic
from nnxp.training.run import Callback, Run

__all__ = ["CSVLog"]


class CSVLog(Callback):
    """Writes the history to a CSV file, a row after every epoch.

    Parameters
    ----------
    path : path
        A new file.
    append : bool
        Go on in a file that exists, instead of refusing it; a run that is resumed does so anyway, after the last
        epoch that it has kept.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.path = Path(path)
        self.append = append

    def on_start(self, run: Run) -> None:
        """Write the head."""
        exists = self.path.exists()
        # A head alone is what a run that was killed at its beginning has left.
        empty = exists and self.path.read_text() == ",".join(run.columns) + "\n"
        if exists and not (self.append or run.resumed or empty):
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

    def state_dict(self) -> dict[str, Any]:
        """Return how many lines there are."""
        return {"lines": len(self.path.read_text().splitlines())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Drop the lines of epochs that are still to come."""
        lines = self.path.read_text().splitlines()
        write_atomic(self.path, "".join(f"{line}\n" for line in lines[: int(state["lines"])]))

    def _write(self, cells: list[Any]) -> None:
        with self.path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(cells)
