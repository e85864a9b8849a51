"""Recurrent layers."""

from dataclasses import replace
from typing import Any

import numpy as np

from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.file import Host
from nnxp.io.onnx.read.reader import Reader, Ref
from nnxp.layers import GRU, LSTM, RNN

__all__ = ["READERS"]

KINDS: dict[str, Any] = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN}
# Of our gates in their order, which one of ONNX' each is: i f g o, r z n.
GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
USUAL = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh")}


def _recurrent(r: Reader, o: Operation) -> None:
    x, w, hidden, b = r.ref(o), r.constant(o, 1), r.constant(o, 2), r.optional(o, 3)
    options = _options(r, o, x)
    _check_rest(r, o)
    gates, directions = len(GATES[o.kind]), 2 if options["bidirectional"] else 1
    size = hidden.shape[-1]
    shapes = [(directions, gates * size), (directions, gates * size, size)]
    if w.ndim != 3 or [w.shape[:2], hidden.shape] != shapes or (b is not None and b.shape[1:] != (2 * gates * size,)):
        raise r.refuse(o, f"weights for {directions} directions of {size} units", Words(f"{w.shape}, {hidden.shape}"))
    states = any(name and r.uses[name] for name in o.outputs[1:])
    layer = KINDS[o.kind](w.shape[2], size, bias=b is not None, return_state=states, **options)
    y = r.emit(o, layer, replace(x, swapped=False), arrays=_arrays(o.kind, w, hidden, b))
    _put_outputs(r, o, layer, replace(y, swapped=x.swapped), states)


def _put_outputs(r: Reader, o: Operation, layer: Any, y: Ref, states: bool) -> None:
    form = "sides" if o.attributes.get("layout") else "steps"
    source = f"{y.source}.0" if states else y.source
    if o.outputs[0]:
        r.put(o, replace(y, source=source, form=form, directions=len(layer.directions)))
    for i, name in enumerate(o.outputs[1:]):
        if name:
            part = f"{y.source}.1.{i}" if o.kind == "LSTM" else f"{y.source}.1"
            last = i == 0 and len(layer.directions) == 1 and layer.batch_first
            r.values[name] = Ref(
                part, None, form="state", steps=replace(y, source=source, swapped=False) if last else None
            )


def _options(r: Reader, o: Operation, x: Ref) -> dict[str, Any]:
    """Return the layer's options; refuse what it has none for."""
    direction = o.attributes.get("direction", "forward")
    if direction == "reverse":
        raise r.refuse(o, "direction 'forward' or 'bidirectional'", direction)
    for name, wanted in (("clip", 0), ("input_forget", 0)):
        if o.attributes.get(name, wanted) != wanted:
            raise r.refuse(o, f"{name} {wanted}", o.attributes[name])
    if o.kind == "GRU" and not o.attributes.get("linear_before_reset"):
        raise r.refuse(o, "linear_before_reset 1, as PyTorch and Keras have it", 0)
    layout = bool(o.attributes.get("layout"))
    if layout and x.swapped:
        raise r.refuse(o, "an input whose first axis is the batch", Words("another order of axes"))
    options: dict[str, Any] = {"bidirectional": direction != "forward", "batch_first": layout or x.swapped}
    functions = [_text(f).lower() for f in o.attributes.get("activations") or ()]
    if o.kind == "RNN":
        functions = functions or ["tanh"]
        if len(set(functions)) > 1 or functions[0] not in ("tanh", "relu"):
            raise r.refuse(o, "tanh or relu", functions)
        options["nonlinearity"] = functions[0]
    elif functions and functions != list(USUAL[o.kind]) * (1 + options["bidirectional"]):
        raise r.refuse(o, "the usual activations", functions)
    return options


def _text(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)


def _check_rest(r: Reader, o: Operation) -> None:
    """Refuse lengths, states and peepholes; zeros are none."""
    if r.given(o, 4):
        raise r.refuse(o, "sequences of one length", Words("sequence_lens"))
    for i, what in ((5, "initial_h"), (6, "initial_c"), (7, "peepholes")):
        if r.given(o, i) and np.any(r.constant(o, i) != 0):
            raise r.refuse(o, f"no {what}, or zeros", Words("others"))


def _arrays(kind: str, w: Host, hidden: Host, b: Host | None) -> dict[str, Host]:
    """Return the arrays under PyTorch's names, with PyTorch's order of gates."""
    arrays: dict[str, Host] = {}
    for d, ending in enumerate(("", "_reverse")[: w.shape[0]]):
        arrays[f"weight_ih_l0{ending}"] = _ordered(kind, w[d])
        arrays[f"weight_hh_l0{ending}"] = _ordered(kind, hidden[d])
        if b is not None:
            for name, half in zip(("bias_ih", "bias_hh"), np.split(b[d], 2), strict=True):
                arrays[f"{name}_l0{ending}"] = _ordered(kind, half)
    return arrays


def _ordered(kind: str, array: Host) -> Host:
    parts = np.split(array, len(GATES[kind]))
    return np.concatenate([parts[i] for i in GATES[kind]])


READERS: dict[str, Any] = dict.fromkeys(KINDS, _recurrent)
