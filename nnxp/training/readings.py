"""The losses of an epoch's steps, kept on the device and read from it in bundles."""

from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import Array
from nnxp.losses.combined import CombinedLoss
from nnxp.training.tallies import to_floats

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["PartsLog", "Readings"]

# Rarely, so that the device need not wait; not never, so that they do not pile up.
_MOST = 4096


class Readings:
    """One value a step.

    Parameters
    ----------
    net : Network
        Whose device the values are on.
    """

    def __init__(self, net: "Network") -> None:
        self._net = net
        self._on_device: list[Any] = []
        self._on_host: list[np.ndarray[Any, Any]] = []

    def append(self, value: Any) -> None:
        """Keep a value: a 0-d array, or a number."""
        self._on_device.append(value)
        if len(self._on_device) >= _MOST:
            self._read()

    def extend(self, values: np.ndarray[Any, Any]) -> None:
        """Keep values that were read before."""
        self._on_host.append(values)

    def _read(self) -> None:
        self._on_host.append(to_floats(self._net, self._on_device))
        self._on_device = []

    def all(self) -> np.ndarray[Any, Any]:
        """Read what is left, and return every value."""
        self._read()
        return np.concatenate(self._on_host)


class PartsLog:
    """A combined loss that remembers its parts: called as the loss, and asked for their means at an epoch's end.

    Parameters
    ----------
    net : Network
        Whose outputs are judged.
    loss : CombinedLoss
        What judges them.
    """

    def __init__(self, net: "Network", loss: CombinedLoss) -> None:
        self._net = net
        self._loss = loss
        self.reduction = loss.reduction
        self.denominator = loss.denominator
        self.values: list[Any] = []
        self.begin()

    def begin(self) -> None:
        """Forget the epoch before."""
        self._readings = [Readings(self._net) for _ in self._loss.columns]
        self._sizes: list[int] = []

    def __call__(self, output: Any, target: Any, sample_weight: Array | None = None) -> tuple[Any, Any]:
        """Return the loss and its gradient; `values` are the parts' until the next call."""
        self.values, dy = self._loss.parts(output, target, sample_weight)
        return self._loss.total(self.values), dy

    def keep(self, values: list[Any], size: int) -> None:
        """Keep the values of an update of so many samples."""
        self._sizes.append(size)
        for reading, value in zip(self._readings, values, strict=True):
            reading.append(value)

    def state_dict(self) -> dict[str, Any]:
        """Return sizes and values so far as arrays, for `load_state_dict`."""
        values = np.stack([reading.all() for reading in self._readings])
        return {"sizes": np.asarray(self._sizes, dtype=np.int64), "values": values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned; on this network's device."""
        self._sizes = self._net.device.get(state["sizes"]).tolist()
        for reading, values in zip(self._readings, self._net.device.get(state["values"]), strict=True):
            reading.extend(values)

    def means(self) -> dict[str, float]:
        """Return the means of the parts over the batches as they were met."""
        means = [float(np.average(reading.all(), weights=self._sizes)) for reading in self._readings]
        return dict(zip(self._loss.columns, means, strict=True))
