"""The training loop."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._checks import check_positive_int
from nnxp.metrics import Metric
from nnxp.random import generator
from nnxp.training.arguments import (
    check_batch_axis,
    check_callbacks,
    check_loss,
    check_optimizer,
    check_source,
    check_targets,
    columns_of,
    resolve_all,
    split,
    weighted,
)
from nnxp.training.batches import ArrayData, IterableData, as_source
from nnxp.training.evaluation import evaluate_data
from nnxp.training.feeding import feed
from nnxp.training.history import History
from nnxp.training.interrupt import Interrupt
from nnxp.training.progress import progress
from nnxp.training.run import Callback, Run, hooks
from nnxp.training.steps import Steps

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network
    from nnxp.optimizers import Optimizer

__all__ = ["fit"]


def fit(
    net: "Network",
    x: Any,
    y: Any = None,
    *,
    loss: "LossFunction",
    optimizer: "Optimizer",
    epochs: int = 1,
    batch_size: int = 32,
    validation: float | tuple[Any, ...] | None = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | str | None = None,
    metrics: Sequence[Metric | str | Callable[..., float]] = (),
    callbacks: Iterable[Callback] = (),
    shuffle: bool = True,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    verbose: str | bool = "auto",
) -> History:
    """Train a network.

    Parameters
    ----------
    net : Network
        Its theta, buffers, optimizer state, step and epoch move.
    x : array of shape (n, *sample), memory map, list, tuple of arrays, or iterable of batches
        A tuple means several inputs. An iterable, given without `y`, yields ``(x, y)`` or ``(x, y, weight)``, once
        for every epoch.
    y : array of shape (n, *target), optional
        Targets; integers stay integers where the loss takes labels.
    loss : callable
        ``loss(output, target[, sample_weight]) -> (value, dy)`` with a single value.
    optimizer : Optimizer
        What moves theta.
    epochs : int
        How many further epochs; a second `fit` goes on where the first ended.
    batch_size : int
        Samples a batch; the last batch of an epoch is as short as it comes.
    validation : float in (0, 1), or tuple (x, y) or (x, y, weight), optional
        A fraction is held out at random, the same rows for the same seed.
    sample_weight : array of shape (n,), optional
        Weights of the samples in the loss.
    class_weight : mapping of int to float, or "balanced", optional
        Weights by label in training, multiplied with `sample_weight`; labels that are not named weigh 1.
    metrics : sequence of str, Metric or callable
        Measured on the batches while training, and on the validation data.
    callbacks : iterable of Callback
        Called in this order.
    shuffle : bool
        Draw a new order for every epoch, from the seed and the epoch's number.
    clip_norm, clip_value : float, optional
        Limits of the gradient's norm, and of each of its entries.
    verbose : {"auto", "bar", "lines", False}
        One bar on a terminal, one line an epoch elsewhere; or nothing.

    Returns
    -------
    History
        Columns ``epoch, loss, val_loss, <metric>, val_<metric>, lr, seconds``. ``loss`` and metrics of the training
        data are means over the batches as they were met; Ctrl-C ends the run cleanly.

    Raises
    ------
    ValueError
        If an argument is out of range, labels do not fit the output, or an iterable cannot be run through again.

    Notes
    -----
    Arrays in memory are gathered batch by batch. A memory map of 256 MB or more stays on the disk: its next batches
    are read and cast in a thread while the present one trains, shuffled over the whole file like any array, and the
    system is told beforehand of rows that it has to fetch. An iterable runs in the caller's thread, unless it is
    wrapped in a `Prefetch`. Threads end with the epoch, and nothing of this changes a result.
    """
    check_positive_int("fit", "epochs", epochs, least=0)
    check_positive_int("fit", "batch_size", batch_size)
    check_loss("fit", loss)
    data, held_out = split(net, as_source("fit", x, y, sample_weight), validation)
    data = weighted(data, class_weight)
    check_batch_axis("fit", net)
    for part in (data,) if held_out is None else (data, held_out):
        check_source(part, epochs)
        check_targets(net, loss, part)
    check_optimizer(optimizer, {"clip_norm": clip_norm, "clip_value": clip_value}, data, batch_size)
    chosen = resolve_all("fit", metrics, loss)
    watchers = [*check_callbacks(callbacks), *progress(verbose)]

    run = Run(net, loss, optimizer, epochs, data.updates(batch_size), columns_of(chosen, held_out is not None))
    net.loss = loss
    net.probabilities = getattr(loss, "probabilities", None)
    steps = Steps(run, watchers, chosen, clip_norm, clip_value)
    _call(watchers, "on_start", run)
    try:
        with Interrupt(run.stop), net.device.context():
            for _ in range(epochs):
                order = generator(net.seed, "shuffle", net.epoch) if shuffle else None
                with closing(feed(net, loss, data, batch_size, order)) as batches:
                    finished = steps.epoch(batches)
                if not finished:
                    break
                _finish_epoch(run, steps, held_out, chosen, batch_size)
                _call(watchers, "on_epoch_end", run)
                if run.stopped:
                    break
        run.stop("all epochs are done")
    except BaseException as error:
        run.stop(f"{type(error).__name__} was raised")
        raise
    finally:
        _call(watchers, "on_end", run)
    return run.history


def _call(watchers: list[Callback], hook: str, run: Run) -> None:
    for answer in hooks(watchers, hook):
        answer(run)


def _finish_epoch(
    run: Run, steps: Steps, held_out: ArrayData | IterableData | None, metrics: Sequence[Metric], batch_size: int
) -> None:
    """Gather the epoch's row: everything that was kept on the device is read here."""
    net = run.net
    net.epoch += 1
    losses = steps.losses()
    measured = {
        "loss": float(np.average(losses, weights=steps.sizes)) if len(losses) else float("nan"),
        **steps.tally.results(),
    }
    if held_out is not None:
        found = evaluate_data(net, held_out, run.loss, metrics, max(batch_size, 1024))
        measured |= {f"val_{name}": value for name, value in found.items()}
    measured |= {"epoch": net.epoch, "lr": steps.lr, "seconds": time.perf_counter() - steps.started}
    run.row = {column: measured[column] for column in run.columns}
    run.history.record(run.row, losses)
