"""Resampling along one axis: every place of the output is a weighted sum of a few places of the input.

The tables of places and weights are made on the host, once for each pair of sizes; so are those of the transpose,
in which every place of the input gathers its gradient: no two numbers are ever added to one place at once.
"""

import struct
from functools import lru_cache

from nnxp._backend import Array, constant, namespace

__all__ = ["Taps", "linear_taps", "nearest_taps", "resample", "transposed"]

# A tap: for every place of the output a place of the input, and its weights, None where all are 1.
Tap = tuple[tuple[int, ...], tuple[float, ...] | None]
Taps = tuple[Tap, ...]


def resample(x: Array, axis: int, taps: Taps) -> Array:
    """Return ``y[o] = sum of weight[o] * x[place[o]] over the taps`` along an axis."""
    xp, y = namespace(x), None
    whole = xp.zeros((1,), dtype=xp.int64, device=x.device)
    for places, weights in taps:
        part = xp.take(x, constant(places, like=whole), axis=axis)
        if weights is not None:
            part *= xp.reshape(constant(weights, like=x), (len(weights),) + (1,) * (x.ndim - 1 - axis))
        if y is None:
            y = part
        else:
            y += part
    return y


@lru_cache(maxsize=256)
def nearest_taps(size: int, out: int, step: float) -> Taps:
    """Take place ``floor(o * step)``, in the single precision in which PyTorch multiplies for every dtype."""
    return ((tuple(min(int(single(o * single(step))), size - 1) for o in range(out)), None),)


@lru_cache(maxsize=256)
def linear_taps(size: int, out: int, step: float, align_corners: bool) -> Taps:
    """Divide between the two places around ``o * step``, or where corners are not aligned around the middles."""
    lower, shares = [], []
    for o in range(out):
        position = o * step if align_corners else (o + 0.5) * step - 0.5
        # Rounded towards 0: half a place before the first one counts as the first.
        lower.append(int(position))
        shares.append(max(position - lower[-1], 0.0))
    upper = tuple(min(place + 1, size - 1) for place in lower)
    return (tuple(lower), tuple(1.0 - share for share in shares)), (upper, tuple(shares))


@lru_cache(maxsize=256)
def transposed(taps: Taps, size: int) -> Taps:
    """Return the taps of the gradient: what each of `size` places of the input has given, gathered from the output."""
    given: list[list[tuple[int, float]]] = [[] for _ in range(size)]
    for places, weights in taps:
        for o, place in enumerate(places):
            given[place].append((o, 1.0 if weights is None else weights[o]))
    most = max(map(len, given))
    full = [pairs + [(0, 0.0)] * (most - len(pairs)) for pairs in given]
    columns = (tuple(zip(*(pairs[i] for pairs in full), strict=True)) for i in range(most))
    return tuple((places, None if set(weights) == {1.0} else weights) for places, weights in columns)


def single(value: float) -> float:
    """Round to single precision."""
    return float(struct.unpack("f", struct.pack("f", value))[0])
