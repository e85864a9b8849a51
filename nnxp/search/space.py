"""What is searched: a choice or a range for every name."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nnxp._checks import Words, did_you_mean, message

__all__ = ["Choices", "Range", "Space", "as_space", "describe_space"]

Value = str | int | float | bool


@dataclass(frozen=True)
class Choices:
    """One of several values, all as likely.

    Parameters
    ----------
    values : tuple of str, int, float or bool
        At least one, each once.
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values or not all(isinstance(v, (str, int, float, bool)) for v in self.values):
            raise ValueError(message("Choices", "a list of texts, numbers or booleans, and at least one", self.values))
        if len({(type(v), v) for v in self.values}) < len(self.values):
            raise ValueError(message("Choices", "every value once", self.values))

    def suggest(self, name: str, trial: Any) -> Value:
        """Draw one."""
        value: Value = trial.suggest_categorical(name, list(self.values))
        return value

    def ends(self) -> list[Value]:
        """Return what must all be right for the whole to be."""
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """A number of [low, high], all as likely; a whole number where both ends are.

    Parameters
    ----------
    low, high : int or float
        The ends.
    log : bool
        Draw its logarithm evenly; the ends are above 0 then.
    step : int or float, optional
        Only so many apart, from `low` on; not with `log`.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        numbers = all(_is_number(v) for v in (self.low, self.high))
        if not numbers or not self.low < self.high:
            raise ValueError(message("Range", "numbers low < high", (self.low, self.high)))
        if not isinstance(self.log, bool):
            raise ValueError(message("Range", "log to be true or false", self.log))
        if self.log and self.low <= 0:
            raise ValueError(message("Range", "low above 0 with log", self.low))
        if self.step is None:
            return
        if self.log or not _is_number(self.step) or self.step <= 0 or (self.whole and not isinstance(self.step, int)):
            what = "step above 0, whole where the ends are, and without log"
            raise ValueError(message("Range", what, self.step))

    @property
    def whole(self) -> bool:
        """Whether it is made of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, name: str, trial: Any) -> Value:
        """Draw a number."""
        if self.whole:
            number: int = trial.suggest_int(name, self.low, self.high, log=self.log, step=int(self.step or 1))
            return number
        value: float = trial.suggest_float(name, self.low, self.high, log=self.log, step=self.step)
        return value

    def ends(self) -> list[Value]:
        """Return what must all be right for the whole to be."""
        return [self.low, self.high]


Space = dict[str, Choices | Range]


def as_space(space: Mapping[str, Any], where: str = "search") -> Space:
    """Read a space: for every name a list of choices, or a table of a range, or one of our own.

    Parameters
    ----------
    space : mapping of str to list, mapping, Choices or Range
        Such as ``{"lr": {"low": 1e-4, "high": 0.1, "log": True}, "optimizer": ["adam", "sgd"]}``.
    where : str
        Begins the sentence of every error.

    Returns
    -------
    dict of str to Choices or Range
        In the same order.

    Raises
    ------
    ValueError
        If it is empty, or an entry is not made so.
    """
    if not isinstance(space, Mapping) or not space:
        raise ValueError(message(where, "a space of at least one name", space))
    return {str(name): _dimension(f"{where}: {name}", entry) for name, entry in space.items()}


def describe_space(space: Space) -> dict[str, Any]:
    """Return a space as plain values, to be compared with another."""
    return {name: {"kind": type(entry).__name__, **asdict(entry)} for name, entry in space.items()}


def _dimension(where: str, entry: Any) -> Choices | Range:
    if isinstance(entry, (Choices, Range)):
        return entry
    try:
        if isinstance(entry, (list, tuple)):
            return Choices(tuple(entry))
        if isinstance(entry, Mapping):
            known = ["low", "high", "log", "step"]
            for name in entry:
                if name not in known:
                    hint = did_you_mean(str(name), known)
                    raise ValueError(message("Range", f"no more than {', '.join(known)}", name, hint))
            if not {"low", "high"} <= set(entry):
                raise ValueError(message("Range", "low and high", Words(", ".join(entry) or "nothing")))
            return Range(**entry)
    except ValueError as error:
        # Its own name says less than where it stands.
        raise ValueError(f"{where}: {str(error).partition(': ')[2]}") from None
    raise ValueError(message(where, "a list of choices, or a table with low and high", entry))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
