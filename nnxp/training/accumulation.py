"""The gradient of one large batch, from several small ones."""

from typing import TYPE_CHECKING, Any

from nnxp._backend import Array
from nnxp._nested import leaves
from nnxp.training.tallies import denominator_of

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network

__all__ = ["Accumulation", "random_step"]

# The 32-bit golden ratio: multiples of it lie as far from each other as they can.
_FAR = 0x9E3779B1


def random_step(step: int, place: int) -> int:
    """Return the step whose noise is drawn for a batch of an update: the first has the update's own."""
    return (step + place * _FAR) % 2**32


class Accumulation:
    """Adds up gradients, ``sum_i d_i g_i / sum_i d_i`` with ``d_i`` what the loss divided batch i by.

    That is the gradient of the mean over all their samples, with weights and a last batch that is short, where the
    loss says what it divides by, as nnxp's own do; other callables count samples. Sums are just added.

    Parameters
    ----------
    net : Network
        Its `gradient` is read, and written at the end; one more vector of its length is kept.
    loss : loss
        In the form that training calls.
    """

    def __init__(self, net: "Network", loss: "LossFunction") -> None:
        self._net = net
        self._loss = loss
        self._sums = getattr(loss, "reduction", "mean") == "sum"
        with net.device.context():
            self._vector = net.device.xp.zeros_like(net.gradient)
        self._begin()

    def _begin(self) -> None:
        self.batches = 0
        self.samples = 0
        self._values: list[Any] = []
        self._count: Any = 0.0

    def add(self, values: list[Any], output: Any, target: Any, weight: Array | None) -> None:
        """Add the batch whose gradient is in the network: its loss, and what else is to be averaged with it."""
        gradient, vector = self._net.gradient, self._vector
        with self._net.device.context():
            if not self._sums:
                count = denominator_of(self._loss, output, target, weight)
                gradient *= count
                # Of nothing the mean is NaN, and has no say.
                values = [self._where(count, value, 0.0) * count for value in values]
                self._count = self._count + count
            if self.batches:
                vector += gradient
                values = [old + value for old, value in zip(self._values, values, strict=True)]
            else:
                vector[...] = gradient
        self._values = values
        self.batches += 1
        self.samples += int(leaves(output)[0].shape[0])

    def finish(self) -> tuple[list[Any], int]:
        """Write the gradient of all batches into the network; return their means, and how many samples they had."""
        values, samples = self._values, self.samples
        with self._net.device.context():
            if not self._sums:
                scale = 1.0 / self._where(self._count, self._count, 1.0)
                self._vector *= scale
                values = [self._where(self._count, value * scale, float("nan")) for value in values]
            self._net.gradient[...] = self._vector
        self._begin()
        return values, samples

    def _where(self, count: Any, value: Any, otherwise: float) -> Any:
        """Return a value where something was counted; counts and values may be numbers, or 0-d arrays."""
        if not self._net.device.owns(count):
            return value if count else otherwise
        return self._net.device.xp.where(count == 0.0, otherwise, value)
