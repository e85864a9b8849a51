"""The passes of a run through its data: what comes when, as often as it is asked."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp.random import generator
from nnxp.training.batches import ArrayData, IterableData
from nnxp.training.feeding import Feed, feed, gathers_later

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network
    from nnxp.training.augmenting import Augmenter

__all__ = ["Passes"]


@dataclass(frozen=True)
class Passes:
    """A run's data, an epoch at a time; of arrays the order is a function of the seed and of the epoch's number.

    Parameters
    ----------
    net : Network
        Which takes the batches.
    loss : loss
        Which takes their targets.
    data : ArrayData or IterableData
        Where they come from.
    batch_size : int
        Samples a batch, of arrays.
    shuffle : bool
        Whether every epoch has an order of its own.
    augmenter : Augmenter, optional
        What the batches go through.
    """

    net: "Network"
    loss: "LossFunction"
    data: ArrayData | IterableData
    batch_size: int
    shuffle: bool
    augmenter: "Augmenter | None" = None

    @property
    def repeatable(self) -> bool:
        """Whether a pass can be had again as it was: that of arrays can, an iterable's may come otherwise."""
        return isinstance(self.data, ArrayData)

    def batch_bytes(self) -> int | None:
        """Return how much memory a batch's inputs want where several may come in one; None where each comes alone.

        They may where they are of arrays in memory, and go through nothing on their way. They want none where they
        are gathered later.
        """
        data, size = self.data, self.batch_size
        if not isinstance(data, ArrayData) or data.weight is not None or data.group(size) or self.augmenter is not None:
            return None
        if gathers_later(self.net, self.loss, data):
            return 0
        return int(size * sum(math.prod(x.shape[1:]) * x.dtype.itemsize for x in data.inputs))

    def batches(self, epoch: int, skip: int = 0, together: int = 1) -> Feed:
        """Return the batches of an epoch, on the device, less those that are done; to be closed.

        Where they may, so many come `together`.
        """
        if isinstance(self.data, IterableData) and hasattr(self.data.source, "set_epoch"):
            self.data.source.set_epoch(epoch)
        fed = feed(self.net, self.loss, self.data, self.batch_size, self._order(epoch), skip, together)
        return fed if self.augmenter is None else self.augmenter.each(fed, skip)

    def rows(self, epoch: int, number: int) -> np.ndarray[Any, Any] | None:
        """Return which rows of the arrays are in a batch of an epoch; None of an iterable."""
        if not isinstance(self.data, ArrayData):
            return None
        order = self.data.order(self._order(epoch))
        rows = slice(number * self.batch_size, (number + 1) * self.batch_size)
        return np.arange(len(self.data))[rows] if order is None else order[rows]

    def _order(self, epoch: int) -> np.random.Generator | None:
        return generator(self.net.seed, "shuffle", epoch) if self.shuffle else None
