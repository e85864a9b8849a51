"""Recurrent layers by NumPy: gate by gate, hardly a new array in a step, and two things at a time on the way back.

The gates of a step lie one behind the other, (gates, N, H). So one product for all of them, of state, input and a 1
for the bias side by side, is a small product a gate, which BLAS makes of the factors where they lie; and all that
follows runs over numbers side by side. BLAS keeps to one thread: its others would spin between the steps, and on.

On the way back another thread sums the gradients of the weights over the steps that are done.
"""

from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import numpy as np

from nnxp._backend.kernels.recurrent_back import BACK
from nnxp._backend.kernels.recurrent_steps import STEPS, slabs
from nnxp._backend.threads import for_each_piece, one_blas_thread

__all__ = ["unroll", "unroll_backward"]

# Multiply-adds of a step from which all threads of BLAS are worth more, and those of all sums that are worth a thread.
_LARGE, _SHARED = 2**23, 2**24
# How many rows are summed at a time: fewer products for more, but nobody helps with the last.
_ROWS = 256


def unroll(x: Any, w: Any, state: Any, real: Any, reverse: bool, rule: Any) -> Any:
    """Take all steps, the input's part among them."""
    if not _fits(x, x, w):
        return NotImplemented
    (steps, batch, features), size = x.shape, w.hh.shape[1]
    gates = np.empty((steps, rule.gates, batch, size), x.dtype)
    stacks = tuple(np.empty((steps + 1, batch, size), x.dtype) for _ in state)
    for stack, start in zip(stacks, state, strict=True):
        stack[-1 if reverse else 0] = start
    factors = slabs(w, rule)
    step = STEPS[rule.name](factors, w, batch)
    beside = np.ones((batch, factors.shape[1]), x.dtype)
    its_h, its_x = beside[:, :size], beside[:, size : size + features]
    states = list(zip(*stacks, strict=True))
    with one_blas_thread():
        for t in _order(steps, reverse):
            before, after, a = states[t + reverse], states[t + 1 - reverse], gates[t]
            its_h[...], its_x[...] = before[0], x[t]
            np.matmul(beside, factors, out=a)
            step(a, before, after)
            if real is not None:
                for moved, still in zip(after, before, strict=True):
                    np.copyto(moved, still, where=~real[t])
    return gates.swapaxes(1, 2), stacks


