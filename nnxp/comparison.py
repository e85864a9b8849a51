"""Proof for users: `compare_devices` runs one step on several devices and holds each layer against float64."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import to_host
from nnxp._checks import Words, message
from nnxp._nested import leaves
from nnxp._table import Table
from nnxp.device import Device
from nnxp.layers.layer import Layer
from nnxp.network import Network
from nnxp.probe import probed

if TYPE_CHECKING:
    from nnxp.losses import LossFunction

__all__ = ["Comparison", "Difference", "compare_devices"]

Host = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Difference:
    """One array of one layer on one device.

    Attributes
    ----------
    device, layer, quantity : str
        Where, which layer, and ``output``, ``dx`` or the gradient of a parameter such as ``dweight``. Several outputs
        are numbered.
    ulps : float
        The largest difference from the float64 run, in units in the last place of the array's largest entry.
    """

    device: str
    layer: str
    quantity: str
    ulps: float


@dataclass(frozen=True)
class Comparison:
    """What `compare_devices` found; prints as a table.

    Attributes
    ----------
    differences : tuple of Difference
        In the order in which they were computed, device by device.
    tolerance : float
        In units in the last place.
    """

    differences: tuple[Difference, ...]
    tolerance: float

    @property
    def departures(self) -> tuple[Difference, ...]:
        """The first difference above the tolerance of each device that has one."""
        first: dict[str, Difference] = {}
        for d in self.differences:
            if not d.ulps <= self.tolerance:
                first.setdefault(d.device, d)
        return tuple(first.values())

    @property
    def agree(self) -> bool:
        """Whether every device is within the tolerance everywhere."""
        return not self.departures

    def __str__(self) -> str:
        devices = list(dict.fromkeys(d.device for d in self.differences))
        places = list(dict.fromkeys((d.layer, d.quantity) for d in self.differences))
        ulps = {(d.device, d.layer, d.quantity): d.ulps for d in self.differences}
        rows = [
            [*place, *(f"{ulps.get((device, *place), float('nan')):.1f}" for device in devices)] for place in places
        ]
        footer = [
            f"{d.device} departs first at {d.layer}: {d.quantity} is off by {d.ulps:.1f} units in the last place"
            for d in self.departures
        ] or [f"All devices agree with the float64 run within {self.tolerance:g} units in the last place"]
        return str(Table(["layer", "quantity", *devices], rows, footer))

    __repr__ = __str__


def compare_devices(
    model: Layer,
    devices: Sequence[str | Device],
    x: Any,
    y: Any,
    loss: "LossFunction",
    *,
    seed: int = 0,
    input_shape: Sequence[int | None] | None = None,
    dtype: str = "float32",
    tolerance: float = 256.0,
    state: dict[str, Any] | None = None,
) -> Comparison:
    """Run one training step of a model on several devices, and hold each layer against a float64 run on the CPU.

    Parameters
    ----------
    model : Layer
        Built once on each device, from the same seed.
    devices : sequence of str or Device
        At least one.
    x : array, or tuple of arrays
        One batch; a tuple means several inputs.
    y : array
        Its target.
    loss : loss
        Gives the gradient that flows back.
    seed : int
        Of weights and dropout.
    input_shape : tuple, optional
        As for `Network`.
    dtype : {"float32", "float64"}
        Of the runs that are compared.
    tolerance : float
        What counts as departing, in units in the last place of each array's largest entry. Rounding adds up from
        layer to layer, so a few hundred are not yet an error.
    state : mapping of str to array, optional
        A state dict to start from, instead of the seed's weights.

    Returns
    -------
    Comparison
        Largest differences by layer, and the first layer of each device that departs.
    """
    if not devices:
        raise ValueError(message("compare_devices", "at least one device", Words("none")))
    start = state or Network(model, device="cpu", dtype=dtype, seed=seed, input_shape=input_shape).state_dict()
    reference = _step(model, "cpu", "float64", x, y, loss, seed, input_shape, start)
    differences = []
    for device in devices:
        name = Device(device).name  # type: ignore[arg-type]
        for (layer, quantity), array in _step(model, name, dtype, x, y, loss, seed, input_shape, start).items():
            ulps = _ulps(array, reference[layer, quantity], dtype)
            differences.append(Difference(name, layer, quantity, ulps))
    return Comparison(tuple(differences), tolerance)


def _step(
    model: Layer, device: str, dtype: str, x: Any, y: Any, loss: "LossFunction", seed: int, input_shape: Any, state: Any
) -> dict[tuple[str, str], Host]:
    """Run forward and backward with probes; return every layer's output, dx and parameter gradients."""
    from nnxp.training.feeding import put_batch

    probes, record = probed(model)
    net = Network(probes, device=device, dtype=dtype, seed=seed, input_shape=input_shape)
    net.load_state_dict(state)
    hosts = tuple(to_host(part) for part in (x if isinstance(x, tuple) else (x,)))
    inputs, target, _ = put_batch(net, loss, (hosts, to_host(y), None))
    output, cache = net.forward(*inputs, training=True)
    with net.device.context():
        _, dy = loss(output, target)
    net.backward(cache, dy)
    found: dict[tuple[str, str], Any] = {}
    for path, name, y in record.outputs:
        found |= _numbered(_label(path, name), "output", y)
    for path, name, dx in record.gradients:
        found |= _numbered(_label(path, name), "dx", dx)
        prefix = f"{path}." if path else ""
        for full, gradient in net.gradients.items():
            if full.startswith(prefix) and "." not in full[len(prefix) :]:
                found[_label(path, name), f"d{full[len(prefix) :]}"] = gradient
    return {key: np.asarray(net.device.get(array), dtype=np.float64) for key, array in found.items()}


def _numbered(label: str, quantity: str, y: Any) -> dict[tuple[str, str], Any]:
    """Name an array, or each of several."""
    several = isinstance(y, tuple)
    return {(label, f"{quantity} {i}" if several else quantity): array for i, array in enumerate(leaves(y))}


def _label(path: str, name: str) -> str:
    return f"{path} {name}".strip()


def _ulps(actual: Host, desired: Host, dtype: str) -> float:
    if not np.array_equal(np.isnan(actual), np.isnan(desired)):
        return float("inf")
    largest = float(np.nanmax(np.abs(desired), initial=0.0))
    unit = float(np.spacing(np.asarray(largest, dtype=dtype)))
    return float(np.nanmax(np.abs(actual - desired), initial=0.0)) / unit
