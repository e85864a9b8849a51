"""Checks of channels and sizes for layers on arrays (N, C, *sizes), and how the parameters of convolutions start."""

import math
from typing import Any

from nnxp._backend import Array, namespace, sum_rows
from nnxp._checks import Shape, check_positive_int, message
from nnxp.initializers import uniform
from nnxp.layers.layer import ParameterSpec

__all__ = [
    "check_batch", "check_channels", "check_sample", "check_sizes", "known_channels", "stars", "sum_channels",
    "weight_and_bias",
]  # fmt: skip


def check_channels(where: str, in_channels: Any, out_channels: Any, groups: Any) -> None:
    """Refuse numbers of channels that do not fall into `groups`."""
    check_positive_int(where, "groups", groups)
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels is not None or name == "out_channels":
            check_positive_int(where, name, channels)
            check_divisible(where, name, channels, groups)


def check_divisible(where: str, name: str, channels: int, groups: int) -> None:
    """Refuse a number of channels that does not fall into `groups`."""
    if channels % groups:
        raise ValueError(message(where, f"{name} to be a multiple of groups={groups}", channels))


def known_channels(where: str, in_channels: int | None, groups: int, in_shape: Shape | None) -> int:
    """Return the number of channels that was given, or else that of the samples."""
    channels = in_channels or (in_shape[0] if in_shape else None)
    if channels is None:
        hint = "give in_channels, or Network(..., input_shape=...)"
        raise ValueError(message(where, "in_channels to be known when the network is built", None, hint))
    check_divisible(where, "in_channels", channels, groups)
    return channels


def weight_and_bias(shape: tuple[int, ...], out_channels: int | None) -> dict[str, ParameterSpec]:
    """Return a weight of a shape and, unless it is None long, a bias, both U(-b, b) with ``b = 1 / sqrt(fan_in)``."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    specs = {"weight": ParameterSpec(shape, uniform(-bound, bound))}
    if out_channels is not None:
        specs["bias"] = ParameterSpec((out_channels,), uniform(-bound, bound), "bias")
    return specs


def check_sample(where: str, in_shape: Shape, in_channels: int | None, axes: int) -> None:
    """Refuse samples that are not shaped (in_channels, *sizes)."""
    if len(in_shape) != axes + 1 or (None not in (in_channels, in_shape[0]) and in_shape[0] != in_channels):
        raise ValueError(message(where, f"samples of shape {stars(in_channels, axes=axes)}", in_shape))


def check_batch(where: str, x: Array, in_channels: int, axes: int) -> None:
    """Refuse a batch that is not shaped (N, in_channels, *sizes)."""
    if x.ndim != axes + 2 or x.shape[1] != in_channels:
        raise ValueError(message(where, f"x of shape {stars('batch', in_channels, axes=axes)}", tuple(x.shape)))


def stars(*known: object, axes: int) -> str:
    """Write a shape that ends in `axes` sizes of any length."""
    parts = ["*" if n is None else str(n) for n in known] + ["*"] * axes
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def check_sizes(where: str, sizes: Shape, least: tuple[int, ...]) -> None:
    """Refuse an input in which the kernel has no place; None is unknown."""
    if any(n is not None and n < few for n, few in zip(sizes, least, strict=True)):
        raise ValueError(message(where, f"sizes of at least {least} for this kernel and padding", tuple(sizes)))


def sum_channels(dy: Array) -> Array:
    """Sum (N, O, *out) over all but the channels: the gradient of a bias."""
    xp, (samples, channels) = namespace(dy), dy.shape[:2]
    places = math.prod(dy.shape[2:])
    # The batch first, as whole rows: twice as fast as one sum over all axes.
    total = sum_rows(xp.reshape(dy, (samples, channels * places)))
    return xp.sum(xp.reshape(total, (channels, places)), axis=1)
