"""The check: how the loss changes along a random direction, beside what the backpropagated gradient says."""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp._trial import ROUNDING, Trial, relative
from nnxp.explanation.listening import Push, Visit, Visits
from nnxp.network import Network
from nnxp.random import generator

__all__ = ["RTOL", "Slope", "Slopes", "hosts"]

Host = np.ndarray[Any, Any]

# How far the two may be apart, as a share of the larger.
RTOL = 1e-5
# A kink that is near, but not at the point itself, lies outside of a smaller step.
STEPS = (1e-5, 1e-6, 1e-7)
# How far the slopes on both sides are apart, as a share of the larger, where there is a kink.
KINK = 1e-2


@dataclass(frozen=True)
class Slope:
    """The slope of the loss along one random direction of length 1.

    Attributes
    ----------
    path, name : str
        The layer, and the array whose direction it is: a parameter, or an input such as ``"x"``.
    backpropagated : float
        The product of the gradient with the direction.
    numerical : float
        ``(f(t + h) - f(t - h)) / 2h`` in float64.
    kink : bool
        Whether the loss has a kink here, so that there is no slope to compare with.
    agrees : bool
        Whether both are the same to 1e-5 of the larger, what rounding can do left out; or there is a kink.
    """

    path: str
    name: str
    backpropagated: float
    numerical: float
    kink: bool
    agrees: bool

    @property
    def difference(self) -> float:
        """Between both."""
        return abs(self.backpropagated - self.numerical)

    @property
    def is_finite(self) -> bool:
        """Whether both are numbers."""
        return math.isfinite(self.backpropagated) and math.isfinite(self.numerical)

    @property
    def verdict(self) -> str:
        """The result in a word or two."""
        if not self.is_finite:
            return "NOT FINITE"
        return "a kink: no one slope" if self.kink else "" if self.agrees else "THEY DISAGREE"


def hosts(get: Any, value: Any) -> Any:
    """Copy an array, or those of a nested tuple, to the host."""
    if isinstance(value, tuple):
        return tuple(hosts(get, part) for part in value)
    return None if value is None else np.array(get(value))


class Slopes(Trial):
    """The loss on a float64 copy, whose parameters, inputs and layers' inputs can be moved.

    Parameters
    ----------
    net : Network
        Whose model is listened to.
    record : Visits
        What the listeners share.
    x, y, loss
        As for `explain`.
    seconds : float, optional
        TimeoutError is raised by the first look after so long.

    Attributes
    ----------
    visits : list of Visit
        What passed each layer, on the host.
    goal : array, nested tuple of arrays, or None
        The targets, on the host.
    parameters, found : dict of str to array
        The parameters, and their gradients and those of the inputs.
    """

    def __init__(self, net: Network, record: Visits, x: Any, y: Any, loss: Any, seconds: float | None = None) -> None:
        self.end = None if seconds is None else time.perf_counter() + seconds
        super().__init__(net, x, y, loss)
        self.record = record
        self.rng = generator(net.seed, "explain")
        self.pushes: dict[str, tuple[int, int]] = {}
        record.listening = True
        record.visits.clear()
        self.found = self.gradients()
        record.listening = False
        get = self.net.device.get
        self.visits = [
            Visit(v.path, *(hosts(get, part) for part in (v.inputs, v.y, v.dy, v.dx))) for v in record.visits
        ]
        record.visits.clear()
        self.here = self.value()
        self.goal = hosts(get, self.target)
        self.parameters = {name: np.array(get(array)) for name, array in self.net.parameters.items()}
        self.scale = max((float(np.abs(g).max()) for g in self.found.values() if g.size), default=0.0)

    def _forward(self) -> tuple[Any, Any, Any]:
        self.record.start()
        return super()._forward()

    def at(self, direction: dict[str, Host], h: float) -> float:
        """Return the loss a step away along a direction of parameters, inputs, or one input of a layer."""
        if self.end is not None and time.perf_counter() > self.end:
            raise TimeoutError("the gradients cannot be checked in the time there is")
        (name, d), *others = direction.items()
        if others or name not in self.pushes:
            return super().at(direction, h)
        visit, place = self.pushes[name]
        self.record.push = Push(visit, place, self.net.device.put(h * d))
        try:
            return self.value()
        finally:
            self.record.push = None

    def of_array(self, path: str, name: str, key: str) -> Slope:
        """Check the gradient of a parameter or of an input of the network, known under a key."""
        return self._compare(path, name, key, self.found[key])

    def of_input(self, path: str, name: str, visit: int, place: int, dx: Host) -> Slope:
        """Check the gradient of one input of one run of a layer."""
        key = f"visit {visit}, input {place}"
        self.pushes[key] = (visit, place)
        return self._compare(path, name, key, dx)

    def _compare(self, path: str, name: str, key: str, gradient: Host) -> Slope:
        direction = np.asarray(self.rng.normal(size=gradient.shape))
        direction /= max(float(np.sqrt((direction * direction).sum())), np.finfo(float).tiny)
        slope, numerical = float((direction * gradient).sum()), 0.0
        for h in STEPS:
            above, below = (self.at({key: direction}, way * h) for way in (1.0, -1.0))
            numerical = (above - below) / (2 * h)
            noise = ROUNDING * (abs(above) + abs(below)) / h
            if relative(slope, numerical, self.scale, noise) <= RTOL:
                return Slope(path, name, slope, numerical, kink=False, agrees=True)
        right, left = (above - self.here) / h, (self.here - below) / h
        kink = abs(right - left) > KINK * max(abs(right), abs(left)) + noise
        return Slope(path, name, slope, numerical, kink, agrees=kink)
