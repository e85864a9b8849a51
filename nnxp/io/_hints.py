"""Is a value of the kind that an annotation says? Enough of Python's annotations for the fields of a layer."""

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

__all__ = ["accepts", "hints_of", "spell"]


def hints_of(kind: type) -> dict[str, Any]:
    """Return the annotations of a class, by field; none where they cannot be looked up."""
    try:
        return get_type_hints(kind)
    except NameError:
        # The annotations of a class within a function may name what only that function sees.
        return {}


def accepts(hint: Any, value: Any) -> bool:
    """Tell whether a value is of the kind that an annotation says; one that cannot be checked accepts all."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is None or hint is NoneType:
        return value is None
    if origin in (Union, UnionType):
        return any(accepts(choice, value) for choice in arguments)
    if origin is Literal:
        return value in arguments
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    if origin is tuple:
        repeated = len(arguments) == 2 and arguments[1] is Ellipsis
        kinds = arguments[:1] * len(value) if repeated and isinstance(value, tuple) else arguments
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(accepts, kinds, value))
    kind = origin or hint
    return kind is Any or not isinstance(kind, type) or isinstance(value, kind)


def spell(hint: Any) -> str:
    """Write an annotation as one reads it in code."""
    return str(hint) if get_args(hint) or not isinstance(hint, type) else hint.__name__
