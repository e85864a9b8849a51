"""JSON from strangers: its depth is capped before it is parsed, and nothing in it may be said twice."""

import json
import re
from typing import Any

from nnxp._checks import message
from nnxp.errors import FormatError

__all__ = ["dump_json", "parse_json", "short"]

# A string (closed or not, so that no text is scanned twice), or a bracket.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)


def parse_json(where: str, what: str, text: str, *, depth: int) -> dict[str, Any]:
    """Parse one JSON object.

    Parameters
    ----------
    where, what : str
        For the message: who asks, and what the text should be.
    text : str
        The object.
    depth : int
        How deep brackets may nest.

    Raises
    ------
    FormatError
        If it is no JSON object, nests deeper, or repeats a key.
    """
    if _nesting(text) > depth:
        raise FormatError(message(where, f"{what} nested at most {depth} deep", "one that is deeper"))
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except ValueError as error:
        raise FormatError(message(where, f"{what} in JSON", f"something else ({short(error)})")) from None
    if not isinstance(value, dict):
        raise FormatError(message(where, f"{what} to be a JSON object", short(value)))
    return value


def dump_json(value: object) -> str:
    """Write JSON without spaces; what is not JSON (NaN is not) raises TypeError or ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def short(value: object) -> object:
    """Return a value as it may stand in a message: a long one is cut."""
    text = value if isinstance(value, str) else str(value)
    return f"{text[:237]}..." if len(text) > 240 else text if isinstance(value, str) else value


def _nesting(text: str) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        bracket = token[0]
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key is repeated")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
