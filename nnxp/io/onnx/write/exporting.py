"""A network as an ONNX file."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from nnxp._checks import Shape, Words, check_choice, fits, message
from nnxp._files import write_atomic
from nnxp._nested import leaves
from nnxp.io.onnx._library import library
from nnxp.io.onnx.write.named import described
from nnxp.io.onnx.write.protobuf import to_model
from nnxp.io.onnx.write.samples import Taken, input_names, taken_by
from nnxp.io.onnx.write.table import exporter_of
from nnxp.io.onnx.write.writer import Place, Value, Writer
from nnxp.network import Network

__all__ = ["export_onnx"]

# What a protobuf message may hold, less what the graph itself takes.
MAX_BYTES = 2**31 - 2**24
INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64")
_WHERE = "export_onnx"


def export_onnx(
    net: Network,
    path: str | PathLike[str],
    *,
    input_shape: Sequence[int | None] | Sequence[Sequence[int | None]] | None = None,
    probabilities: bool = False,
    named: Mapping[str, Any] | None = None,
    integers: str = "int64",
) -> None:
    """Write a network as it predicts to an ONNX file, of opset 18 and IR version 10, for batches of any size.

    Parameters
    ----------
    net : Network
        On any device; it is not touched.
    path : path
        The file, such as ``model.onnx``; an old one is replaced.
    input_shape : tuple, optional
        Shape of one sample, None within it for any size; of a model of several inputs, a tuple of such shapes. None
        takes the network's, or what the first layers say.
    probabilities : bool
        Whether to add a second output of that name: the probabilities that the loss of the last `fit` implies.
    named : mapping, optional
        What the model's forward takes by name. Arrays become further inputs: ``"bool"`` or ``"float"`` for a mask, of
        shape (L, S) or (N, S), or for `per_sample_weights`; ``hx="float"`` gives the inputs ``h0`` and, of an LSTM,
        ``c0``. True and False set a flag, such as ``is_causal``.
    integers : str
        The dtype of inputs that are looked up in a table.

    Raises
    ------
    ValueError
        If a layer has no counterpart in ONNX, a shape has to be known that is not, or the arrays take more than 2 GiB.
    TypeError
        If what is given by name is something that the model does not take.
    ImportError
        If onnx is not installed.
    OSError
        If the file cannot be written.

    Notes
    -----
    The arrays have the names of the state dict, and operators those of their layers. Inputs are called as in the
    model's forward, ``input`` where there is one; outputs ``output``, ``output_1``, ..., or as a Graph calls them. The
    weight of a WeightNorm is folded, dropout passes everything on, and running statistics are used. The same network
    gives the same bytes. Export a float64 network as ``net.to("cpu", dtype="float32")``: few runtimes know float64.

    References
    ----------
    .. [1] https://onnx.ai/onnx/operators/

    Examples
    --------
    >>> net.export("model.onnx", probabilities=True)
    """
    onnx = library(_WHERE)
    check_choice(_WHERE, "integers", integers, INTEGERS)
    state = net.state_dict()
    size = sum(array.nbytes for array in state.values())
    if size > MAX_BYTES:
        hint = "use save, whose files have no such limit"
        raise ValueError(
            message(_WHERE, "arrays of less than 2 GiB, as one protobuf file holds", Words(f"{size} bytes"), hint)
        )
    inputs = _inputs(net, input_shape, integers)
    further, flags = described(net.model, dict(named or {}), net.dtype, inputs)
    writer = Writer(state, net.dtype, [x.name for x in (*inputs, *further)], exporter_of)
    given = {x.name: x for x in further} | flags
    y = Place(writer, "", {}, given).layer(net.model, *inputs)
    outputs = dict(zip(_output_names(net, y, writer), leaves(y), strict=True))
    if probabilities:
        outputs["probabilities"] = _probabilities(net, Place(writer, "", {}, {}), next(iter(outputs.values())))
    model = to_model(onnx, net, writer, [*inputs, *further], outputs)
    onnx.checker.check_model(model, full_check=True)
    write_atomic(path, model.SerializeToString())


def _inputs(net: Network, input_shape: Any, integers: str) -> list[Value]:
    """Return the model's inputs, with their shapes as far as they are known."""
    names = input_names(net.model)
    if not names:
        hint = "put it into a Graph, whose inputs have names"
        raise ValueError(message(_WHERE, "a model that says how many inputs it has", net.model, hint))
    if not isinstance(input_shape, (tuple, list, type(None))):
        raise TypeError(message(_WHERE, "input_shape to be a tuple", input_shape))
    given = [None] * len(names) if input_shape is None else list(input_shape)
    if len(names) == 1 and input_shape is not None:
        given = [tuple(given)]
    if len(given) != len(names):
        what = f"input_shape to be a tuple of {len(names)} shapes, of {', '.join(names)}"
        raise ValueError(message(_WHERE, what, input_shape))
    values = []
    for i, (name, shape) in enumerate(zip(names, given, strict=True)):
        taken = taken_by(net.model, i)
        sample = _sample(name, taken, shape, net.input_shape if i == 0 else None)
        batch = 0 if taken.batch_first else 1
        shape = tuple(None if axis == batch else n for axis, n in enumerate((None, *sample)))
        values.append(Value(name, shape, integers if taken.integers else net.dtype, batch))
    return values


def _sample(name: str, taken: Taken, given: Any, known: Shape | None) -> Shape:
    """Return the shape of a sample: the given one, or the network's, or what the layers say."""
    if given is not None and known is not None and not fits(tuple(given), known):
        raise ValueError(message(_WHERE, f"input_shape of the network, {known}", tuple(given)))
    found: Any = given if given is not None else known if known is not None else taken.shape
    if found is None:
        hint = "give input_shape, such as (3, 32, 32)"
        raise ValueError(message(_WHERE, f"the shape of a sample of {name!r} to be known", None, hint))
    return tuple(found)


def _output_names(net: Network, y: Any, writer: Writer) -> list[str]:
    """Name the outputs: as a Graph does, if it does, and otherwise in order."""
    count = len(list(leaves(y)))
    names = list(getattr(net.model, "outputs", ()))
    taken = {"probabilities", *(name for name in names if writer.unique(name) != name)}
    if len(names) != count or len(set(names)) != count or taken & {*names}:
        names = [f"output_{i}" if i else "output" for i in range(count)]
    return names


def _probabilities(net: Network, at: Place, y: Value) -> Value:
    """Write what turns the output into probabilities."""
    kinds = {"softmax": "Softmax", "sigmoid": "Sigmoid", "exp": "Exp", "identity": "Identity"}
    if net.probabilities not in kinds:
        hint = "train with CrossEntropyLoss, NLLLoss, BCELoss or BCEWithLogitsLoss"
        what = "a network whose last loss implies probabilities"
        raise ValueError(message(_WHERE, what, Words(str(net.probabilities)), hint))
    options: dict[str, Any] = {"axis": 1} if net.probabilities == "softmax" else {}
    return at.op(kinds[net.probabilities], y, **options)
