"""What a replay of one layer needs, brought to the host."""

from typing import Any

import numpy as np

from nnxp._parameters import join
from nnxp.layers import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, RReLU
from nnxp.layers.layer import Layer, Views
from nnxp.network import Network
from nnxp.training.callbacks.nan.finding import HostArray, Subject
from nnxp.training.callbacks.nan.watching import Found

__all__ = ["host_arrays", "subject_of"]

_RANDOM = (Dropout, Dropout1d, Dropout2d, Dropout3d, AlphaDropout, RReLU)


def host_arrays(net: Network, name: str, arrays: Any) -> dict[str, HostArray]:
    """Copy an array, or a nested tuple of arrays, to the host: under a name, or that name with places behind it."""
    if arrays is None:
        return {}
    if not isinstance(arrays, tuple):
        return {name: np.array(net.device.get(arrays))}
    if len(arrays) == 1:
        return host_arrays(net, name, arrays[0])
    parts = (host_arrays(net, f"{name}{i}" if name[-1:].isalpha() else f"{name}_{i}", a) for i, a in enumerate(arrays))
    return {key: array for part in parts for key, array in part.items()}


def names_of(name: str, arrays: Any) -> Any:
    """Return the names that `host_arrays` gives, nested as the arrays are."""
    if not isinstance(arrays, tuple):
        return None if arrays is None else name
    return tuple(names_of(f"{name}{i}" if name[-1:].isalpha() else f"{name}_{i}", a) for i, a in enumerate(arrays))


def subject_of(net: Network, layer: Layer, found: Found) -> Subject:
    """Gather a layer's inputs, parameters and outputs."""
    given = found.inputs if len(found.inputs) != 1 else found.inputs[0]
    inputs = host_arrays(net, "x", given) | host_arrays(net, "dy", found.dy)
    if isinstance(layer, _RANDOM) and found.cache is not None:
        # What they have drawn is all that they keep.
        inputs["kept"] = np.array(net.device.get(found.cache))
    masks = {name: value for name, value in found.named.items() if is_array_like(net, value)}
    inputs |= {name: np.array(net.device.get(value)) for name, value in masks.items()}
    outputs: dict[str, HostArray] = {}
    for name, arrays in found.outputs.items():
        outputs |= host_arrays(net, name, arrays)
    settings = {
        "dtype": net.dtype,
        "inputs": names_of("x", given),
        "named": {name: name if name in masks else value for name, value in found.named.items()},
        "dy": names_of("dy", found.dy),
        "seed": net.seed,
        "random_step": net._draw.step,
        "visit": 0 if found.mode is None else found.mode.visit,
        "input_gradient": found.mode is None or found.mode.input_gradient,
        "places": _places(net, found.path),
    }
    return Subject(layer, inputs, _stored(net, found.p), outputs, settings)


def is_array_like(net: Network, value: Any) -> bool:
    """Tell whether a value is one array of the network's device."""
    return value is not None and net.device.owns(value)


def _stored(net: Network, views: Views, path: str = "") -> dict[str, HostArray]:
    """Copy a layer's arrays, and those of the layers inside it, by name."""
    arrays = {join(path, name): np.array(net.device.get(array)) for name, array in views.arrays.items()}
    for name, child in views.items():
        arrays |= _stored(net, child, join(path, name))
    return arrays


def _places(net: Network, path: str) -> dict[str, int]:
    """Return the places of a layer and of those inside it in the model, by which their noise is drawn."""
    prefix = f"{path}." if path else ""
    inside = {node.path[len(prefix) :]: i for i, node in enumerate(net.nodes) if node.path.startswith(prefix)}
    return {"": next(i for i, node in enumerate(net.nodes) if node.path == path), **inside}
