"""Elementary functions of one number for use within kernels, in plain arithmetic so that loops become vectors.

Numba's own `exp` and `tanh` are calls of the C library, which end vectorisation. These take and return float32 or
float64, stay within a few units in the last place, and let NaN and infinity pass. Only compiled functions may call
them.
"""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

__all__ = ["erf", "exp", "sigmoid", "tanh"]

# Not `reassoc`, which would fold away the roundings that these functions are made of.
_OPTIONS: dict[str, Any] = {"fastmath": {"contract", "nsz"}, "error_model": "numpy", "forceinline": True}


def compiled_within(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile what becomes part of the kernel that calls it."""
    result: Callable[..., Any] = numba.njit(**_OPTIONS)(function)
    return result


def exp(x: Any) -> Any:
    """Return ``e**x``."""
    raise NotImplementedError


def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + e**-x)``."""
    raise NotImplementedError


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    raise NotImplementedError


def erf(x: Any) -> Any:
    """Return the error function; that of float64 is the C library's, and ends vectorisation."""
    raise NotImplementedError


@compiled_within
def _parts32(x: Any) -> Any:
    """Return the whole number n nearest to ``x / log(2)``, and ``e**r - 1`` of the rest ``r = x - n * log(2)``."""
    # 1.5 * 2**23 is so large that adding it rounds to a whole number, which then stands in the lowest bits.
    shifted = x * np.float32(1.44269504) + np.float32(12582912.0)
    n = shifted - np.float32(12582912.0)
    r = (x - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)
    p = np.float32(1.3926213e-3)
    p = p * r + np.float32(8.3632030e-3)
    p = p * r + np.float32(4.1666554e-2)
    p = p * r + np.float32(1.6666577e-1)
    p = p * r + np.float32(0.5)
    return np.int32(np.float32(shifted).view(np.int32) - np.int32(0x4B400000)), r + r * r * p


@compiled_within
def _parts64(x: Any) -> Any:
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    p = 2.0914717341716376e-9
    p = p * r + 2.51052595384484934e-8
    p = p * r + 2.75572735701021397e-7
    p = p * r + 2.75572552979696444e-6
    p = p * r + 2.48015873256053228e-5
    p = p * r + 1.98412698749012592e-4
    p = p * r + 1.38888888888837318e-3
    p = p * r + 8.33333333332611205e-3
    p = p * r + 4.16666666666666698e-2
    p = p * r + 1.6666666666666671e-1
    p = p * r + 0.5
    return np.float64(shifted).view(np.int64) - np.int64(0x4338000000000000), r + r * r * p


@compiled_within
def _power32(n: Any) -> Any:
    return np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled_within
def _power64(n: Any) -> Any:
    return np.int64((n + np.int64(1023)) << np.int64(52)).view(np.float64)


def _erf32(x: Any) -> Any:  # pragma: no cover
    a = abs(x)
    a = np.float32(4.0) if a > np.float32(4.0) else a  # where it is 1
    z = a * a
    inner = np.float32(7.8758751e-5)
    inner = inner * z + np.float32(-8.0168643e-4)
    inner = inner * z + np.float32(5.1890874e-3)
    inner = inner * z + np.float32(-2.6854212e-2)
    inner = inner * z + np.float32(1.1283595e-1)
    inner = inner * z + np.float32(-3.7612627e-1)
    inner = inner * z + np.float32(1.1283792)
    # -log(1 - erf(a))
    outer = np.float32(-1.86551710e-4)
    outer = outer * a + np.float32(2.94894595e-3)
    outer = outer * a + np.float32(-2.18417071e-2)
    outer = outer * a + np.float32(1.03111457e-1)
    outer = outer * a + np.float32(6.38142486e-1)
    outer = outer * a + np.float32(1.12708892)
    outer = outer * a + np.float32(3.41962343e-4)
    size = a * inner if a < np.float32(1.0) else np.float32(1.0) - exp(-outer)
    return math.copysign(size, x)


def _erf64(x: Any) -> Any:  # pragma: no cover
    return math.erf(x)


def _made(number: Any, half: Any, least: Any, most: Any, far: Any, parts: Any, power: Any) -> dict[Any, Any]:
    """Make what both precisions share."""
    one, two = number(1), number(2)

    def exp_(x: Any) -> Any:  # pragma: no cover
        # NaN fails both comparisons.
        x = least if x < least else x
        x = most if x > most else x
        n, q = parts(x)
        # The power of two in two factors, since it may lie outside the range in which the result still is.
        first = n >> half
        return (one + q) * power(first) * power(n - first)

    def sigmoid_(x: Any) -> Any:  # pragma: no cover
        small = exp(-abs(x))
        return (small if x < 0 else one) / (one + small)

    def tanh_(x: Any) -> Any:  # pragma: no cover
        a = abs(x)
        a = far if a > far else a  # where it is 1
        n, q = parts(-two * a)
        scale = power(n)
        below = scale * q + (scale - one)  # e**(-2 a) - 1
        return math.copysign(below / (below + two), x)

    return {exp: exp_, sigmoid: sigmoid_, tanh: tanh_}


_FLOAT32 = {
    **_made(np.float32, np.int32(1), np.float32(-110), np.float32(90), np.float32(15), _parts32, _power32),
    erf: _erf32,
}
_FLOAT64 = {
    **_made(np.float64, np.int64(1), np.float64(-750), np.float64(720), np.float64(30), _parts64, _power64),
    erf: _erf64,
}


def _offer(function: Any) -> None:
    """Tell the compiler what to take for a function, by the type of its argument."""

    def choose(x: Any) -> Any:
        return {types.float32: _FLOAT32, types.float64: _FLOAT64}[x][function]

    overload(function, jit_options=_OPTIONS)(choose)


for _function in _FLOAT32:
    _offer(_function)
