"""The loops of stacks of Linear layers and activations, compiled; see `stack`."""

from typing import Any

from nnxp._backend.kernels.atomics import add_one, wait_for
from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.dots import rows_dot
from nnxp._backend.kernels.elementary import sigmoid, tanh
from nnxp._backend.kernels.lines import line
from nnxp._backend.kernels.products import product

__all__ = ["backward", "forward"]


@compiled
def forward(
    theta: Any, table: Any, x: Any, places: Any, y: Any, keep: bool, widest: int, claims: Any, size: int, room: Any
) -> None:
    """Run the layers one by one, of each the pieces of so many columns that nobody else has claimed."""
    rows, width = x.shape
    source, at, place = line(x), 0, 0
    for i in range(len(table)):
        out, bias, activation = table[i]
        result = line(y)
        if i < len(table) - 1:
            result = places[place : place + rows * out]
            place = place + rows * out if keep else rows * widest - place
        offsets = theta[at + out * width :] if bias else room[room.size - out :]  # zeros
        pieces = (out + size - 1) // size
        piece = add_one(claims, 2 * i)
        while piece < pieces:
            first, last = piece * size, min((piece + 1) * size, out)
            if rows < 4 and pieces == 1:
                rows_dot(source, 0, theta, at, offsets, 0, result, 0, rows, out, width)
            else:
                product(
                    source, 0, width, 1, theta, at, 1, width, offsets, 0, 0, result, 0, out, rows, first, last, width,
                    room,
                )  # fmt: skip
            _activate(activation, result, rows, out, first, last)
            add_one(claims, 2 * i + 1)
            piece = add_one(claims, 2 * i)
        wait_for(claims, 2 * i + 1, pieces)
        at += out * (width + bias)
        source, width = result, out


@compiled
def _activate(activation: int, y: Any, rows: int, out: int, first: int, last: int) -> None:
    for i in range(rows if activation else 0):
        row = y[i * out + first : i * out + last]
        if activation == 1:
            for j in range(row.size):
                if row[j] < 0:  # NaN passes
                    row[j] = 0
        elif activation == 2:
            for j in range(row.size):
                row[j] = tanh(row[j])
        else:
            for j in range(row.size):
                row[j] = sigmoid(row[j])


@compiled
def backward(
    theta: Any, table: Any, x: Any, hidden: Any, y: Any, dy: Any, gradient: Any, dx: Any, work: Any, claims: Any,
    size: int, room: Any,
) -> None:  # fmt: skip
    """Run the layers down to the first, of each the pieces of so many columns of its input that nobody has claimed.

    One more than the last layer stands for the output itself: the slope of its activation, and the last bias.
    """
    rows, features = x.shape
    half = work.size // 2
    nothing = room[room.size - max(features, half // rows) :]  # zeros
    at, place, d, out = theta.size, hidden.size, line(dy), 0
    for i in range(len(table), -1, -1):
        width, bias, activation = features, 0, 0
        if i:
            width, bias, activation = table[i - 1]
        at -= out * width
        before = line(x) if i == 0 else line(y)
        if 0 < i < len(table):
            place -= rows * width
            before = hidden[place : place + rows * width]
        turned = line(dx) if i == 0 else work[(i & 1) * half : (i & 1) * half + rows * width]
        if i == len(table) and activation == 0:
            turned = line(dy)
        pieces = (width + size - 1) // size
        piece = add_one(claims, 2 * i)
        while piece < pieces:
            first, last = piece * size, min((piece + 1) * size, width)
            if i < len(table):
                product(
                    d, 0, 1, out, before, 0, width, 1, nothing, 0, 0, gradient, at, width, out, first, last, rows, room
                )
                if turned.size:
                    product(
                        d, 0, out, 1, theta, at, width, 1, nothing, 0, 0, turned, 0, width, rows, first, last, out, room
                    )
            if i == len(table) and activation:
                _copy(line(dy), turned, rows, width, first, last)
            _through(activation, before, turned, rows, width, first, last)
            if bias:
                _sum_rows(turned, rows, width, first, last, gradient[at - width : at])
            add_one(claims, 2 * i + 1)
            piece = add_one(claims, 2 * i)
        wait_for(claims, 2 * i + 1, pieces)
        at -= bias * width
        d, out = turned, width


@compiled
def _copy(d: Any, to: Any, rows: int, width: int, first: int, last: int) -> None:
    for i in range(rows):
        source, row = d[i * width + first : i * width + last], to[i * width + first : i * width + last]
        for j in range(row.size):
            row[j] = source[j]


@compiled
def _through(activation: int, y: Any, d: Any, rows: int, width: int, first: int, last: int) -> None:
    """Multiply by the slopes in place: of two names for the same numbers the compiler would fear that they overlap."""
    one = y.dtype.type(1)
    for i in range(rows if activation else 0):
        start, end = i * width + first, i * width + last
        # Slices, whose indices cannot be negative: Numba counts those from the end, which no vector can.
        row_y, row_d = y[start:end], d[start:end]
        if activation == 1:
            for j in range(row_d.size):
                row_d[j] *= one if row_y[j] > 0 else one - one
        elif activation == 2:
            for j in range(row_d.size):
                row_d[j] *= one - row_y[j] * row_y[j]
        else:
            for j in range(row_d.size):
                row_d[j] *= row_y[j] * (one - row_y[j])


@compiled
def _sum_rows(d: Any, rows: int, width: int, first: int, last: int, total: Any) -> None:
    sums = total[first:last]
    sums[:] = 0
    for i in range(rows):
        row = d[i * width + first : i * width + last]
        for j in range(sums.size):
            sums[j] += row[j]
