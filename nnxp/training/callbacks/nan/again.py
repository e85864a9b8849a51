"""A layer once more on recorded arrays, for scripts whose layer has no formula in plain NumPy."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnxp.layers.layer import Layer, Mode, Views
from nnxp.network import Network
from nnxp.random import Draw

__all__ = ["run_layer"]

HostArray = np.ndarray[Any, Any]


def run_layer(
    layer: Layer, inputs: Mapping[str, HostArray], weights: Mapping[str, HostArray], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Run a layer on the CPU as it ran in training.

    Parameters
    ----------
    layer : Layer
        As it was.
    inputs, weights : mapping of str to array
        What went in, and the parameters and buffers.
    settings : mapping
        How the inputs are nested, and where its noise comes from.

    Returns
    -------
    dict
        ``y``; or ``dx`` and ``d<parameter>`` where a gradient came back to it.
    """

    def part(names: Any) -> Any:
        return tuple(map(part, names)) if isinstance(names, (tuple, list)) else None if names is None else inputs[names]

    given = part(settings["inputs"])
    given = given if isinstance(given, tuple) else (given,)
    shape = given[0].shape[1:] if len(given) == 1 else None
    net = Network(layer, dtype=settings["dtype"], seed=0, input_shape=shape)
    net.load_state_dict(weights)
    mode = Mode(
        "", settings["places"], Draw(settings["seed"], settings["random_step"]), training=True, keep_cache=True,
        input_gradient=settings["input_gradient"], consume=False, visit=settings["visit"],
    )  # fmt: skip
    named = {key: inputs.get(value, value) for key, value in settings["named"].items()}
    runnable: Any = layer
    y, cache = runnable.forward(net.views, *given, mode, **named)
    if settings["dy"] is None:
        return {"y": y}
    g: Views = net._store.g
    dx = runnable.backward(net.views, g, cache, part(settings["dy"]))
    return {"dx": dx, **{f"d{name}": array for name, array in g.arrays.items()}}
