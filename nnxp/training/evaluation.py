"""A trained network at work: evaluate, predict, predict_proba. In batches, with no caches, in flat memory."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._checks import Words, check_positive_int, message
from nnxp.metrics import Metric
from nnxp.training.arguments import check_batch_axis, check_loss, check_targets, resolve_all
from nnxp.training.batches import ArrayData, IterableData, as_inputs, as_source, several
from nnxp.training.feeding import feed
from nnxp.training.tallies import LossTally, Tally

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network

__all__ = ["evaluate", "evaluate_data", "predict", "predict_proba"]


def evaluate(
    net: "Network",
    x: Any,
    y: Any = None,
    *,
    loss: "LossFunction | None" = None,
    metrics: Sequence[Metric | str | Callable[..., float]] = (),
    batch_size: int = 1024,
    sample_weight: Any = None,
) -> dict[str, float]:
    """Return the loss and metrics of a network on data.

    Parameters
    ----------
    net : Network
        In evaluation mode, whatever it did before.
    x, y : array, or iterable of batches without y
        As for `fit`.
    loss : loss, optional
        None takes that of the last `fit`; without one, only the metrics are returned.
    metrics : sequence of str, Metric or callable
        As for `fit`.
    batch_size : int
        Samples at a time. The result does not depend on it, beyond rounding.
    sample_weight : array of shape (n,), optional
        For the loss.

    Returns
    -------
    dict of str to float
        ``{"loss": ..., "accuracy": ...}``; of a sum of losses each part too, under its name.
    """
    check_positive_int("evaluate", "batch_size", batch_size)
    check_batch_axis("evaluate", net)
    data = as_source("evaluate", x, y, sample_weight)
    loss = loss or net.loss
    if loss is not None:
        check_loss("evaluate", loss)
    check_targets(net, loss, data)
    return evaluate_data(net, data, loss, resolve_all("evaluate", metrics, loss), batch_size)


def evaluate_data(
    net: "Network",
    data: ArrayData | IterableData,
    loss: "LossFunction | None",
    metrics: Sequence[Metric],
    batch_size: int,
) -> dict[str, float]:
    """Evaluate data that is wrapped already."""
    mode = net.mode(training=False, keep_cache=False)
    tally = Tally(net, metrics)
    losses = None if loss is None else LossTally(net, loss)
    with closing(feed(net, loss, data, batch_size)) as batches:
        for inputs, target, weight in batches:
            output, _ = net.run(inputs, mode)
            tally.add(output, target)
            if losses is not None:
                losses.add(output, target, weight)
    return ({} if losses is None else losses.results()) | tally.results()


def predict(net: "Network", x: Any, *, batch_size: int = 1024) -> Any:
    """Return a network's raw outputs, as NumPy whatever the device.

    Parameters
    ----------
    net : Network
        In evaluation mode.
    x : array, tuple of arrays (several inputs), or iterable of batches
        As for `fit`; of an iterable's tuples the first entry is taken.
    batch_size : int
        Samples at a time.

    Returns
    -------
    array of shape (n, *output), or tuple of arrays
        In the order of `x`.
    """
    check_positive_int("predict", "batch_size", batch_size)
    check_batch_axis("predict", net)
    mode = net.mode(training=False, keep_cache=False)
    if type(x) is np.ndarray and x.ndim and x.dtype.kind in "biuf" and len(x) <= batch_size:
        # A sample or a few, with nothing to prepare: what is left out here took as long as a small network.
        y = net.run((net.put_input(x),), mode)[0]
        return np.array(y) if type(y) is np.ndarray else _joined([net.device.get(y)])

    def answer(inputs: tuple[Any, ...]) -> Any:
        inputs = tuple([net.put_input(part, i) for i, part in enumerate(inputs)])
        return net.device.get(net.run(inputs, mode)[0])

    if not isinstance(x, (tuple, list)) and not hasattr(x, "shape") and hasattr(x, "__iter__"):
        items = (item[0] if isinstance(item, (tuple, list)) else item for item in x)
        return _joined([answer(as_inputs("predict", several(item))) for item in items])
    inputs = as_inputs("predict", x)
    n = inputs[0].shape[0]
    if any(part.shape[0] != n for part in inputs):
        lengths = Words(", ".join(str(part.shape[0]) for part in inputs))
        raise ValueError(message("predict", "inputs of one length", lengths))
    if n <= batch_size:  # an empty batch too: its output's shape is still an answer
        return _joined([answer(inputs)])
    with closing(feed(net, None, ArrayData(inputs), batch_size)) as batches:
        return _gathered((answer(inputs) for inputs, _, _ in batches), n)


def _gathered(outputs: Iterable[Any], n: int) -> Any:
    """Write batches of outputs straight into one array of length `n`; those of several outputs are joined."""
    parts, whole, filled = [], None, 0
    for output in outputs:
        if isinstance(output, tuple):
            parts.append(output)
            continue
        if whole is None:
            whole = np.empty((n, *output.shape[1:]), dtype=output.dtype)
        whole[filled : filled + len(output)] = output
        filled += len(output)
    return _joined(parts) if whole is None else whole


def _joined(parts: list[Any]) -> Any:
    """Return the batches of outputs as arrays of their own: a model may answer with its input."""
    if not parts:
        raise ValueError(message("predict", "at least one batch", Words("none")))
    if isinstance(parts[0], tuple):
        return tuple(_joined(list(column)) for column in zip(*parts, strict=True))
    return np.concatenate(parts) if len(parts) > 1 else np.array(parts[0])


def predict_proba(net: "Network", x: Any, *, batch_size: int = 1024) -> Any:
    """Return the probabilities that the loss of the last `fit` implies.

    Parameters
    ----------
    net : Network
        Trained with a loss that implies probabilities (cross-entropy, negative log-likelihood, binary), or
        loaded from a file of such a network.
    x : array or iterable of batches
        As for `predict`.
    batch_size : int
        Samples at a time.

    Returns
    -------
    array of shape (n, *output)
        In float64.

    Raises
    ------
    ValueError
        If the loss implies none, or there was none.
    """
    if net.probabilities not in _PROBABILITIES:
        hint = "train with CrossEntropyLoss, NLLLoss, BCELoss or BCEWithLogitsLoss, or use predict"
        raise ValueError(
            message("predict_proba", "a network whose last loss implies probabilities", net.probabilities, hint)
        )
    return _PROBABILITIES[net.probabilities](np.asarray(predict(net, x, batch_size=batch_size), dtype=np.float64))


def _softmax(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    e = np.exp(y - y.max(axis=1, keepdims=True))
    result: np.ndarray[Any, Any] = e / e.sum(axis=1, keepdims=True)
    return result


def _sigmoid(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    e = np.exp(-np.abs(y))
    result: np.ndarray[Any, Any] = np.where(y >= 0, 1.0, e) / (1.0 + e)
    return result


_PROBABILITIES: dict[str | None, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    "softmax": _softmax,
    "sigmoid": _sigmoid,
    "exp": np.exp,
    "identity": lambda y: y,
}
