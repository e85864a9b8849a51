"""``nnxp search``: the options; the work is in `nnxp.cli._search`."""

from pathlib import Path
from typing import Annotated

import typer

from nnxp.cli import options as o
from nnxp.cli.choices import SearchMethod

__all__ = ["search"]


def search(
    space: Annotated[
        Path,
        typer.Argument(
            metavar="SPACE",
            help="A .toml file: under [space] choices such as optimizer = ['adam', 'sgd'] and ranges such as "
            "lr = {low = 1e-4, high = 0.1, log = true}, under [fixed] what stays; both by the names of the options of "
            "nnxp train.",
        ),
    ],
    data: o.TrainingData = "digits",
    trials: Annotated[int, typer.Option("--trials", min=1, help="How many in all.")] = 20,
    method: Annotated[
        SearchMethod,
        typer.Option("--method", help="halving gives most trials few epochs, and the best third three times as many."),
    ] = SearchMethod.random,
    target: o.Target = None,
    device: o.DeviceOption = None,
    threads: o.Threads = None,
    seed: o.Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for the study, trials.csv and best.toml; a search that is there goes on, to --trials in all.",
        ),
    ] = None,
) -> int:
    """Search for hyperparameters: many short trainings, and the command that repeats the best.

    A trial trains as nnxp train does and comes to its least validation loss; the test samples are not looked at.
    """
    from nnxp.cli._search import run_search

    return run_search(space, data, trials, method.value, target, device, threads, seed, out)
