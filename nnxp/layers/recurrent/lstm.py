"""Long short-term memory and its cell."""

from dataclasses import dataclass, field
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp.layers.recurrent.cell import RecurrentCell
from nnxp.layers.recurrent.rule import Rule, Slopes, State
from nnxp.layers.recurrent.stack import Recurrent

__all__ = ["LSTM", "LSTMCell"]

# All gates in one tanh, since sigmoid(a) = tanh(a / 2) / 2 + 1 / 2: by gate, what stands before and behind it.
SCALE = ((0.5,), (0.5,), (1.0,), (0.5,))
SHIFT = ((0.5,), (0.5,), (0.0,), (0.5,))
# The slope of sigmoid is (1 - y) * y, that of tanh (1 - y) * (1 + y).
LIFT = ((0.0,), (0.0,), (1.0,), (0.0,))


class LSTMRule(Rule):
    """A step ``c' = f * c + i * g``, ``h' = o * tanh(c')``; g is a tanh, the other gates are sigmoids."""

    name = "lstm"
    gates = 4
    states = 2

    def constants(self, like: Array) -> tuple[Array, ...]:
        """Return scale and shift of the gates."""
        return constant(SCALE, like), constant(SHIFT, like)

    def step(self, gates: Array, product: Array, state: State, constants: tuple[Array, ...]) -> State:
        """Return the new h and c."""
        xp = namespace(gates)
        scale, shift = constants
        gates += product
        gates *= scale
        gates[...] = xp.tanh(gates)
        gates *= scale
        gates += shift
        c = gates[:, 1, :] * state[1]
        c += gates[:, 0, :] * gates[:, 2, :]
        return gates[:, 3, :] * xp.tanh(c), c

    def slopes(
        self, gates: Array, before: State, after: State, weight: Array, bias: Array | None, real: Array | None
    ) -> Slopes:
        """Return those of the gates: of c' by the first three, of h' by o; then of h' by c', and of c' by c."""
        xp = namespace(gates)
        i, f, g, o = (gates[:, :, k, :] for k in range(4))
        tanh_c = xp.tanh(after[1])
        slope = gates + constant(LIFT, gates)
        slope *= 1.0 - gates
        for k, factor in enumerate((g, before[1], i, tanh_c)):
            part = slope[:, :, k, :]
            part *= factor
        tanh_c *= tanh_c
        h_by_c = 1.0 - tanh_c
        h_by_c *= o
        if real is None:
            return Slopes(slope, None, (h_by_c, f))
        slope *= real[..., None]
        h_by_c *= real
        return Slopes(slope, 1.0 - real, (h_by_c, f * real + (1.0 - real)))

    def step_backward(self, slopes: Slopes, t: int, dh: Array, rest: State) -> tuple[Array, State]:
        """Return ``slopes.product[t]`` times dc' and dh', and dc."""
        h_by_c, c_by_c = slopes.own
        dc = dh * h_by_c[t, ...]
        dc += rest[0]
        product = slopes.product[t, ...]
        cell, output = product[:, :3, :], product[:, 3, :]
        cell *= dc[:, None, :]
        output *= dh
        dc *= c_by_c[t, ...]
        return product, (dc,)


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory: a cell state c that gates write, keep and read.

    Gates ``i, f, g, o`` are the four parts of ``a = x_t @ weight_ih.T + bias_ih + h_(t-1) @ weight_hh.T + bias_hh``,
    g through tanh and the others through sigmoid; ``c_t = f * c_(t-1) + i * g`` and ``h_t = o * tanh(c_t)``.

    Backward, from the last step to the first: ``dh_t = dy_t + da_(t+1) @ weight_hh``,
    ``dc_t = dh_t * o * (1 - tanh(c_t)^2) + dc_(t+1) * f_(t+1)``; ``di = dc * g``, ``df = dc * c_(t-1)``,
    ``dg = dc * i``, ``do = dh * tanh(c)``, and ``da`` is these times the slopes, ``y (1 - y)`` of sigmoid and
    ``1 - y^2`` of tanh; then, over all steps, ``dweight_ih = da.T @ x``, ``dweight_hh = da.T @ h_before``, both biases'
    gradients ``sum(da)``, and ``dx = da @ weight_ih``.

    Parameters
    ----------
    input_size : int or None
        Size of the last axis of the input; None takes it from the network's ``input_shape``.
    hidden_size : int
        Size of h and of c.
    num_layers : int
        Layers on top of each other: each reads the outputs of the one below.
    bias : bool
        Whether to add biases.
    batch_first : bool
        Whether input and output are (batch, steps, features); else (steps, batch, features), which `fit` refuses.
    dropout : float
        The probability that, in training, an element between two layers is dropped; without effect on one layer.
    bidirectional : bool
        Whether each layer also reads from the last step to the first; outputs are twice as long.
    return_state : bool
        False returns the output alone, as a Sequential needs it.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `dropout` is outside [0, 1], or the input, a state or the mask
        has another shape or dtype.
    TypeError
        If a state or the mask is on another device.

    Notes
    -----
    ``net.forward(x, hx=(h0, c0), mask=mask)`` returns ``(output, (h_n, c_n))``; backward takes
    ``(d_output, (d_h_n, d_c_n))``, None anywhere meaning zero, and returns ``dx``, or ``(dx, (dh0, dc0))`` where ``hx``
    was given. Shapes of states, masks, truncation and the start of the parameters: see `RNN`.

    The cache is the input, and the gates and both states of all steps.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997).
    .. [2] Gers et al., "Learning to Forget: Continual Prediction with LSTM", Neural Computation 12 (2000).

    Examples
    --------
    >>> net, state = Network(LSTM(3, 4), seed=0), None
    >>> for chunk in np.split(np.ones((2, 60, 3), dtype="float32"), 3, axis=1):
    ...     (output, state), cache = net.forward(chunk, hx=state)
    >>> output.shape, state[0].shape, state[1].shape
    ((2, 20, 4), (1, 2, 4), (1, 2, 4))
    """

    input_size: int | None
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = True
    dropout: float = 0.0
    bidirectional: bool = False
    return_state: bool = field(default=True, kw_only=True)
    rule: ClassVar[Rule] = LSTMRule()


@dataclass(frozen=True)
class LSTMCell(RecurrentCell):
    """One step of an `LSTM`, whose formulas it shares.

    Parameters
    ----------
    input_size : int or None
        Size of the last axis of the input; None takes it from the network's ``input_shape``.
    hidden_size : int
        Size of h and of c.
    bias : bool
        Whether to add biases.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or the input or a state has another shape or dtype.
    TypeError
        If a state is on another device.

    Notes
    -----
    ``net.forward(x, hx=(h, c))`` takes (batch, input_size) and returns the new pair, each (batch, hidden_size); ``hx``
    is zero if left out. Backward takes ``(dh, dc)``, None meaning zero, and returns ``dx``, or ``(dx, (dh, dc))`` where
    ``hx`` was given.

    Examples
    --------
    >>> net = Network(LSTMCell(3, 4), seed=0)
    >>> (h, c), cache = net.forward(np.ones((2, 3), dtype="float32"))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    input_size: int | None
    hidden_size: int
    bias: bool = True
    rule: ClassVar[Rule] = LSTMRule()
