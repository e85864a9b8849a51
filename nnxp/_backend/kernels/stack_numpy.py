"""Stacks of Linear layers and activations by NumPy alone, each way in one function without a call a layer.

The products are BLAS's, with its threads: no update of so few parameters is worth threads of ours, which those would
keep from the cores for a while. (`dot` calls BLAS with less ado than `matmul`.)
"""

from typing import Any, NamedTuple

import numpy as np

from nnxp._backend.kernels.stack_operations import ACTIVATIONS, SLOPES
from nnxp._checks import message

__all__ = ["stack_backward", "stack_forward"]

# Parameters from which on the layers' own ways are quicker: from there our threads move them (see `blocks`).
_MOST = 2**20


class Kept(NamedTuple):
    """What backward needs: the parameters, the input and every Linear's output behind its activation."""

    theta: Any
    values: list[Any]
    dx_wanted: bool


def stack_forward(x: Any, p: Any, mode: Any, stack: Any) -> Any:
    """Run a small stack; what does not fit is for the layers themselves."""
    theta, plan = p.flat, stack.plan
    if theta is None or x.ndim != 2 or x.dtype != theta.dtype or theta.size >= _MOST:
        return NotImplemented
    if plan.size_of(x.shape[1]) != theta.size:
        return NotImplemented
    values = [x]
    for (_, bias, activation), name in zip(plan.steps, plan.names, strict=True):
        views = p[name]
        y = values[-1].dot(views.weight.T)
        if bias:
            y += views.bias
        if activation:
            for do in ACTIVATIONS[activation](y):
                do()
        values.append(y)
    return values[-1], Kept(theta, values, mode.input_gradient) if mode.keep_cache else None


def stack_backward(dy: Any, p: Any, g: Any, kept: Any, stack: Any) -> Any:
    """Run the stack's backward."""
    values = kept.values
    if dy.shape != values[-1].shape:
        raise ValueError(message("Sequential.backward", f"dy of shape {values[-1].shape}", dy.shape))
    plan, dy = stack.plan, dy.astype(kept.theta.dtype, copy=False)
    ones = np.ones(len(dy), dy.dtype)  # a product is quicker than a sum over rows
    for i in range(len(plan.steps) - 1, -1, -1):
        (_, bias, activation), name = plan.steps[i], plan.names[i]
        views = g[name]
        if activation:
            dy = dy.copy() if i == len(plan.steps) - 1 else dy  # it is not ours
            for do in SLOPES[activation](values[i + 1], dy):
                do()
        dy.T.dot(values[i], views.weight)
        if bias:
            ones.dot(dy, views.bias)
        if i or kept.dx_wanted:
            dy = dy.dot(p[name].weight)
    return dy if kept.dx_wanted else None
