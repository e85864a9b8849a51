"""Learning rates that change: values under PyTorch's names, called with the number of updates done so far.

They count updates, not epochs, hold no state, and answer for any update at once. In the place of PyTorch's
`optimizer` stands the base rate `lr`; hand a schedule to an optimizer as its ``lr``. Any callable of the
number of updates will do as well. A number out of its range is a ValueError in the constructor.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from nnxp._checks import check_choice, check_number, check_positive_int, message

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "Schedule",
    "SequentialLR",
    "StepLR",
]

Schedule = Callable[[int], float]


def _check_not_negative(schedule: Any, *names: str) -> None:
    for name in names:
        check_number(type(schedule).__name__, name, getattr(schedule, name), low=0.0)


def _tuple_of_counts(where: str, name: str, values: Any) -> tuple[int, ...]:
    counts = tuple(values) if isinstance(values, (tuple, list)) else (None,)
    if not all(hasattr(n, "__index__") and n >= 0 for n in counts) or list(counts) != sorted(counts):
        raise ValueError(message(where, f"{name} to be a list of whole numbers that rise", values))
    return counts


def _cosine(start: float, end: float, fraction: float) -> float:
    """Go from start (fraction 0) to end (fraction 1) along half a cosine, and back beyond."""
    return end + (start - end) * (1.0 + math.cos(math.pi * fraction)) / 2.0


@dataclass(frozen=True)
class StepLR:
    """Multiply by `gamma` every `step_size` updates, ``lr * gamma**(updates // step_size)``.

    Parameters
    ----------
    lr : float
        Base rate.
    step_size : int
        Updates between two steps.
    gamma : float
        Factor of each step.
    """

    lr: float
    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check_not_negative(self, "lr", "gamma")
        check_positive_int("StepLR", "step_size", self.step_size)

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        return self.lr * self.gamma ** (updates // self.step_size)


@dataclass(frozen=True)
class MultiStepLR:
    """Multiply by `gamma` at every milestone, ``lr * gamma**(milestones passed)``.

    Parameters
    ----------
    lr : float
        Base rate.
    milestones : sequence of int
        Numbers of updates, rising; one that stands twice counts twice.
    gamma : float
        Factor of each step.
    """

    lr: float
    milestones: tuple[int, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check_not_negative(self, "lr", "gamma")
        object.__setattr__(self, "milestones", _tuple_of_counts("MultiStepLR", "milestones", self.milestones))

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        return self.lr * self.gamma ** bisect_right(self.milestones, updates)


@dataclass(frozen=True)
class ConstantLR:
    """Scale by `factor` for the first `total_iters` updates.

    Parameters
    ----------
    lr : float
        Base rate.
    factor : float
        In [0, 1].
    total_iters : int
        Updates until the base rate.
    """

    lr: float
    factor: float = 1.0 / 3
    total_iters: int = 5

    def __post_init__(self) -> None:
        _check_not_negative(self, "lr")
        check_number("ConstantLR", "factor", self.factor, low=0.0, high=1.0)
        check_positive_int("ConstantLR", "total_iters", self.total_iters, least=0)

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        return self.lr * self.factor if updates < self.total_iters else self.lr


@dataclass(frozen=True)
class LinearLR:
    """Scale by a factor that goes straight from `start_factor` to `end_factor` in `total_iters` updates; a warm-up.

    Parameters
    ----------
    lr : float
        Base rate.
    start_factor : float
        In (0, 1].
    end_factor : float
        In [0, 1].
    total_iters : int
        Updates until `end_factor`.
    """

    lr: float
    start_factor: float = 1.0 / 3
    end_factor: float = 1.0
    total_iters: int = 5

    def __post_init__(self) -> None:
        _check_not_negative(self, "lr")
        check_number("LinearLR", "start_factor", self.start_factor, low=0.0, high=1.0, open_low=True)
        check_number("LinearLR", "end_factor", self.end_factor, low=0.0, high=1.0)
        check_positive_int("LinearLR", "total_iters", self.total_iters)

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        fraction = min(updates, self.total_iters) / self.total_iters
        return self.lr * (self.start_factor + (self.end_factor - self.start_factor) * fraction)


@dataclass(frozen=True)
class ExponentialLR:
    """Multiply by `gamma` at every update, ``lr * gamma**updates``.

    Parameters
    ----------
    lr : float
        Base rate.
    gamma : float
        Factor of each update.
    """

    lr: float
    gamma: float

    def __post_init__(self) -> None:
        _check_not_negative(self, "lr", "gamma")

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        return float(self.lr * self.gamma**updates)


@dataclass(frozen=True)
class PolynomialLR:
    """Fall to 0 in `total_iters` updates, ``lr * (1 - updates / total_iters)**power``.

    Parameters
    ----------
    lr : float
        Base rate.
    total_iters : int
        Updates until 0.
    power : float
        1 is a straight line.
    """

    lr: float
    total_iters: int = 5
    power: float = 1.0

    def __post_init__(self) -> None:
        _check_not_negative(self, "lr", "power")
        check_positive_int("PolynomialLR", "total_iters", self.total_iters)

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        return float(self.lr * (1.0 - min(updates, self.total_iters) / self.total_iters) ** self.power)


@dataclass(frozen=True)
class CosineAnnealingLR:
    """Fall along half a cosine, ``eta_min + (lr - eta_min) * (1 + cos(pi * updates / T_max)) / 2``.

    Parameters
    ----------
    lr : float
        Base rate.
    T_max : int
        Updates until `eta_min`; beyond, the rate rises again.
    eta_min : float
        Lowest rate.
    """

    lr: float
    T_max: int
    eta_min: float = 0.0

    def __post_init__(self) -> None:
        _check_not_negative(self, "lr", "eta_min")
        check_positive_int("CosineAnnealingLR", "T_max", self.T_max)

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        return _cosine(self.lr, self.eta_min, updates / self.T_max)


@dataclass(frozen=True)
class CosineAnnealingWarmRestarts:
    """Fall along half a cosine, and start again at the base rate; each fall is `T_mult` times longer.

    Parameters
    ----------
    lr : float
        Base rate.
    T_0 : int
        Updates of the first fall.
    T_mult : int
        Factor from one fall's length to the next.
    eta_min : float
        Lowest rate.

    References
    ----------
    .. [1] Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, arXiv:1608.03983, eq. 5.
    """

    lr: float
    T_0: int
    T_mult: int = 1
    eta_min: float = 0.0

    def __post_init__(self) -> None:
        _check_not_negative(self, "lr", "eta_min")
        check_positive_int("CosineAnnealingWarmRestarts", "T_0", self.T_0)
        check_positive_int("CosineAnnealingWarmRestarts", "T_mult", self.T_mult)

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        since, period = updates, self.T_0
        if self.T_mult == 1:
            since %= period
        while since >= period:
            since -= period
            period *= self.T_mult
        return _cosine(self.lr, self.eta_min, since / period)


@dataclass(frozen=True)
class OneCycleLR:
    """Rise from ``max_lr / div_factor`` to `max_lr`, then fall to ``max_lr / div_factor / final_div_factor``.

    With `three_phase` the fall is the rise in reverse, and a third phase goes on from there. Only the learning rate is
    cycled; momentum and betas stay, where PyTorch cycles them too unless told otherwise.

    Parameters
    ----------
    max_lr : float
        Rate at the peak.
    total_steps : int
        Updates of the whole cycle; asking beyond it is an error.
    pct_start : float
        Fraction of the cycle that rises, in [0, 1].
    anneal_strategy : {"cos", "linear"}
        Along half a cosine, or straight.
    div_factor, final_div_factor : float
        From the peak down to the start, and from the start down to the end.
    three_phase : bool
        Whether to come down in two phases.

    References
    ----------
    .. [1] Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018,
       arXiv:1708.07120, section 3.
    """

    max_lr: float
    total_steps: int
    _: KW_ONLY
    pct_start: float = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False

    def __post_init__(self) -> None:
        _check_not_negative(self, "max_lr")
        check_positive_int("OneCycleLR", "total_steps", self.total_steps)
        check_number("OneCycleLR", "pct_start", self.pct_start, low=0.0, high=1.0)
        check_choice("OneCycleLR", "anneal_strategy", self.anneal_strategy, ("cos", "linear"))
        check_number("OneCycleLR", "div_factor", self.div_factor, low=0.0, open_low=True)
        check_number("OneCycleLR", "final_div_factor", self.final_div_factor, low=0.0, open_low=True)

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        if updates > self.total_steps:
            raise ValueError(message("OneCycleLR", f"at most total_steps={self.total_steps} updates", updates))
        start = 0.0
        *phases, last = self._phases()
        for end, from_lr, to_lr in phases:
            if updates <= end:
                return self._between(updates, start, end, from_lr, to_lr)
            start = end
        return self._between(updates, start, *last)

    def _phases(self) -> list[tuple[float, float, float]]:
        """List the phases: the update that ends each, and its rates at both ends."""
        low = self.max_lr / self.div_factor
        peak, end, least = self.pct_start * self.total_steps - 1, self.total_steps - 1, low / self.final_div_factor
        if self.three_phase:
            return [(peak, low, self.max_lr), (2 * peak, self.max_lr, low), (end, low, least)]
        return [(peak, low, self.max_lr), (end, self.max_lr, least)]

    def _between(self, updates: int, start: float, end: float, from_lr: float, to_lr: float) -> float:
        fraction = (updates - start) / (end - start) if end != start else 1.0
        return (
            _cosine(from_lr, to_lr, fraction)
            if self.anneal_strategy == "cos"
            else from_lr + (to_lr - from_lr) * fraction
        )


@dataclass(frozen=True)
class SequentialLR:
    """One schedule after the other, such as a warm-up and what follows; each counts its own updates from 0.

    Parameters
    ----------
    schedules : sequence of callable
        At least one; any callables of the number of updates.
    milestones : sequence of int
        The number of updates at which each but the first takes over, rising.

    Examples
    --------
    >>> warm = SequentialLR([LinearLR(0.1, 0.5, total_iters=10), CosineAnnealingLR(0.1, 90)], [10])
    >>> warm(0), warm(10), warm(100)
    (0.05, 0.1, 0.0)
    """

    schedules: tuple[Schedule, ...]
    milestones: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.schedules, (tuple, list)) or not all(map(callable, self.schedules)):
            raise TypeError(message("SequentialLR", "schedules to be a list of callables", self.schedules))
        milestones = _tuple_of_counts("SequentialLR", "milestones", self.milestones)
        if len(milestones) != len(self.schedules) - 1:
            expected = f"one milestone less than its {len(self.schedules)} schedules"
            raise ValueError(message("SequentialLR", expected, len(milestones)))
        object.__setattr__(self, "schedules", tuple(self.schedules))
        object.__setattr__(self, "milestones", milestones)

    def __call__(self, updates: int) -> float:
        """Return the rate after so many updates."""
        i = bisect_right(self.milestones, updates)
        return self.schedules[i](updates - self.milestones[i - 1] if i else updates)
