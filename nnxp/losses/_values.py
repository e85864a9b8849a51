"""Arguments that are arrays: kept as nested tuples of numbers, so that a loss compares, hashes and prints."""

from typing import Any

from nnxp._backend import Array, constant, to_host
from nnxp._checks import message

__all__ = ["Values", "freeze", "freeze_classes", "per_class", "per_element"]

Values = Any  # a number, or a list, tuple or array of numbers; kept as a float or a nested tuple of floats


def freeze(where: str, name: str, values: Values) -> Values:
    """Return numbers of any kind as a float or a nested tuple of floats."""
    try:
        return _floats(to_host(values).tolist())
    except (TypeError, ValueError):
        raise TypeError(message(where, f"{name} to be numbers of one shape", values)) from None


def _floats(values: Any) -> Values:
    return tuple(_floats(v) for v in values) if isinstance(values, list) else float(values)


def freeze_classes(where: str, name: str, values: Values) -> tuple[float, ...] | None:
    """Return one number for each class as a tuple of floats; None stays None."""
    if values is None:
        return None
    frozen = freeze(where, name, values)
    if not isinstance(frozen, tuple) or any(isinstance(v, tuple) for v in frozen):
        raise ValueError(message(where, f"{name} to be one number for each class", values))
    return frozen


def per_class(where: str, name: str, values: tuple[float, ...], output: Array) -> Array:
    """Return one number for each class beside an output of shape (batch, classes, *extra), as (classes, 1, ...)."""
    classes = output.shape[1]
    if len(values) != classes:
        raise ValueError(message(where, f"{name} of shape ({classes},)", (len(values),)))
    column = constant(values, like=output)
    return column[(slice(None), *(None,) * (output.ndim - 2))]


def per_element(where: str, name: str, values: Values, output: Array) -> Array:
    """Return numbers beside an output that they broadcast to."""
    array = constant(values, like=output)
    shape, wanted = tuple(array.shape), tuple(output.shape)
    pairs = zip(reversed(shape), reversed(wanted), strict=False)
    if len(shape) > len(wanted) or any(n not in (1, m) for n, m in pairs):
        raise ValueError(message(where, f"{name} that broadcasts to {wanted}", shape))
    return array
