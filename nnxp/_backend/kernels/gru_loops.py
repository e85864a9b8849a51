"""The steps of a GRU, for some rows of the batch.

Arrays are (steps, batch, gates * H) and (steps, batch, H); stacks of states have one entry more. The loops over a row
are short and many, since the compiler makes no vectors of those whose arrays it has to hold against too many others.
"""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.elementary import sigmoid, tanh
from nnxp._backend.kernels.panels import add_row, multiply_add

__all__ = ["gru", "gru_backward"]


@compiled
def gru(gates: Any, panels: Any, bias: Any, hs: Any, real: Any, reverse: bool, low: int, high: int) -> None:
    """Leave the values of the gates in `gates`, where their input part was, and fill the stack."""
    steps, batch, wide = gates.shape
    size = wide // 3
    sums = np.empty((high - low, wide), gates.dtype)
    here = np.intp(0)
    for s in range(steps):
        t = steps - 1 - s if reverse else s
        old, new = (t + 1, t) if reverse else (t, t + 1)
        multiply_add(
            hs.reshape(-1), (old * batch + low) * size, panels,
            bias, here, here, sums.reshape(-1), here, high - low, wide,
        )  # fmt: skip
        for row in range(low, high):
            b, value, h_old, h = sums[row - low], gates[t, row], hs[old, row], hs[new, row]
            for j in range(2 * size):
                value[j] = sigmoid(value[j] + b[j])
            r, z, n, b_n = value[:size], value[size : 2 * size], value[2 * size :], b[2 * size :]
            for j in range(size):
                n[j] = tanh(n[j] + r[j] * b_n[j])
            if real.size and not real[t, row]:
                h[:] = h_old
                continue
            for j in range(size):
                h[j] = n[j] + z[j] * (h_old[j] - n[j])


@compiled
def gru_backward(
    gates: Any, panels: Any, hidden: Any, bias: Any, hs: Any, dy: Any, dy_step: int, dy_row: int, dhs: Any,
    product: Any, entry: Any, real: Any, reverse: bool, low: int, high: int,
) -> None:  # fmt: skip
    """Write the gradients of the gates' hidden part to `product`, of their input part to `entry`."""
    steps, batch, wide = gates.shape
    size, one = wide // 3, gates.dtype.type(1)
    start = np.empty((high - low, size), gates.dtype)
    sums = np.empty((high - low, size), gates.dtype)
    here = np.intp(0)
    for s in range(steps):
        t = s if reverse else steps - 1 - s
        old = t + 1 if reverse else t
        multiply_add(
            hs.reshape(-1), (old * batch + low) * size, hidden,
            bias, here, here, sums.reshape(-1), here, high - low, size,
        )  # fmt: skip
        for row in range(low, high):
            value, into, also = gates[t, row], product[t, row], entry[t, row]
            dh, rest, h, b_n = dhs[row], start[row - low], hs[old, row], sums[row - low]
            if s == 0:
                add_row(dh, dy, t * dy_step + row * dy_row)
            if real.size and not real[t, row]:
                into[:] = 0
                also[:] = 0
                rest[:] = dh
            else:
                r, z, n = value[:size], value[size : 2 * size], value[2 * size :]
                d_r, d_z, d_n = into[:size], into[size : 2 * size], into[2 * size :]
                a_n = also[2 * size :]
                for j in range(size):
                    a_n[j] = dh[j] * (one - z[j]) * (one - n[j] * n[j])
                for j in range(size):
                    d_z[j] = dh[j] * (h[j] - n[j]) * z[j] * (one - z[j])
                for j in range(size):
                    d_r[j] = a_n[j] * b_n[j] * r[j] * (one - r[j])
                    d_n[j] = a_n[j] * r[j]
                for j in range(size):
                    rest[j] = dh[j] * z[j]
                also[: 2 * size] = into[: 2 * size]
            if s < steps - 1:
                add_row(rest, dy, (t + 1 if reverse else t - 1) * dy_step + row * dy_row)
        multiply_add(
            product.reshape(-1), (t * batch + low) * wide, panels,
            start.reshape(-1), here, size, dhs.reshape(-1), low * size, high - low, size,
        )  # fmt: skip
