"""Whole updates of stacks, many in one call: forward, loss, backward and the optimizer's step.

Between two small products an interpreter takes longer than they do, and threads that sleep take longer to wake. Here
they meet in counters from the first update to the last; see `atomics`.
"""

from typing import Any

import numpy as np

from nnxp._backend.kernels.adams import _adam
from nnxp._backend.kernels.atomics import add_one, wait_for
from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.losses import _cross_entropy
from nnxp._backend.kernels.optimizers import _sgd, _sgd_with_momentum
from nnxp._backend.kernels.rooms import room_of
from nnxp._backend.kernels.stack import _backward, _forward, _prepared
from nnxp._backend.threads import count, work_together

__all__ = ["descend"]

# From how many multiply-adds of an update on threads share it, how many columns of a layer one claims, and how many
# parameters.
_SHARED, _COLUMNS, _STRETCH = 2**20, 64, 2**14


def descend(x: Any, target: Any, updates: Any) -> Any:
    """Make updates of batches that follow one another in `x`; what does not fit is for the plain way to do."""
    theta, plan, batch = updates.theta, updates.plan, updates.batch_size
    rows, labelled = len(x), updates.smoothing is not None
    if x.ndim != 2 or not rows or x.dtype != theta.dtype or type(target) is not np.ndarray:
        return NotImplemented
    fits, table, out, hidden, widest = _prepared(plan, theta, x.shape[1])
    y = np.empty((rows, out), x.dtype)
    shape, dtype = (y.shape[:1], np.int64) if labelled else (y.shape, x.dtype)
    if not fits or target.shape != shape or target.dtype != dtype or not out:
        return NotImplemented
    x, target = (a if _plain(a) else np.array(a, order="C") for a in (x, target))
    if labelled and not _are_classes(target, out):
        return NotImplemented
    batch, losses = min(batch, rows), np.empty(len(updates.numbers), x.dtype)
    places = [np.empty(batch * n, x.dtype) for n in (hidden, out, 2 * max(widest, out))]
    labels, values = (target, y[:0]) if labelled else (_NO_LABELS, target)
    claims = np.zeros((len(losses), 4 * len(table) + 6), np.int64)
    given = (
        theta, updates.gradient, *updates.vectors, *[theta[:0]] * (3 - len(updates.vectors)), len(updates.vectors),
        np.array(updates.numbers, np.float64), table, x, labels, values, updates.smoothing or 0.0, y, losses, *places,
        batch, widest, claims,
    )  # fmt: skip
    depth = max(batch, out, widest, x.shape[1])
    if batch * theta.size < _SHARED or count() == 1:
        _descend(*given, max(depth, 1), room_of(depth, x.dtype))
    else:
        work_together(lambda: _descend(*given, _COLUMNS, room_of(depth, x.dtype)))
    return losses, y


_NO_LABELS = np.zeros(0, np.int64)


def _plain(a: Any) -> bool:
    """Tell whether an array is of the one kind that is compiled for."""
    flags = a.flags
    return type(a) is np.ndarray and flags.c_contiguous and flags.writeable


@compiled
def _are_classes(labels: Any, classes: int) -> bool:
    wrong = 0
    for label in labels:
        wrong += label < 0 or label >= classes
    return wrong == 0


@compiled
def _descend(
    theta: Any, gradient: Any, first: Any, second: Any, third: Any, vectors: int, numbers: Any, table: Any, x: Any,
    labels: Any, values: Any, smoothing: float, y: Any, losses: Any, hidden: Any, dy: Any, work: Any, batch: int,
    widest: int, claims: Any, size: int, room: Any,
) -> None:  # fmt: skip
    out, layers = y.shape[1], len(table)
    for s in range(len(losses)):
        start, stop = s * batch, min((s + 1) * batch, len(x))
        rows = stop - start
        x_s, y_s, dy_s, counters = x[start:stop], y[start:stop], dy[: rows * out].reshape(rows, out), claims[s]
        # What a shorter batch needs of them.
        hidden_s, work_s = hidden[: hidden.size // batch * rows], work[: work.size // batch * rows]
        _forward(theta, table, x_s, hidden_s, y_s, True, widest, counters[: 2 * layers], size, room)
        if add_one(counters, 2 * layers) == 0:
            if labels.size:
                scale = y.dtype.type(1.0 / rows)
                losses[s] = _cross_entropy(y_s, labels[start:stop], y.dtype.type(smoothing), scale, dy_s)
            else:
                losses[s] = _squares(y_s, values[start:stop], dy_s)
            add_one(counters, 2 * layers + 1)
        wait_for(counters, 2 * layers + 1, 1)
        own = counters[2 * layers + 2 : 4 * layers + 4]
        _backward(theta, table, x_s, hidden_s, y_s, dy_s, gradient, x_s[:0], work_s, own, size, room)
        _update(theta, gradient, first, second, third, vectors, numbers[s], counters[4 * layers + 4 :])


@compiled
def _squares(y: Any, target: Any, dy: Any) -> Any:
    """Return the mean of squares, and write its gradient."""
    scale = y.dtype.type(1.0 / y.size)
    total = 0.0
    for i in range(len(y)):
        row, wanted, d = y[i], target[i], dy[i]
        for j in range(row.size):
            difference = row[j] - wanted[j]
            d[j] = scale * 2 * difference
            total += difference * difference
    return total * scale


@compiled
def _update(
    theta: Any, gradient: Any, first: Any, second: Any, third: Any, vectors: int, numbers: Any, counters: Any
) -> None:
    """Take the optimizer's step, of the stretches that nobody else has claimed."""
    pieces = (theta.size + _STRETCH - 1) // _STRETCH
    piece = add_one(counters, 0)
    while piece < pieces:
        a, b = piece * _STRETCH, min((piece + 1) * _STRETCH, theta.size)
        t, g = theta[a:b], gradient[a:b]
        if vectors == 0:
            _sgd(t, g, numbers[0], numbers[1])
        elif vectors == 1:
            _sgd_with_momentum(t, g, first[a:b], numbers[3] != 0, numbers[0], numbers[1], numbers[2], numbers[4])
        else:
            _adam(
                t, g, first[a:b], second[a:b], third[a:b], vectors == 3,
                numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
            )  # fmt: skip
        add_one(counters, 1)
        piece = add_one(counters, 0)
    wait_for(counters, 1, pieces)
