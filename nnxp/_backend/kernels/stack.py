"""Stacks of Linear layers and activations, each way in one call: small networks are all overhead.

The stack's parameters are one stretch of theta, in order, and its plan is a row of numbers a layer: the size of the
output, whether there is a bias, and the code of the activation behind it. In larger networks the threads share every
layer: each takes some of its columns.
"""

from typing import Any, NamedTuple

import numpy as np

from nnxp._backend.kernels.atomics import add_one, wait_for
from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.elementary import sigmoid, tanh
from nnxp._backend.kernels.products import product, rows_dot
from nnxp._backend.kernels.rooms import room_of
from nnxp._backend.threads import count, work_together
from nnxp._checks import message

__all__ = ["stack_backward", "stack_forward"]

# From how many multiply-adds of a whole stack on other threads are woken, and how many columns are claimed at a time.
_SHARED = 2**22
_COLUMNS = 64
_ALL, _NOBODY = 2**62, np.zeros(0, np.int64)


class Kept(NamedTuple):
    """What backward needs: the parameters, the input, the hidden layers' outputs in one vector, and the output."""

    theta: Any
    x: Any
    hidden: Any
    y: Any
    dx_wanted: bool


def stack_forward(x: Any, p: Any, mode: Any, stack: Any) -> Any:
    """Run the stack; what does not fit is for the layers themselves to refuse."""
    theta, plan = p.flat, stack.plan
    if theta is None or x.ndim != 2 or x.dtype != theta.dtype:
        return NotImplemented
    rows, features = x.shape
    fits, table, out, hidden, widest = _prepared(plan, theta, features)
    if not fits:
        return NotImplemented
    if type(x) is not np.ndarray or not (x.flags.c_contiguous and x.flags.writeable):
        x = np.array(x, order="C")  # one kind of array, and one compilation
    y = np.empty((rows, out), x.dtype)
    keep, depth = mode.keep_cache, max(widest, features)
    # Without a backward to come, two places take turns.
    places = np.empty(rows * (hidden if keep else 2 * widest), x.dtype)
    if rows:
        given = theta, table, x, places, y, keep, widest
        if rows * theta.size < _SHARED or count() == 1:
            _forward(*given, _NOBODY, _ALL, room_of(depth, x.dtype))
        else:
            claims = np.zeros(2 * len(table), np.int64)
            work_together(lambda: _forward(*given, claims, _COLUMNS, room_of(depth, x.dtype)))
    return y, Kept(theta, x, places, y, mode.input_gradient) if keep else None


def stack_backward(dy: Any, p: Any, g: Any, kept: Any, stack: Any) -> Any:
    """Run the stack's backward; gradients that do not lie together are gathered, and then handed out."""
    theta, x, hidden, y, dx_wanted = kept
    if dy.shape != y.shape:  # the kernel would not look, and read beyond the end
        raise ValueError(message("Sequential.backward", f"dy of shape {y.shape}", dy.shape))
    gradient = np.empty_like(theta) if g.flat is None else g.flat
    rows, features = x.shape
    _, table, out, _, widest = _prepared(stack.plan, theta, features)
    dx = np.empty_like(x) if dx_wanted else x[:0]
    if type(dy) is not np.ndarray or dy.dtype != x.dtype or not (dy.flags.c_contiguous and dy.flags.writeable):
        dy = np.array(dy, x.dtype, order="C")
    depth = max(rows, out, widest)
    if rows:
        places = np.empty(2 * rows * max(widest, out), x.dtype)
        given = theta, table, x, hidden, y, dy, gradient, dx, places
        if rows * theta.size < _SHARED or count() == 1:
            _backward(*given, _NOBODY, _ALL, room_of(depth, x.dtype))
        else:
            claims = np.zeros(2 * len(table) + 2, np.int64)
            work_together(lambda: _backward(*given, claims, _COLUMNS, room_of(depth, x.dtype)))
    else:
        gradient[...] = 0.0
    if g.flat is None:
        _hand_out(gradient, g, stack)
    return dx if dx_wanted else None


def _hand_out(gradient: Any, g: Any, stack: Any) -> None:
    start = 0
    for name in stack.children():
        for view in [getattr(g[name], key) for key in ("weight", "bias") if key in g[name].arrays]:
            view[...] = gradient[start : start + view.size].reshape(view.shape)
            start += view.size


