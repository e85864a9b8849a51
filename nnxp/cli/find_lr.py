"""``nnxp find-lr``: the options; the work is in `nnxp.cli._find_lr`."""

from pathlib import Path
from typing import Annotated

import typer

from nnxp.cli import options as o

__all__ = ["find_lr"]


def find_lr(
    ctx: typer.Context,
    data: o.TrainingData = "digits",
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Where to draw loss over rate: .png, .svg or .pdf."),
    ] = None,
    force: o.Force = False,
) -> int:
    """Find a learning rate: a short training in which the rate grows until the loss breaks out.

    Model, optimizer, batch size and all else are told as to nnxp train, by the same options. The last line is the rate
    that is suggested: a tenth of the one at which the loss is least.
    """
    from nnxp.cli._find_lr import show_rates

    return show_rates([data, *ctx.args], plot, force)
