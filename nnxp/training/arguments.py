"""What `fit` and `evaluate` may be called with: what cannot work is said before any work is done."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._checks import Words, check_number, check_positive_int, message
from nnxp._nested import leaves
from nnxp.losses import Loss, PerOutput
from nnxp.losses.combined import CombinedLoss
from nnxp.metrics import FunctionMetric, Metric, OnOutput, resolve
from nnxp.optimizers import Optimizer
from nnxp.training.batches import ArrayData, IterableData, as_source, class_weights
from nnxp.training.checkpoint import Checkpoint
from nnxp.training.run import Callback

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network

__all__ = [
    "check_accumulate",
    "check_batch_axis",
    "check_callbacks",
    "check_loss",
    "check_optimizer",
    "check_source",
    "check_targets",
    "columns_of",
    "resolve_all",
    "split",
    "updates_of",
    "weighted",
]


def check_batch_axis(where: str, net: "Network") -> None:
    """Refuse a model whose batch axis is not the first, along which data is cut."""
    for node in net.nodes:
        if not getattr(node.layer, "batch_first", True):
            got = Words(f"batch_first=False in {type(node.layer).__name__}{f' {node.path}' if node.path else ''}")
            hint = "batches are cut along the first axis"
            raise ValueError(message(where, "layers with batch_first=True", got, hint))


def check_loss(where: str, loss: Any) -> None:
    """Refuse what is no loss, and a loss that is not one value."""
    if isinstance(loss, (tuple, list)):
        got, hint = Words(f"a {type(loss).__name__}"), "of several outputs: PerOutput((CrossEntropyLoss(), MSELoss()))"
        raise TypeError(message(where, "one loss", got, hint))
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(_wrong_kind(where, "loss to be a loss such as MSELoss()", loss))
    if getattr(loss, "reduction", "mean") == "none":
        raise ValueError(message(where, "a loss that reduces to one value", loss, "use reduction='mean' or 'sum'"))


def check_optimizer(
    optimizer: Any, limits: Mapping[str, float | None], data: ArrayData | IterableData, batch_size: int
) -> None:
    """Refuse what is no optimizer; one that evaluates the loss itself takes all samples, and no clipping."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(_wrong_kind("fit", "optimizer to be an Optimizer such as Adam()", optimizer))
    kind = type(optimizer).__name__
    for name, limit in limits.items():
        if limit is not None:
            check_number("fit", name, limit, low=0.0, open_low=True)
            if optimizer.needs_closure:
                raise ValueError(message("fit", f"{name}=None with {kind}", limit))
    if optimizer.needs_closure and isinstance(data, ArrayData) and batch_size < len(data):
        hint = f"{kind} needs the loss of all samples: batch_size={len(data)}"
        raise ValueError(message("fit", "one batch an epoch", Words(f"batch_size={batch_size}"), hint))


def check_accumulate(accumulate: Any, optimizer: Any) -> None:
    """Refuse what is no number of batches; an optimizer that evaluates the loss itself has one batch anyway."""
    check_positive_int("fit", "accumulate", accumulate)
    if accumulate > 1 and optimizer.needs_closure:
        raise ValueError(message("fit", f"accumulate=1 with {type(optimizer).__name__}", accumulate))


