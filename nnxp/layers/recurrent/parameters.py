"""The parameters that recurrent layers and cells have in common."""

import math
from typing import Any

from nnxp._checks import Shape, check_positive_int, message
from nnxp.initializers import uniform
from nnxp.layers.layer import ParameterSpec, Views
from nnxp.layers.recurrent.rule import Weights

__all__ = ["check_samples", "check_sizes", "sized", "specs_of", "weights_of"]


def check_sizes(layer: Any) -> None:
    """Refuse sizes that are no sizes."""
    where = type(layer).__name__
    if layer.input_size is not None:
        check_positive_int(where, "input_size", layer.input_size)
    check_positive_int(where, "hidden_size", layer.hidden_size)


def check_samples(layer: Any, in_shape: Shape, *axes: str) -> None:
    """Refuse samples that have not the given axes before the features, or another number of features."""
    size = layer.input_size
    if len(in_shape) != len(axes) + 1 or (None not in (size, in_shape[-1]) and in_shape[-1] != size):
        wanted = ", ".join([*axes, "input_size" if size is None else str(size)])
        whole = not axes and len(in_shape) == 2
        hint = f"for whole sequences, {type(layer).__name__.removesuffix('Cell')}" if whole else ""
        raise ValueError(
            message(type(layer).__name__, f"samples of shape ({wanted}{'' if axes else ','})", in_shape, hint)
        )


def sized(layer: Any, in_shape: Shape | None) -> int:
    """Return the size of the input, the network's where the layer leaves it open."""
    size = layer.input_size or (in_shape[-1] if in_shape else None)
    if size is None:
        hint = "give input_size, or Network(..., input_shape=...)"
        raise ValueError(message(type(layer).__name__, "input_size to be known when the network is built", None, hint))
    return int(size)


def specs_of(input_size: int, hidden_size: int, gates: int, bias: bool, suffix: str = "") -> dict[str, ParameterSpec]:
    """Return the parameters of one layer in one direction, in PyTorch's order: all start in U(-b, b), b = 1/sqrt(H)."""
    init = uniform(-1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))
    rows = gates * hidden_size
    specs = {
        f"weight_ih{suffix}": ParameterSpec((rows, input_size), init),
        f"weight_hh{suffix}": ParameterSpec((rows, hidden_size), init),
    }
    if bias:
        specs |= {f"{name}{suffix}": ParameterSpec((rows,), init, "bias") for name in ("bias_ih", "bias_hh")}
    return specs


def weights_of(views: Views, bias: bool, suffix: str = "") -> Weights:
    """Return the arrays of one layer in one direction."""
    weight_ih, weight_hh = getattr(views, f"weight_ih{suffix}"), getattr(views, f"weight_hh{suffix}")
    if not bias:
        return Weights(weight_ih, weight_hh, None, None)
    return Weights(weight_ih, weight_hh, getattr(views, f"bias_ih{suffix}"), getattr(views, f"bias_hh{suffix}"))
