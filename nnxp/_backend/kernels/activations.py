"""Activations in one pass, each with the slope that its backward multiplies by, where that is cached."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnxp._backend.kernels import elementary
from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.elementary import erf, exp, tanh
from nnxp._backend.threads import for_each_piece

__all__ = [
    "gelu", "gelu_tanh", "relu", "relu_backward", "sigmoid", "sigmoid_backward", "silu", "tanh_backward",
]  # fmt: skip

# What one thread does in about the time that it takes to wake another.
_LEAST = 2**14

_ROOT_HALF, _DENSITY = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)
# Of the argument of GELU's tanh form.
_STEEPNESS, _CUBIC = math.sqrt(2 / math.pi), 0.044715


def gelu(x: Any, slope_wanted: bool) -> Any:
    """Return the output, and the slope if it is wanted."""
    return _with_slope(_gelu, x, slope_wanted, 0.5, 1.0, _ROOT_HALF, _DENSITY)


def gelu_tanh(x: Any, slope_wanted: bool) -> Any:
    """Do the same for the tanh form."""
    return _with_slope(_gelu_tanh, x, slope_wanted, 0.5, 1.0, _STEEPNESS, _CUBIC)


def silu(x: Any, slope_wanted: bool) -> Any:
    """Do the same for SiLU."""
    return _with_slope(_silu, x, slope_wanted, 1.0)


def relu(x: Any) -> Any:
    """Return the output."""
    return _each(_relu, (x,), np.empty_like(x), 0.0)


def sigmoid(x: Any) -> Any:
    """Return the output."""
    return _each(_sigmoid, (x,), np.empty_like(x))


def relu_backward(dy: Any, y: Any) -> Any:
    """Return the input's gradient."""
    return _each(_relu_backward, (dy, y), np.empty_like(dy), 0.0, 1.0)


def sigmoid_backward(dy: Any, y: Any) -> Any:
    """Return the input's gradient."""
    return _each(_sigmoid_backward, (dy, y), np.empty_like(dy), 1.0)


def tanh_backward(dy: Any, y: Any) -> Any:
    """Return the input's gradient."""
    return _each(_tanh_backward, (dy, y), np.empty_like(dy), 1.0)


def _with_slope(loop: Callable[..., None], x: Any, slope_wanted: bool, *numbers: float) -> Any:
    """Run a loop that also writes the slope, into nothing if it is not wanted."""
    slope = np.empty(x.shape if slope_wanted else 0, x.dtype)
    y = _each(loop, (x, slope), np.empty_like(x), *numbers)
    return y if y is NotImplemented else (y, slope if slope_wanted else None)


def _each(loop: Callable[..., None], arrays: tuple[Any, ...], result: Any, *numbers: float) -> Any:
    """Run a loop over pieces of arrays, which end in the result; empty ones stay empty."""
    if not all(v.flags.c_contiguous and v.size in (0, result.size) and v.dtype == result.dtype for v in arrays):
        return NotImplemented
    vectors = [v.reshape(-1) for v in (*arrays, result)]
    given = [result.dtype.type(n) for n in numbers]
    for_each_piece(lambda start, stop: loop(*(v[start:stop] for v in vectors), *given), result.size, _LEAST, align=64)
    return result


@compiled
def _gelu(x: Any, slope: Any, y: Any, half: Any, one: Any, root_half: Any, density: Any) -> None:
    for i in range(x.size):
        share = half * (one + erf(x[i] * root_half))
        y[i] = x[i] * share
        if slope.size:
            slope[i] = share + x[i] * density * exp(-half * x[i] * x[i])


@compiled
def _gelu_tanh(x: Any, slope: Any, y: Any, half: Any, one: Any, steepness: Any, cubic: Any) -> None:
    for i in range(x.size):
        square = cubic * x[i] * x[i]
        share = half * (one + tanh(steepness * x[i] * (one + square)))
        y[i] = x[i] * share
        if slope.size:
            slope[i] = share + x[i] * (steepness / half) * (one + (square + square + square)) * share * (one - share)


@compiled
def _silu(x: Any, slope: Any, y: Any, one: Any) -> None:
    for i in range(x.size):
        s = elementary.sigmoid(x[i])
        y[i] = x[i] * s
        if slope.size:
            slope[i] = s + x[i] * s * (one - s)


@compiled
def _relu(x: Any, y: Any, zero: Any) -> None:
    for i in range(x.size):
        y[i] = zero if x[i] <= zero else x[i]  # NaN passes


@compiled
def _sigmoid(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = elementary.sigmoid(x[i])


@compiled
def _relu_backward(dy: Any, y: Any, dx: Any, zero: Any, one: Any) -> None:
    for i in range(dy.size):
        dx[i] = dy[i] * (one if y[i] > zero else zero)


@compiled
def _sigmoid_backward(dy: Any, y: Any, dx: Any, one: Any) -> None:
    for i in range(dy.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


@compiled
def _tanh_backward(dy: Any, y: Any, dx: Any, one: Any) -> None:
    for i in range(dy.size):
        dx[i] = dy[i] * (one - y[i] * y[i])
