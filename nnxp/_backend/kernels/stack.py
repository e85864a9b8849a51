"""Stacks of Linear layers and activations, each way in one call: small networks are all overhead.

The stack's parameters are one stretch of theta, in order, and its plan is a row of numbers a layer: the size of the
output, whether there is a bias, and the code of the activation behind it. In larger networks the threads share every
layer: each takes some of its columns.
"""

from typing import Any, NamedTuple

import numpy as np

from nnxp._backend.kernels.kept import Kernel
from nnxp._backend.kernels.rooms import room_of
from nnxp._backend.threads import count, work_together
from nnxp._checks import message

__all__ = ["stack_backward", "stack_forward"]

# From how many multiply-adds of a whole stack on other threads are woken, and how many columns are claimed at a time.
_SHARED = 2**22
_COLUMNS = 64
_ALL = 2**62

_forward, _backward = Kernel("stack_loops", "forward"), Kernel("stack_loops", "backward")


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
        given = theta, table, x, places, y, keep, widest, np.zeros(2 * len(table), np.int64)
        if rows * theta.size < _SHARED or count() == 1:
            _forward(*given, _ALL, room_of(depth, x.dtype))
        else:
            work_together(lambda: _forward(*given, _COLUMNS, room_of(depth, x.dtype)))
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
    depth = max(rows, out, widest, features)
    if rows:
        places = np.empty(2 * rows * max(widest, out), x.dtype)
        given = theta, table, x, hidden, y, dy, gradient, dx, places, np.zeros(2 * len(table) + 2, np.int64)
        if rows * theta.size < _SHARED or count() == 1:
            _backward(*given, _ALL, room_of(depth, x.dtype))
        else:
            work_together(lambda: _backward(*given, _COLUMNS, room_of(depth, x.dtype)))
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
