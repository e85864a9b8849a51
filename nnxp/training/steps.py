"""An epoch's steps: the part of training that has to be quick."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from nnxp._backend import Array
from nnxp._checks import Words, message
from nnxp.metrics import Metric
from nnxp.optimizers import clip_grad_norm, clip_grad_value
from nnxp.training.batches import Batch
from nnxp.training.evaluation import Tally, to_floats
from nnxp.training.run import Callback, Run, hooks

__all__ = ["Steps"]

# Losses are read from the device in bundles: rarely, so that it need not wait; not never, so that they do not pile up.
_LOSSES_KEPT_ON_DEVICE = 4096


class Steps:
    """The steps of one epoch after another."""

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
