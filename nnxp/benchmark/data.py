"""Batches to time with: the user's own samples, repeated, or drawn ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnxp._backend import to_host
from nnxp._checks import Shape, Words, message
from nnxp.layers import Layer
from nnxp.random import generator

__all__ = ["Samples"]

HostArray = np.ndarray[Any, Any]


class Samples:
    """Samples and targets on the host.

    Parameters
    ----------
    model : Layer
        What they are for.
    loss : callable
        What takes the targets.
    input_shape : tuple of int, optional
        Of a sample; needed unless `x` is given.
    x, y : array, or tuple of arrays for `x`, optional
        Unless given, they are drawn.

    Attributes
    ----------
    input_shape : tuple or None
        As given, or as `x` has it.
    """

    def __init__(self, model: Layer, loss: Any, input_shape: Sequence[int | None] | None, x: Any, y: Any) -> None:
        self._loss = loss
        self._inputs = None if x is None else tuple(map(to_host, x if isinstance(x, tuple) else (x,)))
        self._target = None if y is None else to_host(y)
        self.input_shape: Shape | None = None if input_shape is None else tuple(input_shape)
        if self._inputs is None and not _is_known(self.input_shape):
            what = "x, or input_shape of whole numbers alone to draw it"
            raise ValueError(message("time_steps", what, Words(self.input_shape)))
        if self.input_shape is None and self._inputs is not None and len(self._inputs) == 1:
            self.input_shape = self._inputs[0].shape[1:]
        self._output_shape: Any = model.output_shape(self.input_shape) if y is None else None
        if y is None and not _is_known(self._output_shape):
            what = "y, since the shape of the output depends on the batch"
            raise ValueError(message("time_steps", what, Words("None")))

    def batch(self, size: int) -> tuple[tuple[HostArray, ...], HostArray, None]:
        """Return so many samples, their targets, and no weights."""
        rng = generator(0, "benchmark")
        if self._inputs is None:
            shape: Any = (size, *(self.input_shape or ()))
            inputs: tuple[HostArray, ...] = (rng.standard_normal(shape, np.float32),)
        else:
            inputs = tuple(_repeated(x, size) for x in self._inputs)
        if self._target is not None:
            return inputs, _repeated(self._target, size), None
        if getattr(self._loss, "accepts_indices", False):
            classes, *places = self._output_shape
            return inputs, rng.integers(classes, size=(size, *places)), None
        return inputs, rng.standard_normal((size, *self._output_shape), np.float32), None


def _is_known(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(isinstance(n, int) for n in shape)


def _repeated(x: HostArray, size: int) -> HostArray:
    if len(x) == 0:
        raise ValueError(message("time_steps", "at least one sample", Words("none")))
    rows: HostArray = x[np.arange(size) % len(x)]
    return rows
