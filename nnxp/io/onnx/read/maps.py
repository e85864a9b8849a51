"""Affine maps, look-ups, shifts and scales, and what joins several values."""

from typing import Any

import numpy as np

from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.file import Host
from nnxp.io.onnx.read.reader import Reader
from nnxp.io.onnx.read.steps import one_step
from nnxp.layers import Add, Concatenate, Embedding, Linear, Standardize

__all__ = ["READERS"]


def linear(r: Reader, o: Operation, weight: Host, bias: Host | None) -> None:
    """Let an operator be an affine map by weight (out, in) and bias."""
    if weight.ndim != 2 or 0 in weight.shape:
        raise r.refuse(o, "a matrix", Words(f"an array of shape {weight.shape}"))
    out, size = weight.shape
    arrays = {"weight": weight}
    if bias is not None:
        if bias.size not in (1, out) or bias.shape[:-1] != (1,) * (bias.ndim - 1):
            raise r.refuse(o, f"a bias of shape ({out},)", Words(str(bias.shape)))
        arrays["bias"] = np.broadcast_to(bias.reshape(-1), (out,))
    r.layer(o, Linear(size, out, bias is not None), arrays, swappable=True)


def _gemm(r: Reader, o: Operation) -> None:
    x, weight, bias = r.ref(o), r.constant(o, 1), r.optional(o, 2)
    if o.attributes.get("transA") or len(r.shape(o, x)) != 1:
        raise r.refuse(o, "an input of shape (batch, features)", Words("another one"))
    weight = weight if o.attributes.get("transB") else np.swapaxes(weight, 0, -1)
    alpha, beta = o.attributes.get("alpha", 1.0), o.attributes.get("beta", 1.0)
    # In the weights' own dtype; by 1 nothing changes.
    weight = weight * np.asarray(alpha, dtype=weight.dtype)
    linear(r, o, weight, None if bias is None else bias * np.asarray(beta, dtype=bias.dtype))


def _matmul(r: Reader, o: Operation) -> None:
    weight = r.constant(o, 1)
    linear(r, o, np.swapaxes(weight, 0, -1), r.optional(o, 2))


def _gather(r: Reader, o: Operation) -> None:
    if o.inputs[0] in r.values:
        one_step(r, o)
        return
    table = r.constant(o, 0)
    if table.ndim != 2 or o.attributes.get("axis", 0) != 0:
        raise r.refuse(o, "rows of a table that are looked up", Words(f"axis {o.attributes.get('axis', 0)}"))
    r.put(o, r.emit(o, Embedding(*table.shape), r.ref(o, 1), arrays={"weight": table}))


def _add(r: Reader, o: Operation) -> None:
    constants = [i for i, name in enumerate(o.inputs) if name in r.constants]
    if not constants:
        r.put(o, r.emit(o, Add(), *(r.ref(o, i) for i in range(len(o.inputs))), swappable=True))
    elif len(o.inputs) == 2:
        standardize(r, o, 1 - constants[0], -r.constant(o, constants[0]), None)
    else:
        raise r.refuse(o, "values that are computed", Words("a constant"))


def standardize(r: Reader, o: Operation, index: int, mean: Host | None, std: Host | None) -> None:
    """Let an operator be ``(x - mean) / std``."""
    x = r.ref(o, index)
    shape = r.shape(o, x)
    mean = np.zeros((), dtype=np.float32) if mean is None else _of_sample(mean, len(shape))
    std = np.ones((), dtype=np.float32) if std is None else _of_sample(std, len(shape))
    if mean is None or std is None:
        raise r.refuse(o, "a constant that is the same for the whole batch", Words("one that is not"))
    if not (np.all(np.isfinite(mean)) and np.all(std > 0) and np.all(np.isfinite(std))):
        raise r.refuse(o, "a scale greater than 0, and finite", Words("another one"))
    layer = Standardize(mean, std)
    r.put(o, r.emit(o, layer, x, arrays={"mean": mean, "std": std}))


def _of_sample(array: Host, ndim: int) -> Host | None:
    """Return a constant without the batch axis, which it must not know."""
    if array.ndim <= ndim:
        return array
    return array[0] if array.ndim == ndim + 1 and array.shape[0] == 1 else None


def _sub(r: Reader, o: Operation) -> None:
    standardize(r, o, 0, r.constant(o, 1), None)


def _div(r: Reader, o: Operation) -> None:
    standardize(r, o, 0, None, r.constant(o, 1))


def _mul(r: Reader, o: Operation) -> None:
    index = 0 if o.inputs[1] in r.constants else 1
    factor = r.constant(o, 1 - index)
    with np.errstate(divide="ignore"):
        standardize(r, o, index, None, 1 / factor)


def _standardize(r: Reader, o: Operation) -> None:
    standardize(r, o, 0, r.constant(o, 1), r.constant(o, 2))


def _concat(r: Reader, o: Operation) -> None:
    refs = [r.ref(o, i) for i in range(len(o.inputs))]
    r.put(o, r.emit(o, Concatenate(o.attributes["axis"]), *refs))


READERS: dict[str, Any] = {
    "Add": _add,
    "Concat": _concat,
    "Div": _div,
    "Gather": _gather,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Mul": _mul,
    "Sub": _sub,
    "Sum": _add,
    "nnxp:Linear": _matmul,
    "nnxp:Standardize": _standardize,
}
