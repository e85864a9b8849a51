"""The network that is being put together, and what the readers of operators put into it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnxp._checks import Shape, Words, message
from nnxp.errors import FormatError
from nnxp.io._json import short
from nnxp.io.architecture import REFUSALS
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.file import Contents, Host
from nnxp.io.onnx.read.naming import layer_name
from nnxp.layers.combine import Shapes
from nnxp.layers.layer import Layer

__all__ = ["Made", "Reader", "Ref", "product"]


@dataclass(frozen=True)
class Ref:
    """A value that the network computes.

    Parameters
    ----------
    source : str
        What a Graph calls it.
    shape : tuple or None
        Of one sample, as far as it is known.
    swapped : bool
        Whether the file sees it with its first two axes exchanged, as its recurrent layers want them.
    form : {"", "steps", "sides", "state"}
        An LSTM's output as ONNX shapes it, (steps, directions, batch, H) or with the directions further back; or a
        final state.
    directions : int
        How many directions there are.
    steps : Ref or None
        Of a final state that is the last step of an output: that output.
    """

    source: str
    shape: Shape | None
    swapped: bool = False
    form: str = ""
    directions: int = 1
    steps: "Ref | None" = None


@dataclass
class Made:
    """A layer, what it takes, its arrays by their names within it, and whether any of them is trained."""

    name: str
    layer: Layer
    sources: tuple[str, ...]
    arrays: dict[str, Host]
    trained: bool


class Reader:
    """The reading of one graph.

    Parameters
    ----------
    where : str
        Begins the sentence of every error.
    contents : Contents
        The file's.
    """

    def __init__(self, where: str, contents: Contents) -> None:
        self.where = where
        self.version = contents.version
        self.constants = contents.constants
        self.uses = contents.uses()
        self.values: dict[str, Ref] = {}
        self.batches: set[int] = set()
        self.made: list[Made] = []
        self._names: set[str] = set()

    def take_input(self, name: str, shape: Shape | None, sample: Shape | None) -> None:
        """Begin with an input of the file, whose first axis is the batch."""
        if not shape and sample is None:
            hint = "give input_shape"
            raise FormatError(message(self.where, f"input {name!r} to say its shape", shape, hint))
        if shape and shape[0] is not None:
            self.batches.add(shape[0])
        clean = layer_name(name, "input", self._names)
        self.values[name] = Ref(clean, sample if sample is not None or not shape else shape[1:])

    # -- what an operator gets -------------------------------------------------------------------

    def given(self, operation: Operation, index: int) -> bool:
        """Tell whether an operator has this input."""
        return index < len(operation.inputs) and bool(operation.inputs[index])

    def ref(self, operation: Operation, index: int = 0) -> Ref:
        """Return an input that the network computes."""
        name = operation.inputs[index] if self.given(operation, index) else ""
        if name not in self.values:
            raise self.refuse(operation, f"input {index} to be computed by the network", Words("a constant"))
        return self.values[name]

    def constant(self, operation: Operation, index: int) -> Host:
        """Return an input that is a constant."""
        name = operation.inputs[index] if self.given(operation, index) else ""
        if name not in self.constants:
            raise self.refuse(operation, f"input {index} to be a constant", Words("one that is computed"))
        return self.constants[name]

    def optional(self, operation: Operation, index: int) -> Host | None:
        """Return a constant, or None where the input is left out."""
        return self.constant(operation, index) if self.given(operation, index) else None

    def shape(self, operation: Operation, x: Ref) -> Shape:
        """Return the shape of a sample, which has to be known at least in the number of its axes."""
        if x.shape is None:
            raise self.refuse(operation, "a number of axes that is known", None, "give input_shape")
        return x.shape

    def refuse(self, operation: Operation, expected: str, got: object, hint: str = "") -> FormatError:
        """Return an error that names an operator."""
        kind = operation.kind.rpartition(":")[2]
        return FormatError(message(self.where, f"at {kind} {operation.name!r} {expected}", got, hint))

    def missing(self, name: str) -> FormatError:
        """Return an error about an output that depends on no input."""
        return FormatError(message(self.where, "outputs that are computed from the inputs", name))

    # -- what it makes ---------------------------------------------------------------------------

    def emit(
        self,
        operation: Operation,
        layer: Layer,
        *refs: Ref,
        arrays: Mapping[str, Any] | None = None,
        swappable: bool = False,
    ) -> Ref:
        """Add a layer on some values, and return its output; `swappable` layers do not mind which axis is the batch."""
        for x in refs:
            if x.form or x.swapped != refs[0].swapped or (x.swapped and not swappable):
                raise self.refuse(operation, "an input whose first axis is the batch", Words("another order of axes"))
        in_shape = Shapes.of([x.shape for x in refs])
        held = {name: np.asarray(array) for name, array in (arrays or {}).items()}
        try:
            shape = layer.output_shape(in_shape)
            parameters = layer.parameters(in_shape)
            specs: dict[str, Any] = {**parameters, **layer.buffers(in_shape)}
            wanted = {name: spec.shape for name, spec in specs.items()}
        except REFUSALS as error:
            raise self.refuse(operation, "values that a layer takes", short(str(error))) from None
        found = {name: array.shape for name, array in held.items()}
        if wanted != found:
            raise self.refuse(operation, f"arrays of shapes {wanted}", Words(str(found)))
        name = layer_name(operation.name, operation.kind, self._names)
        self.made.append(Made(name, layer, tuple(x.source for x in refs), held, bool(parameters)))
        return replace(refs[0], source=name, shape=shape)

    def put(self, operation: Operation, ref: Ref) -> None:
        """Let an operator's first output be a value."""
        self.values[operation.outputs[0]] = ref

    def layer(
        self, operation: Operation, layer: Layer, arrays: Mapping[str, Any] | None = None, *, swappable: bool = False
    ) -> None:
        """Let an operator of one input be a layer."""
        self.put(operation, self.emit(operation, layer, self.ref(operation), arrays=arrays, swappable=swappable))


def product(shape: Shape) -> int | None:
    """Return how many numbers there are, if that is known."""
    return None if None in shape else math.prod(n for n in shape if n is not None)
