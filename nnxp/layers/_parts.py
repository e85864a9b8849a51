"""Outputs that are nested tuples of arrays: their parts, and the gradients of these."""

from typing import Any

from nnxp.layers._wiring import Source

__all__ = ["form_of", "part_of", "placed", "sum_of"]


def part_of(values: dict[str, Any], source: Source) -> Any:
    """Return a value, or what is meant of one that is a tuple."""
    name, path = source
    value = values[name]
    for i in path:
        value = value[i]
    return value


def form_of(y: Any) -> Any:
    """Return how an output is nested, without the arrays."""
    return tuple(map(form_of, y)) if isinstance(y, tuple) else None


def placed(form: Any, path: tuple[int, ...], slope: Any) -> Any:
    """Return the gradient of a whole output from that of a part; the rest has none."""
    if not path or slope is None:
        return slope
    return tuple(placed(part, path[1:], slope) if i == path[0] else None for i, part in enumerate(form))


def sum_of(a: Any, b: Any) -> Any:
    """Return the sum of two gradients, part by part; None is nothing."""
    if a is None or b is None:
        return b if a is None else a
    return tuple(map(sum_of, a, b)) if isinstance(a, tuple) else a + b
