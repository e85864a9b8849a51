"""Whole updates of stacks by NumPy, many in one call: what one is made of is written down once, and then only done.

BLAS's threads share the products of larger networks. They spin between two, so what remains is for the calling thread:
ours would have to be woken for each part of an update.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from nnxp._backend.kernels.descent_numpy_places import Places
from nnxp._backend.kernels.losses_numpy import are_classes
from nnxp._backend.threads import one_blas_thread

__all__ = ["descend"]

# Multiply-adds of an update from which on threads share its products, and of a product from which on BLAS would.
_SHARED, _SPLIT = 2**21, 2**18
# How many bytes of inputs are gathered at a time.
_GATHERED = 2**18


def descend(x: Any, target: Any, updates: Any) -> Any:
    """Make updates of batches that follow one another; what does not fit is for the plain way to do."""
    theta, plan, rows, labelled = updates.theta, updates.plan, updates.rows, updates.smoothing is not None
    count, out = len(x if rows is None else rows), plan.out_features
    if x.ndim != 2 or not count or x.dtype != theta.dtype or type(target) is not np.ndarray:
        return NotImplemented
    shape, dtype = ((count,), np.int64) if labelled else ((count, out), x.dtype)
    if plan.size_of(x.shape[1]) != theta.size or target.shape != shape or target.dtype != dtype or not out:
        return NotImplemented
    if labelled and not are_classes(target, out):
        return NotImplemented
    batch, places = min(updates.batch_size, count), Places.of(updates, x.shape[1])
    with _threads(batch * theta.size), places:
        return _descend(x, target, updates, batch, places)


def _threads(work: int) -> AbstractContextManager[None]:
    """Leave BLAS its threads, except for products that are large to it but too small to be shared."""
    return one_blas_thread() if _SPLIT <= work < _SHARED else nullcontext()


def _descend(x: Any, target: Any, updates: Any, batch: int, places: Places) -> Any:
    """Make the updates: first those of whole batches, then that of the rest."""
    total, out, step = len(target), updates.plan.out_features, places.step
    y, losses = np.empty((total, out), x.dtype), np.empty(len(updates.numbers), x.dtype)
    whole, done = total // batch * batch, 0
    for start, stop, size in ((0, whole, batch), (whole, total, total - whole)):
        if size:
            count = (stop - start) // size
            passes, loss = places.passes(size), places.loss(count, size)
            loss.expect(target[start:stop])
            numbers = updates.numbers[done : done + count]
            for i, some in enumerate(_batches(x, updates.rows, start, stop, size, places.ones)):
                loss.y[i] = passes.forward(some)
                loss.slope(i, passes.dy)
                passes.backward(some)
                step(*numbers[i])
            losses[done : done + count] = loss.values()
            y[start:stop].reshape(count, size, out)[...] = loss.y.transpose(0, 2, 1)
            done += count
    return losses, y


def _batches(x: Any, rows: Any, start: int, stop: int, size: int, ones: int) -> Iterator[Any]:
    """Go through the batches, some of which lie in one place together; with so many ones behind each row."""
    if rows is None and not ones:
        for i in range(start, stop, size):
            yield x[i : i + size]
        return
    features = x.shape[1]
    many = size * max(1, _GATHERED // (size * features * x.itemsize + 1))
    place = np.empty((min(many, stop - start), features + ones), x.dtype)
    place[:, features:] = 1.0
    for first in range(start, stop, many):
        last = min(first + many, stop)
        into = place[: last - first]
        if ones:
            into[:, :features] = x[first:last] if rows is None else x.take(rows[first:last], 0)
        else:
            x.take(rows[first:last], 0, into, "clip")  # which writes there at once
        for i in range(0, last - first, size):
            yield into[i : i + size]
