"""Our own threads on the host: work that releases the interpreter, cut into one piece for each.

The workers sleep between tasks (a pool that spins would take the cores from BLAS, which has threads of its own).
Who calls takes the first piece, so one thread means no thread at all.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import cache
from queue import SimpleQueue
from typing import Any

__all__ = ["blas_libraries", "count", "follow", "for_each_piece", "one_blas_thread", "set_count"]

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Piece = Callable[[int, int], None]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Team:
    """Workers that wait, each at a queue of its own."""

    def __init__(self) -> None:
        given = (os.environ.get(name, "") for name in _VARIABLES)
        self.count = next((int(n) for n in given if n.isdecimal() and int(n) > 0), cores())
        self.busy = threading.Lock()
        self.queues: list[SimpleQueue[Any]] = []
        self.done: SimpleQueue[BaseException | None] = SimpleQueue()

    def hire(self, workers: int) -> None:
        while len(self.queues) < workers:
            queue: SimpleQueue[Any] = SimpleQueue()
            threading.Thread(target=self._work, args=(queue,), name="nnxp", daemon=True).start()
            self.queues.append(queue)

    def _work(self, queue: "SimpleQueue[Any]") -> None:
        while True:
            function, start, stop = queue.get()
            self.done.put(_attempt(function, start, stop))
            del function  # an idle worker keeps no arrays alive

    def run(self, function: Piece, edges: list[int]) -> None:
        """Call `function` on every stretch between neighbouring edges, and wait for all."""
        self.hire(len(edges) - 2)
        for queue, start, stop in zip(self.queues, edges[1:], edges[2:], strict=False):
            # A copy of the caller's context, so that its `numpy.errstate` holds there too.
            queue.put((_within(copy_context(), function), start, stop))
        errors = [_attempt(function, *edges[:2]), *(self.done.get() for _ in edges[2:])]
        for error in errors:
            if error is not None:
                raise error


def _within(context: Context, function: Piece) -> Piece:
    return lambda start, stop: context.run(function, start, stop)


def _attempt(function: Piece, start: int, stop: int) -> BaseException | None:
    try:
        function(start, stop)
    except BaseException as error:
        return error
    return None


_team = _Team()
_told: int | None = None
_followers: list[Callable[[int], None]] = []


def _forget() -> None:
    """Start anew in a forked process, which has none of its parent's threads."""
    global _team
    threads, _team = _team.count, _Team()
    _team.count = threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def count() -> int:
    """Return the number of threads that work is cut for."""
    return _team.count


def set_count(threads: int) -> None:
    """Set the number of threads, of BLAS and of those who `follow` too."""
    global _told
    _team.count = _told = threads
    for blas in blas_libraries():
        blas.set_num_threads(threads)
    for setter in _followers:
        setter(threads)


def follow(setter: Callable[[int], None]) -> None:
    """Call another library's setter with every number that is set from now on, and with the last one set before."""
    _followers.append(setter)
    if _told is not None:
        setter(_told)


def for_each_piece(function: Piece, n: int, least: int = 1, align: int = 1) -> None:
    """Call ``function(start, stop)`` on pieces that cover ``range(n)``, one for each thread.

    Parameters
    ----------
    function : callable
        Must release the interpreter for most of its time, and keep to its own piece.
    n : int
        How much there is to do.
    least : int
        The smallest piece that is worth a thread.
    align : int
        Pieces begin at multiples of this.
    """
    pieces = min(_team.count, n // least)
    if pieces < 2 or not _team.busy.acquire(blocking=False):
        # Too little, or called from within a piece or beside another network: the threads are taken.
        function(0, n)
        return
    try:
        _team.run(function, [n * i // pieces // align * align for i in range(pieces)] + [n])
    finally:
        _team.busy.release()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread in the block, within which our own threads call it."""
    libraries = blas_libraries()
    before = [blas.get_num_threads() for blas in libraries]
    for blas in libraries:
        blas.set_num_threads(1)
    try:
        yield
    finally:
        for blas, threads in zip(libraries, before, strict=True):
            blas.set_num_threads(threads)


@cache
def blas_libraries() -> list[Any]:
    """Return the controllers of the BLAS that NumPy uses."""
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [blas for blas in found if "numpy" in blas.filepath] or list(found)
