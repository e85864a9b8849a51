"""Gated recurrent unit and its cell."""

from dataclasses import dataclass, field
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp.layers.layer import rows
from nnxp.layers.recurrent.cell import RecurrentCell
from nnxp.layers.recurrent.rule import Rule, Slopes, State
from nnxp.layers.recurrent.stack import Recurrent

__all__ = ["GRU", "GRUCell"]

# The slope of sigmoid is (1 - y) * y, that of tanh (1 - y) * (1 + y).
LIFT = ((0.0,), (0.0,), (1.0,))


class GRURule(Rule):
    """A step ``h' = (1 - z) * n + z * h``, ``n = tanh(a_n + r * (h @ W_hn.T + b_hn))``; r and z are sigmoids."""

    name = "gru"
    gates = 3
    apart = True

    def step(self, gates: Array, product: Array, state: State, constants: tuple[Array, ...]) -> State:
        """Return the new h."""
        xp = namespace(gates)
        opening, n = gates[:, :2, :], gates[:, 2, :]
        # sigmoid(a) = tanh(a / 2) / 2 + 1 / 2
        opening += product[:, :2, :]
        opening *= 0.5
        opening[...] = xp.tanh(opening)
        opening *= 0.5
        opening += 0.5
        n += opening[:, 0, :] * product[:, 2, :]
        n[...] = xp.tanh(n)
        h = state[0] - n
        h *= opening[:, 1, :]
        h += n
        return (h,)

    def slopes(
        self, gates: Array, before: State, after: State, weight: Array, bias: Array | None, real: Array | None
    ) -> Slopes:
        """Return those of h' by the gates' hidden part; then by the input part of n."""
        r, z, n = (gates[:, :, k, :] for k in range(3))
        h = before[0]
        slope = gates + constant(LIFT, gates)
        slope *= 1.0 - gates
        by_r, by_z, by_n = (slope[:, :, k, :] for k in range(3))
        from_input = by_n * (1.0 - z)
        by_r *= from_input
        by_r *= hidden_part(h, weight, bias)
        by_z *= h - n
        by_n[...] = from_input * r
        if real is None:
            return Slopes(slope, z, (from_input,))
        slope *= real[..., None]
        from_input *= real
        return Slopes(slope, z * real + (1.0 - real), (from_input,))

    def step_backward(self, slopes: Slopes, t: int, dh: Array, rest: State) -> tuple[Array, State]:
        """Return ``slopes.product[t]`` times dh', and do the same for n's input part."""
        from_input = slopes.own[0][t, ...]
        from_input *= dh
        return super().step_backward(slopes, t, dh, rest)

    def input_gradient(self, slopes: Slopes) -> Array:
        """Return the gradients of r and z, which both parts share, and that of n's input part."""
        return namespace(slopes.product).concat([slopes.product[:, :, :2, :], slopes.own[0][:, :, None, :]], axis=2)


def hidden_part(h: Array, weight: Array, bias: Array | None) -> Array:
    """Return ``h @ W_hn.T + b_hn`` of all steps anew: one product costs less than a third array in the cache."""
    size = h.shape[-1]
    part = rows(h) @ weight[2 * size :, :].T
    if bias is not None:
        part += bias[2 * size :]
    return namespace(h).reshape(part, h.shape)


@dataclass(frozen=True)
class GRU(Recurrent):
    """Gated recurrent unit: a gate z that keeps the state, and a gate r that forgets it in what is new.

    With ``a = x_t @ weight_ih.T + bias_ih`` and ``b = h_(t-1) @ weight_hh.T + bias_hh``, each in three parts: ``r =
    sigmoid(a_r + b_r)``, ``z = sigmoid(a_z + b_z)``, ``n = tanh(a_n + r * b_n)``, ``h_t = (1 - z) * n + z * h_(t-1)``.

    Backward, from the last step to the first: ``dh_t = dy_t + dh_(t+1) * z_(t+1) + db_(t+1) @ weight_hh``,
    ``da_n = dh * (1 - z) * (1 - n^2)``, ``db_n = da_n * r``, ``da_r = db_r = da_n * b_n * r * (1 - r)``,
    ``da_z = db_z = dh * (h_(t-1) - n) * z * (1 - z)``; then, over all steps, ``dweight_ih = da.T @ x``,
    ``dweight_hh = db.T @ h_before``, ``dbias_ih = sum(da)``, ``dbias_hh = sum(db)`` and ``dx = da @ weight_ih``.

    Parameters
    ----------
    input_size : int or None
        Size of the last axis of the input; None takes it from the network's ``input_shape``.
    hidden_size : int
        Size of the state.
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
    ``net.forward(x, hx=h0, mask=mask)`` returns ``(output, h_n)``; all as in `RNN`. Unlike in the paper, and as in
    PyTorch, r multiplies the product together with its bias.

    The cache is the input, and the gates and states of all steps.

    References
    ----------
    .. [1] Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
       2014, arXiv:1406.1078, eq. 5 to 8.

    Examples
    --------
    >>> net = Network(GRU(3, 4, num_layers=2, bidirectional=True), seed=0)
    >>> (output, state), cache = net.forward(np.ones((2, 5, 3), dtype="float32"))
    >>> output.shape, state.shape
    ((2, 5, 8), (4, 2, 4))
    """

    input_size: int | None
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = True
    dropout: float = 0.0
    bidirectional: bool = False
    return_state: bool = field(default=True, kw_only=True)
    rule: ClassVar[Rule] = GRURule()


@dataclass(frozen=True)
class GRUCell(RecurrentCell):
    """One step of a `GRU`, whose formulas it shares.

    Parameters
    ----------
    input_size : int or None
        Size of the last axis of the input; None takes it from the network's ``input_shape``.
    hidden_size : int
        Size of the state.
    bias : bool
        Whether to add biases.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or the input or the state has another shape or dtype.
    TypeError
        If the state is on another device.

    Notes
    -----
    ``net.forward(x, hx=h)`` takes (batch, input_size) and returns the new state (batch, hidden_size); ``hx`` is zero if
    left out. Backward returns ``dx``, or ``(dx, dhx)`` where ``hx`` was given.

    Examples
    --------
    >>> net = Network(GRUCell(3, 4), seed=0)
    >>> h, cache = net.forward(np.ones((2, 3), dtype="float32"))
    >>> h.shape
    (2, 4)
    """

    input_size: int | None
    hidden_size: int
    bias: bool = True
    rule: ClassVar[Rule] = GRURule()
