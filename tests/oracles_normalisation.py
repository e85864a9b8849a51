"""Normalisations said naively: one group of numbers at a time, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.oracles import Host


def of_its_own(values: list[float], eps: float) -> list[float]:
    """Bring numbers to mean 0 and variance 1."""
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / len(values)
    return [(v - mean) / math.sqrt(variance + eps) for v in values]


def normalised(x: Host, groups: Any, eps: float) -> Host:
    """Normalise the numbers that each mask chooses."""
    z = np.zeros(x.shape)
    for mask in groups:
        if mask.any():
            z[mask] = of_its_own(x[mask].tolist(), eps)
    return z


def same(*numbers: Host) -> list[Host]:
    """Return a mask for each combination of numbers that occurs."""
    keys = np.stack(np.broadcast_arrays(*numbers), axis=-1)
    return [(keys == key).all(axis=-1) for key in np.unique(keys.reshape(-1, keys.shape[-1]), axis=0)]


def scaled(layer: Any, p: dict[str, Host], z: Host, first: int, last: int) -> Host:
    """Multiply each place by the weight of its axes from `first` to `last`, and add the bias."""
    y = np.array(z)
    for place in np.ndindex(z.shape):
        if "weight" in p:
            y[place] = z[place] * p["weight"][place[first:last]] + (p["bias"][place[first:last]] if "bias" in p else 0)
    return y


def batch_norm(layer: Any, p: dict[str, Host], x: Host) -> Host:
    """Normalise by the statistics of the batch."""
    channel = np.indices(x.shape)[1]
    return scaled(layer, p, normalised(x, same(channel), layer.eps), 1, 2)


def running_norm(layer: Any, p: dict[str, Host], x: Host) -> Host:
    """Normalise by the running statistics."""
    z = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        mean, variance = p["running_mean"][place[1]], p["running_var"][place[1]]
        z[place] = (x[place] - mean) / math.sqrt(variance + layer.eps)
    return scaled(layer, p, z, 1, 2)


def instance_norm(layer: Any, p: dict[str, Host], x: Host) -> Host:
    sample, channel = np.indices(x.shape)[:2]
    return scaled(layer, p, normalised(x, same(sample, channel), layer.eps), 1, 2)


def group_norm(layer: Any, p: dict[str, Host], x: Host) -> Host:
    sample, channel = np.indices(x.shape)[:2]
    group = channel // (layer.num_channels // layer.num_groups)
    return scaled(layer, p, normalised(x, same(sample, group), layer.eps), 1, 2)


def layer_norm(layer: Any, p: dict[str, Host], x: Host) -> Host:
    lead = x.ndim - len(layer.normalized_shape)
    return scaled(layer, p, normalised(x, same(*np.indices(x.shape)[:lead]), layer.eps), lead, x.ndim)


def rms_norm(layer: Any, p: dict[str, Host], x: Host) -> Host:
    """Divide by the root mean square; where `eps` is None nothing is added, which makes no difference here."""
    lead, z = x.ndim - len(layer.normalized_shape), np.zeros(x.shape)
    for place in np.ndindex(x.shape[:lead]):
        values = x[place].ravel().tolist()
        z[place] = x[place] / math.sqrt(sum(v * v for v in values) / len(values) + (layer.eps or 0.0))
    return scaled(layer, p, z, lead, x.ndim)


def local_response_norm(layer: Any, p: dict[str, Host], x: Host) -> Host:
    y = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        n, c, *rest = place
        start, stop = c - layer.size // 2, c + (layer.size - 1) // 2
        window = [x[(n, i, *rest)] ** 2 for i in range(start, stop + 1) if 0 <= i < x.shape[1]]
        y[place] = x[place] / (layer.k + layer.alpha * sum(window) / layer.size) ** layer.beta
    return y
