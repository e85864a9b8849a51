"""Axes: where a value stands, and which values are written beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Scale", "wants_logarithm"]

# Values that reach over so many times the smallest are better seen by their powers of ten.
_WIDE = 50.0
_MOST_TICKS = 6
# Powers of ten between which places can be computed.
_LEAST_POWER, _MOST_POWER = -300, 300


def wants_logarithm(values: Sequence[float]) -> bool:
    """Tell whether values are all positive and reach far."""
    return min(values) > 0 and max(values) / min(values) > _WIDE


@dataclass(frozen=True)
class Scale:
    """An interval of values on an axis of 100.

    Parameters
    ----------
    low, high : float
        Its ends; equal ones are drawn in the middle.
    logarithmic : bool
        Equal steps are equal factors; both ends are positive.
    """

    low: float
    high: float
    logarithmic: bool

    @classmethod
    def around(cls, limits: tuple[float, float], logarithmic: bool) -> "Scale":
        """Return a scale that ends at round values."""
        low, high = limits
        if logarithmic:
            first = min(max(math.floor(math.log10(low)), _LEAST_POWER), _MOST_POWER - 1)
            last = min(max(math.ceil(math.log10(high)), first + 1), _MOST_POWER)
            return cls(10.0**first, 10.0**last, True)
        low, high = (min(max(v, -(10.0**_MOST_POWER)), 10.0**_MOST_POWER) for v in limits)
        if low == high:
            margin = abs(low) / 10 or 1.0
            low, high = low - margin, high + margin
        step = round_step(high - low)
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, False)

    def place(self, value: float) -> float:
        """Return where a value is, in percent from the low end."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = (math.log10(max(v, 1e-300)) for v in (value, low, high))
        return 50.0 if low == high else round(100 * (value - low) / (high - low), 2)

    def top(self, value: float | None) -> float | None:
        """Return where a value is from the top; None where it cannot be drawn. What lies outside is at the edge."""
        if value is None or not math.isfinite(value):
            return None
        return round(min(max(100 - self.place(value), 0.0), 100.0), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Return places from the low end, and labels."""
        if self.logarithmic:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            powers = range(first, last + 1, max(1, math.ceil((last - first) / (_MOST_TICKS - 1))))
            return [(self.place(10.0**p), f"{10.0**p:g}" if -4 < p < 5 else f"1e{p}") for p in powers]
        step = round_step(self.high - self.low)
        n = round((self.high - self.low) / step)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        largest = max(abs(self.low), abs(self.high))
        large = largest >= 1e6 or step < 1e-5
        # As many digits as tell neighbours apart.
        digits = max(3, math.ceil(math.log10(largest / step)) + 1)
        values = [self.low + i * step for i in range(n + 1)]
        return [(self.place(v), f"{v:.{digits}g}" if large else f"{v + 0.0:,.{decimals}f}") for v in values]

    def whole_ticks(self) -> list[tuple[float, str]]:
        """Return places and labels of whole numbers, the ends among them."""
        if self.low == self.high:
            return [(50.0, f"{self.low:g}")]
        step = max(1.0, round_step(self.high - self.low))
        inner = [i * step for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        # A label too near an end would run into it.
        near = 0.6 * step
        inner = [v for v in inner if v - self.low > near and self.high - v > near]
        return [(self.place(v), f"{v:g}") for v in [self.low, *inner, self.high]]


def round_step(width: float) -> float:
    """Return 1, 2 or 5 times a power of ten, of which a few fit into a width."""
    power = 10.0 ** math.floor(math.log10(width / _MOST_TICKS))
    return next(f * power for f in (1, 2, 5, 10, 20) if width / (f * power) <= _MOST_TICKS)
