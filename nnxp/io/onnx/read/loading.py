"""An ONNX file as a network."""

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any

from nnxp._checks import Words, did_you_mean, message
from nnxp.device import Device
from nnxp.errors import FormatError
from nnxp.io.architecture import REFUSALS
from nnxp.io.onnx._library import library
from nnxp.io.onnx.read.assembling import assemble
from nnxp.io.onnx.read.file import Contents, read_contents
from nnxp.io.onnx.read.folding import FOLDED, fold
from nnxp.io.onnx.read.patterns import join_patterns
from nnxp.io.onnx.read.reader import Reader, Ref
from nnxp.io.onnx.read.table import read_operation
from nnxp.network import Network

__all__ = ["load_onnx"]

# As much as one protobuf file holds.
MAX_BYTES = 2**31


def load_onnx(
    path: str | PathLike[str],
    *,
    device: str | Device | None = None,
    input_shape: Sequence[int | None] | None = None,
    outputs: Sequence[str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Network:
    """Read a model that was trained elsewhere, to go on with it here. Nothing in the file is run.

    Parameters
    ----------
    path : path
        An ONNX file that holds its weights, with operators of version 1 to 28.
    device : str or Device, optional
        Where the network shall live; None as for `Network`.
    input_shape : tuple, optional
        Shape of one sample of the (first) input, where the file leaves sizes open that a layer must know.
    outputs : sequence of str, optional
        Names of values to stop at, such as the one before a softmax; None takes the file's outputs.
    max_bytes : int
        The largest file to read; 2 GiB unless told.

    Returns
    -------
    Network
        Of a Sequential where each operator follows the one before, and else of a Graph whose nodes are called after
        the operators; in float64 if weights are. The first axis of every input is the batch.

    Raises
    ------
    FormatError
        If the file is damaged, too large, of an unknown version, or points to other files; or if there is an operator
        that no layer does the same as: the sentence names it.
    ValueError
        If a name in `outputs` is unknown.
    ImportError
        If onnx is not installed.
    OSError
        If the file is not there or cannot be read.
    DeviceError
        If the device is missing or does not work.

    Notes
    -----
    MatMul and Add become a Linear, LSTM layers on each other one LSTM, the parts of GELU, SiLU, LayerNorm and the like
    one layer. Constants that are added, subtracted, multiplied or divided by become a Standardize. The weights of a
    file's operators are trained like any others; constants are not.

    Examples
    --------
    >>> net = nnxp.io.load_onnx("model.onnx", outputs=["logits"])
    >>> net.freeze("0.*")
    """
    where = f"load_onnx({fspath(path)!r})"
    contents = read_contents(library("load_onnx"), where, path, max_bytes)
    if outputs is not None:
        contents.outputs = _chosen(contents, outputs)
    _drop_unused(contents)
    _fold(contents)
    join_patterns(contents)
    _drop_unused(contents)
    reader = Reader(where, contents)
    sample = None if input_shape is None else tuple(input_shape)
    for i, (name, shape) in enumerate(contents.inputs.items()):
        reader.take_input(name, shape, sample if i == 0 else None)
    if len(reader.batches) > 1:
        raise FormatError(message(where, "inputs of one batch", Words(f"sizes {sorted(reader.batches)}")))
    inputs = [reader.values[name] for name in contents.inputs]
    for operation in contents.operations:
        read_operation(reader, operation)
    return assemble(reader, inputs, _ends(reader, contents), device, contents.seed)


def _chosen(contents: Contents, outputs: Sequence[str]) -> list[str]:
    """Return the names to stop at, if they are there."""
    made = [name for operation in contents.operations for name in operation.outputs if name]
    for name in outputs:
        if name not in made:
            hint = did_you_mean(name, made)
            raise ValueError(message("load_onnx", "outputs to be names of values that the file computes", name, hint))
    return list(outputs)


def _drop_unused(contents: Contents) -> None:
    """Leave out operators and inputs that lead to no output."""
    wanted, kept = set(contents.outputs), []
    for operation in reversed(contents.operations):
        if wanted & {name for name in operation.outputs if name}:
            kept.append(operation)
            wanted |= set(operation.inputs)
    contents.operations = kept[::-1]
    contents.inputs = {name: shape for name, shape in contents.inputs.items() if name in wanted}


def _fold(contents: Contents) -> None:
    """Work out what depends on constants alone."""
    left, constants = [], contents.constants
    for operation in contents.operations:
        known = operation.kind in FOLDED and all(name in constants for name in operation.inputs if name)
        try:
            found = fold(operation, [constants[n] if n else None for n in operation.inputs]) if known else {}
        except REFUSALS:
            # Said later, with the operator's name.
            found = {}
        constants |= found
        if not found:
            left.append(operation)
    contents.operations = left


def _ends(reader: Reader, contents: Contents) -> list[Ref]:
    """Return the outputs, which have to be computed."""
    found: list[Any] = [reader.values.get(name) for name in contents.outputs]
    for name, value in zip(contents.outputs, found, strict=True):
        if value is None:
            raise reader.missing(name)
    return found
