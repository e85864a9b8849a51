"""What a run says: to its reader, and into the log of its folder."""

from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from nnxp._files import write_atomic
from nnxp.training import Callback, ProgressLines, Run

__all__ = ["Log", "LogLines", "Note"]


class Log:
    """Lines on the standard output that are kept in a file too, where there is one."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def say(self, line: str) -> None:
        """Print a line, and keep it."""
        print(line, flush=True)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


class LogLines(ProgressLines):
    """Writes the lines of `ProgressLines` to a file, however the run is shown."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_start(self, run: Run) -> None:
        """Write where a run goes on."""
        self._write(super().on_start, run)

    def on_epoch_end(self, run: Run) -> None:
        """Write the row."""
        self._write(super().on_epoch_end, run)

    def on_end(self, run: Run) -> None:
        """Write why the run ended before its time."""
        self._write(super().on_end, run)

    def _write(self, hook: Callable[[Run], None], run: Run) -> None:
        with self.path.open("a", encoding="utf-8") as file, redirect_stdout(file):
            hook(run)


class Note(Callback):
    """Writes a file once `fit` has taken the run up: what it refuses leaves the one before as it was."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text

    def on_start(self, run: Run) -> None:
        """Write it."""
        write_atomic(self.path, self.text)
