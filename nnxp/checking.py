"""Proof for users: `check_gradients` against finite differences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import to_host
from nnxp._checks import Words, check_positive_int, message
from nnxp.errors import GradientError
from nnxp.losses.calls import as_function
from nnxp.random import generator

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network

__all__ = ["GradientReport", "check_gradients"]

Host = np.ndarray[Any, Any]

# In float64 a central difference of step h is off by about h^2 from curvature and 1e-16 / h from rounding.
_STEP = 1e-5
_ROUNDING = 2e-15
# Gradients below this share of the largest one are compared with it: finite differences cannot see them.
_FLOOR = 1e-4
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
    trial = _Trial(net, x, y, loss)
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


class _Trial:
    """The loss as a function of parameters and inputs, on a float64 copy."""

    def __init__(self, net: "Network", x: Any, y: Any, loss: "LossFunction | None") -> None:
        from nnxp.training.feeding import put_batch

        self.net = net.to(net.device, dtype="float64")
        self.net.unfreeze()
        inputs = x if isinstance(x, tuple) else (x,)
        target = tuple(map(to_host, y)) if isinstance(y, tuple) else None if y is None else to_host(y)
        batch = (tuple(to_host(part) for part in inputs), target, None)
        self.inputs, self.target, _ = put_batch(self.net, loss, batch)
        self.loss = self._project if loss is None else as_function(loss)
        self.step = net.step
        self.theta = np.array(self.net.device.get(self.net.theta))
        self.places = {"input" if len(self.inputs) == 1 else f"input {i}": i for i in range(len(self.inputs))}
        self.hosts = [np.array(net.device.get(part)) for part in self.inputs]
        self.buffers = self.net.snapshot()

    def _project(self, output: Any, target: Any) -> tuple[Any, Any]:
        """Use a fixed random projection of the output for a loss; integers have no part in it."""
        del target
        rng, xp = generator(self.net.seed, "projection"), self.net.device.xp
        values = []

        def along(y: Any) -> Any:
            if isinstance(y, tuple):
                return tuple(along(part) for part in y)
            if not xp.isdtype(y.dtype, "real floating"):
                return None
            r = self.net.device.put(rng.normal(size=tuple(y.shape)), "float64")
            values.append(xp.sum(r * y))
            return r

        dy = along(output)
        return sum(values), dy

    def _forward(self) -> tuple[Any, Any, Any]:
        # Statistics that training gathers must not move between two looks.
        self.net.restore(self.buffers | {"": self.net.theta})
        output, cache = self.net.forward(*self.inputs, training=True, random_step=self.step)
        with self.net.device.context():
            return *self.loss(output, self.target), cache

    def value(self) -> float:
        """Return the loss as it stands."""
        return float(self.net.device.get(self._forward()[0]).sum())

    def gradients(self) -> dict[str, Host]:
        """Backpropagate; return the gradient of every parameter, and of every floating input."""
        _, dy, cache = self._forward()
        dx = self.net.backward(cache, dy)
        get = self.net.device.get
        found = {name: np.array(get(g)) for name, g in self.net.gradients.items()}
        for name, i in self.places.items():
            part = dx[i] if isinstance(dx, tuple) else dx
            if part is not None and np.issubdtype(self.hosts[i].dtype, np.floating):
                found[name] = np.array(get(part))
        return found

    def at(self, direction: dict[str, Host], h: float) -> float:
        """Return the loss a step away, and come back."""
        theta = self.theta.copy()
        inputs = list(self.inputs)
        for name, d in direction.items():
            if name in self.places:
                i = self.places[name]
                self.inputs = tuple(
                    self.net.device.put(host + h * d) if j == i else self.inputs[j] for j, host in enumerate(self.hosts)
                )
            else:
                slot = self.net.layout[name]
                theta[slot.start : slot.stop] += h * d.reshape(-1)
        self.net.theta = self.net.device.put(theta)
        value = self.value()
        self.inputs = tuple(inputs)
        self.net.theta = self.net.device.put(self.theta.copy())
        return value

    def compare(self, slope: float, direction: dict[str, Host], scale: float, rtol: float) -> tuple[float, float, bool]:
        """Return the relative difference, the numerical slope, and whether a kink explains it."""
        above, below = self.at(direction, _STEP), self.at(direction, -_STEP)
        numerical = (above - below) / (2 * _STEP)
        # What rounding alone can do to the quotient says nothing about the gradient.
        noise = _ROUNDING * (abs(above) + abs(below)) / _STEP
        difference = relative(slope, numerical, scale, noise)
        if difference <= rtol:
            return difference, numerical, False
        here = self.value()
        right, left = (above - here) / _STEP, (here - below) / _STEP
        margin = 10 * rtol * max(abs(right), abs(left), _FLOOR * scale)
        kink = abs(right - left) > 100 * margin and min(left, right) - margin <= slope <= max(left, right) + margin
        return difference, numerical, kink

    def layer_of(self, entry: str) -> str:
        """Name the layer that an entry belongs to."""
        above = [node for node in self.net.nodes if not node.path or entry.startswith(f"{node.path}.")]
        node = max(above, key=lambda node: len(node.path))
        name = node.layer.display_name
        return f"layer {node.path} ({name})" if node.path else name


def relative(a: float, b: float, scale: float, noise: float) -> float:
    """Return ``|a - b|``, less the noise, as a share of the larger one or of the floor under it."""
    if not np.isfinite(a) or not np.isfinite(b):
        return float("inf")
    largest = max(abs(a), abs(b), _FLOOR * scale)
    return max(abs(a - b) - noise, 0.0) / largest if largest else 0.0
