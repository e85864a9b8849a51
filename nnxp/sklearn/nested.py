"""Parameters within parameters: ``optimizer__lr`` is the field `lr` of the optimizer."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from nnxp._checks import did_you_mean, message

__all__ = ["changed", "within"]


def within(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a frozen dataclass, and of those in it, as ``prefix__field``."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if field.init:
                part = getattr(value, field.name)
                name = f"{prefix}__{field.name}"
                yield name, part
                yield from within(name, part)


def changed(where: str, value: Any, path: str, new: Any) -> Any:
    """Return a frozen dataclass with another value in one of its fields, or in one of a field's.

    Raises
    ------
    ValueError
        If there is no such field, or the dataclass refuses the value.
    """
    name, _, rest = path.partition("__")
    known = [field.name for field in fields(value) if field.init] if is_dataclass(value) else []
    if name not in known:
        kind = type(value).__name__
        raise ValueError(
            message(where, f"a field of {kind}: {', '.join(known) or 'none'}", name, did_you_mean(name, known))
        )
    if rest:
        new = changed(where, getattr(value, name), rest, new)
    return replace(value, **{name: new})
