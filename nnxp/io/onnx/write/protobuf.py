"""The graph as onnx' own classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnxp import __version__
from nnxp.io.onnx._library import IR_VERSION, OPSET
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.write.writer import Value, Writer
from nnxp.network import Network

__all__ = ["to_model"]

FLOATS = {"alpha", "beta", "bias", "epsilon", "gamma", "lambd"}


def to_model(onnx: Any, net: Network, writer: Writer, inputs: Sequence[Value], outputs: Mapping[str, Value]) -> Any:
    """Return the model, whose outputs go by the given names."""
    _name_outputs(writer, outputs)
    helper = onnx.helper
    used = {name for operation in writer.operations for name in operation.inputs}
    nodes = [
        helper.make_node(o.kind, o.inputs, o.outputs, name=o.name, **_attributes(onnx, o)) for o in writer.operations
    ]
    arrays = [onnx.numpy_helper.from_array(np.asarray(a, order="C"), n) for n, a in writer.arrays.items() if n in used]
    graph = helper.make_graph(
        nodes,
        type(net.model).__name__,
        [_information(onnx, x.name, x, free=x.name) for x in inputs],
        [_information(onnx, name, y) for name, y in outputs.items()],
        arrays,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="nnxp", producer_version=__version__,
    )  # fmt: skip
    helper.set_model_props(model, {"nnxp": __version__, "seed": str(net.seed)})
    return model


def _name_outputs(writer: Writer, outputs: Mapping[str, Value]) -> None:
    """Let what makes an output call it by its name; what is there already is handed on by an Identity."""
    made = {name for operation in writer.operations for name in operation.outputs}
    names: dict[str, str] = {}
    for name, value in outputs.items():
        if value.name in made and value.name not in names:
            names[value.name] = name
        else:
            writer.operations.append(Operation("Identity", f"output/{name}", [value.name], [name]))
    for operation in writer.operations:
        operation.inputs = [names.get(name, name) for name in operation.inputs]
        operation.outputs = [names.get(name, name) for name in operation.outputs]


def _attributes(onnx: Any, operation: Operation) -> dict[str, Any]:
    """Return the attributes, a dtype as onnx' number for it, and a real number as such even where it is whole."""
    options: dict[str, Any] = {
        name: float(value) if name in FLOATS else value for name, value in operation.attributes.items()
    }
    if operation.kind == "Cast":
        options["to"] = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(options["to"]))
    return options


def _information(onnx: Any, name: str, value: Value, free: str = "") -> Any:
    """Describe an input or an output; sizes that are free in an input are called batch, or after it."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype))
    shape: list[int | str | None] = list(value.shape)
    for i, size in enumerate(value.shape):
        if size is None and free:
            shape[i] = "batch" if i == value.batch else f"{free}_{i}"
    return onnx.helper.make_tensor_value_info(name, kind, shape)
