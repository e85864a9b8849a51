"""Activations and their slopes as lists of NumPy's operations, with all places there beforehand; see `stack_numpy`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

__all__ = ["ACTIVATIONS", "SLOPES", "Operation"]

Operation = Callable[[], Any]

# How far exp goes.
_FARTHEST = {np.dtype(np.float32): 88.0, np.dtype(np.float64): 708.0}


def _rectify(y: Any) -> list[Operation]:
    # The larger of two arrays is found five times as quickly as that of an array and a number.
    return [partial(np.maximum, y, np.zeros_like(y), out=y)]


def _tanh(y: Any) -> list[Operation]:
    return [partial(np.tanh, y, y)]


def _sigmoid(y: Any) -> list[Operation]:
    """As `nnxp.layers.squashing`: nothing overflows, and small outputs keep their precision."""
    return [
        partial(np.negative, y, y),
        partial(np.minimum, y, np.full_like(y, _FARTHEST[y.dtype]), out=y),
        partial(np.exp, y, y),
        partial(np.add, y, _one(y), y),
        partial(np.reciprocal, y, y),
    ]


def _rectifier_s(y: Any, dy: Any) -> list[Operation]:
    # In three steps, as a product with a mask would convert it a few numbers at a time.
    positive, slope = np.empty(y.shape, bool), np.empty_like(dy)
    return [
        partial(np.greater, y, np.zeros((), y.dtype), positive),
        partial(np.copyto, slope, positive),
        partial(np.multiply, dy, slope, dy),
    ]


def _tanh_s(y: Any, dy: Any) -> list[Operation]:
    slope = np.empty_like(dy)
    return [
        partial(np.multiply, y, y, slope),
        partial(np.subtract, _one(y), slope, slope),
        partial(np.multiply, dy, slope, dy),
    ]


def _sigmoid_s(y: Any, dy: Any) -> list[Operation]:
    slope = np.empty_like(dy)
    return [
        partial(np.subtract, _one(y), y, slope),
        partial(np.multiply, slope, y, slope),
        partial(np.multiply, dy, slope, dy),
    ]


def _one(y: Any) -> Any:
    """Return 1 as an array, which would have to be made of Python's number every time."""
    return np.ones((), y.dtype)


# By the codes of a plan: how an activation takes its input's place, and how `dy` is multiplied by its slope at `y`.
ACTIVATIONS: dict[int, Callable[[Any], list[Operation]]] = {1: _rectify, 2: _tanh, 3: _sigmoid}
SLOPES: dict[int, Callable[[Any, Any], list[Operation]]] = {1: _rectifier_s, 2: _tanh_s, 3: _sigmoid_s}
