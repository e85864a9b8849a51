"""A network's loss as a function of its parameters and inputs, in float64: what gradients are held against."""

from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import to_host
from nnxp.losses.calls import as_function
from nnxp.random import generator

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network

__all__ = ["ROUNDING", "Trial", "relative"]

Host = np.ndarray[Any, Any]

# In float64 a central difference of step h is off by about h^2 from curvature and 1e-16 / h from rounding.
_STEP = 1e-5
ROUNDING = 2e-15
# Gradients below this share of the largest one are compared with it: finite differences cannot see them.
_FLOOR = 1e-4


class Trial:
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
        noise = ROUNDING * (abs(above) + abs(below)) / _STEP
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
