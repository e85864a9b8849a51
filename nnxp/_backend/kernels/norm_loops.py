"""The loops of the normalisations, with sums in float64; `start` and `stop` are one thread's share."""

import math
from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled

__all__ = [
    "backward_columns", "backward_rows", "backward_runs", "forward_columns", "forward_rows", "forward_runs",
]  # fmt: skip


@compiled
def forward_rows(
    x: Any, y: Any, z: Any, weight: Any, bias: Any, affine: bool, mean: Any, variance: Any, rstd: Any, eps: float,
    centred: bool, start: int, stop: int,
) -> None:  # fmt: skip
    """Give each row (rows, n) statistics of its own, and each element a weight (groups, n)."""
    n = x.shape[1]
    for i in range(start, stop):
        row, result = x[i], z[i]
        total = 0.0
        if centred:
            for j in range(n):
                total += row[j]
        mean[i] = total / n
        middle = mean[i]
        total = 0.0
        for j in range(n):
            d = row[j] - middle
            total += d * d
        variance[i] = total / n
        rstd[i] = 1.0 / math.sqrt(total / n + eps)
        scale = rstd[i]
        if affine:
            out, w, b = y[i], weight[i % len(weight)], bias[i % len(bias)]
            for j in range(n):
                d = (row[j] - middle) * scale
                result[j] = d
                out[j] = d * w[j] + b[j]
        else:
            for j in range(n):
                result[j] = (row[j] - middle) * scale


@compiled
def backward_rows(
    dy: Any, z: Any, dx: Any, rstd: Any, weight: Any, sums: Any, centred: bool, start: int, stop: int
) -> None:
    """Write dx, and add to ``sums[0]`` those of dy and to ``sums[1]`` those of ``dy * z``, each (groups, n)."""
    n = dy.shape[1]
    for i in range(start, stop):
        g = i % len(weight)
        row, normal, out, w, plain, along = dy[i], z[i], dx[i], weight[g], sums[0, g], sums[1, g]
        shift = slope = 0.0
        for j in range(n):
            d = row[j] * w[j]
            shift += d
            slope += d * normal[j]
        for j in range(n):
            plain[j] += row[j]
            along[j] += row[j] * normal[j]
        scale = rstd[i]
        a = scale * dy.dtype.type(shift / n) if centred else scale * 0
        b = scale * dy.dtype.type(slope / n)
        for j in range(n):
            out[j] = row[j] * w[j] * scale - a - normal[j] * b


@compiled
def forward_runs(
    x: Any, y: Any, z: Any, weight: Any, bias: Any, affine: bool, mean: Any, variance: Any, rstd: Any, eps: float,
    first: int, step: int, together: int, start: int, stop: int,
) -> None:  # fmt: skip
    """Give the runs ``s * first + t * step`` of x (runs, places), t below `together`, the statistics of `s`.

    Each run has one weight (channels,), as the channels go round.
    """
    places = x.shape[1]
    n = together * places
    for s in range(start, stop):
        total = 0.0
        for t in range(together):
            run = x[s * first + t * step]
            for j in range(places):
                total += run[j]
        mean[s] = total / n
        middle = mean[s]
        total = 0.0
        for t in range(together):
            run = x[s * first + t * step]
            for j in range(places):
                d = run[j] - middle
                total += d * d
        variance[s] = total / n
        rstd[s] = 1.0 / math.sqrt(total / n + eps)
        scale = rstd[s]
        for t in range(together):
            r = s * first + t * step
            run, result, out = x[r], z[r], y[r]
            if affine:
                w, b = weight[r % len(weight)], bias[r % len(bias)]
                for j in range(places):
                    d = (run[j] - middle) * scale
                    result[j] = d
                    out[j] = d * w + b
            else:
                for j in range(places):
                    result[j] = (run[j] - middle) * scale


@compiled
def backward_runs(
    dy: Any, z: Any, dx: Any, rstd: Any, weight: Any, sums: Any, first: int, step: int, together: int,
    start: int, stop: int,
) -> None:  # fmt: skip
    """Write dx, and add to ``sums[0]`` those of dy and to ``sums[1]`` those of ``dy * z``, each (channels,)."""
    places = dy.shape[1]
    n = together * places
    for s in range(start, stop):
        shift = slope = 0.0
        for t in range(together):
            r = s * first + t * step
            c = r % len(weight)
            run, normal = dy[r], z[r]
            plain = along = 0.0
            for j in range(places):
                plain += run[j]
                along += run[j] * normal[j]
            sums[0, c] += plain
            sums[1, c] += along
            shift += plain * weight[c]
            slope += along * weight[c]
        scale = rstd[s]
        a = scale * dy.dtype.type(shift / n)
        b = scale * dy.dtype.type(slope / n)
        for t in range(together):
            r = s * first + t * step
            run, normal, out = dy[r], z[r], dx[r]
            w = weight[r % len(weight)] * scale
            for j in range(places):
                out[j] = run[j] * w - a - normal[j] * b


@compiled
def forward_columns(
    x: Any, y: Any, z: Any, weight: Any, bias: Any, affine: bool, mean: Any, variance: Any, rstd: Any, eps: float,
    start: int, stop: int,
) -> None:  # fmt: skip
    """Give each column of x (n, columns) statistics and a weight of its own."""
    n = len(x)
    middle, scale, w, b = mean[start:stop], rstd[start:stop], weight[start:stop], bias[start:stop]
    total = np.zeros(stop - start)
    for i in range(n):
        row = x[i, start:stop]
        for j in range(total.size):
            total[j] += row[j]
    for j in range(total.size):
        middle[j] = total[j] / n
        total[j] = 0.0
    for i in range(n):
        row = x[i, start:stop]
        for j in range(total.size):
            d = row[j] - middle[j]
            total[j] += d * d
    for j in range(total.size):
        variance[start + j] = total[j] / n
        scale[j] = 1.0 / math.sqrt(total[j] / n + eps)
    for i in range(n):
        row, result, out = x[i, start:stop], z[i, start:stop], y[i, start:stop]
        for j in range(total.size):
            d = (row[j] - middle[j]) * scale[j]
            result[j] = d
            if affine:
                out[j] = d * w[j] + b[j]


@compiled
def backward_columns(dy: Any, z: Any, dx: Any, rstd: Any, weight: Any, sums: Any, start: int, stop: int) -> None:
    """Write dx, and add to ``sums[0]`` those of dy and to ``sums[1]`` those of ``dy * z``, each (columns,)."""
    n = len(dy)
    plain, along, scale = sums[0, start:stop], sums[1, start:stop], rstd[start:stop] * weight[start:stop]
    for i in range(n):
        row, normal = dy[i, start:stop], z[i, start:stop]
        for j in range(scale.size):
            plain[j] += row[j]
            along[j] += row[j] * normal[j]
    shift, slope = np.empty_like(scale), np.empty_like(scale)
    for j in range(scale.size):
        shift[j] = scale[j] * plain[j] / n
        slope[j] = scale[j] * along[j] / n
    for i in range(n):
        row, normal, out = dy[i, start:stop], z[i, start:stop], dx[i, start:stop]
        for j in range(scale.size):
            out[j] = row[j] * scale[j] - shift[j] - normal[j] * slope[j]
