"""The loops of whole updates of stacks, compiled; see `descent`."""

from typing import Any

from nnxp._backend.kernels.adam_loops import adam
from nnxp._backend.kernels.atomics import add_one, wait_for
from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.loss_loops import cross_entropy
from nnxp._backend.kernels.optimizer_loops import sgd, sgd_with_momentum
from nnxp._backend.kernels.stack_loops import backward, forward

__all__ = ["are_classes", "descend", "squares"]

# How many parameters a thread claims at a time, and how many numbers of the batch to come.
STRETCH, GATHERED = 2**14, 2**12


@compiled
def are_classes(labels: Any, classes: int) -> bool:
    wrong = 0
    for label in labels:
        wrong += label < 0 or label >= classes
    return wrong == 0


@compiled
def descend(
    theta: Any, gradient: Any, first: Any, second: Any, third: Any, vectors: int, numbers: Any, table: Any, x: Any,
    order: Any, gathered: Any, labels: Any, values: Any, smoothing: float, y: Any, losses: Any, hidden: Any, dy: Any,
    work: Any, batch: int, widest: int, claims: Any, size: int, room: Any,
) -> None:  # fmt: skip
    layers, total = len(table), len(labels) if labels.size else len(values)
    for s in range(len(losses)):
        start, stop = s * batch, min((s + 1) * batch, total)
        rows = stop - start
        y_s, dy_s, counters = y[start:stop], dy[:rows], claims[s]
        x_s = x[start:stop]
        if order.size:
            x_s = gathered[(s & 1) * batch : (s & 1) * batch + rows]
            wait_for(counters, 4 * layers + 7, gather(x, order[start:stop], x_s, counters, 4 * layers + 6))
        # What a shorter batch needs of them.
        hidden_s, work_s = hidden[: hidden.size // batch * rows], work[: work.size // batch * rows]
        forward(theta, table, x_s, hidden_s, y_s, True, widest, counters[: 2 * layers], size, room)
        if add_one(counters, 2 * layers) == 0:
            if labels.size:
                scale = y.dtype.type(1.0 / rows)
                losses[s] = cross_entropy(y_s, labels[start:stop], y.dtype.type(smoothing), scale, dy_s)
            else:
                losses[s] = squares(y_s, values[start:stop], dy_s)
            add_one(counters, 2 * layers + 1)
        elif stop < total and order.size:
            # Nobody reads there: all have finished the update before.
            following = order[stop : min(stop + batch, total)]
            gather(x, following, gathered[((s + 1) & 1) * batch :], claims[s + 1], 4 * layers + 6)
        wait_for(counters, 2 * layers + 1, 1)
        own = counters[2 * layers + 2 : 4 * layers + 4]
        backward(theta, table, x_s, hidden_s, y_s, dy_s, gradient, x_s[:0], work_s, own, size, room)
        _update(theta, gradient, first, second, third, vectors, numbers[s], counters[4 * layers + 4 :])


@compiled
def gather(x: Any, rows: Any, to: Any, counters: Any, at: int) -> Any:
    """Copy rows of x, of the pieces that nobody else has claimed; return how many pieces there are."""
    size = max(1, GATHERED // max(1, x.shape[1]))
    pieces = (len(rows) + size - 1) // size
    piece = add_one(counters, at)
    while piece < pieces:
        for i in range(piece * size, min((piece + 1) * size, len(rows))):
            source, row = x[rows[i]], to[i]
            for j in range(row.size):
                row[j] = source[j]
        add_one(counters, at + 1)
        piece = add_one(counters, at)
    return pieces


@compiled
def squares(y: Any, target: Any, dy: Any) -> Any:
    """Return the mean of squares, and write its gradient."""
    scale = y.dtype.type(1.0 / y.size)
    total = 0.0
    for i in range(len(y)):
        row, wanted, d = y[i], target[i], dy[i]
        for j in range(row.size):
            difference = row[j] - wanted[j]
            d[j] = scale * 2 * difference
            total += difference * difference
    return total / y.size


@compiled
def _update(
    theta: Any, gradient: Any, first: Any, second: Any, third: Any, vectors: int, numbers: Any, counters: Any
) -> None:
    """Take the optimizer's step, of the stretches that nobody else has claimed."""
    pieces = (theta.size + STRETCH - 1) // STRETCH
    piece = add_one(counters, 0)
    while piece < pieces:
        a, b = piece * STRETCH, min((piece + 1) * STRETCH, theta.size)
        t, g = theta[a:b], gradient[a:b]
        if vectors == 0:
            sgd(t, g, numbers[0], numbers[1])
        elif vectors == 1:
            sgd_with_momentum(t, g, first[a:b], numbers[3] != 0, numbers[0], numbers[1], numbers[2], numbers[4])
        else:
            adam(
                t, g, first[a:b], second[a:b], third[a:b], vectors == 3,
                numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
            )  # fmt: skip
        add_one(counters, 1)
        piece = add_one(counters, 0)
    wait_for(counters, 1, pieces)
