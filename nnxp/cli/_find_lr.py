"""The work of ``nnxp find-lr``."""

import math
from pathlib import Path

import numpy as np

from nnxp._checks import Words, message
from nnxp.cli._search_space import settings_of
from nnxp.cli._threads import use_threads
from nnxp.cli._trials import prepare
from nnxp.plotting import check_picture
from nnxp.training import find_lr

__all__ = ["show_rates"]


def show_rates(arguments: list[str], plot: Path | None, force: bool) -> int:
    """Print what was found, and draw it; return the exit status."""
    settings = settings_of(arguments)
    if settings.resume or settings.out is not None:
        raise ValueError(message("find-lr", "options of nnxp train without --out", str(settings.out)))
    if plot is not None:
        check_picture("find-lr", plot)
        if plot.exists() and not force:
            raise FileExistsError(message("find-lr", "--plot to be a new file", str(plot), "--force overwrites"))
    use_threads(settings.threads)
    ready = prepare(settings)
    with np.errstate(all="ignore"):
        found = find_lr(
            ready.plan.net, ready.x, ready.y, loss=ready.plan.goal.loss, optimizer=ready.plan.optimizer,
            batch_size=settings.batch_size,
        )  # fmt: skip
    if plot is not None:
        found.plot(plot)
        print(f"wrote {plot}")
    if math.isnan(found.suggestion):
        raise ValueError(message("find-lr", "a rate that lowers the loss", Words("none"), "look at the data"))
    print(found)
    print(f"lr: {found.suggestion:.2g}")
    return 0