def _prepared(plan: Any, theta: Any, features: int) -> tuple[Any, ...]:
    """Return what a stack needs at every step: whether theta is its own, its table and its sizes."""
    try:
        return plan.prepared[features, theta.size]  # type: ignore[no-any-return]
    except KeyError:
        fits = plan.size_of(features) == theta.size
        found = fits, np.array(plan.steps), plan.out_features, plan.hidden, plan.widest
        return plan.prepared.setdefault((features, theta.size), found)  # type: ignore[no-any-return]


@compiled
def _forward(
    theta: Any, table: Any, x: Any, places: Any, y: Any, keep: bool, widest: int, claims: Any, size: int, room: Any
) -> None:
    """Run the layers one by one, of each the pieces of so many columns that nobody else has claimed."""
    rows, width = x.shape
    source, at, place = x.reshape(-1), 0, 0
    if not claims.size:
        claims = np.zeros(2 * len(table), np.int64)
    for i in range(len(table)):
        out, bias, activation = table[i]
        result = y.reshape(-1)
        if i < len(table) - 1:
            result = places[place : place + rows * out]
            place = place + rows * out if keep else rows * widest - place
        offsets = theta[at + out * width :] if bias else np.zeros(out, theta.dtype)
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
def _backward(
    theta: Any, table: Any, x: Any, hidden: Any, y: Any, dy: Any, gradient: Any, dx: Any, work: Any, claims: Any,
    size: int, room: Any,
) -> None:  # fmt: skip
    """Run the layers down to the first, of each the pieces of so many columns of its input that nobody has claimed.

    One more than the last layer stands for the output itself: the slope of its activation, and the last bias.
    """
    rows, features = x.shape
    if not claims.size:
        claims = np.zeros(2 * len(table) + 2, np.int64)
    half = work.size // 2
    nothing = np.zeros(max(features, half // rows), theta.dtype)
    at, place, d, out = theta.size, hidden.size, dy.reshape(-1), 0
    for i in range(len(table), -1, -1):
        width, bias, activation = features, 0, 0
        if i:
            width, bias, activation = table[i - 1]
        at -= out * width
        before = x.reshape(-1) if i == 0 else y.reshape(-1)
        if 0 < i < len(table):
            place -= rows * width
            before = hidden[place : place + rows * width]
        turned = dx.reshape(-1) if i == 0 else work[(i & 1) * half : (i & 1) * half + rows * width]
        if i == len(table) and activation == 0:
            turned = dy.reshape(-1)
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
            _through(
                activation, before, dy.reshape(-1) if i == len(table) else turned, turned, rows, width, first, last
            )
            if bias:
                _sum_rows(turned, rows, width, first, last, gradient[at - width : at])
            add_one(claims, 2 * i + 1)
            piece = add_one(claims, 2 * i)
        wait_for(claims, 2 * i + 1, pieces)
        at -= bias * width
        d, out = turned, width


@compiled
def _through(activation: int, y: Any, dy: Any, dx: Any, rows: int, width: int, first: int, last: int) -> None:
    one = y.dtype.type(1)
    for i in range(rows if activation else 0):
        start, end = i * width + first, i * width + last
        # Slices, whose indices cannot be negative: Numba counts those from the end, which no vector can.
        row_y, row_dy, row_dx = y[start:end], dy[start:end], dx[start:end]
        if activation == 1:
            for j in range(row_dx.size):
                row_dx[j] = row_dy[j] * (one if row_y[j] > 0 else one - one)
        elif activation == 2:
            for j in range(row_dx.size):
                row_dx[j] = row_dy[j] * (one - row_y[j] * row_y[j])
        else:
            for j in range(row_dx.size):
                row_dx[j] = row_dy[j] * (row_y[j] * (one - row_y[j]))


@compiled
def _sum_rows(d: Any, rows: int, width: int, first: int, last: int, total: Any) -> None:
    sums = total[first:last]
    sums[:] = 0
    for i in range(rows):
        row = d[i * width + first : i * width + last]
        for j in range(sums.size):
            sums[j] += row[j]
