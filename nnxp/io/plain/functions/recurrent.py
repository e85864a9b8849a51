"""Recurrent layers: a step of each kind, and the loop over the steps."""

import numpy as np

from nnxp.io.plain.functions.activations import relu, sigmoid
from nnxp.io.plain.functions.affine import linear
from nnxp.io.plain.functions.types import Array, State, Step

__all__ = ["gru_step", "lstm_step", "recurrent", "recurrent_cell", "rnn_relu_step", "rnn_step"]

# A step takes the input's part a and the state's part b of all gates, and the state; it returns the new state.


def rnn_step(a: Array, b: Array, state: State) -> State:
    """Take a step, ``h' = tanh(a + b)`` with ``a = x @ weight_ih.T + bias_ih``, ``b = h @ weight_hh.T + bias_hh``."""
    return (np.tanh(a + b),)


def rnn_relu_step(a: Array, b: Array, state: State) -> State:
    """Take a step, ``h' = max(a + b, 0)`` with ``a = x @ weight_ih.T + bias_ih``, ``b = h @ weight_hh.T + bias_hh``."""
    return (relu(a + b),)


def lstm_step(a: Array, b: Array, state: State) -> State:
    """Take a step, ``c' = f * c + i * g``, ``h' = o * tanh(c')``; the gates are the four parts of ``a + b``."""
    i, f, g, o = np.split(a + b, 4, axis=-1)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(a: Array, b: Array, state: State) -> State:
    """Take a step, ``h' = (1 - z) * n + z * h``, ``n = tanh(a_n + r * b_n)``, r and z sigmoids of ``a + b``."""
    (a_r, a_z, a_n), (b_r, b_z, b_n) = np.split(a, 3, axis=-1), np.split(b, 3, axis=-1)
    r, z = sigmoid(a_r + b_r), sigmoid(a_z + b_z)
    n = np.tanh(a_n + r * b_n)
    return ((1.0 - z) * n + z * state[0],)


def recurrent_cell(x: Array, p: dict[str, Array], step: Step, states: int) -> Array | State:
    """Take one step from a state of zeros: (batch, features) -> h (batch, hidden), or (h, c)."""
    zero = np.zeros((len(x), p["weight_hh"].shape[1]), x.dtype)
    a = linear(x, p["weight_ih"], p.get("bias_ih"))
    state = step(a, linear(zero, p["weight_hh"], p.get("bias_hh")), (zero,) * states)
    return state if states > 1 else state[0]


def recurrent(
    x: Array, p: dict[str, Array], step: Step, states: int, layers: int, directions: int
) -> tuple[Array, Array | State]:
    """Read sequences (batch, steps, features) from states of zeros; return the last layer's h of all steps.

    Layers lie on top of each other, each in one direction or two, whose outputs are laid side by side. Beside the
    output (batch, steps, directions * hidden) the final states are returned, (layers * directions, batch, hidden).
    """
    ends = []
    for k in range(layers):
        outputs = []
        for ending in ("", "_reverse")[:directions]:
            weight, bias = p[f"weight_hh_l{k}{ending}"], p.get(f"bias_hh_l{k}{ending}")
            a = linear(x, p[f"weight_ih_l{k}{ending}"], p.get(f"bias_ih_l{k}{ending}"))
            state = (np.zeros((len(x), weight.shape[1]), x.dtype),) * states
            output = np.zeros((*x.shape[:2], weight.shape[1]), x.dtype)
            for t in reversed(range(x.shape[1])) if ending else range(x.shape[1]):
                state = step(a[:, t], linear(state[0], weight, bias), state)
                output[:, t] = state[0]
            outputs.append(output)
            ends.append(state)
        x = np.concatenate(outputs, axis=-1)
    final = tuple(np.stack(column) for column in zip(*ends, strict=True))
    return x, final if states > 1 else final[0]
