"""The time loop, written once: one recurrent layer in one direction, forward and backward.

What does not depend on the step before is done for all steps at once: the products with the input, the slopes of
all gates, and the products that give the gradients of the weights. The loops keep what has to be sequential.
Inside, time is the first axis. Stacks of states have one entry more than there are steps: a state before and a
state after each step, whichever way the layer reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nnxp._backend import Array, fused, matmul, namespace, sum_rows
from nnxp.layers.layer import rows
from nnxp.layers.linear import mapped
from nnxp.layers.recurrent.rule import Rule, State, Weights

__all__ = ["Trace", "scan", "scan_backward"]


@dataclass(frozen=True, slots=True)
class Trace:
    """What `scan` keeps for `scan_backward`: input, gates and states of all steps, the mask, the direction."""

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
    x = namespace(x).reshape(rows(x), x.shape)
    gates, states = unroll(x, w, state, real, reverse, rule)
    after = tuple(states_after(s, reverse) for s in states)
    end = tuple(s[0 if reverse else x.shape[0] - 1, ...] for s in after)
    return after[0], end, Trace(x, gates, states, real, reverse) if keep else None


@fused
def unroll(x: Array, w: Weights, state: State, real: Array | None, reverse: bool, rule: Rule) -> tuple[Array, State]:
    """Take all steps, the input's part among them.

    Parameters
    ----------
    x, w, state, real, reverse, rule
        As in `scan`.

    Returns
    -------
    gates : array of shape (T, N, gates, H)
        Their values.
    states : tuple of array of shape (T + 1, N, H)
        The stacks of states.
    """
    steps, batch, _ = x.shape
    bias = w.bias_ih if rule.apart or w.bias_ih is None else w.bias_ih + w.bias_hh
    gates = namespace(x).reshape(mapped(rows(x), w.ih, bias), (steps, batch, rule.gates, w.hh.shape[1]))
    return gates, recur(gates, w.hh, w.bias_hh if rule.apart else None, state, real, reverse, rule)


@fused
def recur(
    gates: Array, weight: Array, bias: Array | None, state: State, real: Array | None, reverse: bool, rule: Rule
) -> State:
    """Take all steps.

    Parameters
    ----------
    gates : array of shape (T, N, gates, H)
        The input's part; becomes the gates' values.
    weight, bias : array of shape (gates * H, H) and (gates * H,)
        Of the state's part; no bias where it is in the input's part.
    state, real, reverse, rule
        As in `scan`.

    Returns
    -------
    tuple of array of shape (T + 1, N, H)
        The stacks of states.
    """
    xp = namespace(gates)
    constants = rule.constants(gates)
    weight = weight.T
    states = [state]
    for t in time(gates.shape[0], reverse):
        product = state[0] @ weight
        if bias is not None:
            product += bias
        new = rule.step(gates[t, ...], xp.reshape(product, gates.shape[1:]), state, constants)
        if real is not None:
            new = tuple(xp.where(real[t, ...], moved, old) for moved, old in zip(new, state, strict=True))
        state = new
        states.append(state)
    if reverse:
        states.reverse()
    return tuple(xp.stack(column) for column in zip(*states, strict=True))


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
    return unroll_backward(
        trace.gates, trace.x, w, g, trace.states, dy, tuple(d_state), trace.real, trace.reverse, rule, dx_wanted
    )


@fused
def unroll_backward(
    gates: Array, x: Array, w: Weights, g: Weights, states: State, dy: Array | None, d_state: tuple[Array | None, ...],
    real: Array | None, reverse: bool, rule: Rule, dx_wanted: bool,
) -> tuple[Array | None, State]:  # fmt: skip
    """Go back over all steps, and write the gradients of the weights.

    Parameters
    ----------
    gates, states
        What `unroll` returned.
    x, w, real, reverse, rule
        What it was given.
    g, dy, d_state, dx_wanted
        As in `scan_backward`.

    Returns
    -------
    dx, d_state
        As `scan_backward` returns them.
    """
    bias = w.bias_hh if rule.apart else None
    product, entry, d_start = recur_backward(gates, w.hh, bias, states, dy, d_state, real, reverse, rule)
    d_product, d_input = as_rows(product), as_rows(entry)
    matmul(d_product.T, rows(states_before(states[0], reverse)), out=g.hh)
    matmul(d_input.T, rows(x), out=g.ih)
    if g.bias_ih is not None:
        g.bias_ih[...] = sum_rows(d_input)
        g.bias_hh[...] = sum_rows(d_product) if rule.apart else g.bias_ih  # type: ignore[index]
    dx = namespace(x).reshape(matmul(d_input, w.ih), x.shape) if dx_wanted else None
    return dx, d_start


@fused
def recur_backward(
    gates: Array, weight: Array, bias: Array | None, states: State, dy: Array | None,
    d_state: tuple[Array | None, ...], real: Array | None, reverse: bool, rule: Rule,
) -> tuple[Array, Array, State]:  # fmt: skip
    """Go back over all steps.

    Parameters
    ----------
    gates, states
        What `recur` left and returned.
    weight, bias, real, reverse, rule
        What it was given.
    dy, d_state
        As in `scan_backward`.

    Returns
    -------
    product, entry : array of shape (T, N, gates, H)
        Gradient of the product with the state, and of the input's part: one array where they are the same.
    d_state : tuple of array of shape (N, H)
        Gradient of the initial state.
    """
    xp = namespace(gates)
    before = tuple(states_before(s, reverse) for s in states)
    after = tuple(states_after(s, reverse) for s in states)
    real = None if real is None else xp.astype(real, gates.dtype)
    slopes = rule.slopes(gates, before, after, weight, bias, real)
    dh, *others = (xp.zeros_like(before[0][0, ...]) if d is None else d for d in d_state)
    rest = tuple(others)
    for t in time(gates.shape[0], not reverse):
        if dy is not None:
            dh = dh + dy[t, ...]
        product, rest = rule.step_backward(slopes, t, dh, rest)
        through = None if slopes.through is None else dh * slopes.through[t, ...]
        dh = xp.reshape(product, (gates.shape[1], weight.shape[0])) @ weight
        if through is not None:
            dh += through
    return slopes.product, rule.input_gradient(slopes) if rule.apart else slopes.product, (dh, *rest)


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
