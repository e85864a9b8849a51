"""Normalisations."""

from typing import Any

import numpy as np

import nnxp.layers
from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.activations import option, scalar
from nnxp.io.onnx.read.borders import axes_of
from nnxp.io.onnx.read.file import Host
from nnxp.io.onnx.read.reader import Reader
from nnxp.layers import GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm

__all__ = ["READERS"]


def _batch_norm(r: Reader, o: Operation) -> None:
    if o.attributes.get("training_mode"):
        raise r.refuse(o, "a model that predicts", Words("one that is being trained"), "export it in evaluation mode")
    scale, shift, mean, variance = (r.constant(o, i).reshape(-1) for i in range(1, 5))
    axes = max(1, len(r.shape(o, r.ref(o))) - 1)
    if axes > 3:
        raise r.refuse(o, "at most 3 axes behind the channels", axes)
    make: Any = getattr(nnxp.layers, f"BatchNorm{axes}d")
    # Theirs is the weight of the old value.
    momentum = round(1.0 - option(o, "momentum", 0.9), 7)
    layer = make(scale.size, option(o, "epsilon", 1e-5), momentum)
    arrays = {"weight": scale, "bias": shift, "running_mean": mean, "running_var": variance}
    r.layer(o, layer, arrays | {"num_batches_tracked": np.zeros((), dtype=np.int64)})


def _instance_norm(r: Reader, o: Operation) -> None:
    scale, shift = r.constant(o, 1), r.constant(o, 2)
    make: Any = getattr(nnxp.layers, f"InstanceNorm{axes_of(r, o, r.ref(o))}d")
    r.layer(o, make(scale.size, option(o, "epsilon", 1e-5), affine=True), {"weight": scale, "bias": shift})


def _group_normalization(r: Reader, o: Operation) -> None:
    scale, shift = r.constant(o, 1).reshape(-1), r.constant(o, 2).reshape(-1)
    groups, channels = o.attributes["num_groups"], r.shape(o, r.ref(o))[0]
    if channels is None or groups < 1 or channels % groups or scale.size not in (groups, channels):
        raise r.refuse(o, f"a number of channels that falls into {groups} groups", channels)
    if scale.size != channels and channels <= 2**20:
        # Version 18 has one number for each group.
        scale, shift = (np.repeat(a, channels // groups) for a in (scale, shift))
    _group_norm(r, o, groups, scale, shift)


def _group_norm(r: Reader, o: Operation, groups: int, scale: Host, shift: Host) -> None:
    r.layer(o, GroupNorm(groups, scale.size, option(o, "epsilon", 1e-5)), {"weight": scale, "bias": shift})


def _group_pattern(r: Reader, o: Operation) -> None:
    bound = {word: r.constants.get(name) for word, name in o.attributes["bound"].items()}
    groups = bound["ones"]
    scale, shift = (np.asarray(bound[name]).reshape(-1) for name in ("weight", "bias"))
    target = [int(n) for n in np.asarray(bound["groups"]).reshape(-1)]
    if groups is None or np.any(groups != 1) or np.any(bound["zeros"] != 0) or target[1:] != [groups.size, -1]:
        raise r.refuse(o, "groups of channels that are normalised", Words("something else"))
    _group_norm(r, o, groups.size, scale, shift)


def _last_axes(r: Reader, o: Operation, axis: int, weight: Host) -> Host:
    """Return the weight, shaped as the axes that are normalised."""
    shape = r.shape(o, r.ref(o))
    first = axis - 1 if axis > 0 else len(shape) + axis
    if axis == 0 or not 0 <= first < len(shape) or None in shape[first:]:
        raise r.refuse(o, "last axes whose sizes are known", Words(str(shape)), "give input_shape")
    sizes = tuple(n for n in shape[first:] if n is not None)
    if weight.shape != sizes:
        raise r.refuse(o, f"a weight of shape {sizes}", Words(str(weight.shape)))
    return weight


def _layer_norm(r: Reader, o: Operation) -> None:
    weight = _last_axes(r, o, o.attributes.get("axis", -1), r.constant(o, 1))
    bias = r.optional(o, 2)
    arrays = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    layer = LayerNorm(weight.shape, option(o, "epsilon", 1e-5), bias=bias is not None)
    r.layer(o, layer, arrays, swappable=True)


def _axis_of(r: Reader, o: Operation, axes: Host) -> int:
    """Return the first of the last axes that are averaged."""
    ndim = len(r.shape(o, r.ref(o))) + 1
    found = sorted(int(i) % ndim for i in axes.reshape(-1))
    if not o.attributes.get("keepdims", 1) or found != list(range(ndim - len(found), ndim)):
        raise r.refuse(o, "the last axes", found)
    return found[0]


def _layer_pattern(r: Reader, o: Operation) -> None:
    bound = o.attributes["bound"]
    weight = _last_axes(r, o, _axis_of(r, o, r.constants[bound["axes"]]), r.constants[bound["weight"]])
    eps = scalar(r, o, o.inputs.index(bound["eps"]))
    arrays = {"weight": weight} | ({"bias": r.constants[bound["bias"]]} if "bias" in bound else {})
    r.layer(o, LayerNorm(weight.shape, eps or 0.0, bias="bias" in bound), arrays)


def _rms_pattern(r: Reader, o: Operation) -> None:
    bound = o.attributes["bound"]
    weight = _last_axes(r, o, _axis_of(r, o, r.constants[bound["axes"]]), r.constants[bound["weight"]])
    r.layer(o, RMSNorm(weight.shape, scalar(r, o, o.inputs.index(bound["eps"]))), {"weight": weight})


def _rms_norm(r: Reader, o: Operation) -> None:
    weight = _last_axes(r, o, o.attributes.get("axis", -1), r.constant(o, 1))
    r.layer(o, RMSNorm(weight.shape, option(o, "epsilon", 1e-5)), {"weight": weight})


def _local_response(r: Reader, o: Operation) -> None:
    size = o.attributes["size"]
    if size % 2 == 0:
        raise r.refuse(o, "an odd size, with as many channels before as behind", size)
    layer = LocalResponseNorm(size, option(o, "alpha", 1e-4), option(o, "beta", 0.75), option(o, "bias", 1.0))
    r.layer(o, layer)


READERS: dict[str, Any] = {
    "BatchNormalization": _batch_norm,
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_norm,
    "LRN": _local_response,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "nnxp:GroupNorm": _group_pattern,
    "nnxp:LayerNorm": _layer_pattern,
    "nnxp:RMSNorm": _rms_pattern,
}
