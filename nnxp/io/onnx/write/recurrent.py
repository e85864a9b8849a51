"""Recurrent layers and their cells."""

from typing import Any

from nnxp.io.onnx.write.shapes import Axis, reshape, slice_axis, transpose
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

__all__ = ["EXPORTERS"]

# Of ONNX' gates in their order, which one of ours each is: i o f c, z r h.
GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "tanh": (0,), "relu": (0,)}
KINDS = {"lstm": "LSTM", "gru": "GRU", "tanh": "RNN", "relu": "RNN"}


def _gates(at: Place, layer: Any, name: str) -> Value:
    """Return one of the layer's arrays with its gates in ONNX' order, behind an axis of directions."""
    value, order = at.weight(name), GATES[layer.rule.name]
    size = layer.hidden_size
    if order != (0,):
        value = at.op("Gather", value, at.integers(*(k * size + i for k in order for i in range(size))), axis=0)
    return at.op("Unsqueeze", value, at.integers(0), shape=(1, *value.shape))


def _joined(at: Place, parts: list[Value], axis: int) -> Value:
    return parts[0] if len(parts) == 1 else at.op("Concat", *parts, axis=axis)


def _biases(at: Place, layer: Any, endings: list[str]) -> Value | None:
    if not layer.bias:
        return None
    pairs = ([_gates(at, layer, f"{name}{ending}") for name in ("bias_ih", "bias_hh")] for ending in endings)
    return _joined(at, [_joined(at, pair, 1) for pair in pairs], 0)


def _pass(at: Place, layer: Any, x: Value, endings: list[str], starts: list[Value]) -> tuple[Value, list[Value]]:
    """Run one layer over x (steps, batch, features); return its outputs (steps, batch, directions * H) and states."""
    directions, size = len(endings), layer.hidden_size
    weights = [
        _joined(at, [_gates(at, layer, f"{name}{ending}") for ending in endings], 0)
        for name in ("weight_ih", "weight_hh")
    ]
    options: dict[str, Any] = {"hidden_size": size}
    if directions == 2:
        options["direction"] = "bidirectional"
    if layer.rule.name == "gru":
        options["linear_before_reset"] = 1
    if layer.rule.name == "relu":
        options["activations"] = ["Relu"] * directions
    inputs = (x, *weights, _biases(at, layer, endings), None, *starts)
    names = at.ops(KINDS[layer.rule.name], 1 + layer.rule.states, *inputs, **options)
    steps = Value(names[0], (x.shape[0], directions, x.shape[1], size), x.dtype)
    if directions == 1:
        y = at.op("Squeeze", steps, at.integers(1), shape=(x.shape[0], x.shape[1], size))
    else:
        y = reshape(at, transpose(at, steps, 0, 2, 1, 3), [Axis(0), Axis(1), directions * size])
    return y, [Value(name, (directions, x.shape[1], size), x.dtype) for name in names[1:]]


def _recurrent(at: Place, layer: Any, x: Value) -> Any:
    given, batch = [at.named[name] for name in ("h0", "c0") if name in at.named], x.shape[0 if layer.batch_first else 1]
    if layer.batch_first:
        x = transpose(at, x, 1, 0, 2)
    count = len(layer.directions)
    ends: list[list[Value]] = []
    for k in range(layer.num_layers):
        first = k * count
        starts = given
        if layer.num_layers > 1:
            starts = [slice_axis(at, start, 0, first, first + count) for start in given]
        x, states = _pass(at, layer, x, [f"_l{k}{ending}" for ending in layer.directions], starts)
        ends.append(states)
    y = transpose(at, x, 1, 0, 2) if layer.batch_first else x
    if not layer.return_state:
        return y
    joined = [_joined(at, list(column), 0) for column in zip(*ends, strict=True)]
    shape = (layer.num_layers * count, batch, layer.hidden_size)
    finals = tuple(Value(value.name, shape, value.dtype) for value in joined)
    return y, finals if len(finals) > 1 else finals[0]


def _cell(at: Place, layer: Any, x: Value) -> Any:
    """Run one step, as a sequence of one."""
    axis = at.integers(0)
    given = [at.op("Unsqueeze", at.named[name], axis) for name in ("h0", "c0") if name in at.named]
    sequence = at.op("Unsqueeze", x, axis, shape=(1, *x.shape))
    _, states = _pass(at, layer, sequence, [""], given)
    ends = [at.op("Squeeze", state, axis, shape=state.shape[1:]) for state in states]
    return ends[0] if len(ends) == 1 else tuple(ends)


EXPORTERS: dict[type, Any] = {
    **dict.fromkeys((GRU, LSTM, RNN), _recurrent),
    **dict.fromkeys((GRUCell, LSTMCell, RNNCell), _cell),
}
