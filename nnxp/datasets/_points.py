"""What all generators of points share."""

from typing import Any

import numpy as np

from nnxp._checks import check_number, check_positive_int
from nnxp.random import generator

HostArray = np.ndarray[Any, Any]
Points = tuple[HostArray, HostArray]  # x float32, and y


def start(
    where: str, n: int, noise: float, seed: int, classes: int
) -> tuple[HostArray, HostArray, np.random.Generator]:
    """Check, and return labels of nearly equal number, a number in [0, 1) for each point, and the generator."""
    check_positive_int(where, "n", n, least=max(classes, 1))
    check_number(where, "noise", noise, low=0.0)
    check_positive_int(where, "seed", seed, least=0)
    rng = generator(seed, where)
    return np.arange(n, dtype=np.int64) % classes, rng.random(n), rng


def finish(x: HostArray, y: HostArray, noise: float, rng: np.random.Generator) -> Points:
    """Add the noise and mix the order, so that any slice has all classes."""
    noisy = (x + noise * rng.standard_normal(x.shape)).astype(np.float32)
    order = rng.permutation(len(y))
    return noisy[order], y[order]


def polar(radius: HostArray, angle: HostArray) -> HostArray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