def unroll_backward(
    gates: Any, x: Any, w: Any, g: Any, states: Any, dy: Any, d_state: Any, real: Any, reverse: bool, rule: Any,
    dx_wanted: bool,
) -> Any:  # fmt: skip
    """Go back over all steps, and write the gradients of the weights."""
    if not _fits(gates, x, w):
        return NotImplemented
    steps, batch, count, size = gates.shape
    product = np.empty((steps, batch, count, size), gates.dtype)
    entry = np.empty_like(product) if rule.apart else product
    start = [np.zeros((batch, size), gates.dtype) if d is None else np.array(d, order="C") for d in d_state]
    sums = _Sums(x, states[0][1:] if reverse else states[0][:-1], w, g, product, entry, dx_wanted)
    done: SimpleQueue[Any] = SimpleQueue()

    def go_back() -> None:
        ends = dict(_stretches(steps, -(-_ROWS // batch)))
        walk = _back(gates.swapaxes(1, 2), w, states, dy, start, real, reverse, rule, product, entry)
        try:
            for ended, _ in enumerate(walk, 1):
                if ended in ends:
                    begun = ends[ended]
                    done.put(sums.views(begun, ended) if reverse else sums.views(steps - ended, steps - begun))
        finally:
            done.put(None)

    def piece(first: int, last: int) -> None:
        if first == 0:
            go_back()
        if last == 2:
            for views in iter(done.get, None):
                sums.add(*views)

    with one_blas_thread():
        for_each_piece(piece, 2, 1 if product.size * (size + x.shape[2]) >= _SHARED else 2)
    return sums.finish(), tuple(start)


def _stretches(steps: int, least: int) -> Iterator[tuple[int, int]]:
    """Yield where stretches end and begin: each a third of what is left, so that little is when the last is done."""
    begun = 0
    while begun < steps:
        ended = min(steps, begun + max(least, (steps - begun) // 3))
        yield ended, begun
        begun = ended


def _back(
    gates: Any, w: Any, states: Any, dy: Any, start: list[Any], real: Any, reverse: bool, rule: Any,
    product: Any, entry: Any,
) -> Iterator[None]:  # fmt: skip
    """Go back, and yield behind every step; the gradients in `start` become those of the first state."""
    count, batch, size = gates.shape[1:]
    back = BACK[rule.name](w, (count, batch, size))
    weights, parts = w.hh.reshape(count, size, size), np.empty((count, batch, size), gates.dtype)
    dh, *rest = start
    states = list(zip(*states, strict=True))
    for t in _order(len(gates), not reverse):
        if dy is not None:
            dh += dy[t]
        here = None if real is None else real[t].astype(gates.dtype)
        da, d_input, through = back(gates[t], states[t + reverse], states[t + 1 - reverse], dh, rest, here)
        product[t] = da.swapaxes(0, 1)
        if d_input is not None:
            entry[t] = d_input.swapaxes(0, 1)
        np.matmul(da, weights, out=parts)
        np.add.reduce(parts, axis=0, out=dh)
        if through is not None:
            dh += through
        yield


class _Sums:
    """The sums over all steps, a stretch of them at a time: few calls, as each may wait for the interpreter."""

    def __init__(self, x: Any, h: Any, w: Any, g: Any, product: Any, entry: Any, dx_wanted: bool) -> None:
        self.x, self.g, self.weight, self.apart = x, g, w.ih, entry is not product
        self.dx = np.empty(x.shape, x.dtype) if dx_wanted else None
        # A 1 behind the input sums the gradient of the bias.
        beside = np.ones((*x.shape[:2], x.shape[2] + 1), x.dtype)
        beside[:, :, :-1] = x
        self.rows = [_rows(array) for array in (product, entry, h, beside)]
        self.ih, self.hh = (np.zeros((len(w.ih), n), x.dtype) for n in (beside.shape[2], h.shape[2]))
        self.bias = np.zeros(len(w.ih), x.dtype)

    def views(self, low: int, high: int) -> list[Any]:
        """Return what `add` needs for some steps."""
        batch = self.x.shape[1]
        rows = [*self.rows, *([] if self.dx is None else [_rows(self.dx)])]
        return [matrix[low * batch : high * batch] for matrix in rows]

    def add(self, d: Any, d_input: Any, h: Any, beside: Any, dx: Any = None) -> None:
        """Add a stretch; by `dot`, as `matmul` keeps the interpreter where it makes few numbers of many."""
        self.hh += np.dot(d.T, h)
        self.ih += np.dot(d_input.T, beside)
        if self.apart:
            self.bias += np.add.reduce(d, axis=0)
        if dx is not None:
            np.dot(d_input, self.weight, out=dx)

    def finish(self) -> Any:
        """Write the gradients of the weights; return that of the input."""
        self.g.hh[...], self.g.ih[...] = self.hh, self.ih[:, :-1]
        if self.g.bias_ih is not None:
            self.g.bias_ih[...] = self.ih[:, -1]
            self.g.bias_hh[...] = self.bias if self.apart else self.ih[:, -1]
        return self.dx


def _fits(array: Any, x: Any, w: Any) -> bool:
    """Tell whether there are several steps, small enough for one thread, in which the state has its share."""
    (steps, batch, features), (_, size) = x.shape, w.hh.shape
    fits = steps > 1 and 0 < batch * w.hh.size < _LARGE and features <= 2 * size
    return bool(fits and array.dtype == x.dtype == w.hh.dtype)


def _order(steps: int, reverse: bool) -> range:
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _rows(array: Any) -> Any:
    """View (T, N, *sizes) as a matrix (T * N, numbers)."""
    return array.reshape(array.shape[0] * array.shape[1], -1)
