"""The flat store: every parameter in one vector, every gradient in another, and the layout that says where.

The layout is the one authority on order: depth first, as the model is written. Optimizers and clipping
see runs, stretches of the vectors that are treated alike, with neighbours merged.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nnxp._backend import Array, to_host
from nnxp._checks import Shape, Words, message
from nnxp.device import Device
from nnxp.initializers import Derived, Initializer
from nnxp.layers.layer import BufferSpec, Layer, ParameterSpec, Views
from nnxp.random import generator


class Node(NamedTuple):
    """One layer of a model: its path, the layer, and the shapes of one sample before and after it."""

    path: str
    layer: Layer
    in_shape: Shape | None
    out_shape: Shape | None


class Run(NamedTuple):
    """A stretch ``theta[start:stop]`` with one factor on the learning rate, and with weight decay or without."""

    start: int
    stop: int
    lr_scale: float
    decay: bool


@dataclass(frozen=True)
class Slot:
    """A parameter's place: ``theta[start:stop]``, shaped; `path` is its layer's."""

    start: int
    stop: int
    spec: ParameterSpec
    path: str = ""


class NamedArrays(Mapping[str, Array]):
    """Arrays by name; assigning to a name writes into the array that is there, where the layers see it."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __setitem__(self, name: str, value: Array) -> None:
        # `net.parameters["0.bias"] += d` comes here too, with the array itself.
        if value is not self._arrays[name]:
            self._arrays[name][...] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return repr(self._arrays)


def walk(layer: Layer, in_shape: Shape | None, path: str = "") -> Iterator[Node]:
    """List a model's layers depth first, each container before its children."""
    yield Node(path, layer, in_shape, layer.output_shape(in_shape))
    shapes = layer.child_shapes(in_shape)
    for name, child in layer.children().items():
        yield from walk(child, shapes[name], join(path, name))


def join(path: str, name: str) -> str:
    """Put a name behind a path."""
    return f"{path}.{name}" if path else name


def declared(nodes: list[Node]) -> Iterator[tuple[str, str, ParameterSpec | BufferSpec]]:
    """List paths, names and specs in PyTorch's order: a layer's own, its children's, then its names with a dot."""
    waiting: list[tuple[str, list[tuple[str, str, ParameterSpec | BufferSpec]]]] = []
    for node in nodes:
        while waiting and waiting[-1][0] and not node.path.startswith(f"{waiting[-1][0]}."):
            yield from waiting.pop()[1]
        specs: dict[str, ParameterSpec | BufferSpec] = {**node.layer.parameters(node.in_shape)}
        specs.update(node.layer.buffers(node.in_shape))
        yield from ((node.path, name, spec) for name, spec in specs.items() if "." not in name)
        waiting.append((node.path, [(node.path, name, spec) for name, spec in specs.items() if "." in name]))
    while waiting:
        yield from waiting.pop()[1]


