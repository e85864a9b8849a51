"""The noise of dropout: each thread computes the counters of its own piece, and keeps no words."""

import sys
from typing import Any

import numpy as np

from nnxp._backend.agnostic import PHILOX_KEY_STEPS, PHILOX_MULTIPLIERS, PHILOX_ROUNDS
from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.threads import for_each_piece

__all__ = ["kept", "masked", "masked_into"]

# What one thread does in about the time that it takes to wake another, in blocks of four words and in elements.
_LEAST_BLOCKS = 2**13
_LEAST = 2**15

_M0, _M1 = (np.uint64(m) for m in PHILOX_MULTIPLIERS)
_S0, _S1 = (np.uint64(s) for s in PHILOX_KEY_STEPS)
_WORD = np.uint64(0xFFFFFFFF)
_BITS = np.uint64(32)


def kept(x: Any, threshold: int, key: tuple[int, int], counter: tuple[int, int, int]) -> Any:
    """Write the four answers of a block as the bytes of one number."""
    if sys.byteorder != "little":
        return NotImplemented
    blocks = -(-x.size // 4)
    answers = np.empty(blocks, np.uint32)
    numbers = [np.uint64(n & 0xFFFFFFFF) for n in (threshold, *key, *counter)]

    def piece(start: int, stop: int) -> None:
        _kept(answers[start:stop], start, *numbers)

    for_each_piece(piece, blocks, _LEAST_BLOCKS, align=16)
    return answers.view(np.bool_)[: x.size].reshape(x.shape)


def masked(x: Any, mask: Any, scale: float) -> Any:
    """Select and scale in one pass."""
    if not (x.flags.c_contiguous and mask.flags.c_contiguous) or mask.shape != x.shape:
        return NotImplemented
    y = np.empty_like(x)
    flat = [v.reshape(-1) for v in (x, mask, y)]
    factor = x.dtype.type(scale)
    for_each_piece(lambda start, stop: masked_into(*(v[start:stop] for v in flat), factor), x.size, _LEAST, align=64)
    return y


@compiled
def _kept(answers: Any, start: int, threshold: Any, k0: Any, k1: Any, call: Any, layer: Any, step: Any) -> None:
    keys = np.empty((PHILOX_ROUNDS, 2), np.uint64)
    for r in range(PHILOX_ROUNDS):
        keys[r, 0] = k0
        keys[r, 1] = k1
        k0 = (k0 + _S0) & _WORD
        k1 = (k1 + _S1) & _WORD
    for i in range(answers.size):
        c0, c1, c2, c3 = np.uint64(start + i) & _WORD, call, layer, step
        for r in range(PHILOX_ROUNDS):
            p0 = c0 * _M0
            p1 = c2 * _M1
            c0 = (p1 >> _BITS) ^ c1 ^ keys[r, 0]
            c2 = (p0 >> _BITS) ^ c3 ^ keys[r, 1]
            c1 = p1 & _WORD
            c3 = p0 & _WORD
        answer = np.uint32(c0 < threshold)
        answer |= np.uint32(c1 < threshold) << np.uint32(8)
        answer |= np.uint32(c2 < threshold) << np.uint32(16)
        answers[i] = answer | np.uint32(c3 < threshold) << np.uint32(24)


@compiled
def masked_into(x: Any, mask: Any, y: Any, factor: Any) -> None:
    """Write ``x * factor`` where the mask keeps, else ``x * 0``, for vectors."""
    nothing = factor * 0
    for i in range(x.size):
        y[i] = x[i] * (factor if mask[i] else nothing)
