"""The ways to make a computation again, the most readable first; each is tried before it is written."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from nnxp import layers as nl
from nnxp import losses
from nnxp.io.plain.templates import TEMPLATES
from nnxp.io.plain.writer import Writer
from nnxp.layers.alpha_dropout import FLOOR
from nnxp.layers.layer import Layer
from nnxp.losses import Loss
from nnxp.network import Network
from nnxp.optimizers import SGD, Optimizer
from nnxp.training.callbacks.nan import formulas as f
from nnxp.training.callbacks.nan.finding import HostArray, Subject
from nnxp.training.callbacks.nan.own_text import own_text
from nnxp.training.callbacks.nan.through_nnxp import through_nnxp

__all__ = ["Candidate", "candidates"]


@dataclass
class Candidate:
    """The body of a script's ``replay(inputs, weights)``, and what it needs.

    Attributes
    ----------
    lines : list of str
        They end with a dictionary ``found``.
    functions : list of function
        Whose text goes into the script.
    imports, blocks : list of str
        Lines and pieces of text before the functions.
    weights : dict of str to array
        What ``weights`` is to be.
    needs : str
        What must be installed.
    """

    lines: list[str]
    functions: list[Any] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    weights: dict[str, HostArray] = field(default_factory=dict)
    needs: str = "NumPy alone"


def candidates(subject: Subject) -> Iterator[Candidate]:
    """List the ways to make a layer, a loss or an update again; the last may be none."""
    doer, gradient = subject.doer, "dy" in subject.settings and subject.settings["dy"] is not None
    if isinstance(doer, Layer):
        line = _one(doer, subject, _BACKWARD if gradient else _TRAINING)
        if line is not None:
            yield line
        elif not gradient:
            yield from _written(doer, subject)
        yield from (Candidate(**parts) for parts in own_text(doer, subject, gradient))
    elif type(doer) in _LOSSES and _plain_loss(doer, subject):
        yield _of_loss(doer)
    elif type(doer) is SGD and not doer.momentum:
        s = subject.settings
        call = f'sgd(inputs["theta"], inputs["gradient"], {s["lr"]!r}, {s["weight_decay"]!r})'
        yield Candidate([f'found = {{"theta": {call}}}'], [f.sgd])
    if isinstance(doer, (Layer, Loss, Optimizer)):
        yield from (Candidate(**parts) for parts in through_nnxp(doer, subject))


def _one(layer: Layer, subject: Subject, table: dict[Any, Any]) -> Candidate | None:
    """Return the formula of a layer's training or backward that stands in a table."""
    entry = table.get(type(layer))
    if entry is None or ("kept" in _text(entry, layer) and "kept" not in subject.inputs):
        return None
    function = entry[0]
    call = f"{function.__name__}({_text(entry, layer)})"
    if function in _OF_THREE:
        found = f'dict(zip(["dx", "dweight", "dbias"], {call}, strict=True))'
    else:
        found = f'{{"{"y" if table is _TRAINING else "dx"}": {call}}}'
    return Candidate([f"found = {found}"], [function], weights=subject.parameters)


def _text(entry: Any, layer: Any) -> str:
    return str(entry[1](layer) if callable(entry[1]) else entry[1])


_X, _XDY = 'inputs["x"]', 'inputs["x"], inputs["dy"]'
_KEPT = 'inputs["kept"]'
_W, _B = 'weights.get("weight")', 'weights.get("bias")'
_DROPOUTS = (nl.Dropout, nl.Dropout1d, nl.Dropout2d, nl.Dropout3d)
_BATCH_NORMS = (nl.BatchNorm1d, nl.BatchNorm2d, nl.BatchNorm3d)

_OF_THREE = (f.linear_backward, f.layer_norm_backward, f.batch_norm_backward)

