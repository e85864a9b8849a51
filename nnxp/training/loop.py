"""The training loop."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._checks import check_positive_int
from nnxp.augmentations import Augmentation
from nnxp.metrics import Metric
from nnxp.training.arguments import (
    check_accumulate,
    check_batch_axis,
    check_callbacks,
    check_loss,
    check_optimizer,
    check_source,
    check_targets,
    columns_of,
    resolve_all,
    split,
    updates_of,
    weighted,
)
from nnxp.training.augmenting import Augmenter, check_augmentations
from nnxp.training.batches import ArrayData, IterableData, as_source
from nnxp.training.checkpoint import Checkpoint, keeper_of, surroundings
from nnxp.training.evaluation import evaluate_data
from nnxp.training.history import History
from nnxp.training.interrupt import Interrupt
from nnxp.training.passes import Passes
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
    checkpoint: Checkpoint | str | PathLike[str] | None = None,
    resume: bool = False,
    shuffle: bool = True,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    augment: Iterable[Augmentation] = (),
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
    y : array of shape (n, *target), or tuple of arrays, optional
        Targets; integers stay integers where the loss takes labels. A tuple means several targets, and an empty one
        none: TripletMarginLoss is of outputs alone.
    loss : callable
        ``loss(output, target[, sample_weight]) -> (value, dy)`` with a single value. Of a network of several outputs
        a loss of several inputs takes them in its own order, and `PerOutput` has one for each; `WeightedSum` adds
        several of the same output.
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
    checkpoint : path or Checkpoint, optional
        The folder in which the last and the best state of the run are kept, written after every epoch or as a
        `Checkpoint` says. A folder that holds a state is refused, unless it is to be gone on with.
    resume : bool
        Go on with the run in the folder `checkpoint` as if it had never stopped: network, seed, optimizer, callbacks,
        history and the place in the data are taken from there, and `epochs` counts from the run's first epoch. Where
        there is no state yet the run begins, so that one script serves for the first time and for every other.
    shuffle : bool
        Draw a new order for every epoch, from the seed and the epoch's number.
    clip_norm, clip_value : float, optional
        Limits of the gradient's norm, and of each of its entries.
    accumulate : int
        How many batches make one update; at an epoch's end as many as are left. The update is that of all of them in
        one batch, see Notes.
    augment : iterable of Augmentation
        Applied to every training batch, in this order, on the network's device; see `nnxp.augmentations`.
    verbose : {"auto", "bar", "lines", False}
        One bar on a terminal, one line an epoch elsewhere; or nothing.

    Returns
    -------
    History
        Columns ``epoch, loss, val_loss, <metric>, val_<metric>, lr, seconds``; behind a sum of losses come its parts.
        ``loss`` and metrics of the training data are means over the batches as they were met; Ctrl-C ends the run
        cleanly.

    Raises
    ------
    ValueError
        If an argument is out of range, labels do not fit the output, or an iterable cannot be run through again; or
        a run is resumed with another model, loss, optimizer, batch size or number of samples. That the samples are
        the same ones is not looked at.
    FormatError, OSError
        If the state of a run is damaged, or cannot be written.

    Notes
    -----
    Arrays in memory are gathered batch by batch. A memory map of 256 MB or more stays on the disk: its next batches
    are read and cast in a thread while the present one trains, shuffled over the whole file like any array, and the
    system is told beforehand of rows that it has to fetch. An iterable runs in the caller's thread, unless it is
    wrapped in a `Prefetch`. Threads end with the epoch, and nothing of this changes a result.

    With `accumulate` each batch's gradient is multiplied by what the loss divided it by (its samples, their weights,
    the rows that count), and their sum is divided by the sum of these: the gradient of the mean over all of them. One
    more vector of theta's length is kept. It is that of one large batch, but for layers that look at a whole batch:
    BatchNorm takes the statistics of each small one, and dropout draws anew for each. Where the parts of a sum of
    losses count differently (ignored labels, class weights), batches count as the first of them counts in
    `WeightedSum`, and by their samples in `PerOutput`.
    """
    check_positive_int("fit", "epochs", epochs, least=0)
    check_positive_int("fit", "batch_size", batch_size)
    check_loss("fit", loss)
    keeper = keeper_of(net, checkpoint, resume)
    data, held_out = split(net, as_source("fit", x, y, sample_weight), validation)
    data = weighted(data, class_weight)
    check_batch_axis("fit", net)
    for part in (data,) if held_out is None else (data, held_out):
        check_source(part, epochs)
        check_targets(net, loss, part)
    clipping = {"clip_norm": clip_norm, "clip_value": clip_value}
    check_optimizer(optimizer, clipping, data, batch_size)
    check_accumulate(accumulate, optimizer)
    chosen, augmentations = resolve_all("fit", metrics, loss), check_augmentations(augment)
    watchers = [*check_callbacks(callbacks), *progress(verbose)]

    columns = columns_of(loss, chosen, held_out is not None)
    run = Run(net, loss, optimizer, epochs, updates_of(data, batch_size, accumulate), columns)
    net.loss = loss
    net.probabilities = getattr(loss, "probabilities", None)
    augmenter = Augmenter(net, augmentations, accumulate) if augmentations else None
    run.passes = Passes(net, loss, data, batch_size, shuffle, augmenter)
    if keeper is not None:
        told: dict[str, Any] = {"loss": loss, "optimizer": optimizer, "batch_size": batch_size, "shuffle": shuffle}
        told |= {"accumulate": accumulate, "augment": augmentations, "columns": columns, **clipping}
        told |= {"class_weight": class_weight, "sample_weight": None if sample_weight is None else "given"}
        keeper.enter(run, watchers, told, data, held_out)
        watchers.append(keeper)
    run.steps = steps = Steps(run, watchers, chosen, clip_norm, clip_value, accumulate)
    _call(watchers, "on_start", run)
    try:
        with Interrupt(run.interrupt), net.device.context(), surroundings(keeper, net):
            for _ in range(len(run.history.updates), epochs):
                done, give_back = (0, None) if keeper is None else keeper.next_epoch(run)
                with closing(run.passes.batches(net.epoch, done, steps.together)) as batches:
                    finished = steps.epoch(batches, done, give_back)
                if not finished:
                    break
                _finish_epoch(run, steps, held_out, chosen, batch_size)
                _call(watchers, "on_epoch_end", run)
                if run.stopped:
                    break
            if keeper is not None:
                keeper.finish(run)
        run.stop(run.interrupted or "all epochs are done")
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
        **({} if steps.parts is None else steps.parts.means()),
        **steps.tally.results(),
    }
    if held_out is not None:
        with run.judged():
            found = evaluate_data(net, held_out, run.loss, metrics, max(batch_size, 1024))
        measured |= {f"val_{name}": value for name, value in found.items()}
    measured |= {"epoch": net.epoch, "lr": steps.lr, "seconds": time.perf_counter() - steps.started}
    run.row = {column: measured[column] for column in run.columns}
    run.history.record(run.row, losses)
