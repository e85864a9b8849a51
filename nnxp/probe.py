"""Look into a model while it runs: the same layers, each in a wrapper that writes down what passes."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array
from nnxp._checks import Shape
from nnxp._parameters import join
from nnxp.layers.layer import BufferSpec, Layer, ParameterSpec, Views

__all__ = ["Probe", "Record", "probed"]


@dataclass
class Record:
    """What passed, in order: (path, name of the layer, array or nested tuple of arrays)."""

    outputs: list[tuple[str, str, Any]] = field(default_factory=list)
    gradients: list[tuple[str, str, Any]] = field(default_factory=list)

    def forward_done(
        self, probe: "Probe", p: Views, inputs: tuple[Any, ...], named: dict[str, Any], y: Any, cache: Any
    ) -> None:
        """Take note of a layer that has run: of its views, inputs (the mode last), named inputs, output and cache."""
        del p, inputs, named, cache
        self.outputs.append((probe.path, probe.inner.display_name, y))

    def backward_done(self, probe: "Probe", p: Views, g: Views, cache: Any, dy: Any, dx: Any) -> None:
        """Take note of a layer whose backward has run."""
        del p, g, cache, dy
        self.gradients.append((probe.path, probe.inner.display_name, dx))


@dataclass(frozen=True, eq=False)
class Probe(Layer):
    """A layer that does what `inner` does, and writes its output and its input's gradient into `record`."""

    inner: Layer
    path: str
    record: Record

    def __getattr__(self, name: str) -> Any:
        # Reached only for what this class lacks: containers ask their parts for more than a layer must have.
        if name.startswith("_") or name == "inner":
            raise AttributeError(f"'Probe' object has no attribute {name!r}")
        return getattr(self.inner, name)

    @property
    def may_skip(self) -> bool:  # type: ignore[override]
        """As the layer inside."""
        return self.inner.may_skip

    @property
    def display_name(self) -> str:
        """As the layer inside."""
        return self.inner.display_name

    @property
    def accepts_integers(self) -> bool:  # type: ignore[override]
        """As the layer inside."""
        return self.inner.accepts_integers

    def check_host(self, x: Array, index: int = 0) -> None:
        """As the layer inside."""
        self.inner.check_host(x, index)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """As the layer inside."""
        return self.inner.parameters(in_shape)

    def buffers(self, in_shape: Shape | None) -> dict[str, BufferSpec]:
        """As the layer inside."""
        return self.inner.buffers(in_shape)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """As the layer inside."""
        return self.inner.output_shape(in_shape)

    def children(self) -> dict[str, Layer]:
        """As the layer inside, so that names stay."""
        return self.inner.children()

    def child_shapes(self, in_shape: Shape | None) -> dict[str, Shape | None]:
        """As the layer inside."""
        return self.inner.child_shapes(in_shape)

    def forward(self, p: Views, *inputs_and_mode: Any, **named: Any) -> tuple[Any, Any]:
        """Run the layer inside, and write its output down."""
        y, cache = self.inner.forward(p, *inputs_and_mode, **named)
        self.record.forward_done(self, p, inputs_and_mode, named, y, cache)
        return y, cache

    def backward(self, p: Views, g: Views, cache: Any, dy: Any) -> Any:
        """Run the layer inside, and write its input's gradient down."""
        dx = self.inner.backward(p, g, cache, dy)
        self.record.backward_done(self, p, g, cache, dy, dx)
        return dx


def probed(model: Layer, record: Record | None = None, *, containers: bool = False) -> tuple[Layer, Record]:
    """Return the model with every leaf in a probe, and the record they share.

    Parameters
    ----------
    model : Layer
        It stays as it is.
    record : Record, optional
        Who takes note; None makes a new one.
    containers : bool
        Whether layers that have others inside get a probe of their own, which takes note after those inside.
    """
    kept = Record() if record is None else record

    def wrap(path: str, layer: Layer) -> Layer:
        if not layer.children():
            return Probe(layer, path, kept)
        inside = layer.map_children(lambda name, child: wrap(join(path, name), child))
        return Probe(inside, path, kept) if containers else inside

    return wrap("", model), kept
