"""Small stacks of Linear layers and activations by NumPy alone, each way in one function without a call a layer."""

from typing import Any, NamedTuple

import numpy as np

from nnxp._checks import message

__all__ = ["stack_backward", "stack_forward"]

# From how many multiply-adds of a whole stack on the layers' own ways are quicker.
_MOST = 2**21


def _rectify(y: Any) -> None:
    np.maximum(y, 0.0, out=y)


def _tanh(y: Any) -> None:
    np.tanh(y, out=y)


def _sigmoid(y: Any) -> None:
    """As `nnxp.layers.squashing`: nothing overflows."""
    denominator = np.exp(-np.abs(y))
    denominator += 1.0
    np.exp(np.minimum(y, 0.0, out=y), out=y)
    y /= denominator


# By the codes of a plan: what an activation makes of its input, in place, and its slope by its output.
_ACTIVATIONS = {1: _rectify, 2: _tanh, 3: _sigmoid}
_SLOPES: dict[int, Any] = {1: lambda y: y > 0, 2: lambda y: 1.0 - y * y, 3: lambda y: y * (1.0 - y)}


class Kept(NamedTuple):
    """What backward needs: the parameters, the input and every Linear's output behind its activation."""

    theta: Any
    values: list[Any]
    dx_wanted: bool


def stack_forward(x: Any, p: Any, mode: Any, stack: Any) -> Any:
    """Run a small stack; what does not fit is for the layers themselves."""
    theta, plan = p.flat, stack.plan
    if theta is None or x.ndim != 2 or x.dtype != theta.dtype or len(x) * theta.size > _MOST:
        return NotImplemented
    if plan.size_of(x.shape[1]) != theta.size:
        return NotImplemented
    values = [x]
    for (_, bias, activation), name in zip(plan.steps, plan.names, strict=True):
        views = p[name]
        y = np.matmul(values[-1], views.weight.T)
        if bias:
            y += views.bias
        if activation:
            _ACTIVATIONS[activation](y)
        values.append(y)
    return values[-1], Kept(theta, values, mode.input_gradient) if mode.keep_cache else None


def stack_backward(dy: Any, p: Any, g: Any, kept: Any, stack: Any) -> Any:
    """Run the stack's backward."""
    values = kept.values
    if dy.shape != values[-1].shape:
        raise ValueError(message("Sequential.backward", f"dy of shape {values[-1].shape}", dy.shape))
    plan, dy = stack.plan, dy.astype(kept.theta.dtype, copy=False)
    for i in range(len(plan.steps) - 1, -1, -1):
        (_, bias, activation), name = plan.steps[i], plan.names[i]
        views = g[name]
        if activation:
            dy = dy * _SLOPES[activation](values[i + 1])
        np.matmul(dy.T, values[i], out=views.weight)
        if bias:
            np.add.reduce(dy, axis=0, out=views.bias)
        if i or kept.dx_wanted:
            dy = np.matmul(dy, p[name].weight)
    return dy if kept.dx_wanted else None
