"""Stacks of Linear layers and activations, each way in one call: small networks are all overhead.

The stack's parameters are one stretch of theta, in order, and its plan is a row of numbers a layer: the size of the
output, whether there is a bias, and the code of the activation behind it. In larger networks the threads share every
layer: each takes some of its columns.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import empty, ndarray, zeros  # looking them up in the module costs small networks dearly

from nnxp._backend.kernels.kept import Kernel
from nnxp._backend.kernels.rooms import room_of
from nnxp._backend.threads import count, work_together
from nnxp._checks import message

__all__ = ["stack_backward", "stack_forward"]

# From how many multiply-adds of a whole stack on other threads are woken, and how many columns are claimed at a time.
_SHARED = 2**22
_COLUMNS = 64
_ALL, _COUNTER = 2**62, np.dtype(np.int64)

_forward, _backward = Kernel("stack_loops", "forward"), Kernel("stack_loops", "backward")


@dataclass(slots=True)
class Kept:
    """What backward needs: the parameters, the input, the hidden layers' outputs in one vector, and the output."""

    theta: Any
    x: Any
    hidden: Any
    y: Any
    dx_wanted: bool


def stack_forward(x: Any, p: Any, mode: Any, stack: Any) -> Any:
    """Run the stack; what does not fit is for the layers themselves to refuse."""
    theta, dtype = p.flat, x.dtype
    if theta is None or x.ndim != 2 or dtype != theta.dtype:
        return NotImplemented
    rows, features = x.shape
    size, table, out, hidden, widest = _prepared(stack.plan, features)
    if size != theta.size:
        return NotImplemented
    if type(x) is not ndarray or not x.flags.carray:
        x = np.array(x, order="C")  # one kind of array, and one compilation
    keep, depth = mode.keep_cache, widest if widest > features else features
    y = empty((rows, out), dtype)
    # Without a backward to come, two places take turns.
    places = empty(rows * (hidden if keep else 2 * widest), dtype)
    claims = zeros(2 * len(table), _COUNTER)
    if rows * size >= _SHARED and count() > 1:
        _together(_forward, (theta, table, x, places, y, keep, widest, claims), depth)
    elif rows:
        _forward(theta, table, x, places, y, keep, widest, claims, _ALL, room_of(depth, dtype))
    return y, Kept(theta, x, places, y, mode.input_gradient) if keep else None


def stack_backward(dy: Any, p: Any, g: Any, kept: Any, stack: Any) -> Any:
    """Run the stack's backward; gradients that do not lie together are gathered, and then handed out."""
    theta, x, hidden, y, flat = kept.theta, kept.x, kept.hidden, kept.y, g.flat
    rows, features = x.shape
    size, table, out, _, widest = _prepared(stack.plan, features)
    if dy.shape != (rows, out):  # the kernel would not look, and read beyond the end
        raise ValueError(message("Sequential.backward", f"dy of shape {y.shape}", dy.shape))
    dtype, wide = theta.dtype, widest if widest > out else out
    if type(dy) is not ndarray or dy.dtype != dtype or not dy.flags.carray:
        dy = np.array(dy, dtype, order="C")
    gradient = np.empty_like(theta) if flat is None else flat
    dx = empty((rows, features), dtype) if kept.dx_wanted else x[:0]
    depth, places = max(rows, wide, features), empty(2 * rows * wide, dtype)
    claims = zeros(2 * len(table) + 2, _COUNTER)
    if rows * size >= _SHARED and count() > 1:
        _together(_backward, (theta, table, x, hidden, y, dy, gradient, dx, places, claims), depth)
    elif rows:
        room = room_of(depth, dtype)
        _backward(theta, table, x, hidden, y, dy, gradient, dx, places, claims, _ALL, room)
    else:
        gradient[...] = 0.0
    if flat is None:
        _hand_out(gradient, g, stack)
    return dx if kept.dx_wanted else None


def _together(kernel: Any, given: tuple[Any, ...], depth: int) -> None:
    """Run a kernel on all threads, which claim their shares of every layer."""
    dtype = given[0].dtype
    work_together(lambda: kernel(*given, _COLUMNS, room_of(depth, dtype)))


def _hand_out(gradient: Any, g: Any, stack: Any) -> None:
    start = 0
    for name in stack.children():
        for view in [getattr(g[name], key) for key in ("weight", "bias") if key in g[name].arrays]:
            view[...] = gradient[start : start + view.size].reshape(view.shape)
            start += view.size


def _prepared(plan: Any, features: int) -> tuple[Any, ...]:
    """Return what a stack of such an input needs at every step: how long its theta is, its table and its sizes."""
    try:
        return plan.prepared[features]  # type: ignore[no-any-return]
    except KeyError:
        found = plan.size_of(features), np.array(plan.steps), plan.out_features, plan.hidden, plan.widest
        return plan.prepared.setdefault(features, found)  # type: ignore[no-any-return]
