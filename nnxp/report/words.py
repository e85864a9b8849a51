"""Numbers as people read them; what is not finite is a word."""

import math
from typing import Any

__all__ = ["NOTHING", "count", "number", "percent", "plural", "seconds", "text"]

# Stands where there is no value.
NOTHING = "\N{EN DASH}"

_UNITS = ((1e-6, "ns", 1e9), (1e-3, "µs", 1e6), (1.0, "ms", 1e3))


def number(value: float | None, digits: int = 4) -> str:
    """Write a number with so many significant digits.

    Parameters
    ----------
    value : float or None
        None is a dash; NaN and infinities are words.
    digits : int
        Trailing zeros are kept, so that numbers below each other compare.

    Returns
    -------
    str
        Such as ``0.5821``, ``12,300`` or ``1.2e-7``.
    """
    if value is None:
        return NOTHING
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e9:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{decimals}f}"


def percent(share: float | None) -> str:
    """Write a share as a percentage; only a share of exactly 0 or 1 is written as 0 % or 100 %."""
    if share is None or not math.isfinite(share):
        return number(share)
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    for decimals in (1, 2, 3):
        shown = f"{100 * share:.{decimals}f}"
        if float(shown) not in (0.0, 100.0):
            return f"{shown} %"
    return "under 0.001 %" if share < 0.5 else "over 99.999 %"


def seconds(value: float | None) -> str:
    """Write a time in the unit that suits it."""
    if value is None or not math.isfinite(value):
        return number(value)
    for limit, unit, factor in _UNITS:
        if value < limit:
            return f"{number(value * factor, 3)} {unit}"
    if value < 120:
        return f"{number(value, 3)} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def count(value: int) -> str:
    """Write a whole number with its thousands apart."""
    return f"{value:,}"


def plural(value: int, noun: str) -> str:
    """Write how many there are of something."""
    ending = "" if value == 1 else "es" if noun.endswith("s") else "s"
    return f"{count(value)} {noun}{ending}"


def text(value: Any) -> str:
    """Write any value of a configuration."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        shown = f"{value:g}"
        return shown if math.isfinite(value) and float(shown) == value else number(value, 6)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text, value))
    return str(value)
