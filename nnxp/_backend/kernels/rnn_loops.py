"""The steps of a plain recurrent layer, for some rows of the batch.

Arrays are (steps, batch, gates * H) and (steps, batch, H); stacks of states have one entry more. The loops over a row
are short and many, since the compiler makes no vectors of those whose arrays it has to hold against too many others.
"""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.elementary import tanh
from nnxp._backend.kernels.panels import add_row, multiply_add

__all__ = ["rnn", "rnn_backward"]


@compiled
def rnn(gates: Any, panels: Any, hs: Any, real: Any, reverse: bool, relu: bool, low: int, high: int) -> None:
    """Leave the argument in `gates`, and fill the stack."""
    steps, batch, size = gates.shape
    zero = gates.dtype.type(0)
    sums = np.empty((high - low, size), gates.dtype)
    here = np.intp(0)
    for s in range(steps):
        t = steps - 1 - s if reverse else s
        old, new = (t + 1, t) if reverse else (t, t + 1)
        multiply_add(
            hs.reshape(-1), (old * batch + low) * size, panels,
            gates.reshape(-1), (t * batch + low) * size, size, sums.reshape(-1), here, high - low, size,
        )  # fmt: skip
        for row in range(low, high):
            a, h = sums[row - low], hs[new, row]
            gates[t, row, :] = a
            if real.size and not real[t, row]:
                h[:] = hs[old, row]
            elif relu:
                for j in range(size):
                    h[j] = zero if a[j] < zero else a[j]
            else:
                for j in range(size):
                    h[j] = tanh(a[j])


@compiled
def rnn_backward(
    panels: Any, hs: Any, dy: Any, dy_step: int, dy_row: int, dhs: Any,
    product: Any, real: Any, reverse: bool, relu: bool, low: int, high: int,
) -> None:  # fmt: skip
    """Write the gradient of the argument to `product`; `dhs` becomes that of the first state."""
    steps, batch, size = product.shape
    one, zero = product.dtype.type(1), product.dtype.type(0)
    start = np.empty((high - low, size), product.dtype)
    here = np.intp(0)
    for s in range(steps):
        t = s if reverse else steps - 1 - s
        new = t if reverse else t + 1
        for row in range(low, high):
            into, dh, rest, h = product[t, row], dhs[row], start[row - low], hs[new, row]
            if s == 0:
                add_row(dh, dy, t * dy_step + row * dy_row)
            rest[:] = 0
            if real.size and not real[t, row]:
                into[:] = 0
                rest[:] = dh
            elif relu:
                for j in range(size):
                    into[j] = dh[j] if h[j] > zero else zero
            else:
                for j in range(size):
                    into[j] = dh[j] * (one - h[j] * h[j])
            if s < steps - 1:
                add_row(rest, dy, (t + 1 if reverse else t - 1) * dy_step + row * dy_row)
        multiply_add(
            product.reshape(-1), (t * batch + low) * size, panels,
            start.reshape(-1), here, size, dhs.reshape(-1), low * size, high - low, size,
        )  # fmt: skip
