"""Training batches on their way through the augmentations."""

from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from nnxp._checks import Words, message
from nnxp.augmentations import Augmentation
from nnxp.random import Draw, Stream
from nnxp.training.accumulation import random_step
from nnxp.training.batches import Batch
from nnxp.training.feeding import Feed

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["Augmenter", "check_augmentations"]

# Their place in the counter, beyond that of any layer: what is drawn does not depend on the model.
_FIRST = 2**31


def check_augmentations(augment: Any) -> tuple[Augmentation, ...]:
    """Refuse what could not be applied."""
    if isinstance(augment, (Augmentation, type)) or not isinstance(augment, Iterable):
        hint = "put one into a list" if isinstance(augment, Augmentation) else ""
        raise TypeError(message("fit", "augment to be a list of augmentations", _kind(augment), hint))
    found = tuple(augment)
    for entry in found:
        if not isinstance(entry, Augmentation):
            hint = f"call it: {entry.__name__}()" if isinstance(entry, type) else ""
            raise TypeError(message("fit", "every entry of augment to be an Augmentation", _kind(entry), hint))
    return found


def _kind(value: Any) -> Words:
    return Words(value.__name__ if isinstance(value, type) else type(value).__name__)


class Augmenter:
    """The augmentations of a run, each with a stream of its own.

    Parameters
    ----------
    net : Network
        Whose seed and step say what is drawn.
    augmentations : tuple of Augmentation
        Applied in this order.
    accumulate : int
        How many batches make one update; each of them has its own noise.
    """

    def __init__(self, net: "Network", augmentations: tuple[Augmentation, ...], accumulate: int = 1) -> None:
        self._net = net
        self._augmentations = augmentations
        self._accumulate = accumulate

    def each(self, batches: Feed, first: int = 0) -> Feed:
        """Return the batches as they are trained on; `first` is the number of the first in its epoch."""
        with closing(batches):
            for number, batch in enumerate(batches, first):
                yield self._augmented(batch, number % self._accumulate)

    def _augmented(self, batch: Batch, place: int) -> Batch:
        inputs, target, weight = batch
        if len(inputs) != 1:
            raise ValueError(message("fit", "one input with augment", Words(f"{len(inputs)} inputs")))
        [x] = inputs
        draw = Draw(self._net.seed, random_step(self._net.step, place))
        with self._net.device.context():
            for i, augmentation in enumerate(self._augmentations):
                x, target, weight = augmentation.apply(x, target, weight, Stream(draw, _FIRST + i))
        return (x,), target, weight
