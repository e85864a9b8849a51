"""The file itself: read within limits, checked, brought to a known version, and taken out of onnx' own classes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike, stat
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import Shape, Words, message
from nnxp.errors import FormatError
from nnxp.io._json import short
from nnxp.io.architecture import MAX_LAYERS, REFUSALS
from nnxp.io.onnx._library import OPSET
from nnxp.io.onnx._operation import Operation

__all__ = ["Contents", "Host", "read_contents"]

Host = np.ndarray[Any, Any]

# The last version whose operators have been looked through.
NEWEST = 28
OLDEST = 1


@dataclass
class Contents:
    """What a file holds.

    Attributes
    ----------
    operations : list of Operation
        In an order in which they can run.
    constants : dict of str to array
        By name.
    inputs : dict of str to tuple
        Each input's shape, None for free sizes and for an unknown shape as a whole.
    outputs : list of str
        Names.
    version : int
        Of the operators.
    seed : str
        What the file says of the network's seed; empty if nothing.
    """

    operations: list[Operation]
    constants: dict[str, Host]
    inputs: dict[str, Shape | None]
    outputs: list[str]
    version: int
    seed: str

    def uses(self) -> Counter[str]:
        """Count how often each value is used."""
        uses = Counter(name for operation in self.operations for name in operation.inputs)
        uses.update(self.outputs)
        return uses


def read_contents(onnx: Any, where: str, path: str | PathLike[str], max_bytes: int) -> Contents:
    """Read and check a file; nothing beside it is opened, and nothing in it is run."""
    size = stat(path).st_size
    if size > max_bytes:
        what = f"a file of at most {max_bytes} bytes"
        raise FormatError(message(where, what, Words(f"one of {size}"), "give max_bytes"))
    model = _parsed(onnx, where, Path(path).read_bytes())
    model, version = _at_known_version(onnx, where, model)
    graph = model.graph
    constants = {tensor.name: _array(onnx, where, tensor) for tensor in graph.initializer}
    inputs = {x.name: _shape(x) for x in graph.input if x.name not in constants}
    return Contents(
        [_operation(onnx, where, node) for node in graph.node],
        constants,
        inputs,
        [y.name for y in graph.output],
        version,
        next((p.value for p in model.metadata_props if p.key == "seed" and model.producer_name == "nnxp"), ""),
    )


def _parsed(onnx: Any, where: str, data: bytes) -> Any:
    """Return the model, which onnx' checker has no objection to."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(data)
    except DecodeError:
        raise FormatError(message(where, "an ONNX file", Words("one that is damaged or of another kind"))) from None
    graph = model.graph
    if not model.ir_version or not graph.node:
        raise FormatError(message(where, "an ONNX file with a graph", Words("one without")))
    if len(graph.node) > MAX_LAYERS:
        raise FormatError(message(where, f"a graph of at most {MAX_LAYERS} operators", len(graph.node)))
    outside = onnx.TensorProto.EXTERNAL
    if any(tensor.data_location == outside for tensor in _tensors(graph)):
        hint = "save it with its weights: onnx.save(onnx.load(path), path)"
        raise FormatError(message(where, "a file that holds its weights", Words("one that points to others"), hint))
    if len(model.functions) or len(graph.sparse_initializer):
        hint = "inline them: onnx.inliner.inline_local_functions(model)" if len(model.functions) else ""
        what = "a graph without functions and sparse arrays of its own"
        raise FormatError(message(where, what, Words("one with them"), hint))
    if not OLDEST <= _version(model) <= NEWEST:
        what = f"operators of ONNX version {OLDEST} to {NEWEST}"
        raise FormatError(message(where, what, _version(model), "convert it with onnx.version_converter"))
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise FormatError(message(where, "a graph that onnx' checker accepts", short(str(error)))) from None
    return model


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield every array of a graph and of the graphs inside it: none of them may lie in another file."""
    yield from graph.initializer
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield attribute.t
        yield from attribute.tensors
        for inner in (attribute.g, *attribute.graphs):
            yield from _tensors(inner) if inner.node else ()


def _version(model: Any) -> int:
    return next((int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def _at_known_version(onnx: Any, where: str, model: Any) -> tuple[Any, int]:
    """Bring older operators to the version that is written too; newer ones are read as they are."""
    version = _version(model)
    if version >= OPSET:
        return model, version
    from onnx.version_converter import convert_version

    try:
        return convert_version(model, OPSET), OPSET
    except Exception as error:
        # The converter, which is not written in Python, raises whatever it likes.
        what = f"operators that can be brought from ONNX version {version} to {OPSET}"
        raise FormatError(message(where, what, short(str(error)))) from None


def _array(onnx: Any, where: str, tensor: Any) -> Host:
    try:
        array = np.asarray(onnx.numpy_helper.to_array(tensor))
    except REFUSALS as error:
        raise FormatError(message(where, f"the constant {tensor.name!r} to be readable", short(str(error)))) from None
    if array.dtype.kind not in "biuf":
        raise FormatError(message(where, f"the constant {tensor.name!r} to be of numbers", array.dtype))
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _shape(value: Any) -> Shape | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim)


def _operation(onnx: Any, where: str, node: Any) -> Operation:
    kind = f"{node.domain}:{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    attributes: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            raise FormatError(message(where, "operators without graphs inside them", f"{kind} {node.name}"))
        try:
            value = onnx.helper.get_attribute_value(attribute)
        except REFUSALS as error:
            what = f"{attribute.name!r} of {kind} {node.name!r} to be readable"
            raise FormatError(message(where, what, short(str(error)))) from None
        if isinstance(value, onnx.TensorProto):
            value = _array(onnx, where, value)
        attributes[attribute.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    name = node.name or next((output for output in node.output if output), "")
    return Operation(kind, name, list(node.input), list(node.output), attributes)
