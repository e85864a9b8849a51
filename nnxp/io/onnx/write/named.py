"""What a model takes by name: arrays become further inputs of the graph, and flags are settled when it is written."""

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

from nnxp._checks import did_you_mean, message
from nnxp.io.onnx.write.writer import Dims, Value
from nnxp.layers.layer import Layer

__all__ = ["described"]

FLAGS = ("is_causal", "need_weights", "average_attn_weights")
KINDS = ("bool", "float")


def described(
    model: Layer, named: Mapping[str, Any], dtype: str, inputs: Sequence[Value]
) -> tuple[list[Value], dict[str, bool]]:
    """Return the further inputs, and the flags, after a look at what the model takes.

    Parameters
    ----------
    model : Layer
        The whole model.
    named : mapping
        As for `export_onnx`.
    dtype : str
        The network's.
    inputs : sequence of Value
        The model's.
    """
    layer = getattr(model, "layer", model) if type(model).__name__ == "WeightNorm" else model
    taken = [p.name for p in signature(layer.forward).parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
    values: list[Value] = []
    flags: dict[str, bool] = {}
    for name, kind in named.items():
        if name not in taken:
            wanted = f"named to hold what {type(layer).__name__} takes by name ({', '.join(taken) or 'nothing'})"
            raise TypeError(message("export_onnx", wanted, name, did_you_mean(name, taken)))
        if name.endswith(FLAGS):
            if not isinstance(kind, bool):
                raise TypeError(message("export_onnx", f"{name} to be True or False", kind))
            flags[name] = kind
            continue
        if kind not in KINDS:
            raise TypeError(message("export_onnx", f"{name} to be 'bool' or 'float', the dtype of an input", kind))
        values += _arrays(layer, name, dtype if kind == "float" else "bool", inputs)
    return values, flags


def _arrays(layer: Any, name: str, dtype: str, inputs: Sequence[Value]) -> list[Value]:
    if name == "mask" and hasattr(layer, "directions"):
        hint = "cut the sequences to one length"
        raise TypeError(message("export_onnx", "no mask, which ONNX' recurrent layers do not know", name, hint))
    if name != "hx":
        shape: Dims = inputs[0].shape if name == "per_sample_weights" else (None, None)
        return [Value(name, shape, dtype, batch=0 if name.endswith(("padding_mask", "weights")) else None)]
    if dtype == "bool":
        raise TypeError(message("export_onnx", "hx to be 'float'", "bool"))
    shape = (None, layer.hidden_size)
    if hasattr(layer, "directions"):
        shape = (layer.num_layers * len(layer.directions), *shape)
    return [Value(state, shape, dtype, batch=len(shape) - 2) for state in ("h0", "c0")[: layer.rule.states]]
