"""The plain recurrent layer, ``h = tanh(W_ih x + b_ih + W_hh h + b_hh)``, and its cell."""

from dataclasses import dataclass, field

from nnxp._backend import Array, namespace
from nnxp._checks import check_choice
from nnxp.layers.recurrent.cell import RecurrentCell
from nnxp.layers.recurrent.rule import Rule, Slopes, State
from nnxp.layers.recurrent.stack import Recurrent

__all__ = ["RNN", "RNNCell"]


class TanhRule(Rule):
    """A step ``h' = tanh(a)``, with slope ``1 - h'^2``; `a` is the sum of both products and biases."""

    name = "tanh"
    gates = 1

    def step(self, gates: Array, product: Array, state: State, constants: tuple[Array, ...]) -> State:
        """Return the new h."""
        gates += product
        return (namespace(gates).tanh(gates[:, 0, :]),)

    def slopes(
        self, gates: Array, before: State, after: State, weight: Array, bias: Array | None, real: Array | None
    ) -> Slopes:
        """Return ``1 - h'^2``."""
        return masked(1.0 - after[0] * after[0], real)


class ReLURule(Rule):
    """A step ``h' = max(a, 0)``, with slope 1 where ``h' > 0``."""

    name = "relu"
    gates = 1

    def step(self, gates: Array, product: Array, state: State, constants: tuple[Array, ...]) -> State:
        """Return the new h."""
        gates += product
        return (namespace(gates).maximum(gates[:, 0, :], 0.0),)

    def slopes(
        self, gates: Array, before: State, after: State, weight: Array, bias: Array | None, real: Array | None
    ) -> Slopes:
        """Return 1 where ``h' > 0``, else 0."""
        return masked(namespace(gates).astype(after[0] > 0.0, gates.dtype), real)


def masked(slope: Array, real: Array | None) -> Slopes:
    """Let the state's gradient pass by the steps that are not real."""
    slope = slope[:, :, None, :]
    if real is None:
        return Slopes(slope, None)
    slope *= real[..., None]
    return Slopes(slope, 1.0 - real)


RULES = {"tanh": TanhRule(), "relu": ReLURule()}


@dataclass(frozen=True)
class RNN(Recurrent):
    """Plain recurrent layers, ``h_t = tanh(x_t @ weight_ih.T + bias_ih + h_(t-1) @ weight_hh.T + bias_hh)``.

    Backward, from the last step to the first, ``a`` being the argument of tanh: ``dh_t = dy_t + da_(t+1) @ weight_hh``,
    ``da_t = dh_t * (1 - h_t^2)``; then, over all steps, ``dweight_ih = da.T @ x``, ``dweight_hh = da.T @ h_before``,
    both biases' gradients ``sum(da)``, and ``dx = da @ weight_ih``.

    Parameters
    ----------
    input_size : int or None
        Size of the last axis of the input; None takes it from the network's ``input_shape``.
    hidden_size : int
        Size of the state.
    num_layers : int
        Layers on top of each other: each reads the outputs of the one below.
    nonlinearity : {"tanh", "relu"}
        What the state passes through.
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
        If a size is not a whole number of at least 1, `dropout` is outside [0, 1], the nonlinearity is unknown, or the
        input, a state or the mask has another shape or dtype.
    TypeError
        If a state or the mask is on another device.

    Notes
    -----
    ``net.forward(x, hx=h0, mask=mask)`` returns ``(output, h_n)``: the last layer's states of all steps, and the final
    states of all layers, (layers * directions, batch, hidden_size), directions of a layer side by side. ``hx`` is the
    initial state, shaped as ``h_n``, zero if left out. Backward takes ``(d_output, d_h_n)``, None meaning zero; it
    returns ``dx``, or ``(dx, dhx)`` where ``hx`` was given.

    Sequences of several lengths: ``mask`` (batch, steps) is True at real steps. Elsewhere the state stays as it is, the
    output is zero and the input does not matter, as in PyTorch's packed sequences.

    Backpropagation goes through all steps of a forward. To truncate it, cut a long sequence into chunks and hand the
    state on; a state that was returned is a plain array, through which nothing flows back (the example).

    Names, shapes and order of the parameters are PyTorch's; all start in U(-b, b), ``b = 1/sqrt(hidden_size)``. The
    cache is the input and the states of all steps.

    References
    ----------
    .. [1] Elman, "Finding Structure in Time", Cognitive Science 14 (1990).
    .. [2] Werbos, "Backpropagation Through Time: What It Does and How to Do It", Proc. IEEE 78 (1990).

    Examples
    --------
    >>> net, state = Network(RNN(3, 4), seed=0), None
    >>> for chunk in np.split(np.ones((2, 60, 3), dtype="float32"), 3, axis=1):
    ...     (output, state), cache = net.forward(chunk, hx=state, training=True)
    ...     dx = net.backward(cache, (output, None))
    >>> output.shape, state.shape
    ((2, 20, 4), (1, 2, 4))
    """

    input_size: int | None
    hidden_size: int
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bias: bool = True
    batch_first: bool = True
    dropout: float = 0.0
    bidirectional: bool = False
    return_state: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("RNN", "nonlinearity", self.nonlinearity, RULES)

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        """The step."""
        return RULES[self.nonlinearity]


@dataclass(frozen=True)
class RNNCell(RecurrentCell):
    """One step of an RNN, ``h' = tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)``; backward as in `RNN`.

    Parameters
    ----------
    input_size : int or None
        Size of the last axis of the input; None takes it from the network's ``input_shape``.
    hidden_size : int
        Size of the state.
    bias : bool
        Whether to add biases.
    nonlinearity : {"tanh", "relu"}
        What the state passes through.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, the nonlinearity is unknown, or the input or the state has
        another shape or dtype.
    TypeError
        If the state is on another device.

    Notes
    -----
    ``net.forward(x, hx=h)`` takes (batch, input_size) and returns the new state (batch, hidden_size); ``hx`` is zero if
    left out. Backward returns ``dx``, or ``(dx, dhx)`` where ``hx`` was given.

    Examples
    --------
    >>> net = Network(RNNCell(3, 4), seed=0)
    >>> h, cache = net.forward(np.ones((2, 3), dtype="float32"))
    >>> h.shape
    (2, 4)
    """

    input_size: int | None
    hidden_size: int
    bias: bool = True
    nonlinearity: str = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("RNNCell", "nonlinearity", self.nonlinearity, RULES)

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        """The step."""
        return RULES[self.nonlinearity]
