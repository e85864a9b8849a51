"""Normalisations, by running statistics or by those of the input, and features brought to one scale."""

from typing import Any

import numpy as np

from nnxp import layers as nl
from nnxp.io.plain.functions import normalisation as n
from nnxp.io.plain.writer import Template, Writer
from nnxp.layers import Layer

__all__ = ["TEMPLATES"]

Inputs = tuple[str, ...]


def _channel_norm(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    affine = w.maybe(path, "weight"), w.maybe(path, "bias")
    if layer.track_running_stats:
        running = w.array(path, "running_mean"), w.array(path, "running_var")
        return w.call(n.batch_norm, *x, *running, layer.eps, *affine)
    # (N, C, *sizes): all axes but the channels, and for instances all but the samples too.
    after = f"range(2, {x[0]}.ndim)"
    axes = f"tuple({after})" if layer.first_axis else f"(0, *{after})"
    return w.call(n.channel_norm, *x, axes, layer.eps, *affine)


def _last_axes(layer: Any) -> tuple[int, ...]:
    return tuple(range(-len(layer.normalized_shape), 0))


def _layer_norm(w: Writer, layer: nl.LayerNorm, path: str, x: Inputs, target: str) -> str:
    return w.call(n.layer_norm, *x, _last_axes(layer), layer.eps, w.maybe(path, "weight"), w.maybe(path, "bias"))


def _rms_norm(w: Writer, layer: nl.RMSNorm, path: str, x: Inputs, target: str) -> str:
    eps = float(np.finfo(w.dtype).eps) if layer.eps is None else layer.eps
    return w.call(n.rms_norm, *x, _last_axes(layer), eps, w.maybe(path, "weight"))


def _group_norm(w: Writer, layer: nl.GroupNorm, path: str, x: Inputs, target: str) -> str:
    affine = w.maybe(path, "weight"), w.maybe(path, "bias")
    return w.call(n.group_norm, *x, layer.num_groups, layer.eps, *affine)


def _local_response(w: Writer, layer: nl.LocalResponseNorm, path: str, x: Inputs, target: str) -> str:
    return w.call(n.local_response_norm, *x, layer.size, layer.alpha, layer.beta, layer.k)


def _standardize(w: Writer, layer: nl.Standardize, path: str, x: Inputs, target: str) -> str:
    return f"({x[0]} - {w.array(path, 'mean')}) / {w.array(path, 'std')}"


_CHANNELS = (
    nl.BatchNorm1d, nl.BatchNorm2d, nl.BatchNorm3d, nl.InstanceNorm1d, nl.InstanceNorm2d, nl.InstanceNorm3d,
)  # fmt: skip

TEMPLATES: dict[type[Layer], Template | str] = {
    **dict.fromkeys(_CHANNELS, _channel_norm),
    nl.LayerNorm: _layer_norm,
    nl.RMSNorm: _rms_norm,
    nl.GroupNorm: _group_norm,
    nl.LocalResponseNorm: _local_response,
    nl.Standardize: _standardize,
}
