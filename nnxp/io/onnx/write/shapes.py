"""The same numbers in another shape, whatever the batch."""

import math
from dataclasses import dataclass
from typing import Any

from nnxp.io.onnx.write.writer import Dims, Place, Value
from nnxp.layers import Flatten, Identity, Permute, PixelShuffle, PixelUnshuffle, Unflatten

__all__ = ["EXPORTERS", "Axis", "reshape", "size_of", "slice_axis", "transpose"]


@dataclass(frozen=True)
class Axis:
    """In a shape: as long as this axis of the input."""

    index: int


def reshape(at: Place, x: Value, target: list[int | Axis]) -> Value:
    """Reshape, asking for an axis' length when the graph runs only where nothing else says it."""
    known: list[int | None] = []
    for i, size in enumerate(target):
        if isinstance(size, Axis):
            length = x.shape[size.index]
            known.append(length if length is not None else 0 if size.index == i else None)
        else:
            known.append(size)
    if known.count(None) == 1 and -1 not in known:
        known[known.index(None)] = -1
    shape: Dims = tuple(_length(x, size) for size in target)
    if None not in known:
        sizes = at.integers(*(n for n in known if n is not None))
        return at.op("Reshape", x, sizes, shape=shape)
    parts = [size_of(at, x, size.index) if isinstance(size, Axis) else at.integers(size) for size in target]
    return at.op("Reshape", x, at.op("Concat", *parts, axis=0), shape=shape)


def _length(x: Value, size: int | Axis) -> int | None:
    if isinstance(size, Axis):
        return x.shape[size.index]
    return None if size == -1 else size


def size_of(at: Place, x: Value, axis: int) -> Value:
    """Return the length of an axis, as a vector of one integer."""
    if axis and x.shape[axis] is not None:
        return at.integers(x.shape[axis] or 0)
    return at.op("Shape", x, shape=(1,), dtype="int64", start=axis, end=axis + 1)


def transpose(at: Place, x: Value, *axes: int) -> Value:
    """Reorder the axes."""
    return at.op("Transpose", x, shape=tuple(x.shape[i] for i in axes), perm=list(axes))


def slice_axis(at: Place, x: Value, axis: int, start: int, stop: int | Value, step: int = 1) -> Value:
    """Cut a piece out of an axis."""
    end = at.integers(stop) if isinstance(stop, int) else stop
    shape = tuple(None if i == axis else n for i, n in enumerate(x.shape))
    return at.op("Slice", x, at.integers(start), end, at.integers(axis), at.integers(step), shape=shape)


def _flatten(at: Place, layer: Flatten, x: Value) -> Value:
    ndim = x.ndim
    start = layer.start_dim + ndim if layer.start_dim < 0 else layer.start_dim
    end = layer.end_dim + ndim if layer.end_dim < 0 else layer.end_dim
    if start == 1 and end == ndim - 1:
        return at.op("Flatten", x, axis=1)
    merged = x.shape[start : end + 1]
    free = -1 if None in merged else math.prod(n for n in merged if n is not None)
    before: list[int | Axis] = [Axis(i) for i in range(start)]
    return reshape(at, x, [*before, free, *(Axis(i) for i in range(end + 1, ndim))])


def _unflatten(at: Place, layer: Unflatten, x: Value) -> Value:
    axis = layer.dim % x.ndim
    before: list[int | Axis] = [Axis(i) for i in range(axis)]
    return reshape(at, x, [*before, *layer.unflattened_size, *(Axis(i) for i in range(axis + 1, x.ndim))])


def _unshuffle(at: Place, layer: PixelUnshuffle, x: Value) -> Value:
    r, channels = layer.downscale_factor, x.shape[1]
    if channels is None:
        raise at.refuse("the number of channels to be known", None, "give input_shape")
    # ONNX puts the places within a block before the channels, PyTorch behind them.
    blocks = at.op("SpaceToDepth", x, blocksize=r)
    order = [k * channels + c for c in range(channels) for k in range(r * r)]
    return at.op("Gather", blocks, at.integers(*order), axis=1)


def _identity(at: Place, layer: Any, x: Value) -> Value:
    return at.op("Identity", x)


EXPORTERS: dict[type, Any] = {
    Flatten: _flatten,
    Identity: _identity,
    Permute: lambda at, layer, x: transpose(at, x, *layer.dims),
    PixelShuffle: lambda at, layer, x: at.op("DepthToSpace", x, blocksize=layer.upscale_factor, mode="CRD"),
    PixelUnshuffle: _unshuffle,
    Unflatten: _unflatten,
}
