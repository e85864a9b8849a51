"""The way back through a step of each kind of recurrent layer by NumPy, on arrays that are there already.

It is given the gates' values, (gates, N, H), the states before and after the step, the gradients of the state after it
and of the further states (which become those before it), and 1 at real samples, (N, 1), or None. It returns the
gradient of the product with the state, (gates, N, H); that of the input's part where it is another; and what of the
state's goes past the product.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["BACK"]

Arrays = Sequence[Any]
Back = Callable[[Any, Arrays, Arrays, Any, Arrays, Any], tuple[Any, Any, Any]]


def _lstm(w: Any, shape: tuple[int, ...]) -> Back:
    da, part, kept = (np.empty(sizes, w.hh.dtype) for sizes in (shape, shape[1:], shape[1:]))
    cell, (d_i, d_f, d_g, d_o) = da[:3], da

    def back(gates: Any, before: Arrays, after: Arrays, dh: Any, rest: Arrays, real: Any) -> tuple[Any, Any, Any]:
        (i, f, g, o), (dc,) = gates, rest
        np.tanh(after[1], out=part)
        # The slopes: (1 - y) * y of sigmoid, and 1 - y * y of tanh.
        np.subtract(1.0, gates, out=da)
        np.multiply(da, gates, out=da)
        np.multiply(g, g, out=d_g)
        np.subtract(1.0, d_g, out=d_g)
        for d, factor in ((d_i, g), (d_f, before[1]), (d_g, i), (d_o, part), (d_o, dh)):
            d *= factor
        np.multiply(part, part, out=part)
        np.subtract(1.0, part, out=part)
        np.multiply(part, o, out=part)
        np.multiply(part, dh, out=part)
        through = None
        if real is not None:
            np.multiply(da, real, out=da)
            np.multiply(part, real, out=part)
            np.multiply(f, real, out=kept)
            f = np.add(kept, 1.0 - real, out=kept)
            through = dh * (1.0 - real)
        dc += part
        np.multiply(cell, dc, out=cell)
        dc *= f
        return da, None, through

    return back


def _gru(w: Any, shape: tuple[int, ...]) -> Back:
    da, d_input = (np.empty(shape, w.hh.dtype) for _ in range(2))
    part, through = (np.empty(shape[1:], w.hh.dtype) for _ in range(2))
    (d_r, d_z, d_n), opening, own, size = da, da[:2], d_input[2], shape[2]
    hidden = np.ascontiguousarray(w.hh[2 * size :].T)

    def back(gates: Any, before: Arrays, after: Arrays, dh: Any, rest: Arrays, real: Any) -> tuple[Any, Any, Any]:
        (r, z, n), (h,) = gates, before
        # Through n to its input's part.
        np.multiply(n, n, out=own)
        np.subtract(1.0, own, out=own)
        np.subtract(1.0, z, out=part)
        for factor in (part, dh):
            np.multiply(own, factor, out=own)
        np.subtract(1.0, gates[:2], out=opening)
        np.multiply(opening, gates[:2], out=opening)
        np.matmul(h, hidden, out=part)
        if w.bias_hh is not None:
            np.add(part, w.bias_hh[2 * size :], out=part)
        for factor in (own, part):
            np.multiply(d_r, factor, out=d_r)
        np.subtract(h, n, out=part)
        for factor in (part, dh):
            np.multiply(d_z, factor, out=d_z)
        np.multiply(own, r, out=d_n)
        np.multiply(z, dh, out=through)
        if real is not None:
            np.multiply(da, real, out=da)
            np.multiply(own, real, out=own)
            np.multiply(through, real, out=through)
            np.add(through, dh * (1.0 - real), out=through)
        d_input[:2] = opening
        return da, d_input, through

    return back


def _tanh(w: Any, shape: tuple[int, ...]) -> Back:
    def slope(h: Any, out: Any) -> None:
        np.multiply(h, h, out=out)
        np.subtract(1.0, out, out=out)

    return _plain(w, shape, slope)


def _relu(w: Any, shape: tuple[int, ...]) -> Back:
    return _plain(w, shape, lambda h, out: np.greater(h, 0.0, out=out))


def _plain(w: Any, shape: tuple[int, ...], slope: Callable[[Any, Any], Any]) -> Back:
    """Return the way back through an activation, whose slope follows from its value."""
    da = np.empty(shape, w.hh.dtype)

    def back(gates: Any, before: Arrays, after: Arrays, dh: Any, rest: Arrays, real: Any) -> tuple[Any, Any, Any]:
        del gates, before, rest
        slope(after[0], da[0])
        np.multiply(da, dh, out=da)
        if real is None:
            return da, None, None
        np.multiply(da, real, out=da)
        return da, None, dh * (1.0 - real)

    return back


BACK: dict[str, Callable[[Any, tuple[int, ...]], Back]] = {"lstm": _lstm, "gru": _gru, "tanh": _tanh, "relu": _relu}
"""By kind, what makes its way back for the weights and the shape of a step's gates."""
