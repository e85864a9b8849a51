"""The graph that is being written, and the place in it where a layer writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp._parameters import join
from nnxp.io.onnx._operation import Operation
from nnxp.layers.combine import Shapes
from nnxp.layers.layer import Layer

__all__ = ["Dims", "Place", "Value", "Writer"]

Dims = tuple[int | None, ...]
Host = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Value:
    """An array of the graph.

    Parameters
    ----------
    name : str
        Its name.
    shape : tuple of (int or None)
        Its shape as far as it is known, the batch axis first.
    dtype : str
        Such as ``"float32"``.
    batch : int or None
        Of an input: which axis is the batch.
    """

    name: str
    shape: Dims
    dtype: str
    batch: int | None = None

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)


class Writer:
    """Operators and constants, in the order in which they were asked for.

    Parameters
    ----------
    state : mapping of str to array
        The network's state dict.
    dtype : str
        The network's.
    taken : sequence of str
        Names that are inputs' already.
    exporter_of : callable
        From a place and a layer to what writes the layer there.
    """

    def __init__(
        self,
        state: Mapping[str, Host],
        dtype: str,
        taken: Sequence[str],
        exporter_of: "Callable[[Place, Layer], Callable[..., Any]]",
    ) -> None:
        self.exporter_of = exporter_of
        self.state = state
        self.dtype = dtype
        self.operations: list[Operation] = []
        self.arrays: dict[str, Host] = {}
        self._taken = set(taken) | set(state)
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def unique(self, name: str) -> str:
        """Return the name, or where it is taken the first of ``name_1``, ``name_2``, ... that is not."""
        found, n = name, 0
        while found in self._taken:
            n += 1
            found = f"{name}_{n}"
        self._taken.add(found)
        return found

    def constant(self, array: Host) -> str:
        """Return the name of a constant; equal ones are kept once."""
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.unique("constant")
            self.arrays[self._constants[key]] = array
        return self._constants[key]


@dataclass(frozen=True)
class Place:
    """Where a layer of the model writes.

    Parameters
    ----------
    writer : Writer
        The graph.
    path : str
        The layer's, such as ``"0.layer"``.
    folded : dict
        Arrays that stand in for those of the state dict, by name.
    named : dict
        What was asked for by name, such as masks; of the whole model alone.
    """

    writer: Writer
    path: str
    folded: Mapping[str, Host]
    named: Mapping[str, Any]

    # -- values ----------------------------------------------------------------------------------

    def array(self, name: str) -> Host:
        """Return one of the layer's arrays."""
        return self.folded[name] if name in self.folded else self.writer.state[join(self.path, name)]

    def weight(self, name: str) -> Value:
        """Return one of the layer's arrays as a constant under its name in the state dict."""
        full, array = join(self.path, name), self.array(name)
        self.writer.arrays[full] = array
        return Value(full, array.shape, str(array.dtype))

    def number(self, value: float) -> Value:
        """Return a number of the network's dtype."""
        return self.constant(np.asarray(value, dtype=self.writer.dtype))

    def integers(self, *values: int) -> Value:
        """Return a vector of integers."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def constant(self, array: Host) -> Value:
        """Return an array."""
        return Value(self.writer.constant(array), array.shape, str(array.dtype))

    # -- operators -------------------------------------------------------------------------------

    def op(self, kind: str, *inputs: Value | None, shape: Dims | None = None, dtype: str = "", **options: Any) -> Value:
        """Write an operator of one output, shaped as the first input unless told otherwise."""
        (value,) = self.ops(kind, 1, *inputs, **options)
        first = next((x for x in inputs if x is not None), None)
        known = shape if shape is not None else () if first is None else first.shape
        return Value(value, known, dtype or (first.dtype if first is not None else self.writer.dtype))

    def ops(self, kind: str, count: int, *inputs: Value | None, **options: Any) -> list[str]:
        """Write an operator of several outputs, and return their names."""
        name = self.writer.unique(f"{self.path or 'model'}/{kind}")
        outputs = [name if i == 0 else self.writer.unique(f"{name}:{i}") for i in range(count)]
        names = ["" if x is None else x.name for x in inputs]
        while names and not names[-1]:
            names.pop()
        self.writer.operations.append(Operation(kind, name, names, outputs, options))
        return outputs

    # -- layers ----------------------------------------------------------------------------------

    def child(self, name: str, layer: Layer, *inputs: Value) -> Any:
        """Write a layer inside this one."""
        return replace(self, path=join(self.path, name), folded={}, named={}).layer(layer, *inputs)

    def layer(self, layer: Layer, *inputs: Value) -> Any:
        """Write a layer here; return its output, nested as its forward nests it."""
        y = self.writer.exporter_of(self, layer)(self, layer, *inputs)
        if isinstance(y, Value):
            return replace(y, shape=self.out_shape(layer, *inputs))
        return y

    def out_shape(self, layer: Layer, *inputs: Value) -> Dims:
        """Return the shape of a layer's (first) output."""
        sample = layer.output_shape(Shapes.of([x.shape[1:] for x in inputs]))
        return (None, *(sample or ()))

    def refuse(self, expected: str, got: object, hint: str = "") -> ValueError:
        """Return an error of the layer here."""
        where = f" at {self.path!r}" if self.path else ""
        return ValueError(message(f"export_onnx{where}", expected, got, hint))
