"""The training loop."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import Array
from nnxp._checks import Words, check_positive_int, message
from nnxp.metrics import Metric
from nnxp.optimizers import clip_grad_norm, clip_grad_value
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
from nnxp.training.batches import ArrayData, Batch, IterableData, as_source
from nnxp.training.evaluation import Tally, evaluate_data, to_floats
from nnxp.training.feeding import feed
from nnxp.training.history import History
from nnxp.training.interrupt import Interrupt
from nnxp.training.progress import progress
from nnxp.training.run import Callback, Run, hooks

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network
    from nnxp.optimizers import Optimizer

__all__ = ["fit"]

# Losses are read from the device in bundles: rarely, so that it need not wait; not never, so that they do not pile up.
_LOSSES_KEPT_ON_DEVICE = 4096


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
    loop = _Loop(run, watchers, chosen, clip_norm, clip_value)
    _call(watchers, "on_start", run)
    try:
        with Interrupt(run.stop), net.device.context():
            for _ in range(epochs):
                order = generator(net.seed, "shuffle", net.epoch) if shuffle else None
                with closing(feed(net, loss, data, batch_size, order)) as batches:
                    finished = loop.epoch(batches)
                if not finished:
                    break
                _finish_epoch(run, loop, held_out, chosen, batch_size)
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
    run: Run, loop: "_Loop", held_out: ArrayData | IterableData | None, metrics: Sequence[Metric], batch_size: int
) -> None:
    """Gather the epoch's row: everything that was kept on the device is read here."""
    net = run.net
    net.epoch += 1
    losses = loop.losses()
    measured = {
        "loss": float(np.average(losses, weights=loop.sizes)) if len(losses) else float("nan"),
        **loop.tally.results(),
    }
    if held_out is not None:
        found = evaluate_data(net, held_out, run.loss, metrics, max(batch_size, 1024))
        measured |= {f"val_{name}": value for name, value in found.items()}
    measured |= {"epoch": net.epoch, "lr": loop.lr, "seconds": time.perf_counter() - loop.started}
    run.row = {column: measured[column] for column in run.columns}
    run.history.record(run.row, losses)


class _Loop:
    """One epoch after another: the part that has to be quick."""

    def __init__(
        self,
        run: Run,
        watchers: list[Callback],
        metrics: Sequence[Metric],
        clip_norm: float | None,
        clip_value: float | None,
    ) -> None:
        self.run = run
        self.metrics = metrics
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.starts, self.gradient_hooks, self.step_hooks = (
            hooks(watchers, name) for name in ("on_epoch_start", "on_gradient", "on_step")
        )
        self.mode = run.net.mode(training=True, input_gradient=False, consume=True)
        self.update: Callable[[tuple[Array, ...], Array, Array | None], bool] = (
            self._minimize if run.optimizer.needs_closure else self._step
        )
        self.lr = float("nan")

    def epoch(self, batches: Iterable[Batch]) -> bool:
        """Run through the batches; tell whether the epoch was finished."""
        run, net = self.run, self.run.net
        self.started = time.perf_counter()
        self.sizes: list[int] = []
        self.tally = Tally(net, self.metrics)
        self._on_device: list[Array] = []
        self._on_host: list[np.ndarray[Any, Any]] = []
        for answer in self.starts:
            answer(run)
        if run.stopped:
            return False
        for inputs, target, weight in batches:
            if not self.update(inputs, target, weight):
                return False
            self.sizes.append(inputs[0].shape[0])
            self._on_device.append(run.value)
            if len(self._on_device) >= _LOSSES_KEPT_ON_DEVICE:
                self._read_losses()
            for answer in self.step_hooks:
                answer(run)
            if run.stopped:
                return False
        if not self.sizes:
            raise ValueError(message("fit", "at least one batch", Words("none")))
        return True

    def _read_losses(self) -> None:
        self._on_host.append(to_floats(self.run.net, self._on_device))
        self._on_device = []

    def losses(self) -> np.ndarray[Any, Any]:
        """Read the losses of the epoch's batches."""
        self._read_losses()
        return np.concatenate(self._on_host)

    def _step(self, inputs: tuple[Array, ...], target: Array, weight: Array | None) -> bool:
        """Forward, loss, backward, update; tell whether theta was moved."""
        run, net = self.run, self.run.net
        output = self._differentiate(inputs, target, weight)
        if self.metrics:
            self.tally.add(output, target)
        if self.gradient_hooks:
            run.batch = (inputs, target, weight)
            for answer in self.gradient_hooks:
                answer(run)
            if run.stopped:
                return False
        if self.clip_value is not None:
            clip_grad_value(net, self.clip_value)
        if self.clip_norm is not None:
            clip_grad_norm(net, self.clip_norm)
        self.lr = run.optimizer.rate(net)
        run.optimizer.update(net)
        return True

    def _minimize(self, inputs: tuple[Array, ...], target: Array, weight: Array | None) -> bool:
        """Let the optimizer ask for the loss of this batch as often as it wants."""
        optimizer: Any = self.run.optimizer

        def loss() -> Array:
            self._differentiate(inputs, target, weight)
            return self.run.value

        optimizer.minimize(self.run.net, loss)
        # The point that was taken need not be the last that was tried.
        self.tally.add(self._differentiate(inputs, target, weight), target)
        return True

    def _differentiate(self, inputs: tuple[Array, ...], target: Array, weight: Array | None) -> Array:
        """Forward, loss, backward; return the output."""
        run, net = self.run, self.run.net
        output, cache = net.run(inputs, self.mode)
        run.value, dy = run.loss(output, target) if weight is None else run.loss(output, target, weight)
        net.run_backward(cache, dy)
        return output
