"""The state of a training run, copied where it lies, and what was done since."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import Array
from nnxp._nested import leaves
from nnxp.network import Network

if TYPE_CHECKING:
    from nnxp.optimizers import Optimizer

__all__ = ["Kept", "Stretch", "finite"]

_COUNTERS = ("step", "epoch", "optimizer_name", "optimizer_start")


class Kept:
    """A copy of what an update changes: theta, buffers, the optimizer's state and the counters.

    Parameters
    ----------
    net : Network
        Copied now, and again by every `take`, into the same memory.
    """

    def __init__(self, net: Network) -> None:
        self._net = net
        self._arrays: dict[str, Array] = {}
        self._state: dict[str, Array] = {}
        self._counters: dict[str, Any] = {}
        self.take()

    @property
    def step(self) -> int:
        """How many updates had been made."""
        return int(self._counters["step"])

    @property
    def epoch(self) -> int:
        """How many epochs had been finished."""
        return int(self._counters["epoch"])

    def take(self) -> None:
        """Copy what there is now."""
        net = self._net
        with net.device.context():
            self._arrays = self._copied(self._arrays, {"": net.theta, **net.buffers})
            self._state = self._copied(self._state, net.optimizer_state)
        self._counters = {name: getattr(net, name) for name in _COUNTERS}

    def put_back(self) -> None:
        """Let the network be as it was."""
        net = self._net
        net.restore(self._arrays)
        with net.device.context():
            # Written where it lies, for whoever has views of it.
            net.optimizer_state = self._copied(net.optimizer_state, self._state)
        for name, value in self._counters.items():
            setattr(net, name, value)

    def _copied(self, places: dict[str, Array], arrays: dict[str, Array]) -> dict[str, Array]:
        """Copy arrays into those of the same names, if there are any yet."""
        if places.keys() != arrays.keys():
            return {name: self._net.device.xp.asarray(array, copy=True) for name, array in arrays.items()}
        for name, array in arrays.items():
            places[name][...] = array
        return places


@dataclass
class Stretch:
    """What was done since the last look.

    Attributes
    ----------
    first : int
        The number of the first batch in its epoch.
    losses : list
        One 0-d array an update, on the device.
    optimizers : list of Optimizer
        What made each update.
    """

    first: int
    losses: list[Any]
    optimizers: list["Optimizer"]


def finite(net: Network, arrays: Any) -> bool:
    """Tell whether every entry of an array, or of a nested tuple of arrays, is finite; reads the device."""
    return all(bool(np.all(np.isfinite(net.device.get(part)))) for part in leaves(arrays))
