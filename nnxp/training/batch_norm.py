"""BatchNorm's statistics, measured anew for weights that were not trained with them."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnxp._checks import Words, check_positive_int, message
from nnxp._parameters import join
from nnxp.layers import BatchNorm1d, BatchNorm2d, BatchNorm3d, Layer
from nnxp.training.batches import ArrayData, as_inputs
from nnxp.training.feeding import feed

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["has_statistics", "renew_statistics", "update_batch_norm"]

_KINDS = (BatchNorm1d, BatchNorm2d, BatchNorm3d)


def update_batch_norm(net: "Network", x: Any, *, batch_size: int = 32) -> None:
    """Measure the running statistics of every BatchNorm anew, in one pass over data.

    Parameters
    ----------
    net : Network
        Its buffers ``running_mean``, ``running_var`` and ``num_batches_tracked`` are set back and gathered again as the
        plain average over all batches, whatever the layers' `momentum`; nothing else changes, and what is frozen stays.
        For averaged weights, whose statistics nobody has measured.
    x : array, tuple of arrays (several inputs), or iterable of batches
        As for `predict`: of an iterable's tuples the first entry is taken, and a list is an array.
    batch_size : int
        Samples at a time; the statistics depend on it a little.

    Raises
    ------
    ValueError
        If there is no data, or a batch has one value per channel.

    Notes
    -----
    The network runs as in training: dropout drops. It is what PyTorch calls ``swa_utils.update_bn``.
    """
    check_positive_int("update_batch_norm", "batch_size", batch_size)
    if not isinstance(x, (tuple, list)) and not hasattr(x, "shape") and hasattr(x, "__iter__"):
        items = (item[0] if isinstance(item, (tuple, list)) else item for item in x)
        batches = (as_inputs("update_batch_norm", item) for item in items)
        renew_statistics(net, (tuple([net.put_input(part, i) for i, part in enumerate(b)]) for b in batches))
        return
    with closing(feed(net, None, ArrayData(as_inputs("update_batch_norm", x)), batch_size)) as fed:
        renew_statistics(net, (inputs for inputs, _, _ in fed))


def has_statistics(net: "Network") -> bool:
    """Tell whether a network has BatchNorm's statistics that are not frozen."""
    return bool(_buffers(net))


def _buffers(net: "Network") -> dict[str, float]:
    """Return the names of the statistics that move, and what they begin with."""
    found: dict[str, float] = {}
    for node in net.nodes:
        if isinstance(node.layer, _KINDS) and node.layer.track_running_stats:
            specs = node.layer.buffers(node.in_shape).items()
            own = {join(node.path, name): spec.value for name, spec in specs}
            # Of a layer that has one frozen, all stay: it runs as in evaluation.
            found |= own if own.keys().isdisjoint(net.frozen_buffers) else {}
    return found


def renew_statistics(net: "Network", batches: Iterable[tuple[Any, ...]]) -> None:
    """Measure the statistics with batches of inputs that are on the device."""
    moving = _buffers(net)
    if not moving:
        return
    for name, value in moving.items():
        buffer = net.buffers[name]
        with net.device.context():
            buffer[...] = net.device.xp.full_like(buffer, value)
    # The same names and shapes, so the network's own views serve.
    model: Any = _averaging(net.model)
    mode = net.mode(training=True, keep_cache=False)
    empty = True
    for inputs in batches:
        empty = False
        with net.device.context():
            model.forward(net.views, *inputs, mode)
    if empty:
        raise ValueError(message("update_batch_norm", "at least one batch", Words("none")))


def _averaging(layer: Layer) -> Layer:
    """Return the layer with every BatchNorm inside averaging all batches alike."""
    if isinstance(layer, _KINDS):
        return replace(layer, momentum=None)
    return layer.map_children(lambda name, child: _averaging(child)) if layer.children() else layer
