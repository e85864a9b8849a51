"""Layers that write down what passes, and that can push an input a little to see what becomes of the loss."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array
from nnxp._parameters import join
from nnxp.layers.layer import Layer, Views
from nnxp.probe import Probe, Record

__all__ = ["Listener", "Push", "Visit", "Visits", "listened_to"]


@dataclass
class Visit:
    """One run of one layer; gradients are None until backward has come by.

    Attributes
    ----------
    path : str
        The layer's.
    inputs : tuple
        Of its forward.
    y, dy, dx : array, or nested tuple of arrays
        Output, its gradient, and the inputs' gradient.
    """

    path: str
    inputs: tuple[Any, ...]
    y: Any = None
    dy: Any = None
    dx: Any = None


@dataclass
class Push:
    """What is added to one input of one run."""

    visit: int
    place: int
    amount: Array


@dataclass
class Visits(Record):
    """The runs in order, and what the next pass is to push."""

    visits: list[Visit] = field(default_factory=list)
    listening: bool = True
    count: int = 0
    push: Push | None = None

    def start(self) -> None:
        """Begin a pass."""
        self.count = 0


@dataclass(frozen=True, eq=False)
class Listener(Probe):
    """A layer that does what `inner` does, and keeps what went in and came out."""

    record: Visits

    def __getattr__(self, name: str) -> Any:
        # Containers ask parts for options; reached only for what this class lacks.
        if name.startswith("_") or name == "inner":
            raise AttributeError(f"'Listener' object has no attribute {name!r}")
        return getattr(self.inner, name)

    @property
    def display_name(self) -> str:
        """As the layer inside."""
        return self.inner.display_name

    def forward(self, p: Views, *inputs_and_mode: Any, **named: Any) -> tuple[Any, Any]:
        """Run the layer inside; the cache is its own and what is written down of this run."""
        *inputs, mode = inputs_and_mode
        record = self.record
        number = record.count
        record.count += 1
        push = record.push
        if push is not None and push.visit == number:
            inputs[push.place] = inputs[push.place] + push.amount
        visit = Visit(self.path, tuple(inputs))
        layer: Any = self.inner
        if record.listening:
            record.visits.append(visit)
        visit.y, cache = layer.forward(p, *inputs, mode, **named)
        return visit.y, (visit, cache)

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        """Run the layer inside."""
        visit, inner = cache
        visit.dy, visit.dx = dy, self.inner.backward(p, g, inner, dy)
        return visit.dx

    def backward_self(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        """Run what an attention to itself has for a backward: one gradient for its three inputs."""
        visit, inner = cache
        layer: Any = self.inner
        visit.dy, visit.dx = (dy, None), layer.backward_self(p, g, inner, dy)
        return visit.dx


def listened_to(model: Layer) -> tuple[Layer, Visits]:
    """Return the model with every layer, containers too, in a listener, and the record that they share."""
    record = Visits()

    def wrap(path: str, layer: Layer) -> Layer:
        if layer.children():
            layer = layer.map_children(lambda name, child: wrap(join(path, name), child))
        return Listener(layer, path, record)

    return wrap("", model), record
