"""``nnxp report`` and ``nnxp compare``: the options; the work is in `nnxp.cli._report_page` and `nnxp.cli._compare`."""

from pathlib import Path
from typing import Annotated

import typer

from nnxp.cli import options as o

__all__ = ["compare", "report"]


def report(
    run: o.RunFolder,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The HTML file to write; else report.html in RUN.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write the page again and again until the run has ended, or Ctrl-C.")
    ] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    force: o.Force = False,
) -> int:
    """Write a run as a page to read: result, curves, mistakes, layers, times, gradient check, command.

    It is one HTML file that needs no server and no network. What the folder lacks, the page says.
    """
    from nnxp.cli._report_page import report_run

    return report_run(run, out, watch=watch, open_page=open_page, force=force)


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Folders that nnxp train --out made.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="An HTML file to write, with the curves overlaid.")
    ] = None,
    force: o.Force = False,
) -> int:
    """Set runs side by side: results, options that differ, times, parameters; the best has a star."""
    from nnxp.cli._compare import compare_folders

    return compare_folders(runs, out, force)
