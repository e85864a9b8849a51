"""Samples on their way into a network: what they weigh, which are held out, and where they lie."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array

from nnxp._backend import Array, to_host
from nnxp._backend.dispatch import is_array
from nnxp._checks import Words, message
from nnxp.network import Network
from nnxp.training.batches import cutter

__all__ = ["Samples", "checked_weights", "hold_out"]

HostArray = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Samples:
    """Samples, with their answers as they came and as the loss wants them.

    Attributes
    ----------
    x : array of shape (n, *sample)
        Anywhere.
    y : array of shape (n,) or (n, outputs)
        On the host.
    target : array of shape (n,) or (n, outputs)
        On the host.
    weight : array of shape (n,) or None
        On the host, above 0.
    """

    x: Array
    y: HostArray
    target: HostArray
    weight: HostArray | None = None

    def take(self, rows: HostArray) -> "Samples":
        """Return some of the samples."""
        x, y, target, weight = (cutter(part, rows)(slice(None)) for part in (self.x, self.y, self.target, self.weight))
        return Samples(x, y, target, weight)

    def counted(self) -> "Samples":
        """Leave out the samples that weigh nothing: a batch of them alone would have no mean."""
        if self.weight is None or self.weight.all():
            return self
        return self.take(np.flatnonzero(self.weight))

    def on(self, net: Network) -> tuple[Array, Array, Array | None]:
        """Return inputs, targets and weights on a network's device and in its dtypes, brought there once."""
        put = net.device.put
        target = put(self.target, "int64" if self.target.dtype.kind == "i" else net.dtype)
        return net.put_input(self.x), target, None if self.weight is None else put(self.weight, net.dtype)


def checked_weights(where: str, weight: Any, n: int) -> HostArray | None:
    """Return weights as an array of `n` floats; refuse those that make no mean."""
    if weight is None:
        return None
    host = to_host(weight) if is_array(weight) else weight
    weights: HostArray = check_array(host, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (n,):
        raise ValueError(message(where, f"sample_weight of shape ({n},)", tuple(weights.shape)))
    if (weights < 0).any():
        raise ValueError(message(where, "sample_weight of at least 0", weights.min()))
    if not weights.any():
        raise ValueError(message(where, "a sample_weight above zero", Words("zero for every sample")))
    return weights


def hold_out(
    where: str, samples: Samples, fraction: float, strata: HostArray | None, seed: int
) -> tuple[Samples, Samples]:
    """Split the samples into those trained on and those held out, the same ones for the same seed.

    Parameters
    ----------
    where : str
        Begins the sentence of an error.
    samples : Samples
        To be split.
    fraction : float
        How many are held out.
    strata : array of shape (n,) or None
        Classes that both sides shall have in the same proportions, as far as there are samples enough.
    seed : int
        Draws them.
    """
    n = len(samples.y)
    held_out = ceil(n * fraction)
    if held_out == n:
        wanted = "samples to train on, beside those held out"
        raise ValueError(message(where, wanted, Words(f"{n} samples"), "lower validation_fraction"))
    if strata is not None:
        counts = np.unique(strata, return_counts=True)[1]
        if counts.min() < 2 or len(counts) > min(held_out, n - held_out):
            strata = None
    rows = train_test_split(np.arange(n), test_size=held_out, stratify=strata, random_state=seed)
    return samples.take(np.sort(rows[0])), samples.take(np.sort(rows[1]))
