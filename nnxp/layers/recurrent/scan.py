"""The time loop, written once: one recurrent layer in one direction, forward and backward.

What does not depend on the step before is done for all steps at once: the products with the input, the slopes of
all gates, and the products that give the gradients of the weights. The loops keep what has to be sequential.
Inside, time is the first axis. Stacks of states have one entry more than there are steps: a state before and a
state after each step, whichever way the layer reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nnxp._backend import Array, matmul, namespace, sum_rows
from nnxp.layers.layer import rows
from nnxp.layers.recurrent.rule import Rule, State, Weights

__all__ = ["Trace", "scan", "scan_backward"]


@dataclass(frozen=True, slots=True)
class Trace:
    """What `scan` keeps for `scan_backward`: input as rows, gates and states of all steps, the mask, the direction."""

    x: Array
    gates: Array
    states: State
    real: Array | None
    reverse: bool


def scan(
    rule: Rule, w: Weights, x: Array, state: State, real: Array | None, reverse: bool, keep: bool
) -> tuple[Array, State, Trace | None]:
    """Run over all steps.

    Parameters
    ----------
    rule : Rule
        The kind of layer.
    w : Weights
        Its arrays.
    x : array of shape (T, N, input)
        The input.
    state : tuple of array of shape (N, H)
        The initial state.
    real : array of bool of shape (T, N, 1), optional
        False where the state stays as it is.
    reverse : bool
        Whether to begin with the last step.
    keep : bool
        Whether backward will come.

    Returns
    -------
    output : array of shape (T, N, H)
        The state h after each step.
    state : tuple of array of shape (N, H)
        The final state.
    trace : Trace or None
        For `scan_backward`.
    """
    xp = namespace(x)
    steps, batch, _ = x.shape
    x = rows(x)
    gates = x @ w.ih.T
    if w.bias_ih is not None:
        gates += w.bias_ih if rule.apart else w.bias_ih + w.bias_hh
    shape = (batch, rule.gates, w.hh.shape[1])
    gates = xp.reshape(gates, (steps, *shape))
    hidden_bias = w.bias_hh if rule.apart else None
    constants = rule.constants(gates)
    weight = w.hh.T
    states = [state]
    for t in time(steps, reverse):
        product = state[0] @ weight
        if hidden_bias is not None:
            product += hidden_bias
        new = rule.step(gates[t, ...], xp.reshape(product, shape), state, constants)
        if real is not None:
            new = tuple(xp.where(real[t, ...], moved, old) for moved, old in zip(new, state, strict=True))
        state = new
        states.append(state)
    if reverse:
        states.reverse()
    stacks = tuple(xp.stack([s[k] for s in states]) for k in range(rule.states if keep else 1))
    return states_after(stacks[0], reverse), state, Trace(x, gates, stacks, real, reverse) if keep else None


def scan_backward(
    rule: Rule, w: Weights, g: Weights, trace: Trace, dy: Array | None, d_state: Sequence[Array | None], dx_wanted: bool
) -> tuple[Array | None, State]:
    """Run back over all steps, and write the gradients of the weights.

    Parameters
    ----------
    rule, w, trace
        As they went into `scan` and came out of it.
    g : Weights
        The views to write.
    dy : array of shape (T, N, H), optional
        Gradient of the output, 0 where the mask is False; None means zero.
    d_state : sequence of (array of shape (N, H) or None)
        Gradient of the final state.
    dx_wanted : bool
        Whether to return the gradient of the input.

    Returns
    -------
    dx : array of shape (T, N, input), or None
        Gradient of the input.
    d_state : tuple of array of shape (N, H)
        Gradient of the initial state.
    """
    xp = namespace(trace.gates)
    steps, batch, _, _ = trace.gates.shape
    before = tuple(states_before(s, trace.reverse) for s in trace.states)
    after = tuple(states_after(s, trace.reverse) for s in trace.states)
    real = None if trace.real is None else xp.astype(trace.real, trace.gates.dtype)
    slopes = rule.slopes(trace.gates, before, after, w, real)
    dh, *others = (xp.zeros_like(before[0][0, ...]) if d is None else d for d in d_state)
    rest = tuple(others)
    for t in time(steps, not trace.reverse):
        if dy is not None:
            dh = dh + dy[t, ...]
        product, rest = rule.step_backward(slopes, t, dh, rest)
        through = None if slopes.through is None else dh * slopes.through[t, ...]
        dh = xp.reshape(product, (batch, w.hh.shape[0])) @ w.hh
        if through is not None:
            dh += through
    d_product = as_rows(slopes.product)
    d_input = as_rows(rule.input_gradient(slopes)) if rule.apart else d_product
    matmul(d_product.T, rows(before[0]), out=g.hh)
    matmul(d_input.T, trace.x, out=g.ih)
    if g.bias_ih is not None:
        g.bias_ih[...] = sum_rows(d_input)
        g.bias_hh[...] = sum_rows(d_product) if rule.apart else g.bias_ih  # type: ignore[index]
    dx = xp.reshape(d_input @ w.ih, (steps, batch, w.ih.shape[1])) if dx_wanted else None
    return dx, (dh, *rest)


def time(steps: int, reverse: bool) -> range:
    """Return the steps in the order of a direction."""
    return range(steps - 1, -1, -1) if reverse else range(steps)


def states_before(stack: Array, reverse: bool) -> Array:
    """Return the state that each step starts from."""
    return stack[1:, ...] if reverse else stack[: stack.shape[0] - 1, ...]


def states_after(stack: Array, reverse: bool) -> Array:
    """Return the state that each step leads to."""
    return states_before(stack, not reverse)


def as_rows(gates: Array) -> Array:
    """View gates (T, N, gates, H) as a matrix (T * N, gates * H)."""
    steps, batch, count, size = gates.shape
    return namespace(gates).reshape(gates, (steps * batch, count * size))
