"""Nested values with arrays among them, as JSON and arrays by name; and back, trusting neither."""

import math
from collections.abc import Mapping
from typing import Any

from nnxp._backend import to_host
from nnxp._backend.dispatch import is_array
from nnxp._checks import message
from nnxp.errors import FormatError
from nnxp.io._header import Arrays
from nnxp.io._json import short

__all__ = ["pack", "unpack"]

# Names of our own begin with a sign that no other name may begin with.
_ARRAY, _FLOAT = "$array", "$float"
_NUMBERS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def pack(where: str, name: str, value: Any, arrays: Arrays) -> Any:
    """Return a value as JSON; its arrays go to `arrays`, under names that begin with `name`.

    Raises
    ------
    TypeError
        If it holds anything but None, booleans, numbers, text, arrays, and lists, tuples or dictionaries of these.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_FLOAT: str(float(value))}
    if isinstance(value, (tuple, list)):
        return [pack(where, f"{name}.{i}", part, arrays) for i, part in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key.startswith("$"):
                raise TypeError(message(where, f"{name} with names that are text, and begin without $", key))
        return {key: pack(where, f"{name}.{key}", part, arrays) for key, part in value.items()}
    if is_array(value):
        while name in arrays:
            name += "'"
        arrays[name] = to_host(value)
        return {_ARRAY: name}
    expected = f"{name} to hold numbers, text, arrays, and lists or dictionaries of these"
    raise TypeError(message(where, expected, f"a {type(value).__name__}"))


def unpack(where: str, tree: Any, arrays: Arrays) -> Any:
    """Return what `pack` was given, with tuples for lists and arrays on the host, which are taken out of `arrays`.

    Raises
    ------
    FormatError
        If an array is not there.
    """
    if isinstance(tree, list):
        return tuple(unpack(where, part, arrays) for part in tree)
    if not isinstance(tree, dict):
        return tree
    if list(tree) == [_ARRAY] and isinstance(tree[_ARRAY], str) and tree[_ARRAY] in arrays:
        return arrays.pop(tree[_ARRAY])
    if list(tree) == [_FLOAT] and tree[_FLOAT] in list(_NUMBERS):
        return _NUMBERS[tree[_FLOAT]]
    for key in tree:
        if key.startswith("$"):
            raise FormatError(message(where, "values that a training state may hold", short(tree)))
    return {key: unpack(where, part, arrays) for key, part in tree.items()}
