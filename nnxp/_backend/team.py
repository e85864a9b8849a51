"""Threads that sleep until there is work, and what they do at once."""

import atexit
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any

__all__ = ["Piece", "Team", "cores"]

# Seconds that a worker is waited for when the program ends.
_FAREWELL = 5.0
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Piece = Callable[[int, int], None]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Task:
    """One call of a team. It must not be left while a worker is at it, whose arrays would be gone."""

    def __init__(self) -> None:
        self.open = True
        self.begun: list[int] = []
        self.ended: list[BaseException | None] = []
        self.news: SimpleQueue[None] = SimpleQueue()

    def take(self, function: Piece, start: int, stop: int) -> None:
        """Do a piece, unless nobody waits for it any more; said to be begun before that is looked at."""
        self.begun.append(start)
        self.ended.append(_attempt(function, start, stop) if self.open else None)
        self.news.put(None)

    def wait(self, workers: int) -> None:
        """Wait for so many workers; what counts is who has ended, as an interrupt may swallow the news of it."""
        while len(self.ended) < workers:
            self.news.get()

    def leave(self) -> None:
        """Begin no more pieces, and wait for those begun, through all interrupts."""
        self.open = False
        while len(self.ended) < len(self.begun):
            with suppress(KeyboardInterrupt):
                self.news.get()


class Team:
    """Workers that wait, each at a queue of its own."""

    def __init__(self) -> None:
        given = (os.environ.get(name, "") for name in _VARIABLES)
        self.count = next((int(n) for n in given if n.isdecimal() and int(n) > 0), cores())
        self.busy = threading.Lock()
        self.queues: list[SimpleQueue[Any]] = []
        self.workers: list[threading.Thread] = []

    def hire(self, workers: int) -> None:
        if workers > 0 and not self.queues:
            atexit.register(self.dismiss)
        while len(self.queues) < workers:
            queue: SimpleQueue[Any] = SimpleQueue()
            worker = threading.Thread(target=self._work, args=(queue,), name="nnxp", daemon=True)
            worker.start()
            self.queues.append(queue)
            self.workers.append(worker)

    def dismiss(self) -> None:
        """Let the workers end what they are at, and go: who comes late would else find the interpreter taken down.

        Whoever comes to the team after that has to do all alone.
        """
        workers = list(zip(self.workers, self.queues, strict=True))
        self.count, self.workers, self.queues = 1, [], []
        for worker, queue in workers:
            if worker.is_alive():  # as they are not in a forked process
                queue.put(None)
                worker.join(_FAREWELL)

    def _work(self, queue: "SimpleQueue[Any]") -> None:
        while order := queue.get():
            task, function, start, stop = order
            task.take(function, start, stop)
            del order, task, function  # an idle worker keeps no arrays alive

    def run(self, function: Piece, edges: list[int]) -> None:
        """Call `function` on every stretch between neighbouring edges, and wait for all."""
        self.hire(len(edges) - 2)
        task = Task()
        try:
            for queue, start, stop in zip(self.queues, edges[1:], edges[2:], strict=False):
                # A copy of the caller's context, so that its `numpy.errstate` holds there too.
                queue.put((task, _within(copy_context(), function), start, stop))
            own = _attempt(function, *edges[:2])
            task.wait(len(edges) - 2)
        except BaseException:
            task.leave()
            raise
        for error in (own, *task.ended):
            if error is not None:
                raise error

    def share(self, function: Callable[[], None]) -> None:
        """Call `function` here and on every worker that comes while it runs here; nobody waits for one who does not."""
        self.hire(self.count - 1)
        task = Task()
        try:
            for queue in self.queues[: self.count - 1]:
                queue.put((task, lambda *_: function(), 0, 0))
            function()
            task.open = False
        except BaseException:
            task.leave()
            raise


def _within(context: Context, function: Piece) -> Piece:
    return lambda start, stop: context.run(function, start, stop)


def _attempt(function: Piece, start: int, stop: int) -> BaseException | None:
    try:
        function(start, stop)
    except BaseException as error:
        return error
    return None
