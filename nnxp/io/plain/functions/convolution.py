"""Convolutions in any number of dimensions, and what is put around an input before them."""

from typing import Any

import numpy as np

from nnxp.io.plain.functions.types import Array, Pairs, Sizes

__all__ = ["convolution", "pad", "seen_from", "transposed_convolution"]


def pad(x: Array, amounts: Pairs, mode: Any = "constant", value: float = 0.0) -> Array:
    """Lengthen the last axes by (before, after) each; a negative amount cuts off."""
    lead = ((0, 0),) * (x.ndim - len(amounts))
    inner = (slice(max(-b, 0), n + min(a, 0)) for n, (b, a) in zip(x.shape[len(lead) :], amounts, strict=True))
    x, added = x[(..., *inner)], (*lead, *((max(b, 0), max(a, 0)) for b, a in amounts))
    return np.pad(x, added, mode, constant_values=value) if mode == "constant" else np.pad(x, added, mode)


def seen_from(place: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Any, ...]:
    """Index what all windows see at one place of the kernel: ``stride * p + dilation * place`` for every p."""
    axes = zip(place, out, stride, dilation, strict=True)
    return (..., *(slice(d * k, d * k + s * (n - 1) + 1, s) for k, n, s, d in axes))


def convolution(x: Array, weight: Array, bias: Array | None, stride: Sizes, dilation: Sizes, groups: int) -> Array:
    """Convolution (N, C, *sizes) -> (N, O, *out), weight (O, C / groups, *kernel).

    ``y[n, o, p] = bias[o] + sum of weight[o, c, k] * x[n, c, stride * p + dilation * k] over c, k``: for each place k
    of the kernel one matrix product over the channels, a group of channels at a time.
    """
    axes = zip(x.shape[2:], weight.shape[2:], stride, dilation, strict=True)
    out = tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in axes)
    y = np.zeros((x.shape[0], groups, weight.shape[0] // groups, int(np.prod(out))), x.dtype)
    for place in np.ndindex(*weight.shape[2:]):
        seen = x[seen_from(place, out, stride, dilation)].reshape(x.shape[0], groups, weight.shape[1], y.shape[3])
        y += weight[(..., *place)].reshape(groups, -1, weight.shape[1]) @ seen
    y = y.reshape(x.shape[0], weight.shape[0], *out)
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(out))


def transposed_convolution(
    x: Array, weight: Array, bias: Array | None, stride: Sizes, dilation: Sizes, groups: int, crop: Pairs
) -> Array:
    """Transposed convolution (N, C, *sizes) -> (N, O, *out), weight (C, O / groups, *kernel).

    Each place p of the input lays its value, times the kernel, over the output: ``weight[c, o, k] * x[n, c, p]`` is
    added at ``stride * p + dilation * k``, for all c and k. Then `crop` is cut off (a negative amount is added).
    """
    axes = zip(x.shape[2:], weight.shape[2:], stride, dilation, strict=True)
    whole = tuple((n - 1) * s + d * (k - 1) + 1 for n, k, s, d in axes)
    y = np.zeros((x.shape[0], groups * weight.shape[1], *whole), x.dtype)
    grouped = x.reshape(x.shape[0], groups, -1, int(np.prod(x.shape[2:])))
    for place in np.ndindex(*weight.shape[2:]):
        kernel = weight[(..., *place)].reshape(groups, -1, weight.shape[1]).swapaxes(1, 2)
        seen = y[seen_from(place, x.shape[2:], stride, dilation)]
        seen += (kernel @ grouped).reshape(seen.shape)
    y = pad(y, tuple((-b, -a) for b, a in crop))
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(whole))
