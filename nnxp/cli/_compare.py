"""The work of ``nnxp compare``."""

from pathlib import Path

from nnxp._checks import Words, message
from nnxp._files import write_atomic
from nnxp.cli._folder import open_run
from nnxp.cli._report_page import read_run, refuse_old
from nnxp.errors import DeviceError
from nnxp.report import compare_runs, render_comparison

__all__ = ["compare_folders"]


def compare_folders(folders: list[Path], out: Path | None, force: bool) -> int:
    """Print runs side by side, and write the page if one is wanted."""
    if len({folder.resolve() for folder in folders}) < 2:
        raise ValueError(message("compare", "at least two runs", Words(", ".join(map(str, folders)))))
    if out is not None:
        refuse_old("compare", out, force)
    compared = compare_runs([read_run("compare", folder) for folder in folders], [_size(f) for f in folders])
    if out is not None:
        write_atomic(out, render_comparison(compared))
    print(compared)
    if out is not None:
        print(f"wrote {out}")
    return 0


def _size(folder: Path) -> int | None:
    """Count a run's parameters, if its network is there."""
    try:
        return int(open_run("compare", folder, "cpu").net.theta.shape[0])
    except (OSError, ValueError, DeviceError):
        return None
