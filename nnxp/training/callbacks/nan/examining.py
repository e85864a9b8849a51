"""One step looked at piece by piece, up to the first that is not finite."""

from dataclasses import dataclass, is_dataclass, replace
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp.losses.calls import as_function
from nnxp.network import Network
from nnxp.probe import probed
from nnxp.training.accumulation import random_step
from nnxp.training.callbacks.nan.finding import HostArray, Operation, Subject, label
from nnxp.training.callbacks.nan.state import finite
from nnxp.training.callbacks.nan.subjects import host_arrays, subject_of
from nnxp.training.callbacks.nan.watching import Found, Watch

if TYPE_CHECKING:
    from nnxp.training.run import Run

__all__ = ["Clue", "examine", "loss_name"]

# No network that learns has parameters of this size.
_RUNAWAY = 1e4


@dataclass
class Clue:
    """What was found in a step: the words for it, which rows of the batch it is in, and what a replay needs."""

    operation: Operation
    name: str
    words: str
    rows: list[int]
    subject: Subject
    hint: str = ""


def examine(run: "Run", batch: Any, place: int = 0) -> Clue | None:
    """Look at one batch of the step that the network is about to make; leaves gradients and buffers changed.

    Parameters
    ----------
    run : Run
        With its network as it was before the step.
    batch : tuple
        Inputs, target and weight, on the device.
    place : int
        Which batch of the update it is, where several make one.

    Returns
    -------
    Clue or None
        None where everything is finite.
    """
    inputs, target, weight = batch
    net = run.net
    return (
        _stored(net)
        or _data(net, inputs, target, weight)
        or _layers(run, inputs, target, weight, random_step(net.step, place))
    )


def _stored(net: Network) -> Clue | None:
    """Look at parameters and buffers."""
    kinds: tuple[tuple[Operation, Any], ...] = (("parameter", net.parameters), ("buffer", net.buffers))
    for operation, arrays in kinds:
        for name, array in arrays.items():
            if not finite(net, array):
                subject = Subject(outputs={name: np.asarray(net.device.get(array))})
                return Clue(operation, name, f"the {operation} {name} is not finite", [], subject)
    return None


def _data(net: Network, inputs: Any, target: Any, weight: Any) -> Clue | None:
    """Look at what was given."""
    kinds: tuple[tuple[Operation, Any], ...] = (("input", inputs), ("target", target), ("sample_weight", weight))
    for operation, given in kinds:
        arrays = host_arrays(net, "x" if operation == "input" else operation, given)
        for i, (name, array) in enumerate(arrays.items()):
            if not np.all(np.isfinite(array)):
                word = operation.replace("_", " ") + (f" {i}" if len(arrays) > 1 else "")
                rows = bad_rows(array, len(array))
                return Clue(operation, word, f"the {word} is not finite", rows, Subject(outputs={name: array}))
    return None


def _layers(run: "Run", inputs: Any, target: Any, weight: Any, noise: int) -> Clue | None:
    """Run forward, loss and backward as training does, with every layer watched."""
    net, size = run.net, int(inputs[0].shape[0])
    model: Any
    model, _ = probed(net.model, Watch(net), containers=True)
    net._draw.step = noise
    try:
        # The probes add no parameters, so the network's own views and noise serve.
        output, cache = model.forward(net.views, *inputs, net.mode(training=True, input_gradient=False))
        dy, clue = _loss(run, output, target, weight, size)
        if clue is not None:
            return clue
        if net._zero_first:
            net.gradient[...] = net.device.xp.zeros_like(net.gradient)
        model.backward(net.views, net._store.g, cache, dy)
    except Found as found:
        return _of_layer(run, found, size)
    return _rest(run)


def _of_layer(run: "Run", found: Found, size: int) -> Clue:
    """Name the layer, and the rows."""
    net = run.net
    node = next(node for node in net.nodes if node.path == found.path)
    subject = subject_of(net, node.layer, found)
    forward = found.dy is None
    name = label(found.path, node.layer.display_name)
    bad = [key for key, array in subject.outputs.items() if not np.all(np.isfinite(array))]
    words = f"the output of {name} is not finite" if forward else f"in the backward of {name} {bad[0]} is not finite"
    spoiled = (bad_rows(subject.outputs[key], size) for key in bad if forward or key.startswith("dx"))
    rows = next(filter(None, spoiled), [])
    return Clue("forward" if forward else "backward", found.path, words, rows, subject, _large(run))


