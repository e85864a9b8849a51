"""Batches on their way to the network: cast, put on its device, and one ahead of time where they come from a file."""

from collections.abc import Generator
from contextlib import closing
from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._nested import leaves
from nnxp.losses._inputs import is_integral
from nnxp.training.batches import ArrayData, Batch, IterableData
from nnxp.training.prefetch import ahead

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network

__all__ = ["Feed", "feed", "gathers_later", "put_batch"]

Feed = Generator[Batch, None, None]


def feed(
    net: "Network",
    loss: "LossFunction | None",
    data: ArrayData | IterableData,
    batch_size: int,
    shuffle: np.random.Generator | None = None,
    skip: int = 0,
    together: int = 1,
) -> Feed:
    """Return the batches of an epoch, on the network's device and in its dtypes; to be closed.

    Arrays in memory are gathered when they are asked for: a thread would cost more than it saves. What lies in a
    large memory map, or comes from a `Prefetch`, is read (and cast, on the CPU) one batch ahead, in a thread.

    Parameters
    ----------
    net : Network
        Which takes them.
    loss : loss, optional
        Which takes their targets; see `put_batch`.
    data : ArrayData or IterableData
        Where they come from.
    batch_size : int
        Samples a batch, of arrays.
    shuffle : Generator, optional
        Draws a new order, of arrays.
    skip : int
        How many batches to leave out at the beginning.
    together : int
        How many batches of arrays come in one; their inputs `Chosen`, where `gathers_later` says so.
    """
    group = data.group(batch_size)
    if not group and isinstance(data, ArrayData) and _is_there(net, loss, data):
        return data.batches(batch_size, shuffle, skip, together, together > 1 and _is_plain(data))
    batches = data.batches(batch_size, shuffle, skip, together)
    if not group:
        return _put(net, loss, batches)
    if net.device.name == "cpu":
        return ahead(lambda: _put(net, loss, batches), group)
    # A GPU's work is queued by the thread that trains; a copy that another one queued need not be done before it.
    return _put(net, loss, ahead(lambda: batches, group))


def _put(net: "Network", loss: "LossFunction | None", batches: Feed) -> Feed:
    with closing(batches):
        for batch in batches:
            yield put_batch(net, loss, batch)


def gathers_later(net: "Network", loss: "LossFunction | None", data: ArrayData) -> bool:
    """Tell whether rows of the inputs may be gathered by who takes them, as there is nothing else to be done."""
    return _is_plain(data) and _is_there(net, loss, data)


def _is_plain(data: ArrayData) -> bool:
    """Tell whether the inputs are the arrays that compiled loops read: NumPy's own, in C's order."""
    return all(type(x) is np.ndarray and x.flags.carray for x in data.inputs)


def _is_there(net: "Network", loss: "LossFunction | None", data: ArrayData) -> bool:
    """Tell whether there is nothing to do: what a slice of the data passes as it is, every batch does."""
    batch = inputs, target, weight = data.head()
    found = put_batch(net, loss, batch)
    return all(map(is_, leaves(found), leaves((inputs, target, weight))))


def put_batch(net: "Network", loss: "LossFunction | None", batch: Any) -> Batch:
    """Bring a batch to the network's device: integers stay integers only where the loss takes labels."""
    inputs, target, weight = batch
    if target is not None:
        target = _put_target(net, target, loss is None or getattr(loss, "accepts_indices", False))
    if weight is not None:
        weight = net.device.put(weight, net.dtype)
    return tuple([net.put_input(x, i) for i, x in enumerate(inputs)]), target, weight


def _put_target(net: "Network", target: Any, labels: bool | tuple[bool, ...]) -> Any:
    """Bring a target, or several, to the device; `labels` may differ from one to the next."""
    if isinstance(target, tuple):
        each = labels if isinstance(labels, tuple) else (labels,) * len(target)
        # How many there must be is the loss's to say.
        return tuple([_put_target(net, part, i < len(each) and each[i]) for i, part in enumerate(target)])
    return net.device.put(target, "int64" if labels and is_integral(target) else net.dtype)
