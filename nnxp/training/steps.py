"""An epoch's steps: the part of training that has to be quick."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from nnxp._backend import Array
from nnxp._checks import Words, message
from nnxp.losses.calls import as_function
from nnxp.losses.combined import CombinedLoss
from nnxp.metrics import Metric
from nnxp.optimizers import clip_grad_norm, clip_grad_value
from nnxp.training.accumulation import Accumulation, random_step
from nnxp.training.batches import Batch, part
from nnxp.training.descent import Descent
from nnxp.training.readings import PartsLog, Readings
from nnxp.training.run import Callback, Run, hooks
from nnxp.training.tallies import Tally

__all__ = ["Steps"]


class Steps:
    """The steps of one epoch after another."""

    def __init__(
        self,
        run: Run,
        watchers: list[Callback],
        metrics: Sequence[Metric],
        clip_norm: float | None,
        clip_value: float | None,
        accumulate: int = 1,
    ) -> None:
        self.run = run
        self.metrics = metrics
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.starts, self.gradient_hooks, self.step_hooks = (
            hooks(watchers, name) for name in ("on_epoch_start", "on_gradient", "on_step")
        )
        self.mode = run.net.mode(training=True, input_gradient=False, consume=True)
        self.parts = PartsLog(run.net, run.loss) if isinstance(run.loss, CombinedLoss) else None
        self.loss = as_function(run.loss) if self.parts is None else self.parts
        self.accumulate = accumulate
        self.accumulation = Accumulation(run.net, self.loss) if accumulate > 1 else None
        self.update: Callable[[tuple[Array, ...], Any, Array | None], bool] = (
            self._minimize if run.optimizer.needs_closure else self._step
        )
        plain = (
            self.gradient_hooks or self.accumulation or self.parts or clip_norm is not None or clip_value is not None
        )
        self.descent = None if plain else Descent.of(run.net, run.loss)
        watched = any(watcher.every_step for watcher in watchers if hooks([watcher], "on_step"))
        # How many batches are to come in one, as nobody looks between them.
        self.together = self.descent.together(run.passes) if self.descent and not watched else 1
        self.optimizer, self.lr = run.optimizer, float("nan")  # of the last update
        self.within = self.broken = False  # an epoch has begun; a step was left in its midst

    def unwatched(self) -> "Steps":
        """Return steps of the same kind that nobody watches, for making some of them again."""
        steps = Steps(self.run, [], (), self.clip_norm, self.clip_value, self.accumulate)
        steps.descent, steps.together = self.descent, 1
        return steps

    def epoch(self, batches: Iterable[Batch], done: int = 0, give_back: Callable[[], None] | None = None) -> bool:
        """Run through the batches; tell whether the epoch was finished.

        Of an epoch of which so many batches are `done`, these are the others, and `give_back` restores what there was.
        """
        run = self.run
        self.started = time.perf_counter()
        self.sizes: list[int] = []
        self.tally = Tally(run.net, self.metrics)
        self.readings = Readings(run.net)
        if self.parts is not None:
            self.parts.begin()
        self.within, run.number = True, done - 1
        for answer in self.starts:
            answer(run)
        if give_back is not None:
            give_back()
        if run.stopped:
            return False
        if self.descent is not None:
            finished = self._bundles(batches, self.descent)
        else:
            finished = self._each(batches) if self.accumulation is None else self._groups(batches, self.accumulation)
        if finished and not self.sizes:
            raise ValueError(message("fit", "at least one batch", Words("none")))
        self.within = not finished
        return finished

    def _each(self, batches: Iterable[Batch]) -> bool:
        """Make an update of every batch."""
        return all(map(self._one, batches))

    def _one(self, batch: Batch) -> bool:
        """Make the update of a batch; tell whether the run goes on."""
        run = self.run
        run.number, run.batch = run.number + 1, batch
        inputs, target, weight = batch
        if not self.update(inputs, target, weight):
            return False
        size = inputs[0].shape[0]
        if self.parts is not None:
            self.parts.keep(self.parts.values, size)
        self.sizes.append(size)
        self.readings.append(run.value)
        for answer in self.step_hooks:
            answer(run)
        return not run.stopped

    def _bundles(self, bundles: Iterable[Batch], descent: Descent) -> bool:
        """Make the updates of as many batches at a time as come in one."""
        return all(self._bundle(bundle, descent) for bundle in bundles)

    def _bundle(self, bundle: Batch, descent: Descent) -> bool:
        """Make the updates of the batches in a bundle; tell whether the run goes on."""
        run, ((x, *others), target, weight) = self.run, bundle
        n = x.shape[0]
        size = run.passes.batch_size if self.together > 1 else n
        made = None if others or weight is not None else descent(x, target, size, run.optimizer)
        cuts = [slice(start, min(start + size, n)) for start in range(0, n, size)]
        if made is None:
            return all(self._one(part(bundle, rows)) for rows in cuts)
        values, output = made
        self.optimizer, self.lr = run.optimizer, run.optimizer.rate(run.net, -1)
        run.number, run.batch, run.value = run.number + len(cuts), part(bundle, cuts[-1]), values[-1]
        if self.metrics:
            for rows in cuts:
                self.tally.add(output[rows, ...], target[rows, ...])
        self.sizes += [rows.stop - rows.start for rows in cuts]
        self.readings.extend(values.astype(np.float64))
        for answer in self.step_hooks:
            answer(run)
        return not run.stopped

    def _groups(self, batches: Iterable[Batch], accumulation: Accumulation) -> bool:
        """Make an update of every `accumulate` batches, and of those that are left over."""
        run, first = self.run, self.run.number + 1
        for run.number, run.batch in enumerate(batches, first):
            inputs, target, weight = run.batch
            output = self._differentiate(inputs, target, weight, random_step(run.net.step, accumulation.batches))
            self.tally.add(output, target)
            values = [run.value, *(() if self.parts is None else self.parts.values)]
            accumulation.add(values, output, target, weight)
            if accumulation.batches == self.accumulate and not self._finish(accumulation):
                return False
        return not accumulation.batches or self._finish(accumulation)

    def _finish(self, accumulation: Accumulation) -> bool:
        """Make the update of a group; tell whether the run goes on."""
        run = self.run
        (run.value, *values), size = accumulation.finish()
        if not self._move():
            return False
        if self.parts is not None:
            self.parts.keep(values, size)
        self.sizes.append(size)
        self.readings.append(run.value)
        for answer in self.step_hooks:
            answer(run)
        return not run.stopped

    def state_dict(self) -> dict[str, Any]:
        """Return what is known of the epoch in hand, for `load_state_dict`."""
        return {
            "lr": self.lr,
            "seconds": time.perf_counter() - self.started,
            "sizes": np.asarray(self.sizes, dtype=np.int64),
            "losses": self.losses(),
            "parts": None if self.parts is None else self.parts.state_dict(),
            "tally": self.tally.totals,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what was known of the epoch in hand; arrays are on the device."""
        get = self.run.net.device.get
        losses, self.sizes = get(state["losses"]), get(state["sizes"]).tolist()
        if not 0 < len(self.sizes) == len(losses) <= self.run.number + 1:
            what = f"sizes and losses of at most {self.run.number + 1} batches"
            raise ValueError(message("fit", what, Words(f"{len(self.sizes)} and {len(losses)}")))
        self.readings.extend(losses)
        self.lr, self.started = float(state["lr"]), time.perf_counter() - float(state["seconds"])
        self.tally.totals = state["tally"]
        if self.parts is not None:
            self.parts.load_state_dict(state["parts"])

    def losses(self) -> np.ndarray[Any, Any]:
        """Read the losses of the epoch's updates."""
        return self.readings.all()

    def _step(self, inputs: tuple[Array, ...], target: Any, weight: Array | None) -> bool:
        """Forward, loss, backward, update; tell whether theta was moved."""
        output = self._differentiate(inputs, target, weight)
        if self.metrics:
            self.tally.add(output, target)
        return self._move()

    def _move(self) -> bool:
        """Move theta along the gradient, unless somebody who looks at it stops the run; tell whether it was moved."""
        run, net = self.run, self.run.net
        if self.gradient_hooks:
            for answer in self.gradient_hooks:
                answer(run)
            # Ctrl-C is no word of theirs, and lets the step be finished.
            if run.history.stop_reason:
                self.broken = True
                return False
        if self.clip_value is not None:
            clip_grad_value(net, self.clip_value)
        if self.clip_norm is not None:
            clip_grad_norm(net, self.clip_norm)
        self.optimizer = optimizer = run.optimizer
        self.lr = optimizer.rate(net)
        optimizer.update(net)
        return True

    def _minimize(self, inputs: tuple[Array, ...], target: Any, weight: Array | None) -> bool:
        """Let the optimizer ask for the loss of this batch as often as it wants."""
        optimizer: Any = self.run.optimizer
        self.optimizer = optimizer

        def loss() -> Array:
            self._differentiate(inputs, target, weight)
            return self.run.value

        optimizer.minimize(self.run.net, loss)
        # The point that was taken need not be the last that was tried.
        self.tally.add(self._differentiate(inputs, target, weight), target)
        return True

    def _differentiate(
        self, inputs: tuple[Array, ...], target: Any, weight: Array | None, random_step: int | None = None
    ) -> Any:
        """Forward, loss, backward; return the output."""
        run, net = self.run, self.run.net
        output, cache = net.run(inputs, self.mode, random_step=random_step)
        run.value, dy = self.loss(output, target) if weight is None else self.loss(output, target, weight)
        net.run_backward(cache, dy)
        return output
