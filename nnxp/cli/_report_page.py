"""The work of ``nnxp report``."""

import time
import webbrowser
from pathlib import Path

from nnxp._checks import message
from nnxp._files import write_atomic
from nnxp.cli._folder import CONFIG, DIAGNOSTICS, HISTORY
from nnxp.cli._report_evidence import gather
from nnxp.report import Record, read_record, render_report

__all__ = ["read_run", "refuse_old", "report_run"]

_PAGE = "report.html"
_WRITTEN = (CONFIG, HISTORY, DIAGNOSTICS, "last.safetensors", "model.safetensors")
_SECONDS_BETWEEN_LOOKS = 2.0
# A run that has written nothing for so long, and for so many epochs, was killed.
_IDLE_SECONDS, _IDLE_EPOCHS = 60.0, 10


def report_run(folder: Path, out: Path | None, *, watch: bool, open_page: bool, force: bool) -> int:
    """Write the page of a run, once or until it has ended."""
    if out is not None:
        refuse_old("report", out, force)
    path = folder / _PAGE if out is None else out
    record = read_run("report", folder, empty=watch)
    if watch and not record.has_ended:
        _watch(folder, path, open_page)
        return 0
    _write(path, record)
    if open_page:
        _show(path)
    return 0


def refuse_old(command: str, out: Path, force: bool) -> None:
    """Refuse to write over a file, unless told to."""
    if out.exists() and not force:
        raise ValueError(message(command, "--out to be a new file", str(out), "--force overwrites"))


def read_run(command: str, folder: Path, *, empty: bool = False) -> Record:
    """Read a run's plain files; a folder that holds nothing of a run is refused, unless it may be empty."""
    if not folder.is_dir() or not (empty or any((folder / name).exists() for name in _WRITTEN)):
        hint = f"nnxp train --out {folder} makes one"
        raise FileNotFoundError(message(command, "a run, which is a folder that nnxp train made", str(folder), hint))
    return read_record(folder)


def _write(path: Path, record: Record) -> None:
    page = render_report(record, gather(record))
    write_atomic(path, page)
    print(f"wrote {path}: {len(page.encode()) / 1000:,.0f} kB", flush=True)


def _show(path: Path) -> None:
    if not webbrowser.open(path.resolve().as_uri()):
        print(f"no browser was found; the page is {path}", flush=True)


def _watch(folder: Path, path: Path, open_page: bool) -> None:
    """Write the page whenever the run's files have changed, until it has ended; at last without reloading."""
    print(f"watching {folder}: {path} follows the run; Ctrl-C ends it", flush=True)
    before: dict[str, tuple[float, int]] | None = None
    # The state first: what is written while the record is read is seen at the next look.
    now, record = _state(folder), read_record(folder)
    try:
        while not record.has_ended:
            if now != before:
                write_atomic(path, render_report(record, live=True))
            if open_page and before is None:
                _show(path)
            before = now
            if idle := _idle(record, now):
                print(f"nothing was written for {idle:.0f} s: the run seems to have been killed", flush=True)
                break
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            now = _state(folder)
            if now != before:
                record = read_record(folder)
    except KeyboardInterrupt:
        # The page that stays must not go on reading itself again.
        write_atomic(path, render_report(read_record(folder)))
        raise
    _write(path, record)


def _state(folder: Path) -> dict[str, tuple[float, int]]:
    """Return when each of the run's files was written, and its size."""
    found = {}
    for path in (folder / name for name in _WRITTEN):
        if path.exists():
            stat = path.stat()
            found[path.name] = (stat.st_mtime, stat.st_size)
    return found


def _idle(record: Record, state: dict[str, tuple[float, int]]) -> float:
    """Return for how many seconds nothing was written, if that is longer than a run may take over an epoch; else 0."""
    times = [v for v in record.history.get("seconds", []) if v is not None]
    if not times or not state:
        return 0.0
    idle = time.time() - max(written for written, _ in state.values())
    return idle if idle > max(_IDLE_SECONDS, _IDLE_EPOCHS * max(times)) else 0.0
