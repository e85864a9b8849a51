"""Larger (or smaller) images."""

import math
from dataclasses import dataclass
from typing import Any

from nnxp._backend import Array
from nnxp._checks import Shape, as_sizes, check_choice, check_number, message
from nnxp.layers.channels import stars
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.resampling import Taps, linear_taps, nearest_taps, resample, transposed

__all__ = ["Upsample"]

# How many axes each mode is for; PyTorch has a word for each number of them.
MODES = {"nearest": (1, 2, 3), "linear": (1,), "bilinear": (2,), "trilinear": (3,)}


@dataclass(frozen=True)
class Upsample(Layer):
    """Resize series, images or volumes, axis by axis: each output is the nearest input, or between the nearest two.

    Nearest: ``y[o] = x[floor(o * step)]``. Linear: ``y[o] = (1 - t) * x[i] + t * x[i + 1]`` with ``i + t = max((o +
    0.5) * step - 0.5, 0)``, or ``o * step`` where corners are aligned. Backward: each input gathers, with the same
    weights, from the outputs that it has gone to.

    Parameters
    ----------
    size : int or tuple of int, optional
        Of the output: one number for all axes, or one an axis; ``step = input / output``.
    scale_factor : float or tuple of float, optional
        Instead of `size`: the output is ``floor(scale_factor * input)``, and ``step = 1 / scale_factor``.
    mode : {"nearest", "linear", "bilinear", "trilinear"}
        The last three for inputs with one, two and three axes of places.
    align_corners : bool, optional
        In the linear modes: whether the corners of input and output coincide, ``step = (input - 1) / (output - 1)``;
        None and False let their outer edges coincide.

    Raises
    ------
    ValueError
        If not exactly one of `size` and `scale_factor` is given, one is out of range, `align_corners` is given with
        another mode, or an input has another number of axes or becomes empty.

    Notes
    -----
    Input (N, C, *sizes), output (N, C, *size). The cache is the input's shape. An axis whose length stays is left as
    it is. PyTorch's `recompute_scale_factor` is not offered: give `size`.

    Examples
    --------
    >>> Network(Upsample(scale_factor=2), input_shape=(3, 8, 8)).output_shape
    (3, 16, 16)
    """

    size: int | tuple[int, ...] | None = None
    scale_factor: float | tuple[float, ...] | None = None
    mode: str = "nearest"
    align_corners: bool | None = None

    def __post_init__(self) -> None:
        if (self.size is None) == (self.scale_factor is None):
            got = (self.size, self.scale_factor)
            raise ValueError(message("Upsample", "one of size and scale_factor", got))
        check_choice("Upsample", "mode", self.mode, list(MODES))
        if self.mode == "nearest" and self.align_corners is not None:
            raise ValueError(message("Upsample", "align_corners=None in mode 'nearest'", self.align_corners))
        if self.size is not None:
            as_sizes("Upsample", "size", self.size, len(self.size) if isinstance(self.size, tuple) else 1)
        for factor in self.scale_factor if isinstance(self.scale_factor, tuple) else (self.scale_factor,):
            if factor is not None:
                check_number("Upsample", "scale_factor", factor, low=0.0, open_low=True)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (C, *sizes) of the output; a size that depends on an unknown one stays unknown."""
        if in_shape is None:
            return None
        self._check_axes("Upsample", "samples", (), in_shape)
        return (in_shape[0], *(self._out(i, n, len(in_shape) - 1) for i, n in enumerate(in_shape[1:])))

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[int, ...]]:
        """Return the resized array; the cache is the input's shape."""
        self._check_axes("Upsample.forward", "x", ("batch",), tuple(x.shape))
        y = x
        # The last axis first, while there is least of it: its places lie apart in memory one by one.
        for axis, taps in reversed(self._taps(tuple(x.shape))):
            y = resample(y, axis, taps)
        return y, tuple(x.shape)

    def backward(self, p: Views, g: Views, shape: tuple[int, ...], dy: Array) -> Array:
        """Gather the gradient of each input."""
        dx = dy
        for axis, taps in self._taps(shape):
            dx = resample(dx, axis, transposed(taps, shape[axis]))
        return dx

    def _check_axes(self, where: str, name: str, lead: tuple[str, ...], shape: Shape) -> None:
        axes = len(shape) - len(lead) - 1
        amounts = self.scale_factor if self.size is None else self.size
        allowed = [n for n in MODES[self.mode] if not isinstance(amounts, tuple) or n == len(amounts)]
        if axes not in allowed:
            shapes = [stars(*lead, None, axes=n) for n in allowed] or ["that mode and sizes agree on"]
            raise ValueError(message(where, f"{name} of shape {' or '.join(shapes)}", shape))

    def _out(self, i: int, size: int | None, axes: int) -> int | None:
        """Return the output's size along an axis, and refuse none."""
        if size == 0:
            raise ValueError(message("Upsample", "sizes of at least 1", size))
        if self.size is not None:
            return self.size[i] if isinstance(self.size, tuple) else self.size
        if size is None:
            return None
        out = math.floor(size * self._factor(i))
        if out < 1:
            raise ValueError(message("Upsample", f"an axis to be long enough for scale_factor {self._factor(i)}", size))
        return out

    def _factor(self, i: int) -> float:
        factor: Any = self.scale_factor
        return float(factor[i] if isinstance(factor, tuple) else factor)

    def _taps(self, shape: tuple[int, ...]) -> list[tuple[int, Taps]]:
        """Return the tables of all axes whose length changes."""
        tables = []
        for i, size in enumerate(shape[2:]):
            out = self._out(i, size, len(shape) - 2) or size
            if out == size:
                continue
            step = size / out if self.scale_factor is None else 1.0 / self._factor(i)
            if self.mode == "nearest":
                tables.append((i + 2, nearest_taps(size, out, step)))
                continue
            if self.align_corners:
                step = (size - 1) / (out - 1) if out > 1 else 0.0
            tables.append((i + 2, linear_taps(size, out, step, bool(self.align_corners))))
        return tables
