"""Weight normalisation said naively: one length, one number at a time, and the oracle of the layer inside."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.oracles import Host


def weight(g: Host, v: Host, dim: int | None) -> Host:
    """Return ``g * v / |v|``, each index of axis `dim` with a length of its own; None and -1 are one for all."""
    w = np.zeros(v.shape)
    for place in np.ndindex(v.shape):
        alike = [
            other for other in np.ndindex(v.shape) if dim is None or dim == -1 or other[dim] == place[dim]
        ]  # fmt: skip
        length = math.sqrt(sum(v[other] ** 2 for other in alike))
        size = g[tuple(min(i, n - 1) for i, n in zip(place, g.shape, strict=True))] if g.ndim else g
        w[place] = size * v[place] / length
    return w


def weight_norm(oracle: Callable[..., Any]) -> Any:
    """Make an oracle of a layer that of the layer in WeightNorm."""

    def one(layer: Any, p: dict[str, Host], *xs: Host, **named: Any) -> Any:
        start = f"parametrizations.{layer.name}.original"
        w = weight(p[f"{start}0"], p[f"{start}1"], layer.dim)
        return oracle(layer.layer, {**p, layer.name: w}, *xs, **named)

    return one