def _loss(run: "Run", output: Any, target: Any, weight: Any, size: int) -> tuple[Any, Clue | None]:
    """Evaluate the loss; look at its value and at its gradient."""
    net, name = run.net, loss_name(run.loss)
    function = as_function(run.loss)
    value, dy = function(output, target) if weight is None else function(output, target, weight)
    value_fine, dy_fine = finite(net, net.device.put(value)), finite(net, dy)
    if value_fine and dy_fine:
        return dy, None
    inputs = host_arrays(net, "output", output) | host_arrays(net, "target", target)
    inputs |= host_arrays(net, "sample_weight", weight)
    terms = _terms(run.loss, net, output, target, weight)
    outputs = {"value": np.asarray(net.device.get(net.device.put(value))), **host_arrays(net, "dy", dy)}
    words = f"the loss {name} is not finite" if not value_fine else f"the gradient of the loss {name} is not finite"
    outputs |= {} if terms is None else {"terms": terms}
    rows = next((bad for key in ("terms", "dy") if key in outputs and (bad := bad_rows(outputs[key], size))), [])
    counted = getattr(function, "denominator", None)
    if not rows and counted is not None and not value_fine:
        divisor = counted(output, target) if weight is None else counted(output, target, weight)
        if not np.any(np.asarray(net.device.get(net.device.put(divisor)))):
            words = f"the loss {name} divides by 0, since nothing in the batch counts,"
    subject = Subject(run.loss, inputs, {}, outputs, {"dtype": net.dtype})
    return dy, Clue("loss", name, words, rows, subject, _large(run))


def loss_name(loss: Any) -> str:
    """Name a loss, which may be a function."""
    return f"function {loss.__name__}" if isinstance(loss, FunctionType) else type(loss).__name__


def _terms(loss: Any, net: Network, output: Any, target: Any, weight: Any) -> HostArray | None:
    """Return what the loss makes of each sample, where it can be asked; None elsewhere."""
    if not is_dataclass(loss) or not hasattr(loss, "reduction"):
        return None
    try:
        each = as_function(replace(loss, reduction="none"))  # type: ignore[type-var, arg-type]
        terms, _ = each(output, target) if weight is None else each(output, target, weight)
    except (TypeError, ValueError):
        return None
    return np.asarray(net.device.get(terms))


def _rest(run: "Run") -> Clue | None:
    """Look at the gradient as a whole: a part of a layer that nobody watched may have written it."""
    net = run.net
    for name, array in net.gradients.items():
        if not finite(net, array):
            path = net.layout[name].path
            layer = next(node.layer for node in net.nodes if node.path == path)
            words = f"in the backward of {label(path, layer.display_name)} the gradient of {name} is not finite"
            outputs = {f"d{name}": np.asarray(net.device.get(array))}
            return Clue("backward", path, words, [], Subject(outputs=outputs), _large(run))
    return None


def _large(run: "Run") -> str:
    """Say it if the updates have let the parameters run away."""
    net, optimizer = run.net, run.optimizer
    largest = float(np.max(np.abs(net.device.get(net.theta)), initial=0.0))
    if not (optimizer.owns(net) and net.step > net.optimizer_start and largest > _RUNAWAY):
        return ""
    decayed = optimizer.rate(net) * optimizer.weight_decay > 1.0
    return f"the parameters have grown to {largest:.3g}: lower lr{' or weight_decay' if decayed else ''}"


def bad_rows(array: HostArray, size: int) -> list[int]:
    """Return the rows of a batch in which something is not finite; none where the first axis is no batch."""
    if array.ndim == 0 or len(array) != size:
        return []
    bad = ~np.isfinite(array).reshape(size, -1).all(axis=1)
    return [int(i) for i in np.flatnonzero(bad)]
