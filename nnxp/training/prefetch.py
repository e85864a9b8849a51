"""The next batch while the present one trains: a thread that is one ahead, and never more."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import copy_context
from itertools import islice
from operator import length_hint
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

from nnxp._checks import Words, message

__all__ = ["Prefetch", "ahead", "own"]

_T = TypeVar("_T")


class Prefetch:
    """An iterable of batches that is read one batch ahead, in a thread.

    For a source that waits: for a disk, for a network, for other processes. One that computes in Python shares the
    interpreter with the training, and slows it down instead. Memory maps need no such wrapper: `fit` reads them in
    this way by itself.

    Parameters
    ----------
    source : iterable
        Of batches. It runs in a thread of its own, which begins anew with every pass and is at most one batch ahead
        of the one in use. So it must not look at the network while it trains, nor at anything that belongs to
        another thread. NumPy arrays are copied: it may fill the same ones again and again.

    Raises
    ------
    TypeError
        If `source` cannot be run through.

    Notes
    -----
    Batches come in the order of `source`, and its errors in the place of the batch that they spoiled. The thread
    ends with the pass, after the batch that it is at.

    Examples
    --------
    >>> list(Prefetch([1, 2, 3]))
    [1, 2, 3]
    """

    def __init__(self, source: Iterable[Any]) -> None:
        if not isinstance(source, Iterable):
            raise TypeError(message("Prefetch", "an iterable of batches", Words(type(source).__name__)))
        self.source = source

    def __length_hint__(self) -> int:
        return length_hint(self.source)

    def __iter__(self) -> Iterator[Any]:
        return ahead(lambda: map(own, self.source))


def own(item: Any) -> Any:
    """Return a batch with its NumPy arrays copied: the source may fill the same ones for the next."""
    if isinstance(item, (tuple, list)):
        parts = map(own, item)
        return tuple(parts) if isinstance(item, tuple) else list(parts)
    return np.array(item) if isinstance(item, np.ndarray) else item


def ahead(begin: Callable[[], Iterable[_T]], group: int = 1) -> Generator[_T, None, None]:
    """Yield the items of an iterable, made in a thread while those before are in use.

    Parameters
    ----------
    begin : callable
        Returns the iterable; called in the thread.
    group : int
        How many items are made and handed over together: to change threads takes longer than to make a small one.
    """
    wanted: SimpleQueue[bool] = SimpleQueue()
    made: SimpleQueue[tuple[list[_T], BaseException | None]] = SimpleQueue()
    # The context brings NumPy's error state along.
    thread = threading.Thread(
        target=copy_context().run, args=(_make, begin, group, wanted, made), name="nnxp-ahead", daemon=True
    )
    wanted.put(True)
    thread.start()
    try:
        while True:
            items, error = made.get()
            wanted.put(True)
            yield from items
            if error is not None:
                raise error
            if len(items) < group:
                return
    finally:
        wanted.put(False)
        thread.join()
        error = None  # it holds this frame, and this frame would hold it


def _make(
    begin: Callable[[], Iterable[Any]], group: int, wanted: "SimpleQueue[bool]", made: "SimpleQueue[Any]"
) -> None:
    """Make a group of items for every wish, until there are no more wishes, or no more items."""
    source: Iterator[Any] | None = None
    while wanted.get():
        items: list[Any] = []
        try:
            source = iter(begin()) if source is None else source
            for item in islice(source, group):
                items.append(item)  # one by one: what came before an error counts
        except BaseException as error:
            made.put((items, error))
            return
        made.put((items, None))
        if len(items) < group:
            return