def check_callbacks(callbacks: Any) -> list[Callback]:
    """Refuse what would never be called."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(message("fit", "callbacks to be a list", Words(type(callbacks).__name__)))
    found = list(callbacks)
    for callback in found:
        if not isinstance(callback, Callback):
            if isinstance(callback, Checkpoint):
                raise TypeError(message("fit", "every callback to be a Callback", callback, "give it as checkpoint="))
            raise TypeError(_wrong_kind("fit", "every callback to be a Callback", callback))
    return found


def _wrong_kind(where: str, expected: str, got: object) -> str:
    """Say that a value is of the wrong kind; a class in the place of its value is the likeliest mistake."""
    if isinstance(got, type):
        return message(where, expected, Words(got.__name__), f"call it: {got.__name__}()")
    return message(where, expected, got if isinstance(got, str) else Words(type(got).__name__))


def resolve_all(
    where: str, metrics: Sequence[Metric | str | Callable[..., float]], loss: "LossFunction | None"
) -> list[Metric]:
    """Turn names and functions into metrics; where the loss takes logits, one output says yes above 0."""
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise TypeError(message(where, "metrics to be a list", metrics))
    several = isinstance(loss, PerOutput) or (isinstance(loss, Loss) and len(loss.outputs) > 1)
    found = []
    for metric in metrics:
        judge = loss
        if isinstance(metric, OnOutput):
            judge = loss.of_output(metric.output) if isinstance(loss, PerOutput) else loss
        elif several and (isinstance(metric, (str, FunctionMetric)) or not isinstance(metric, Metric)):
            shown = metric if isinstance(metric, str) else Words(getattr(metric, "__name__", str(metric)))
            hint = f"OnOutput(0, {metric!r})" if isinstance(metric, str) else f"OnOutput(0, {shown})"
            raise TypeError(message(where, "metrics of several outputs to say which", shown, hint))
        threshold = 0.0 if getattr(judge, "probabilities", None) == "sigmoid" else 0.5
        found.append(resolve(metric, threshold=threshold))
    return found


def columns_of(loss: "LossFunction", metrics: Sequence[Metric], validated: bool) -> list[str]:
    """Name the columns of a history, in their order."""
    parts = loss.columns if isinstance(loss, CombinedLoss) else ()
    pairs = [(name, f"val_{name}") for name in ("loss", *parts, *(metric.name for metric in metrics))]
    columns = ["epoch", *(name for pair in pairs for name in pair[: 1 + validated]), "lr", "seconds"]
    if len(set(columns)) < len(columns):
        raise ValueError(message("fit", "metrics with names of their own", Words(", ".join(columns))))
    return columns


def split(
    net: "Network", data: ArrayData | IterableData, validation: Any
) -> tuple[ArrayData | IterableData, ArrayData | IterableData | None]:
    """Return what is trained on, and what is held out."""
    if validation is None:
        return data, None
    if isinstance(validation, tuple):
        if not 2 <= len(validation) <= 3:
            raise ValueError(message("fit", "validation (x, y) or (x, y, weight)", Words(f"{len(validation)} entries")))
        return data, as_source("fit", *validation)
    if isinstance(validation, float):
        check_number("fit", "validation", validation, low=0.0, high=1.0, open_low=True)
        if isinstance(data, IterableData):
            raise ValueError(message("fit", "validation (x, y) with an iterable of batches", validation))
        return data.split(validation, net.seed)
    return data, as_source("fit", validation, None)


def weighted(
    data: ArrayData | IterableData, class_weight: Mapping[int, float] | str | None
) -> ArrayData | IterableData:
    """Weigh the samples by their classes."""
    if class_weight is None:
        return data
    if isinstance(data, IterableData):
        hint = "yield (x, y, weight)"
        raise ValueError(message("fit", "class_weight=None with an iterable", class_weight, hint))
    return replace(data, weight=class_weights(data.target, class_weight, data.weight, data.indices))


def check_source(data: ArrayData | IterableData, epochs: int) -> None:
    """Refuse data that is not there, or not there often enough."""
    if isinstance(data, IterableData):
        if epochs > 1 and isinstance(data.source, Iterator):
            what = f"an iterable that can be run through {epochs} times"
            hint = "give a list, a DataLoader or an object whose __iter__ begins anew"
            raise ValueError(message("fit", what, Words("an iterator"), hint))
    elif len(data) == 0:
        raise ValueError(message("fit", "at least one sample", Words("none")))


def updates_of(data: ArrayData | IterableData, batch_size: int, accumulate: int) -> int | None:
    """Return the number of updates in an epoch, if it is known."""
    batches = data.updates(batch_size)
    return None if batches is None else -(-batches // accumulate)


def check_targets(net: "Network", loss: "LossFunction | None", data: ArrayData | IterableData) -> None:
    """Hold targets on the host against the network, before they travel."""
    check = getattr(loss, "check_labels", None)
    if check is None or isinstance(data, IterableData):
        return
    if not all(isinstance(part, np.ndarray) for part in leaves(data.target)):
        return
    # The samples say more than a network that was not told their shape.
    told = net.input_shape is not None or len(data.inputs) > 1
    shape = net.output_shape if told else net.model.output_shape(tuple(data.inputs[0].shape[1:]))
    if shape:
        check(data.target, shape)
