"""Where a network is descended by NumPy: its vectors, packed if they are small, and all else that updates need."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels.blocks import LEAST, in_blocks
from nnxp._backend.kernels.descent_numpy_losses import CrossEntropy, Squares
from nnxp._backend.kernels.descent_numpy_passes import Passes, layers

__all__ = ["Places"]

# Up to how many parameters they are packed: beyond, copies for every call take as long as the operations saved by it.
_PACKED = 2**13
# Of how many sizes of batches something is kept.
_KEPT = 8

# By how many vectors an optimizer keeps.
_STEPS = ("sgd", "sgd_with_momentum", "adam", "adam")


class Places:
    """What is kept from one call to the next, as long as the vectors are the same.

    Packed, each bias stands at the end of its weight's row, and each input has a one behind it: one product serves
    both. The network's own vectors are read when a block is entered, and written when it is left.

    Parameters
    ----------
    updates : Updates
        See there.
    features : int
        Of the input.

    Attributes
    ----------
    ones : int
        How many ones are expected behind an input.
    step : callable
        The optimizer's, of the numbers of an update.
    """

    def __init__(self, updates: Any, features: int) -> None:
        self.given = _vectors(updates)
        self.plan, self.features, self.smoothing = updates.plan, features, updates.smoothing
        self.pack = updates.theta.size <= _PACKED
        self.own = tuple(map(np.empty_like, self.given)) if self.pack else self.given
        self.ones = int(self.pack and self.plan.steps[0][1])
        self.pairs = [list(self._pairs(*both)) for both in zip(self.given, self.own, strict=True) if self.pack]
        self.made: dict[Any, Any] = {}
        plain, size = SPECIFICATIONS[_STEPS[len(updates.vectors)]], updates.theta.size
        missing = (None,) if len(updates.vectors) == 2 else ()
        self.step = partial(plain if size < LEAST else in_blocks(plain), *self.own, *missing)

    @classmethod
    def of(cls, updates: Any, features: int) -> "Places":
        """Return those that were kept, if they are still the same."""
        kept: Places | None = updates.kept.get("places")
        if kept is None or (kept.features, *map(id, kept.given)) != (features, *map(id, _vectors(updates))):
            kept = updates.kept["places"] = cls(updates, features)
        return kept

    def __enter__(self) -> None:
        for pairs in self.pairs[:1] + self.pairs[2:]:  # the gradient is only written
            for here, there in pairs:
                there[...] = here

    def __exit__(self, *error: object) -> None:
        for pairs in self.pairs:
            for there, here in pairs:
                there[...] = here

    def passes(self, rows: int) -> Passes:
        """Return the passes of batches of so many rows."""
        theta, gradient = self.own[:2]
        make = partial(Passes, theta, gradient, self.plan, self.features, rows, self.pack)
        return self._kept(rows, make)  # type: ignore[no-any-return]

    def loss(self, batches: int, rows: int) -> CrossEntropy | Squares:
        """Return the loss of so many batches."""
        shape, dtype, smoothing = (batches, self.plan.out_features, rows), self.own[0].dtype, self.smoothing
        kind = Squares if smoothing is None else partial(CrossEntropy, smoothing=smoothing)
        return self._kept(shape, lambda: kind(np.empty(shape, dtype)))  # type: ignore[no-any-return]

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what was made before, unless that was long ago: batches may be of many sizes."""
        if key not in self.made:
            if len(self.made) == _KEPT:
                self.made.clear()
            self.made[key] = make()
        return self.made[key]

    def _pairs(self, vector: Any, own: Any) -> Iterator[tuple[Any, Any]]:
        """Go through the same weights and biases in a vector and its packed copy."""
        given, packed = (layers(v, self.plan, self.features, pack) for v, pack in ((vector, False), (own, True)))
        for (weight, bias), (both, _) in zip(given, packed, strict=True):
            yield weight, both[:, : weight.shape[1]]
            if bias is not None:
                yield bias, both[:, -1]


def _vectors(updates: Any) -> tuple[Any, ...]:
    return updates.theta, updates.gradient, *updates.vectors