@dataclass
class Store:
    """A network's arrays on one device.

    Parameters
    ----------
    nodes : list of Node
        The model's layers, depth first.
    device : Device
        Where the arrays live.
    dtype : str
        Of the parameters: ``"float32"`` or ``"float64"``.
    """

    nodes: list[Node]
    device: Device
    dtype: str
    layout: dict[str, Slot] = field(init=False, default_factory=dict)
    order: list[str] = field(init=False, default_factory=list)
    frozen: set[str] = field(init=False, default_factory=set)
    lr_scales: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        start = 0
        buffers: dict[str, Array] = {}
        for path, name, spec in declared(self.nodes):
            full = join(path, name)
            self.order.append(full)
            if isinstance(spec, BufferSpec):
                buffers[full] = self._new_buffer(spec)
            else:
                stop = start + math.prod(spec.shape)
                self.layout[full] = Slot(start, stop, spec, path)
                start = stop
        self.buffers = NamedArrays(buffers)
        xp, handle = self.device.xp, self.device.handle
        with self.device.context():
            self.theta, self.gradient = (
                self.device.library.vector(start, 0.0, getattr(xp, self.dtype), handle) for _ in range(2)
            )
            self.parameters = self._named(self.theta)
            self.gradients = self._named(self.gradient)
        self.rebuild()

    def _new_buffer(self, spec: BufferSpec) -> Array:
        host = np.broadcast_to(np.asarray(spec.value, dtype=spec.dtype or self.dtype), spec.shape)
        return self.device.put(np.array(host))

    def _named(self, vector: Array) -> NamedArrays:
        xp = self.device.xp
        return NamedArrays(
            {name: xp.reshape(vector[s.start : s.stop], s.spec.shape) for name, s in self.layout.items()}
        )

    def rebuild(self) -> None:
        """Make the layers' views anew; a frozen parameter's gradient goes to scratch."""
        with self.device.context():
            gradients = dict(self.gradients)
            frozen = self.frozen & self.layout.keys()
            if frozen:
                largest = max(self.layout[name].stop - self.layout[name].start for name in frozen)
                scratch = self.device.xp.zeros((largest,), dtype=self.theta.dtype, device=self.device.handle)
                self.gradient[...] = self.device.xp.zeros_like(self.gradient)
                for name in frozen:
                    slot = self.layout[name]
                    gradients[name] = self.device.xp.reshape(scratch[: slot.stop - slot.start], slot.spec.shape)
            self.p = self._tree({**self.parameters, **self.buffers}, self.theta)
            self.g = self._tree(gradients, self.gradient)
        self.known_runs: dict[bool, list[Run]] = {}

    def _tree(self, arrays: dict[str, Array], vector: Array) -> Views:
        views = {node.path: Views() for node in self.nodes}
        for node in reversed(self.nodes):
            view = views[node.path]
            for name in [*node.layer.parameters(node.in_shape), *node.layer.buffers(node.in_shape)]:
                full = join(node.path, name)
                if full in arrays:
                    setattr(view, name, arrays[full])
                    view.trains = view.trains or (full in self.layout and full not in self.frozen)
            if node.path:
                parent, _, name = node.path.rpartition(".")
                views[parent][name] = view
                views[parent].trains = views[parent].trains or view.trains
            here = [slot for name, slot in self.layout.items() if not node.path or name.startswith(f"{node.path}.")]
            frozen = self.frozen & self.layout.keys()
            if here and not any(not node.path or name.startswith(f"{node.path}.") for name in frozen):
                view.flat = vector[here[0].start : here[-1].stop]
        return views[""]

    def runs(self, weights_only: bool) -> list[Run]:
        """Return what an optimizer moves: frozen stretches left out, neighbours that are treated alike merged.

        Parameters
        ----------
        weights_only : bool
            Whether weight decay leaves biases and normalisations alone.
        """
        if weights_only not in self.known_runs:
            merged: list[Run] = []
            for name, slot in self.layout.items():
                if name in self.frozen or slot.start == slot.stop:
                    continue
                decay = slot.spec.kind == "weight" or not weights_only
                run = Run(slot.start, slot.stop, self.lr_scales.get(name, 1.0), decay)
                if merged and merged[-1].stop == run.start and merged[-1][2:] == run[2:]:
                    run = merged.pop()._replace(stop=run.stop)
                merged.append(run)
            self.known_runs[weights_only] = merged
        return self.known_runs[weights_only]

    def initialize(self, seed: int, override: Callable[[str], Initializer | None]) -> None:
        """Draw every parameter on the host, from a generator keyed by its name, and move the vector once."""
        host = np.zeros(self.theta.shape, dtype=self.dtype)
        views = {name: host[s.start : s.stop].reshape(s.spec.shape) for name, s in self.layout.items()}
        derived: list[tuple[str, Derived]] = []
        for name, slot in self.layout.items():
            init = override(name) or slot.spec.init
            if isinstance(init, Derived):
                derived.append((name, init))
                continue
            key = join(slot.path, slot.spec.drawn_as) if slot.spec.drawn_as else name
            views[name][...] = init(generator(seed, "parameter", key), slot.spec.shape)
        for name, init in derived:
            views[name][...] = init(views[join(self.layout[name].path, init.source)])
        with self.device.context():
            self.theta[...] = self.device.put(host)

    def host_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copy parameters and buffers to the host under their names, in model order; the vector moves once."""
        theta = np.array(self.device.get(self.theta))
        arrays = {}
        for name in self.order:
            if name in self.layout:
                slot = self.layout[name]
                arrays[name] = theta[slot.start : slot.stop].reshape(slot.spec.shape)
            else:
                arrays[name] = np.array(self.device.get(self.buffers[name]))
        return arrays

    def load(self, mapping: Mapping[str, Any], strict: bool) -> list[str]:
        """Take parameters and buffers from arrays of any library; tell, or refuse, everything that does not fit."""
        arrays = {name: to_host(value) for name, value in mapping.items()}
        wanted = {name: self._shape(name) for name in self.order}
        wrong = [f"missing {name}" for name in wanted if name not in arrays]
        wrong += [f"unknown {name}" for name in arrays if name not in wanted]
        wrong += [
            f"{name} of shape {arrays[name].shape} instead of {shape}"
            for name, shape in wanted.items()
            if name in arrays and arrays[name].shape != shape
        ]
        if wrong and strict:
            what = f"the {len(wanted)} arrays of this model"
            raise ValueError(message("Network.load_state_dict", what, Words(", ".join(wrong))))
        fitting = {name for name, shape in wanted.items() if name in arrays and arrays[name].shape == shape}
        theta = np.array(self.device.get(self.theta)) if wrong else np.empty(self.theta.shape, dtype=self.dtype)
        for name in fitting & self.layout.keys():
            theta[self.layout[name].start : self.layout[name].stop] = arrays[name].reshape(-1)
        with self.device.context():
            self.theta[...] = self.device.put(theta, self.dtype)
            for name in fitting & self.buffers.keys():
                buffer = self.buffers[name]
                buffer[...] = self.device.put(arrays[name].astype(to_host(buffer).dtype))
        return wrong

    def _shape(self, name: str) -> tuple[int, ...]:
        return self.layout[name].spec.shape if name in self.layout else tuple(self.buffers[name].shape)
