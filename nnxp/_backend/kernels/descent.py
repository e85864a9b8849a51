"""Whole updates of stacks, many in one call: forward, loss, backward and the optimizer's step.

Between two small products an interpreter takes longer than they do, and threads that sleep take longer to wake. Here
they meet in counters from the first update to the last; see `atomics`.
"""

from typing import Any

import numpy as np

from nnxp._backend.kernels.kept import Kernel
from nnxp._backend.kernels.rooms import aligned_empty, room_of
from nnxp._backend.kernels.stack import _prepared
from nnxp._backend.threads import count, work_together

__all__ = ["descend"]

# From how many multiply-adds of an update on threads share it, and how many columns of a layer one claims at a time.
_SHARED, _COLUMNS = 2**20, 64


def descend(x: Any, target: Any, updates: Any) -> Any:
    """Make updates of batches that follow one another in `x`; what does not fit is for the plain way to do."""
    theta, plan, batch, order = updates.theta, updates.plan, updates.batch_size, updates.rows
    rows, labelled = len(x if order is None else order), updates.smoothing is not None
    if x.ndim != 2 or not rows or x.dtype != theta.dtype or type(target) is not np.ndarray:
        return NotImplemented
    size, table, out, hidden, widest = _prepared(plan, x.shape[1])
    y = np.empty((rows, out), x.dtype)
    shape, dtype = (y.shape[:1], np.int64) if labelled else (y.shape, x.dtype)
    if size != theta.size or target.shape != shape or target.dtype != dtype or not out:
        return NotImplemented
    x, target = (a if _plain(a) else np.array(a, order="C") for a in (x, target))
    if labelled and not _are_classes(target, out):
        return NotImplemented
    batch, losses = min(batch, rows), np.empty(len(updates.numbers), x.dtype)
    places = [np.empty(n, x.dtype) for n in (batch * hidden, (batch, out), 2 * batch * max(widest, out))]
    gathered = aligned_empty((0 if order is None else 2 * batch, x.shape[1]), x.dtype)
    labels, values = (target, y[:0]) if labelled else (_NONE, target)
    claims = np.zeros((len(losses), 4 * len(table) + 8), np.int64)
    given = (
        theta, updates.gradient, *updates.vectors, *[theta[:0]] * (3 - len(updates.vectors)), len(updates.vectors),
        np.array(updates.numbers, np.float64), table, x, _NONE if order is None else order, gathered, labels, values,
        updates.smoothing or 0.0, y, losses, *places, batch, widest, claims,
    )  # fmt: skip
    depth = max(batch, out, widest, x.shape[1])
    if batch * theta.size < _SHARED or count() == 1:
        _descend(*given, max(depth, 1), room_of(depth, x.dtype))
    else:
        work_together(lambda: _descend(*given, _COLUMNS, room_of(depth, x.dtype)))
    return losses, y


_NONE = np.zeros(0, np.int64)
_descend, _are_classes = Kernel("descent_loops", "descend"), Kernel("descent_loops", "are_classes")


def _plain(a: Any) -> bool:
    """Tell whether an array is of the one kind that is compiled for."""
    flags = a.flags
    return type(a) is np.ndarray and flags.c_contiguous and flags.writeable
