"""What a run's folder says without its network and its data: configuration, history, diagnostics."""

import csv
import math
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from nnxp._checks import message
from nnxp.errors import FormatError

__all__ = ["CONFIG", "DIAGNOSTICS", "HISTORY", "Record", "read_record"]

CONFIG, HISTORY, DIAGNOSTICS = "config.toml", "history.csv", "diagnostics.csv"

_MAX_BYTES = 2**26
_WORDS = {"layer", "kind"}

Table = dict[str, list[Any]]


@dataclass
class Record:
    """The plain files of a run.

    Attributes
    ----------
    folder : Path
        Where they are.
    config : dict
        The tables of ``config.toml``: ``command``, ``options``, ``data``, ``result``, ``versions``; empty without it.
    history, diagnostics : dict of str to list
        Columns of numbers; an empty or unreadable cell is None. ``layer`` and ``kind`` are words.
    missing : list of str
        Sentences about what is not there or cannot be read.
    written : str
        When the newest of the files was.
    """

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    history: Table = field(default_factory=dict)
    diagnostics: Table = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    written: str = ""

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name or str(self.folder)

    @property
    def has_ended(self) -> bool:
        """Whether the run came to its end, and was tested."""
        return any(name.startswith("test_") for name in self.table("result"))

    def table(self, name: str) -> dict[str, Any]:
        """Return a table of the configuration, empty if there is none."""
        found = self.config.get(name)
        return found if isinstance(found, dict) else {}

    def number(self, table: str, name: str) -> float | None:
        """Return a number of the configuration, if it is one."""
        value = self.table(table).get(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return None
        try:
            return float(value)
        except OverflowError:  # TOML has whole numbers of any size
            return None

    @property
    def epochs(self) -> list[int]:
        """The epochs of the history."""
        return [i + 1 if n is None or not math.isfinite(n) else int(n) for i, n in enumerate(self.history["epoch"])]

    @property
    def metric(self) -> str | None:
        """The first measure beside the loss, if there is one."""
        known = {"epoch", "loss", "lr", "seconds"}
        return next((n for n in self.history if n not in known and not n.startswith("val_")), None)

    @property
    def diverged(self) -> int | None:
        """The first epoch from which on the training loss is not finite, to the end; None if it ends finite."""
        finite = [v is None or math.isfinite(v) for v in self.history.get("loss", [])]
        after = next((i for i in reversed(range(len(finite))) if finite[i]), -1) + 1
        return self.epochs[after] if after < len(finite) else None

    @property
    def best(self) -> int | None:
        """Where in the history the epoch is whose weights were kept, or whose validation loss is the lowest."""
        column = self.history.get("val_loss") or self.history.get("loss") or []
        values = [(v, i) for i, v in enumerate(column) if v is not None and math.isfinite(v)]
        kept = self.number("result", "best_epoch")
        if kept is not None and kept in self.epochs:
            return self.epochs.index(int(kept))
        return min(values)[1] if values else None


def read_record(folder: Path) -> Record:
    """Read what is there; what is missing or damaged becomes a sentence.

    Parameters
    ----------
    folder : path
        Of a run, which may be going on, or have been killed.

    Returns
    -------
    Record
        With as much as could be read.
    """
    record = Record(folder)
    times = []
    for name, take in ((CONFIG, _take_config), (HISTORY, _take_history), (DIAGNOSTICS, _take_diagnostics)):
        path = folder / name
        try:
            times.append(path.stat().st_mtime)
            take(record, _read(path))
        except FileNotFoundError:
            record.missing.append(f"{name} is not there: {_LOST[name]}.")
        except (OSError, ValueError, csv.Error, RecursionError) as error:
            reason = str(error.strerror if isinstance(error, OSError) else error)
            record.missing.append(f"{name} cannot be read ({' '.join(reason.split())[:300]}): {_LOST[name]}.")
    record.history.setdefault("epoch", [])
    if times:
        record.written = datetime.fromtimestamp(max(times)).strftime("%Y-%m-%d %H:%M")
    return record


_LOST = {
    CONFIG: "options, result, versions and the command to repeat the run are unknown",
    HISTORY: "there are no curves",
    DIAGNOSTICS: "nothing is known about single layers over time",
}


def _read(path: Path) -> str:
    if path.stat().st_size > _MAX_BYTES:
        raise FormatError(message(f"report: {path.name}", f"at most {_MAX_BYTES:,} bytes", f"{path.stat().st_size:,}"))
    return path.read_text(encoding="utf-8", errors="replace")


def _take_config(record: Record, content: str) -> None:
    record.config = tomllib.loads(content)


def _take_history(record: Record, content: str) -> None:
    table = _columns(content)
    if table and "epoch" not in table:
        raise FormatError("it has other columns than nnxp writes")
    record.history = table


def _take_diagnostics(record: Record, content: str) -> None:
    table = _columns(content)
    if not {"epoch", "layer", "kind"} <= set(table):
        raise FormatError("it has other columns than nnxp writes")
    record.diagnostics = table


def _columns(content: str) -> Table:
    """Turn a table with a head into columns; short rows, as a killed run leaves, are left out."""
    rows = list(csv.reader(content.splitlines()))
    if not rows:
        return {}
    head, body = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    return {name: [_cell(name, row[i]) for row in body] for i, name in enumerate(head)}


def _cell(column: str, cell: str) -> Any:
    if column in _WORDS:
        return cell
    try:
        return float(cell)
    except ValueError:
        return None
