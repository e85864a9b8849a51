"""Functions of each element, and of the elements of an axis."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.reader import Reader
from nnxp.layers import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Dropout,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Layer,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Standardize,
    Tanh,
    Tanhshrink,
    Threshold,
)
from nnxp.layers.rectifiers import SELU_ALPHA, SELU_SCALE

__all__ = ["READERS"]

Read = Callable[[Reader, Operation], None]


def plain(layer: Layer) -> Read:
    """Read an operator that is a layer without options, on arrays in any order of axes."""
    return lambda r, o: r.layer(o, layer, swappable=True)


def option(o: Operation, name: str, default: float) -> float:
    """Return a number, which a file holds in single precision, as the shortest decimal that is the same there."""
    return float(str(np.float32(o.attributes.get(name, default))))


def _with(make: Callable[[float], Layer], name: str, default: float) -> Read:
    return lambda r, o: r.layer(o, make(option(o, name, default)), swappable=True)


def scalar(r: Reader, o: Operation, index: int) -> float | None:
    """Return a constant that is one number; None where it is left out."""
    array = r.optional(o, index)
    if array is None:
        return None
    if array.size != 1:
        raise r.refuse(o, "one number for all", Words(f"an array of shape {array.shape}"))
    value = array.reshape(-1)[0]
    return float(str(value))


def _clip(r: Reader, o: Operation) -> None:
    low, high = scalar(r, o, 1), scalar(r, o, 2)
    largest = float(np.finfo(np.float32).max)
    low = None if low is not None and low <= -largest else low
    high = None if high is not None and high >= largest else high
    if high is None and low is not None:
        layer: Layer = ReLU() if low == 0 else Threshold(low, low)
    elif low is None or high is None:
        raise r.refuse(o, "a lower bound", None)
    else:
        layer = ReLU6() if (low, high) == (0.0, 6.0) else Hardtanh(low, high)
    r.layer(o, layer, swappable=True)


def _selu(r: Reader, o: Operation) -> None:
    for name, usual in (("alpha", SELU_ALPHA), ("gamma", SELU_SCALE)):
        if abs(o.attributes.get(name, usual) - usual) > 1e-5:
            raise r.refuse(o, f"the usual {name} of {usual:.4f}", o.attributes[name])
    r.layer(o, SELU(), swappable=True)


def _hard_sigmoid(r: Reader, o: Operation) -> None:
    alpha, beta = option(o, "alpha", 0.2), option(o, "beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        r.layer(o, Hardsigmoid(), swappable=True)
        return
    if alpha <= 0:
        raise r.refuse(o, "an alpha greater than 0", alpha)
    line = Standardize(-beta / alpha, 1 / alpha)
    arrays = {"mean": np.float32(line.mean), "std": np.float32(line.std)}
    r.put(o, r.emit(o, Hardtanh(0.0, 1.0), r.emit(o, line, r.ref(o), arrays=arrays, swappable=True), swappable=True))


def _hard_swish(r: Reader, o: Operation) -> None:
    if "alpha" in o.attributes and abs(o.attributes["alpha"] - 1 / 6) > 1e-6:
        raise r.refuse(o, "a hard sigmoid of slope 1/6", o.attributes["alpha"])
    r.layer(o, Hardswish(), swappable=True)


def _shrink(r: Reader, o: Operation) -> None:
    lambd, bias = option(o, "lambd", 0.5), option(o, "bias", 0.0)
    if bias not in (0.0, lambd):
        raise r.refuse(o, f"a bias of 0 or {lambd}", bias)
    r.layer(o, Softshrink(lambd) if bias else Hardshrink(lambd), swappable=True)


def _prelu(r: Reader, o: Operation) -> None:
    slopes = r.constant(o, 1)
    ndim = len(r.shape(o, r.ref(o))) + 1
    by_axis = (1,) * (ndim - slopes.ndim) + slopes.shape
    if slopes.size > 1 and (len(by_axis) < 2 or slopes.size != by_axis[1]):
        raise r.refuse(o, "one slope for all, or one for each channel", Words(f"slopes of shape {slopes.shape}"))
    r.layer(o, PReLU(slopes.size), {"weight": slopes.reshape(-1)})


def _along(make: Callable[[int], Layer]) -> Read:
    return lambda r, o: r.layer(o, make(o.attributes.get("axis", -1)))


def _gelu(r: Reader, o: Operation) -> None:
    r.layer(o, GELU(o.attributes.get("approximate", "none")), swappable=True)


def _dropout(r: Reader, o: Operation) -> None:
    # A file of a model that is trained says so in the third input; here the model is trained or not when it runs.
    ratio = scalar(r, o, 1)
    r.layer(o, Dropout(0.5 if ratio is None else ratio), swappable=True)


def _softplus(r: Reader, o: Operation) -> None:
    r.layer(o, Softplus(scalar(r, o, 1) or 0.0), swappable=True)


def _threshold(r: Reader, o: Operation) -> None:
    r.layer(o, Threshold(scalar(r, o, 1) or 0.0, scalar(r, o, 2) or 0.0), swappable=True)


def _swish(r: Reader, o: Operation) -> None:
    if o.attributes.get("alpha", 1.0) != 1.0:
        raise r.refuse(o, "an alpha of 1", o.attributes["alpha"])
    r.layer(o, SiLU(), swappable=True)


READERS: dict[str, Any] = {
    "Celu": _with(CELU, "alpha", 1.0),
    "Clip": _clip,
    "Dropout": _dropout,
    "Elu": _with(ELU, "alpha", 1.0),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "LeakyRelu": _with(LeakyReLU, "alpha", 0.01),
    "LogSoftmax": _along(LogSoftmax),
    "Mish": plain(Mish()),
    "PRelu": _prelu,
    "Relu": plain(ReLU()),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": plain(Sigmoid()),
    "Softmax": _along(Softmax),
    "Softplus": plain(Softplus()),
    "Softsign": plain(Softsign()),
    "Swish": _swish,
    "Tanh": plain(Tanh()),
    "ThresholdedRelu": _with(lambda alpha: Threshold(alpha, 0.0), "alpha", 1.0),
    "nnxp:GELU": plain(GELU()),
    "nnxp:GELUTanh": plain(GELU("tanh")),
    "nnxp:GLU": _along(GLU),
    "nnxp:Hardswish": _hard_swish,
    "nnxp:LogSigmoid": plain(LogSigmoid()),
    "nnxp:Mish": plain(Mish()),
    "nnxp:SiLU": plain(SiLU()),
    "nnxp:Softmin": _along(Softmin),
    "nnxp:Softplus": _softplus,
    "nnxp:Softsign": plain(Softsign()),
    "nnxp:Tanhshrink": plain(Tanhshrink()),
    "nnxp:Threshold": _threshold,
}
