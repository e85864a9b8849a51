"""States as they come in and go out: h alone, or the pair (h, c) of the LSTM."""

from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import Words, check_same_shape, message
from nnxp.layers.beside import check_beside

__all__ = ["nested", "read_states", "unnested"]


def read_states(where: str, hx: Any, like: Array, count: int, shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Return the `count` initial states that `hx` holds, zero where it is None.

    Raises
    ------
    TypeError
        If `hx` is not the pair that it must be, or a state is on another device or of another dtype than the input.
    ValueError
        If a state has another shape.
    """
    if hx is None:
        zero = namespace(like).zeros(shape, dtype=like.dtype, device=like.device)
        return (zero,) * count
    if count > 1 and (not isinstance(hx, (tuple, list)) or len(hx) != count):
        got = f"{len(hx)} entries" if isinstance(hx, (tuple, list)) else f"a {type(hx).__name__}"
        raise TypeError(message(where, "hx to be a pair (h, c)", Words(got)))
    states = unnested(hx, count)
    for name, state in zip(("hx",) if count == 1 else ("h of hx", "c of hx"), states, strict=True):
        check_beside(where, name, state, like)
        check_same_shape(where, name, state.shape, shape)
    return states


def unnested(states: Any, count: int) -> tuple[Any, ...]:
    """Return one state, or several, or None for all of them, as a tuple."""
    if states is None:
        return (None,) * count
    return (states,) if count == 1 else tuple(states)


def nested(states: tuple[Any, ...]) -> Any:
    """Return one state as it is, several as a tuple."""
    return states[0] if len(states) == 1 else states
