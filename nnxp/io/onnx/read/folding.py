"""What can be worked out while a file is read: operators whose inputs are constants, and shapes.

A closed table of harmless operators. In a vector of sizes `BATCH` stands for the batch's, which nobody knows, and
`BATCH` less the number of an axis for that axis', where it is unknown.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.file import Host

__all__ = ["BATCH", "FOLDED", "fold"]

BATCH = -(2**40)
# What one constant may take, whatever a file says.
MOST = 2**28

# From ONNX' numbers of dtypes.
DTYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float32", 11: "float64"}
Fold = Callable[[Operation, list[Host]], Host]


def fold(operation: Operation, inputs: list[Host | None]) -> dict[str, Host]:
    """Return what an operator makes of constants.

    Raises
    ------
    ValueError, TypeError, LookupError, ArithmeticError
        If it can make nothing of them.
    """
    if operation.kind == "Split":
        return _split(operation, [x for x in inputs if x is not None])
    rule = FOLDED[operation.kind]
    result = np.asarray(rule(operation, inputs))  # type: ignore[arg-type]
    return {operation.outputs[0]: result}


def _option(operation: Operation, name: str, default: Any) -> Any:
    return operation.attributes.get(name, default)


def _constant(operation: Operation, inputs: list[Host]) -> Host:
    ((name, value),) = operation.attributes.items()
    if name not in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        raise TypeError(f"a {name}")
    return np.asarray(value, dtype=np.float32 if name.startswith("value_float") else None)


def _sizes(shape: Host) -> tuple[int, ...]:
    sizes = tuple(int(n) for n in shape.reshape(-1))
    # As long as the batch: one is as good, where it is broadcast.
    sizes = tuple(1 if n == BATCH else n for n in sizes)
    if any(n < 0 for n in sizes) or math.prod(sizes) > MOST:
        raise ValueError(f"an array of shape {sizes}")
    return sizes


def _filled(operation: Operation, inputs: list[Host]) -> Host:
    value = np.asarray(_option(operation, "value", np.zeros(1, dtype=np.float32)))
    return np.full(_sizes(inputs[0]), value.reshape(-1)[0], dtype=value.dtype)


def _expand(operation: Operation, inputs: list[Host]) -> Host:
    shape = np.broadcast_shapes(inputs[0].shape, _sizes(inputs[1]))
    if math.prod(shape) > MOST:
        raise ValueError(f"an array of shape {shape}")
    return np.broadcast_to(inputs[0], shape)


def _reshape(operation: Operation, inputs: list[Host]) -> Host:
    x, target = inputs
    sizes = [x.shape[i] if n == 0 else int(n) for i, n in enumerate(target.reshape(-1))]
    return x.reshape(sizes)


def _squeeze(operation: Operation, inputs: list[Host]) -> Host:
    axes = tuple(int(i) for i in inputs[1].reshape(-1)) if len(inputs) > 1 else None
    return np.squeeze(inputs[0], axis=axes)


def _unsqueeze(operation: Operation, inputs: list[Host]) -> Host:
    return np.expand_dims(inputs[0], tuple(int(i) for i in inputs[1].reshape(-1)))


def _slice(operation: Operation, inputs: list[Host]) -> Host:
    x, starts, ends, *more = inputs
    axes = more[0] if more and more[0] is not None else np.arange(starts.size)
    steps = more[1] if len(more) > 1 and more[1] is not None else np.ones(starts.size, dtype=np.int64)
    index = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[int(axis)] = slice(int(start), None if step < 0 and end < -x.shape[axis] else int(end), int(step))
    return x[tuple(index)]


def _cast(operation: Operation, inputs: list[Host]) -> Host:
    return inputs[0].astype(DTYPES[operation.attributes["to"]])


def _split(operation: Operation, inputs: list[Host]) -> dict[str, Host]:
    x, axis, count = inputs[0], _option(operation, "axis", 0), len(operation.outputs)
    sizes = [int(n) for n in inputs[1]] if len(inputs) > 1 else [-(-x.shape[axis] // count)] * count
    parts = np.split(x, np.cumsum(sizes)[:-1].tolist(), axis=axis)
    return dict(zip(operation.outputs, parts, strict=True))


def _numbers(function: Any) -> Fold:
    """Let a function of numbers refuse the batch's size."""

    def rule(operation: Operation, inputs: list[Host]) -> Host:
        if any(x.dtype.kind == "i" and np.any(x <= BATCH) for x in inputs):
            raise ValueError("arithmetic with a size that is free")
        with np.errstate(all="ignore"):
            result = np.asarray(function(*inputs))
        return result.astype(inputs[0].dtype) if inputs[0].dtype.kind in "if" else result

    return rule


def _divided(a: Host, b: Host) -> Any:
    return np.trunc(a / b) if a.dtype.kind == "i" else a / b


FOLDED: dict[str, Fold] = {
    "Add": _numbers(np.add),
    "Cast": _cast,
    "Concat": lambda o, xs: np.concatenate(xs, axis=o.attributes["axis"]),
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Div": _numbers(_divided),
    "Exp": _numbers(np.exp),
    "Expand": _expand,
    "Flatten": lambda o, xs: xs[0].reshape(math.prod(xs[0].shape[: _option(o, "axis", 1)]), -1),
    "Gather": lambda o, xs: np.take(xs[0], xs[1], axis=_option(o, "axis", 0)),
    "Identity": lambda o, xs: xs[0],
    "Mod": _numbers(np.mod),
    "Mul": _numbers(np.multiply),
    "Neg": _numbers(np.negative),
    "Reciprocal": _numbers(np.reciprocal),
    "Reshape": _reshape,
    "Shape": lambda o, xs: np.asarray(xs[0].shape, dtype=np.int64)[_option(o, "start", 0) : _option(o, "end", None)],
    "Slice": _slice,
    "Split": lambda o, xs: xs[0],
    "Sqrt": _numbers(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _numbers(np.subtract),
    "Transpose": lambda o, xs: np.transpose(xs[0], _option(o, "perm", None)),
    "Unsqueeze": _unsqueeze,
}
