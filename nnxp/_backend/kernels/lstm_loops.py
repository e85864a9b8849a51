"""The steps of an LSTM, for some rows of the batch.

Arrays are (steps, batch, gates * H) and (steps, batch, H); stacks of states have one entry more. The loops over a row
are short and many, since the compiler makes no vectors of those whose arrays it has to hold against too many others.
"""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.elementary import sigmoid, tanh
from nnxp._backend.kernels.panels import add_row, multiply_add

__all__ = ["lstm", "lstm_backward"]


@compiled
def lstm(gates: Any, panels: Any, hs: Any, cs: Any, real: Any, reverse: bool, low: int, high: int) -> None:
    """Leave the values of the gates in `gates`, where their input part was, and fill the stacks."""
    steps, batch, wide = gates.shape
    size = wide // 4
    sums = np.empty((high - low, wide), gates.dtype)
    here = np.intp(0)
    for s in range(steps):
        t = steps - 1 - s if reverse else s
        old, new = (t + 1, t) if reverse else (t, t + 1)
        multiply_add(
            hs.reshape(-1), (old * batch + low) * size, panels,
            gates.reshape(-1), (t * batch + low) * wide, wide, sums.reshape(-1), here, high - low, wide,
        )  # fmt: skip
        for row in range(low, high):
            a, value, c_old = sums[row - low], gates[t, row], cs[old, row]
            h, c = hs[new, row], cs[new, row]
            for j in range(2 * size):
                value[j] = sigmoid(a[j])
            i, f, g, o = value[:size], value[size : 2 * size], value[2 * size : 3 * size], value[3 * size :]
            a_g, a_o = a[2 * size : 3 * size], a[3 * size :]
            for j in range(size):
                g[j] = tanh(a_g[j])
            for j in range(size):
                o[j] = sigmoid(a_o[j])
            if real.size and not real[t, row]:
                h[:] = hs[old, row]
                c[:] = c_old
                continue
            for j in range(size):
                c[j] = f[j] * c_old[j] + i[j] * g[j]
            for j in range(size):
                h[j] = o[j] * tanh(c[j])


@compiled
def lstm_backward(
    gates: Any, panels: Any, hs: Any, cs: Any, dy: Any, dy_step: int, dy_row: int, dhs: Any, dcs: Any,
    product: Any, real: Any, reverse: bool, low: int, high: int,
) -> None:  # fmt: skip
    """Write the gradient of the gates' arguments to `product`; `dhs` and `dcs` become those of the first state."""
    steps, batch, wide = gates.shape
    size, one = wide // 4, gates.dtype.type(1)
    start = np.empty((high - low, size), gates.dtype)
    here = np.intp(0)
    for s in range(steps):
        t = s if reverse else steps - 1 - s
        old, new = (t + 1, t) if reverse else (t, t + 1)
        for row in range(low, high):
            value, into, dh, dc, rest = gates[t, row], product[t, row], dhs[row], dcs[row], start[row - low]
            if s == 0:
                add_row(dh, dy, t * dy_step + row * dy_row)
            rest[:] = 0
            if real.size and not real[t, row]:
                into[:] = 0
                rest[:] = dh
            else:
                i, f, g, o = value[:size], value[size : 2 * size], value[2 * size : 3 * size], value[3 * size :]
                c, c_old, d_i, d_f = cs[new, row], cs[old, row], into[:size], into[size : 2 * size]
                d_g, d_o = into[2 * size : 3 * size], into[3 * size :]
                for j in range(size):
                    y = tanh(c[j])
                    d_o[j] = dh[j] * y * o[j] * (one - o[j])
                    dc[j] += dh[j] * o[j] * (one - y * y)
                for j in range(size):
                    d_i[j] = dc[j] * g[j] * i[j] * (one - i[j])
                    d_g[j] = dc[j] * i[j] * (one - g[j] * g[j])
                for j in range(size):
                    d_f[j] = dc[j] * c_old[j] * f[j] * (one - f[j])
                    dc[j] *= f[j]
            if s < steps - 1:
                add_row(rest, dy, (t + 1 if reverse else t - 1) * dy_step + row * dy_row)
        multiply_add(
            product.reshape(-1), (t * batch + low) * wide, panels,
            start.reshape(-1), here, size, dhs.reshape(-1), low * size, high - low, size,
        )  # fmt: skip
