"""The steps since the last look once more, each looked at: which one was the first to go wrong, and where."""

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp.training.callbacks.nan.examining import Clue, examine
from nnxp.training.callbacks.nan.finding import Finding, Subject, in_rows
from nnxp.training.callbacks.nan.outcome import Outcome, of_outcome
from nnxp.training.callbacks.nan.state import Kept, Stretch, finite

if TYPE_CHECKING:
    from nnxp.training.run import Run

__all__ = ["investigate"]


class _Replay:
    """The updates of a stretch, made again from a good state until one goes wrong.

    Attributes
    ----------
    before : Kept
        The state before the update in hand.
    batches : list
        Those of the update in hand.
    wrong : bool
        Whether that update went wrong.
    faithful : bool
        Whether every loss came out as it had been, bit for bit.
    """

    def __init__(self, run: "Run", good: Kept, stretch: Stretch, threshold: float) -> None:
        self.run, self.stretch, self.threshold = run, stretch, threshold
        good.put_back()
        self.before = Kept(run.net)
        self.batches: list[Any] = []
        self.done = 0
        self.wrong, self.faithful = False, True

    def go(self, batches: Iterator[Any]) -> None:
        """Make the updates."""
        run = self.run
        number, batch, optimizer = run.number, run.batch, run.optimizer
        reason, run.history.stop_reason = run.history.stop_reason, ""
        interrupted, run.interrupted = run.interrupted, ""
        try:
            run.steps.unwatched().epoch(self._watched(batches))
            self._look()
        finally:
            run.number, run.batch, run.optimizer = number, batch, optimizer
            run.history.stop_reason = reason or run.history.stop_reason
            run.interrupted = interrupted or run.interrupted

    def _watched(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Hand the batches on; between two of them an update may have been made."""
        for batch in batches:
            self._look()
            if self.wrong or self.done == len(self.stretch.losses):
                return
            if not self.batches:
                self.before.take()
            self.run.optimizer = self.stretch.optimizers[self.done]
            self.batches.append(batch)
            yield batch

    def _look(self) -> None:
        """Look at the update that has been made, if one has."""
        net = self.run.net
        if self.wrong or not self.batches or net.step == self.before.step:
            return
        value = float(np.asarray(net.device.get(net.device.put(self.run.value))))
        was = float(np.asarray(net.device.get(net.device.put(self.stretch.losses[self.done]))))
        self.faithful = self.faithful and (value == was or (value != value and was != was))
        self.done += 1
        self.wrong = not (math.isfinite(value) and value <= self.threshold) or not finite(
            net, (net.gradient, net.theta)
        )
        if not self.wrong:
            self.batches = []


def investigate(run: "Run", good: Kept, stretch: Stretch, threshold: float) -> Finding:
    """Find the first step, layer and operation; leave the network as it was before that step.

    Parameters
    ----------
    run : Run
        In whose last updates something went wrong.
    good : Kept
        The last state in which nothing was.
    stretch : Stretch
        What was done since.
    threshold : float
        What no loss may exceed.
    """
    if stretch.first == run.number:
        return _replayed(run, good, stretch, threshold, iter([run.batch]))
    if not run.passes.repeatable:
        good.put_back()
        text = "an iterable's batches cannot be had again: every=1 finds the first"
        return _present(run, good, text)
    with closing(run.passes.batches(good.epoch, stretch.first)) as batches:
        return _replayed(run, good, stretch, threshold, islice(batches, run.number + 1 - stretch.first))


def _replayed(run: "Run", good: Kept, stretch: Stretch, threshold: float, batches: Iterator[Any]) -> Finding:
    replay = _Replay(run, good, stretch, threshold)
    replay.go(batches)
    if not (replay.wrong and replay.faithful):
        good.put_back()
        text = "the steps since the last look came out otherwise when repeated: the data or a callback were different"
        return _present(run, good, text)
    outcome = Outcome.of(run, stretch.optimizers[replay.done - 1])
    first = stretch.first + (replay.done - 1) * run.steps.accumulate
    for place, batch in enumerate(replay.batches):
        replay.before.put_back()
        clue = examine(run, batch, place)
        replay.before.put_back()
        if clue is not None:
            return _told(run, good.epoch, first + place, batch, clue)
    clue = of_outcome(run, outcome, threshold)
    return _told(run, good.epoch, first, replay.batches[0], clue)


def _present(run: "Run", good: Kept, why: str) -> Finding:
    """Look at the batch in hand, with the last good weights."""
    clue = examine(run, run.batch)
    good.put_back()
    if clue is None:
        clue = Clue("unknown", "", f"something became not finite after step {good.step}", [], Subject())
    return _told(run, good.epoch, run.number, run.batch, replace(clue, hint="; ".join(filter(None, [clue.hint, why]))))


def _told(run: "Run", epoch: int, number: int, batch: Any, clue: Clue) -> Finding:
    """Put a clue into words."""
    size, step = int(batch[0][0].shape[0]), run.net.step
    known = run.passes.rows(epoch, number)
    rows = None if known is None else [int(known[row]) for row in clue.rows]
    at = "" if clue.operation == "unknown" else f" at step {step}"
    hint = f"; {clue.hint}" if clue.hint else ""
    return Finding(
        clue.operation, clue.name, step, epoch, number, clue.rows, rows, size,
        None if known is None else [int(row) for row in known],
        f"{clue.words}{at}{in_rows(clue.rows, size, rows)}{hint}", clue.subject,
    )  # fmt: skip
