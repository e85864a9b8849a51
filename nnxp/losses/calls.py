"""Losses of several arrays in the one form that training calls: outputs on one side, targets on the other."""

from dataclasses import dataclass
from typing import Any

from nnxp._backend import Array
from nnxp._checks import message
from nnxp.losses.loss import Loss, LossFunction

__all__ = ["as_function"]


def as_function(loss: LossFunction) -> LossFunction:
    """Return a loss as training calls it, ``loss(output, target, sample_weight)``.

    Parameters
    ----------
    loss : loss
        A loss of one output and one target, or any callable, is returned as it is. One of several takes tuples then:
        of the network's outputs, and of the targets, each in the order of the loss's own arguments.

    Returns
    -------
    callable
        With the loss's `denominator` and `reduction`; its gradient is a tuple exactly where there are several outputs.
    """
    one = not isinstance(loss, Loss) or (loss.outputs, loss.targets) == ((0,), (1,))
    return loss if one else _Spread(loss)


@dataclass(frozen=True)
class _Spread:
    """A loss of several arrays, called with tuples."""

    loss: Any

    @property
    def reduction(self) -> str:
        return str(self.loss.reduction)

    def __call__(self, output: Any, target: Any, sample_weight: Array | None = None) -> tuple[Array, Any]:
        value, dy = self.loss(*self._arguments(output, target), sample_weight)
        return value, dy

    def denominator(self, output: Any, target: Any, sample_weight: Array | None = None) -> Any:
        return self.loss.denominator(*self._arguments(output, target), sample_weight)

    def _arguments(self, output: Any, target: Any) -> list[Any]:
        """Put outputs and targets where the loss takes them."""
        loss = self.loss
        arguments: list[Any] = [None] * (len(loss.outputs) + len(loss.targets))
        for name, places, given in (("outputs", loss.outputs, output), ("targets", loss.targets, target)):
            arrays = given if isinstance(given, tuple) else (given,)
            if len(arrays) != len(places):
                what = f"as many {name} as it takes, {len(places)}"
                raise ValueError(message(type(loss).__name__, what, len(arrays)))
            for place, array in zip(places, arrays, strict=True):
                arguments[place] = array
        return arguments
