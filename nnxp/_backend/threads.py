"""Our own threads on the host: work that releases the interpreter, cut into one piece for each.

The workers sleep between tasks (a pool that spins would take the cores from BLAS, which has threads of its own).
Who calls takes the first piece, so one thread means no thread at all.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

from nnxp._backend.team import Piece, Team, cores

__all__ = [
    "blas_libraries",
    "cores",
    "count",
    "follow",
    "for_each_piece",
    "one_blas_thread",
    "set_count",
    "temporarily",
    "told",
    "work_together",
]


class _Limit:
    """BLAS's number of threads, which is one for the whole process, while somebody wants it to be 1."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted = 0
        self.before: list[int] = []

    def change(self, threads: int) -> None:
        """Set the number, now or when nobody wants another any more."""
        with self.lock:
            self.before = [threads for _ in blas_libraries()]
            if not self.wanted:
                self.set(self.before)

    def want(self) -> None:
        with self.lock:
            if not self.wanted:
                self.before = [blas.get_num_threads() for blas in blas_libraries()]
                self.set([1 for _ in self.before])
            self.wanted += 1

    def want_no_more(self) -> None:
        with self.lock:
            self.wanted -= 1
            if not self.wanted:
                self.set(self.before)

    def set(self, numbers: list[int]) -> None:
        for blas, threads in zip(blas_libraries(), numbers, strict=True):
            blas.set_num_threads(threads)


_team = Team()
_limit = _Limit()
_told: int | None = None
_followers: list[Callable[[int], None]] = []


def _forget() -> None:
    """Start anew in a forked process, which has none of its parent's threads."""
    global _team, _limit
    threads, _team = _team.count, Team()
    _team.count = threads
    _limit = _Limit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def count() -> int:
    """Return the number of threads that work is cut for."""
    return _team.count


def set_count(threads: int) -> None:
    """Set the number of threads, of BLAS and of those who `follow` too."""
    global _told
    _team.count = _told = threads
    _limit.change(threads)
    for setter in _followers:
        setter(threads)


def told() -> int | None:
    """Return the number that somebody has set; None where nobody has."""
    return _told


@contextmanager
def temporarily(threads: int) -> Iterator[None]:
    """Work with another number of threads in the block, as if nobody had set it."""
    global _told
    before, said = count(), _told
    set_count(threads)
    try:
        yield
    finally:
        set_count(before)
        _told = said


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
    team = _team
    pieces = min(team.count, n // least)
    if pieces < 2:
        function(0, n)
        return
    edges = [n * i // pieces // align * align for i in range(pieces)] + [n]
    if not team.busy.acquire(blocking=False):
        # Called from within a piece or beside another network: the threads are taken. Sums over the same pieces have
        # the same bits.
        for start, stop in pairwise(edges):
            function(start, stop)
        return
    try:
        team.run(function, edges)
    finally:
        team.busy.release()


def work_together(function: Callable[[], None]) -> None:
    """Call `function` on the threads that come in time.

    Parameters
    ----------
    function : callable
        Must release the interpreter, claim its work piece by piece, and return when all pieces are done. It may be
        called once more, by a thread that comes too late, when there is nothing left to do.
    """
    team = _team
    if not team.busy.acquire(blocking=False):
        function()
        return
    try:
        team.share(function)
    finally:
        team.busy.release()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread in the block, within which our own threads call it."""
    _limit.want()
    try:
        yield
    finally:
        _limit.want_no_more()


@cache
def blas_libraries() -> list[Any]:
    """Return the controllers of the BLAS that NumPy uses."""
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [blas for blas in found if "numpy" in blas.filepath] or list(found)