# What differs in training from how a trained network runs.
_TRAINING: dict[Any, tuple[Any, str | Callable[[Any], str]]] = {
    **dict.fromkeys(_DROPOUTS, (f.dropped, lambda layer: f"{_X}, {_KEPT}, {layer.p!r}")),
    **dict.fromkeys(_BATCH_NORMS, (f.batch_norm, lambda layer: f"{_X}, {layer.eps!r}, {_W}, {_B}")),
    nl.AlphaDropout: (f.alpha_dropout, lambda layer: f"{_X}, {_KEPT}, {layer._scale!r}, {FLOOR!r}, {layer.p!r}"),
    nl.RReLU: (f.scaled, f"{_X}, {_KEPT}"),
}
_BACKWARD: dict[Any, tuple[Any, str | Callable[[Any], str]]] = {
    nl.Linear: (f.linear_backward, f'{_XDY}, weights["weight"]'),
    nl.ReLU: (f.relu_backward, _XDY),
    nl.LeakyReLU: (f.leaky_relu_backward, lambda layer: f"{_XDY}, {layer.negative_slope!r}"),
    nl.Sigmoid: (f.sigmoid_backward, _XDY),
    nl.Tanh: (f.tanh_backward, _XDY),
    nl.Softmax: (f.softmax_backward, lambda layer: f"{_XDY}, {layer.dim!r}"),
    nl.LogSoftmax: (f.log_softmax_backward, lambda layer: f"{_XDY}, {layer.dim!r}"),
    nl.LayerNorm: (
        f.layer_norm_backward,
        lambda layer: f"{_XDY}, {len(layer.normalized_shape)}, {layer.eps!r}, {_W}",
    ),
    nl.RReLU: (f.scaled, f'inputs["dy"], {_KEPT}'),
    **dict.fromkeys(_BATCH_NORMS, (f.batch_norm_backward, lambda layer: f"{_XDY}, {layer.eps!r}, {_W}")),
    **dict.fromkeys(_DROPOUTS, (f.dropped, lambda layer: f'inputs["dy"], {_KEPT}, {layer.p!r}')),
}
_LOSSES: dict[Any, Any] = {
    losses.MSELoss: f.mse,
    losses.L1Loss: f.l1,
    losses.BCELoss: f.bce,
    losses.BCEWithLogitsLoss: f.bce_with_logits,
    losses.CrossEntropyLoss: f.cross_entropy,
    losses.NLLLoss: f.nll,
    losses.KLDivLoss: f.kl_div,
    losses.PoissonNLLLoss: f.poisson_nll,
}


def _written(layer: Layer, subject: Subject) -> Iterator[Candidate]:
    """Take the formula that a network written as plain NumPy has: that of a layer which predicts."""
    names = [key for key in subject.inputs if key.startswith("x")]
    shape = subject.inputs[names[0]].shape[1:] if len(names) == 1 else None
    try:
        net = Network(layer, dtype=subject.settings["dtype"], seed=0, input_shape=shape)
        net.load_state_dict(subject.parameters)
        writer = Writer(net, TEMPLATES)
        places = tuple(writer.new_name(name) for name in names)
        y = writer.run(layer, "", places, writer.new_name("y"))
    except ValueError:
        return  # no formula, or of a layer that one sample's shape does not tell enough
    read = [f"{place} = inputs[{name!r}]" for place, name in zip(places, names, strict=True)]
    lines = [re.sub(r"\bWEIGHTS\b", "weights", line) for line in writer.lines]
    yield Candidate([*read, *lines, f'found = named("y", {y})'], list(writer.functions), weights=writer.used)


def _plain_loss(loss: Any, subject: Subject) -> bool:
    """Tell whether a loss has no options that its plain formula would not know."""
    usual = type(loss)()
    options = (item.name for item in fields(loss) if item.name != "reduction")
    return "sample_weight" not in subject.inputs and all(getattr(loss, n) == getattr(usual, n) for n in options)


def _of_loss(loss: Any) -> Candidate:
    function = _LOSSES[type(loss)]
    lines = [f'terms = {function.__name__}(inputs["output"], inputs["target"])']
    value = "terms.mean()" if loss.reduction == "mean" else "terms.sum()"
    return Candidate([*lines, f'found = {{"terms": terms, "value": {value}}}'], [function])
