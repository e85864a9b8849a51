"""From layers and arrays to a network."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nnxp._checks import Words, message
from nnxp.device import Device
from nnxp.errors import FormatError
from nnxp.initializers import zeros
from nnxp.io._json import short
from nnxp.io.architecture import REFUSALS
from nnxp.io.onnx.read.reader import Made, Reader, Ref
from nnxp.layers import GRU, LSTM, RNN, Graph, Sequential
from nnxp.network import Network

__all__ = ["assemble"]


def assemble(
    r: Reader, inputs: Sequence[Ref], outputs: Sequence[Ref], device: str | Device | None, seed: str
) -> Network:
    """Return the network: a Sequential where one layer follows the other, else a Graph."""
    for y in outputs:
        if y.swapped or y.form not in ("", "state"):
            raise FormatError(message(r.where, "outputs whose first axis is the batch", Words("another order of axes")))
    made, outputs = _stacked(r.made, outputs)
    chain = _is_chain(made, inputs, outputs)
    if chain:
        model: Any = Sequential(*(m.layer for m in made))
        arrays = {f"{i}.{name}": array for i, m in enumerate(made) for name, array in m.arrays.items()}
    else:
        nodes = tuple((m.name, m.layer, m.sources if len(m.sources) != 1 else m.sources[0]) for m in made)
        arrays = {f"{m.name}.{name}": array for m in made for name, array in m.arrays.items()}
        if not nodes:
            raise FormatError(message(r.where, "a graph with layers", Words("none")))
        model = Graph(tuple(x.source for x in inputs), nodes, tuple(y.source for y in outputs))
    wide = any(array.dtype == np.float64 for array in arrays.values())
    try:
        net = Network(
            model, device=device, dtype="float64" if wide else "float32",
            seed=int(seed) if seed.isdecimal() and len(seed) < 20 else None,
            input_shape=inputs[0].shape, init={"*": zeros()} if any(m.trained for m in made) else None,
        )  # fmt: skip
        net.load_state_dict(arrays)
    except REFUSALS as error:
        raise FormatError(message(r.where, "a graph whose layers fit together", short(str(error)))) from None
    return net


def _is_chain(made: list[Made], inputs: Sequence[Ref], outputs: Sequence[Ref]) -> bool:
    """Tell whether each layer takes what the one before it makes, and nothing else."""
    if len(inputs) != 1 or len(outputs) != 1:
        return False
    names = [inputs[0].source, *(m.name for m in made)]
    follows = all(m.sources == (before,) for m, before in zip(made, names, strict=False))
    return follows and outputs[0].source == names[-1]


def _stacked(made: list[Made], outputs: Sequence[Ref]) -> tuple[list[Made], list[Ref]]:
    """Make one layer of recurrent layers that stand on each other, as PyTorch takes them apart when it exports."""
    uses = Counter(source.partition(".")[0] for m in made for source in m.sources)
    uses.update(y.source.partition(".")[0] for y in outputs)
    kept: dict[str, Made] = {}
    joined: dict[str, str] = {}
    for m in made:
        sources = tuple(joined.get(source, source) for source in m.sources)
        below = kept.get(sources[0])
        if below is None or uses[m.sources[0]] > 1 or not _goes_on(below.layer, m.layer):
            kept[m.name] = replace(m, sources=sources)
            continue
        layer: Any = below.layer
        above = {name.replace("_l0", f"_l{layer.num_layers}"): array for name, array in m.arrays.items()}
        stack = replace(layer, num_layers=layer.num_layers + 1)
        kept[below.name] = replace(below, layer=stack, arrays=below.arrays | above)
        joined[m.name] = below.name
    return [*kept.values()], [replace(y, source=joined.get(y.source, y.source)) for y in outputs]


def _goes_on(below: Any, above: Any) -> bool:
    """Tell whether a recurrent layer could be the next one of a stack."""
    if type(below) not in (GRU, LSTM, RNN) or type(below) is not type(above):
        return False
    if below.return_state or above.return_state:
        return False
    return bool(replace(above, input_size=below.input_size, num_layers=below.num_layers) == below)
