"""A step of each kind of recurrent layer by NumPy, on arrays that are there already.

A step is given `a`, the sum of all products, (gates, N, H), where it leaves the gates' values, and the states before
and after it, of which it writes the latter.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["STEPS", "slabs"]

Arrays = Sequence[Any]
Step = Callable[[Any, Arrays, Arrays], None]


def slabs(w: Any, rule: Any) -> Any:
    """Return what a row of state, input and 1 is multiplied by: (gates, H + input + 1, H)."""
    size, features = w.hh.shape[1], w.ih.shape[1]
    # In the order in which it is written here, and BLAS needs half the time.
    factors = np.zeros((rule.gates, size + features + 1, size), w.hh.dtype)
    factors[:, :size] = w.hh.reshape(rule.gates, size, size).swapaxes(1, 2)
    factors[:, size:-1] = w.ih.reshape(rule.gates, size, features).swapaxes(1, 2)
    if w.bias_ih is not None:
        factors[:, -1] = (w.bias_ih + w.bias_hh).reshape(rule.gates, size)
    return factors


def _lstm(factors: Any, w: Any, batch: int) -> Step:
    """All gates in one tanh: sigmoid(a) = tanh(a / 2) / 2 + 1 / 2. The halves within are in the factors."""
    size = w.hh.shape[1]
    scale = np.empty((4, batch, size), w.hh.dtype)
    scale[...] = np.array([0.5, 0.5, 1.0, 0.5]).reshape(4, 1, 1)
    factors *= scale[:, :1]
    shift, part = 1.0 - scale, np.empty((batch, size), w.hh.dtype)

    def step(a: Any, before: Arrays, after: Arrays) -> None:
        np.tanh(a, out=a)
        a *= scale
        a += shift
        i, f, g, o = a
        h, c = after
        np.multiply(f, before[1], out=c)
        np.multiply(i, g, out=part)
        c += part
        np.tanh(c, out=part)
        np.multiply(o, part, out=h)

    return step


def _gru(factors: Any, w: Any, batch: int) -> Step:
    """Give the state's part of n a product of its own, since r multiplies it."""
    size = w.hh.shape[1]
    factors[:2] *= 0.5
    factors[2, :size] = 0.0
    if w.bias_ih is not None:
        factors[2, -1] = w.bias_ih[2 * size :]
    hidden, part = np.ascontiguousarray(w.hh[2 * size :].T), np.empty((batch, size), w.hh.dtype)

    def step(a: Any, before: Arrays, after: Arrays) -> None:
        opening, (r, z, n), (h,) = a[:2], a, after
        np.tanh(opening, out=opening)
        opening *= 0.5
        opening += 0.5
        np.matmul(before[0], hidden, out=part)
        if w.bias_hh is not None:
            np.add(part, w.bias_hh[2 * size :], out=part)
        np.multiply(part, r, out=part)
        n += part
        np.tanh(n, out=n)
        np.subtract(before[0], n, out=h)
        h *= z
        h += n

    return step


def _tanh(factors: Any, w: Any, batch: int) -> Step:
    del factors, w, batch
    return lambda a, before, after: np.tanh(a[0], out=after[0])


def _relu(factors: Any, w: Any, batch: int) -> Step:
    del factors, w, batch
    return lambda a, before, after: np.maximum(a[0], 0.0, out=after[0])


STEPS: dict[str, Callable[[Any, Any, int], Step]] = {"lstm": _lstm, "gru": _gru, "tanh": _tanh, "relu": _relu}
"""By kind, what makes its step for the factors of the product, which it may change, the weights and a batch."""
