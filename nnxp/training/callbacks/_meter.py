"""A second network beside one that trains: the same layers and arrays, each layer with a stopwatch."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import Array
from nnxp._nested import leaves
from nnxp._parameters import join
from nnxp.initializers import zeros
from nnxp.layers.layer import Layer, Views
from nnxp.losses.calls import as_function
from nnxp.network import Network
from nnxp.probe import Probe, Record
from nnxp.training.tallies import to_floats

if TYPE_CHECKING:
    from nnxp.training.run import Run

__all__ = ["Meter", "Reading", "norms"]

# The axes of a batch of images: a channel is one unit wherever it looks.
_IMAGE_AXES = 4


@dataclass
class Reading:
    """What a layer took, gave and needed in one pass.

    Attributes
    ----------
    x, y : array or None
        Its first input and its first output; None where that holds integers.
    forward, backward : float
        Seconds.
    """

    x: Array | None = None
    y: Array | None = None
    forward: float = 0.0
    backward: float = 0.0


@dataclass(frozen=True, eq=False)
class _Stopwatch(Probe):
    """A layer that does what `inner` does, and writes down what passes and how long it takes."""

    reading: Reading
    wait: Callable[[], None]

    def forward(self, p: Views, *inputs_and_mode: Any, **named: Any) -> tuple[Any, Any]:
        """Run the layer inside, and note input, output and time."""
        self.wait()
        start = time.perf_counter()
        y, cache = self.inner.forward(p, *inputs_and_mode, **named)
        self.wait()
        self.reading.forward += time.perf_counter() - start
        self.reading.x, self.reading.y = _first(inputs_and_mode[0]), _first(y)
        return y, cache

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        """Run the layer inside, and note the time."""
        self.wait()
        start = time.perf_counter()
        dx = self.inner.backward(p, g, cache, dy)
        self.wait()
        self.reading.backward += time.perf_counter() - start
        return dx


class Meter:
    """Runs a batch through the layers of a network one by one, and leaves the network alone.

    Parameters
    ----------
    net : Network
        Which trains. The meter has vectors of its own, so that nothing it does reaches this one.
    """

    def __init__(self, net: Network) -> None:
        self.readings: dict[str, Reading] = {}
        model = self._wrap("", net.model, net.device.synchronize)
        init = {"*": zeros()} if net.layout else None
        self.net = Network(
            model, device=net.device, dtype=net.dtype, seed=net.seed, input_shape=net.input_shape, init=init
        )
        for name in net.frozen:
            self.net.freeze(name)
        self._silent: dict[str, np.ndarray[Any, Any]] = {}

    def _wrap(self, path: str, layer: Layer, wait: Callable[[], None]) -> Layer:
        if layer.children():
            return layer.map_children(lambda name, child: self._wrap(join(path, name), child, wait))
        self.readings[path] = Reading()
        return _Stopwatch(layer, path, Record(), self.readings[path], wait)

    def measure(self, run: "Run") -> dict[str, Reading]:
        """Repeat forward and backward of the batch in hand, with the same noise; return the readings by layer."""
        assert run.batch is not None
        inputs, target, weight = run.batch
        for reading in self.readings.values():
            reading.x = reading.y = None
            reading.forward = reading.backward = 0.0
        twin, loss = self.net, as_function(run.loss)
        twin.theta = run.net.theta
        with twin.device.context():
            for name, buffer in twin.buffers.items():
                buffer[...] = run.net.buffers[name]
            # Not consuming: what a layer gave must still be there when it is looked at.
            mode = twin.mode(training=True, input_gradient=False)
            output, cache = twin.run(inputs, mode, random_step=run.net.step)
            _, dy = loss(output, target) if weight is None else loss(output, target, weight)
            twin.run_backward(cache, dy)
        return self.readings

    def activations(self) -> dict[str, dict[str, float]]:
        """Return mean, standard deviation and share of zeros of each layer's output, where it is floating."""
        xp, numbers = self.net.device.xp, []
        found = {path: r.y for path, r in self.readings.items() if r.y is not None and 0 not in r.y.shape}
        with self.net.device.context():
            for y in found.values():
                numbers += [xp.mean(y), xp.std(y), xp.mean(xp.astype(y == 0, y.dtype))]
        table = to_floats(self.net, numbers).reshape(-1, 3).tolist()
        return {
            path: dict(zip(("mean", "std", "zeros"), row, strict=True)) for path, row in zip(found, table, strict=True)
        }

    def silence(self) -> dict[str, np.ndarray[Any, Any]]:
        """Tell for how many samples in a row each unit gave 0, though its layer was given something there.

        A unit is a channel of an image, else an entry of a sample. To be called once for each pass.
        """
        own = {slot.path for slot in self.net.layout.values()}
        for path, reading in self.readings.items():
            now = self._is_silent(reading, path in own)
            if now is not None and reading.y is not None:
                before = self._silent.get(path)
                if before is None or before.shape != now.shape:
                    before = np.zeros(now.shape, np.int64)
                self._silent[path] = np.where(now, before + reading.y.shape[0], 0)
        return self._silent

    def _is_silent(self, reading: Reading, has_parameters: bool) -> np.ndarray[Any, Any] | None:
        xp, y, x = self.net.device.xp, reading.y, reading.x
        if y is None or y.ndim < 2 or 0 in y.shape:
            return None
        if not has_parameters and (x is None or x.shape != y.shape):
            # Pooling and reshaping hand on the silence of the layer before.
            return None
        axes = (0, *range(2, y.ndim)) if y.ndim >= _IMAGE_AXES else (0,)
        with self.net.device.context():
            silent = ~xp.any(y != 0, axis=axes)
            if x is not None and x.shape == y.shape:
                silent = silent & xp.any(x != 0, axis=axes)
            return np.asarray(self.net.device.get(silent))


def norms(net: Network, vector: Array) -> dict[str, float]:
    """Return the Euclidean norm of each layer's stretches of a vector, over the parameters that are trained."""
    xp, frozen = net.device.xp, set(net.frozen)
    slots = [(slot.path, vector[slot.start : slot.stop]) for name, slot in net.layout.items() if name not in frozen]
    with net.device.context():
        squares = to_floats(net, [xp.sum(part * part) for _, part in slots])
    totals: dict[str, float] = {}
    for (path, _), square in zip(slots, squares.tolist(), strict=True):
        totals[path] = totals.get(path, 0.0) + square
    return {path: math.sqrt(total) for path, total in totals.items()}


def _first(value: Any) -> Array | None:
    """Return the first array of a nested tuple, if it is floating."""
    arrays = leaves(value)
    if not arrays or not hasattr(arrays[0], "dtype"):
        return None
    return arrays[0] if "float" in str(arrays[0].dtype) else None
