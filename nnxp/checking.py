"""Proof for users: `check_gradients` against finite differences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._checks import Words, check_positive_int, message
from nnxp._trial import Trial
from nnxp.errors import GradientError
from nnxp.random import generator

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network

__all__ = ["GradientReport", "check_gradients"]

Host = np.ndarray[Any, Any]

_ALL_ENTRIES = 5000
_SAMPLE = 50
_DIRECTIONS = 10


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found when nothing was wrong.

    Attributes
    ----------
    checked, total : int
        Entries that were compared, and entries there are.
    kinks : int
        Entries left out because the loss has a kink there: its two one-sided slopes differ.
    worst : float
        The largest relative difference, beyond what rounding makes in finite differences.
    worst_entry : str
        Where it is.
    """

    checked: int
    total: int
    kinks: int
    worst: float
    worst_entry: str

    def __str__(self) -> str:
        share = "all" if self.checked + self.kinks == self.total else f"{self.checked} of"
        kinks = f", {self.kinks} at kinks left out" if self.kinks else ""
        found = f"largest relative difference {self.worst:.1e} at {self.worst_entry}"
        return (
            f"No gradient errors found ({share} {self.total} entries{kinks}; "
            f"{found if self.worst else 'no difference beyond rounding'})"
        )


def check_gradients(
    net: "Network",
    x: Any,
    y: Any = None,
    loss: "LossFunction | None" = None,
    *,
    rtol: float = 1e-5,
    sample: int | None = None,
) -> GradientReport:
    """Compare the gradients of all parameters and of the input with central differences.

    Each entry t is moved by +-h, and ``(f(t + h) - f(t - h)) / 2h`` held against the backpropagated gradient.

    Parameters
    ----------
    net : Network
        Left as it is: the check works on a copy in float64, in training mode, with the noise of the present step.
    x : array of shape (batch, *sample), or tuple of arrays
        A few samples are enough.
    y : array, optional
        The target; needed with `loss` alone.
    loss : loss, optional
        None checks a random projection of the output, ``f = sum(r * output)``; of several, the sum of theirs.
    rtol : float
        The largest difference allowed, relative to the larger of the two gradients.
    sample : int, optional
        How many entries of each array are checked, together with random directions through all of them. None
        checks every entry where there are under 5,000, else 50 of each array.

    Returns
    -------
    GradientReport
        Prints as "No gradient errors found (...)".

    Raises
    ------
    GradientError
        Naming the worst entry and its layer.
    ValueError
        If one of `y` and `loss` is given without the other.

    Notes
    -----
    Where the two one-sided slopes differ, the loss has a kink within the step (ReLU at 0); such an entry is passed
    when the backpropagated gradient lies between them.
    """
    if (y is None) != (loss is None):
        raise ValueError(message("check_gradients", "y and loss together, or neither", Words("one of them")))
    if sample is not None:
        check_positive_int("check_gradients", "sample", sample)
    trial = Trial(net, x, y, loss)
    gradients = trial.gradients()
    total = sum(g.size for g in gradients.values())
    if sample is None and total >= _ALL_ENTRIES:
        sample = _SAMPLE
    rng = generator(net.seed, "check_gradients")
    scale = max((float(np.abs(g).max()) for g in gradients.values() if g.size), default=0.0)
    checked = kinks = 0
    worst, worst_text, worst_entry = 0.0, "", "nowhere"
    for entry, slope, direction in _probes(gradients, sample, rng):
        difference, numerical, kink = trial.compare(slope, direction, scale, rtol)
        if kink:
            kinks += 1
            continue
        checked += not entry.startswith("a random direction")
        if difference > worst or worst_entry == "nowhere":
            worst, worst_entry = difference, entry
            worst_text = f"a gradient of {numerical:.10g} by finite differences"
            backpropagated = slope
    if worst > rtol:
        where = f"check_gradients: {worst_entry} of {trial.layer_of(worst_entry)}"
        hint = f"they differ by {worst:.1e} where {rtol:.0e} is allowed: look at that layer's backward"
        raise GradientError(message(where, worst_text, float(f"{backpropagated:.10g}"), hint))
    return GradientReport(checked, total, kinks, worst, worst_entry)


def _probes(
    gradients: dict[str, Host], sample: int | None, rng: np.random.Generator
) -> Iterator[tuple[str, float, dict[str, Host]]]:
    """Yield (where, backpropagated slope, direction by array) of single entries, then of random directions."""
    for name, gradient in gradients.items():
        flat = np.arange(gradient.size)
        if sample is not None and sample < gradient.size:
            flat = np.sort(rng.choice(gradient.size, sample, replace=False))
        for entry in flat:
            place = np.unravel_index(entry, gradient.shape)
            direction = np.zeros(gradient.shape)
            direction[place] = 1.0
            index = f"[{', '.join(map(str, place))}]" if place else ""
            yield f"{name}{index}", float(gradient[place]), {name: direction}
    if sample is not None:
        for number in range(1, _DIRECTIONS + 1):
            along = {name: np.asarray(rng.normal(size=g.shape)) for name, g in gradients.items()}
            length = np.sqrt(sum(float((d * d).sum()) for d in along.values()))
            for d in along.values():
                d /= length
            slope = sum(float((along[name] * g).sum()) for name, g in gradients.items())
            yield f"a random direction ({number})", slope, along
