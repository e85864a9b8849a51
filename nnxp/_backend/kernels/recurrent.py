"""The loops over time of recurrent layers, each a single call: a thread takes some of the batch through all steps."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.gru_loops import gru, gru_backward
from nnxp._backend.kernels.lstm_loops import lstm, lstm_backward
from nnxp._backend.kernels.panels import packed, packed_transpose
from nnxp._backend.kernels.rnn_loops import rnn, rnn_backward
from nnxp._backend.threads import for_each_piece

__all__ = ["recur", "recur_backward"]

# What one thread does, in multiply-adds, in about the time that it takes to wake another.
_LEAST = 2**22
_NOBODY = np.zeros((0, 0), bool)


def recur(gates: Any, weight: Any, bias: Any, state: Any, real: Any, reverse: bool, rule: Any) -> Any:
    """Run one layer in one direction over all steps."""
    if gates.size == 0 or len(gates) < 2 or weight.dtype != gates.dtype:
        return NotImplemented
    steps, batch, _, size = gates.shape
    stacks = tuple(np.empty((steps + 1, batch, size), gates.dtype) for _ in state)
    for stack, start in zip(stacks, state, strict=True):
        stack[-1 if reverse else 0] = start
    values = gates.reshape(steps, batch, -1)
    panels, mask = packed_transpose(_plain(weight)), _mask(real)

    def piece(low: int, high: int) -> None:
        if rule.name == "lstm":
            lstm(values, panels, *stacks, mask, reverse, low, high)
        elif rule.name == "gru":
            gru(values, panels, _bias(bias, weight), *stacks, mask, reverse, low, high)
        else:
            rnn(values, panels, *stacks, mask, reverse, rule.name == "relu", low, high)

    for_each_piece(piece, batch, _rows(steps, weight))
    return stacks


def recur_backward(
    gates: Any, weight: Any, bias: Any, states: Any, dy: Any, d_state: Any, real: Any, reverse: bool, rule: Any
) -> Any:
    """Run back over all steps."""
    if gates.size == 0 or len(gates) < 2 or weight.dtype != gates.dtype:
        return NotImplemented
    steps, batch, _, size = gates.shape
    values = gates.reshape(steps, batch, -1)
    product = np.empty(gates.shape, gates.dtype)
    into, weight = product.reshape(values.shape), _plain(weight)
    starts = tuple(
        np.zeros((batch, size), gates.dtype) if d is None else np.array(d, gates.dtype, order="C") for d in d_state
    )
    given = _by_steps(dy, gates)
    panels, mask = packed(weight), _mask(real)
    d_input = np.empty_like(product) if rule.apart else product
    hidden = packed_transpose(weight[2 * size :]) if rule.apart else None

    def piece(low: int, high: int) -> None:
        if rule.name == "lstm":
            lstm_backward(values, panels, *states, *given, *starts, into, mask, reverse, low, high)
        elif rule.name == "gru":
            last = _bias(bias, weight)[2 * size :]
            both = into, d_input.reshape(values.shape)
            gru_backward(values, panels, hidden, last, *states, *given, *starts, *both, mask, reverse, low, high)
        else:
            rnn_backward(panels, *states, *given, *starts, into, mask, reverse, rule.name == "relu", low, high)

    for_each_piece(piece, batch, _rows(steps, weight))
    return product, d_input, starts


def _rows(steps: int, weight: Any) -> int:
    """Return how many rows of the batch are worth a thread."""
    return max(1, _LEAST // (steps * int(weight.size)))


def _plain(x: Any) -> Any:
    """Return an array of one kind, so that each kernel is compiled once for a dtype."""
    return x if type(x) is np.ndarray and x.flags.c_contiguous and x.flags.writeable else np.array(x, order="C")


def _mask(real: Any) -> Any:
    return _NOBODY if real is None else np.array(real[:, :, 0], order="C")


def _bias(bias: Any, weight: Any) -> Any:
    return np.zeros(len(weight), weight.dtype) if bias is None else _plain(bias)


def _by_steps(dy: Any, gates: Any) -> tuple[Any, int, int]:
    """Return the output's gradient as a vector, and how far apart its steps and its samples lie; 0 if there is none."""
    steps, batch, _, size = gates.shape
    if dy is None:
        return np.zeros(size, gates.dtype), 0, 0
    by_sample = dy.transpose(1, 0, 2)
    if by_sample.flags.c_contiguous and by_sample.flags.writeable and type(dy) is np.ndarray:
        return by_sample.reshape(-1), size, steps * size
    return _plain(dy).reshape(-1), batch * size, size
