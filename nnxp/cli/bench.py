"""``nnxp bench``: the options; the work is in `nnxp.cli._bench`."""

from pathlib import Path
from typing import Annotated

import typer

from nnxp.cli import options as o
from nnxp.cli.settings import BenchSettings, parse_names, parse_sizes

__all__ = ["bench"]

_MEASURE, _OUTPUT = "Measurement", "Output"


def bench(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A folder that nnxp train --out made; else standard nets."),
    ] = None,
    devices: Annotated[
        str,
        typer.Option(
            "--devices",
            metavar="DEVICES",
            help="Such as cpu,cuda,torch:cpu; the first is what the others are compared with.",
            rich_help_panel=_MEASURE,
        ),
    ] = "cpu,cuda",
    nets: Annotated[
        str | None,
        typer.Option(
            "--nets",
            metavar="NETS",
            help="Which standard nets, of mlp,lenet5,lstm,transformer; all unless told.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    batch_sizes: Annotated[
        str | None,
        typer.Option(
            "--batch-sizes",
            metavar="SIZES",
            help="Samples a step; 32,128,512 unless told.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    widths: Annotated[
        str | None,
        typer.Option(
            "--widths",
            metavar="WIDTHS",
            help="Of mlp, lstm and transformer beside their usual ones, at the middle batch size; or none.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer sizes, each for a shorter time.", rich_help_panel=_MEASURE),
    ] = False,
    threads: o.Threads = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Where to write every number.", rich_help_panel=_OUTPUT),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            help="Where to draw the time of a step over batch and width: .png, .svg or .pdf.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    force: o.Force = False,
) -> int:
    """Time training steps on this machine, device by device, and say which device pays.

    A step brings a batch to the device, runs forward, loss and backward, and updates with Adam. The time is the median
    of blocks of steps, for which the devices take turns.
    """
    settings = BenchSettings(
        run=run, devices=parse_names("--devices", devices), nets=None if nets is None else parse_names("--nets", nets),
        batch_sizes=None if batch_sizes is None else parse_sizes("--batch-sizes", batch_sizes),
        widths=None if widths is None else parse_sizes("--widths", widths, or_none=True),
        quick=quick, threads=threads, json=json, plot=plot, force=force,
    )  # fmt: skip
    from nnxp.cli._bench import measure

    return measure(settings)
