"""Activations, and what does nothing when predicting."""

from collections.abc import Callable
from typing import Any

from nnxp import layers as nl
from nnxp.io.plain.functions import activations as a
from nnxp.io.plain.functions import shares
from nnxp.io.plain.writer import Template, Writer, literal
from nnxp.layers import Layer

__all__ = ["TEMPLATES"]

Inputs = tuple[str, ...]


def _called(function: Any, *fields: str) -> Template:
    """Return the template of a layer that is one function of its inputs and of some of its fields."""

    def template(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
        return w.call(function, *x, *(getattr(layer, name) for name in fields))

    return template


def _with(function: Any, values: Callable[[Any], tuple[Any, ...]]) -> Template:
    """Return the same with values that are made of the fields."""

    def template(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
        return w.call(function, *x, *values(layer))

    return template


def _clip(bounds: Callable[[Any], tuple[float, float]]) -> Template:
    def template(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
        low, high = bounds(layer)
        return f"np.clip({x[0]}, {literal(low)}, {literal(high)})"

    return template


def _tanh(w: Writer, layer: nl.Tanh, path: str, x: Inputs, target: str) -> str:
    return f"np.tanh({x[0]})"


def _gelu(w: Writer, layer: nl.GELU, path: str, x: Inputs, target: str) -> str:
    return w.call(a.gelu if layer.approximate == "none" else a.gelu_tanh, *x)


def _prelu(w: Writer, layer: nl.PReLU, path: str, x: Inputs, target: str) -> str:
    return w.call(a.prelu, *x, w.array(path, "weight"))


def _softmin(w: Writer, layer: nl.Softmin, path: str, x: Inputs, target: str) -> str:
    return w.call(shares.softmax, f"-{x[0]}", layer.dim)


def _same(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    return x[0]


TEMPLATES: dict[type[Layer], Template | str] = {
    nl.ReLU: _called(a.relu),
    nl.LeakyReLU: _called(a.leaky_relu, "negative_slope"),
    nl.RReLU: _with(a.leaky_relu, lambda layer: ((layer.lower + layer.upper) / 2,)),
    nl.PReLU: _prelu,
    nl.ELU: _called(a.elu, "alpha"),
    nl.CELU: _called(a.celu, "alpha"),
    nl.SELU: _called(a.selu),
    nl.GELU: _gelu,
    nl.SiLU: _called(a.silu),
    nl.Mish: _called(a.mish),
    nl.Softplus: _called(a.softplus, "beta", "threshold"),
    nl.Softsign: _called(a.softsign),
    nl.Sigmoid: _called(a.sigmoid),
    nl.LogSigmoid: _called(a.log_sigmoid),
    nl.Tanh: _tanh,
    nl.Hardtanh: _clip(lambda layer: (layer.min_val, layer.max_val)),
    nl.ReLU6: _clip(lambda layer: (0.0, 6.0)),
    nl.Hardsigmoid: _called(a.hard_sigmoid),
    nl.Hardswish: _called(a.hard_swish),
    nl.Hardshrink: _called(a.hard_shrink, "lambd"),
    nl.Softshrink: _called(a.soft_shrink, "lambd"),
    nl.Tanhshrink: _called(a.tanh_shrink),
    nl.Threshold: _called(a.threshold, "threshold", "value"),
    nl.Softmax: _called(shares.softmax, "dim"),
    nl.Softmax2d: _with(shares.softmax, lambda layer: (1,)),
    nl.Softmin: _softmin,
    nl.LogSoftmax: _called(shares.log_softmax, "dim"),
    nl.GLU: _called(shares.glu, "dim"),
    nl.Maxout: _called(shares.maxout, "pieces", "dim"),
    nl.CosineSimilarity: _called(shares.cosine_similarity, "dim", "eps"),
    **dict.fromkeys((nl.Identity, nl.Dropout, nl.Dropout1d, nl.Dropout2d, nl.Dropout3d, nl.AlphaDropout), _same),
}
