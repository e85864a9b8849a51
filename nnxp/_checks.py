"""The one grammar of error messages: ``Class.method: expected <what>, got <value>; <what to do>``."""

import math
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

Shape = tuple[int | None, ...]


class Words(str):
    """Words of our own among the values of a message, shown without the quotes of a user's string."""

    __slots__ = ()
    __repr__ = str.__str__


def message(where: str, expected: str, got: object, hint: str = "") -> str:
    """Build one sentence in the house's grammar; strings among the values are shown in quotes."""
    shown = repr(got) if isinstance(got, str) else str(got)
    return f"{where}: expected {expected}, got {shown}" + (f"; {hint}" if hint else "")


def check_positive_int(where: str, name: str, value: object, *, least: int = 1) -> None:
    """Refuse anything but a whole number of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < least:
        raise ValueError(message(where, f"{name} to be a whole number of at least {least}", value))


def check_whole_number(where: str, name: str, value: object) -> None:
    """Refuse anything but a whole number, of either sign."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(message(where, f"{name} to be a whole number", value))


def as_sizes(where: str, name: str, value: Any, axes: int, *, least: int = 1) -> tuple[int, ...]:
    """Return one whole number an axis, from as many of them or from one for all."""
    numbers = value if isinstance(value, tuple) else (value,) * axes
    whole = all(hasattr(n, "__index__") and not isinstance(n, bool) and n >= least for n in numbers)
    if not whole or len(numbers) != axes:
        what = f"{name} to be a whole number of at least {least}, or a tuple of {axes} such numbers"
        raise ValueError(message(where, what, value))
    return tuple(n.__index__() for n in numbers)


def check_number(
    where: str, name: str, value: Any, *, low: float = -math.inf, high: float = math.inf, open_low: bool = False
) -> None:
    """Refuse a number outside [low, high], or (low, high] when `open_low`; NaN and infinity are outside."""
    real = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not real or not (low < value <= high if open_low else low <= value <= high):
        raise ValueError(message(where, f"{name} in {interval(low, high, open_low)}", value))


def interval(low: float, high: float, open_low: bool) -> str:
    """Write an interval as mathematics does."""
    left = "(" if open_low or low == -math.inf else "["
    right = ")" if high == math.inf else "]"
    return f"{left}{low:g}, {high:g}{right}"


def check_choice(where: str, name: str, value: object, choices: Collection[object]) -> None:
    """Refuse a value that is not among `choices`."""
    if value not in choices:
        options = ", ".join(repr(c) for c in choices)
        raise ValueError(message(where, f"{name} to be one of {options}", value))


def check_last_axis(where: str, x: Any, size: int) -> None:
    """Refuse an array whose last axis is not `size` long."""
    if x.ndim == 0 or x.shape[-1] != size:
        hint = "flatten images with Flatten()" if x.ndim > 2 and math.prod(x.shape[1:]) == size else ""
        raise ValueError(message(where, f"x of shape (*batch, {size})", tuple(x.shape), hint))


def check_same_shape(where: str, name: str, actual: tuple[int, ...], desired: tuple[int, ...]) -> None:
    """Refuse an array whose shape is not the desired one."""
    if tuple(actual) != tuple(desired):
        raise ValueError(message(where, f"{name} of shape {tuple(desired)}", tuple(actual)))


def fits(actual: tuple[int, ...], pattern: Shape) -> bool:
    """Tell whether a shape agrees with a pattern in which None stands for any size."""
    return len(actual) == len(pattern) and all(p is None or a == p for a, p in zip(actual, pattern, strict=True))


def match_names(where: str, pattern: str, names: Iterable[str]) -> list[str]:
    """List the names that fit a shell pattern; none at all is an error that shows what there is."""
    names = list(names)
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise ValueError(message(where, f"a pattern that fits one of {', '.join(names) or 'no parameters'}", pattern))
    return found


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Suggest the nearest known word, if one is near."""
    near = get_close_matches(word, list(words), n=1)
    return f"did you mean {near[0]!r}?" if near else ""
