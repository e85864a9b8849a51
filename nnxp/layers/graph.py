"""Layers joined as one likes, without going round in circles."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, message
from nnxp.layers._parts import form_of, part_of, placed, sum_of
from nnxp.layers._wiring import Source, Wiring, wire
from nnxp.layers.combine import Shapes, every_shape
from nnxp.layers.layer import Layer, Views

__all__ = ["Graph"]


class _Passed(NamedTuple):
    """What backward needs.

    Each step's cache, how its output is nested, whose gradient is wanted, and whether to let go of the caches.
    """

    caches: list[Any]
    forms: dict[str, Any]
    wanted: dict[str, bool]
    consume: bool


@dataclass(frozen=True)
class Graph(Layer):
    """Layers joined by name, ``y = layer(x1, x2, ...)`` at every node; a gradient is the sum over all that use a value.

    Parameters
    ----------
    inputs : tuple of str
        Names of the inputs, in the order of `forward`.
    nodes : tuple of (name, layer, inputs)
        A node's layer takes what is named: a name, or a tuple of names. Instead of a layer stands the name of another
        node, to run that one's layer with that one's parameters [1]_; their gradients are added. Nodes come in any
        order; their parameters are named ``name.weight``, ...
    outputs : tuple of str
        Names of what `forward` returns: an array, or a tuple of several.

    Raises
    ------
    TypeError
        If an argument is not made as above, or a node's layer is no layer.
    ValueError
        If a name is unknown, there twice, or has a dot in it, or the nodes form a cycle.

    Notes
    -----
    Of a layer that returns several arrays, ``"lstm.0"`` is the first, and ``"lstm.1.0"`` the first of the second.
    A node that leads to no output is not run, and its gradient is 0; an input that leads to none has the gradient None.
    Each run of a shared layer has noise of its own. The cache is the list of the nodes' caches.

    References
    ----------
    .. [1] Bromley et al., "Signature Verification using a 'Siamese' Time Delay Neural Network", NIPS 1993.

    Examples
    --------
    >>> twins = Graph(
    ...     inputs=("a", "b"),
    ...     nodes=(("h", Linear(3, 2), "a"), ("k", "h", "b"), ("both", Concatenate(), ("h", "k"))),
    ...     outputs=("both",),
    ... )
    >>> net = Network(twins, seed=0)
    >>> y, cache = net.forward(np.ones((5, 3), dtype="float32"), np.zeros((5, 3), dtype="float32"))
    >>> y.shape, list(net.parameters)
    ((5, 4), ['h.weight', 'h.bias'])
    """

    inputs: tuple[str, ...]
    nodes: tuple[tuple[str, Layer | str, str | tuple[str, ...]], ...]
    outputs: tuple[str, ...]
    wiring: Wiring = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wiring", wire(self.inputs, self.nodes, self.outputs))

    @property
    def accepts_integers(self) -> bool:  # type: ignore[override]
        """Whether a layer that meets an input takes integers."""
        return any(layer.accepts_integers for layer, _ in self.wiring.takers(*self.inputs))

    @property
    def may_skip(self) -> bool:  # type: ignore[override]
        """Whether backward may pass by a node: one that leads to no output, or to one that wants no gradient."""
        return len(self.outputs) > 1 or not self.wiring.all_used

    def check_host(self, x: Array, index: int = 0) -> None:
        """Ask every layer that meets the input."""
        for layer, place in self.wiring.takers(*self.inputs[index : index + 1]):
            layer.check_host(x, place)

    def children(self) -> dict[str, Layer]:
        """Return the layers by the name of their node."""
        return {name: layer for name, layer, _ in self.nodes if isinstance(layer, Layer)}

    def map_children(self, change: Callable[[str, Layer], Layer]) -> "Graph":
        """Return a Graph of the changed layers."""
        changed = ((n, change(n, layer) if isinstance(layer, Layer) else layer, i) for n, layer, i in self.nodes)
        return Graph(self.inputs, tuple(changed), self.outputs)

    def child_shapes(self, in_shape: Shape | None) -> dict[str, Shape | None]:
        """Return what each node's layer gets; of several inputs, see `Shapes`."""
        return self._shapes(in_shape)[0]

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the first output's shape."""
        return self._shapes(in_shape)[1]

    def _shapes(self, in_shape: Shape | None) -> tuple[dict[str, Shape | None], Shape | None]:
        """Return what goes into each node, and what comes out of the first output."""
        shapes = dict(zip(self.inputs, every_shape(in_shape, len(self.inputs)), strict=True))
        gets = {}

        def shape_of(source: Source) -> Shape | None:
            # Layers of several outputs tell the shape of the first.
            return None if any(source[1]) else shapes[source[0]]

        for step in self.wiring.every_step:
            gets[step.name] = Shapes.of([shape_of(source) for source in step.sources])
            shapes[step.name] = step.layer.output_shape(gets[step.name])
        return gets, shape_of(self.wiring.outputs[0])

    def forward(self, p: Views, *inputs_and_mode: Any) -> tuple[Any, _Passed]:
        """Return the outputs; the cache is every node's."""
        *inputs, mode = inputs_and_mode
        if len(inputs) != len(self.inputs):
            what = f"{len(self.inputs)} inputs ({', '.join(self.inputs)})"
            raise ValueError(message("Graph.forward", what, len(inputs)))
        values = dict(zip(self.inputs, inputs, strict=True))
        wanted = dict.fromkeys(self.inputs, mode.input_gradient)
        caches: list[Any] = []
        forms: dict[str, Any] = {}
        for step in self.wiring.steps:
            below = any(wanted[name] for name, _ in step.sources)
            child = mode[step.owner, below, mode.visit * step.visits + step.visit]
            layer: Any = step.layer
            y, cache = layer.forward(p[step.owner], *(part_of(values, source) for source in step.sources), child)
            values[step.name] = y
            wanted[step.name] = below or p[step.owner].trains
            if mode.keep_cache:
                caches.append(cache)
                forms[step.name] = form_of(y)
            for name in step.done:
                del values[name]
        outputs = tuple(part_of(values, source) for source in self.wiring.outputs)
        return outputs if len(outputs) > 1 else outputs[0], _Passed(caches, forms, wanted, mode.consume)

    def backward(self, p: Views, g: Views, cache: _Passed, dy: Any) -> Any:
        """Pass the gradients on from node to node, and add where several use a value or a parameter."""
        slopes: dict[str, Any] = {}

        def add(source: Source, slope: Any) -> None:
            name, path = source
            if cache.wanted[name]:
                slopes[name] = sum_of(slopes.get(name), placed(cache.forms.get(name), path, slope))

        for source, slope in zip(self.wiring.outputs, dy if len(self.outputs) > 1 else (dy,), strict=True):
            add(source, slope)
        written: set[str] = set()
        for i in reversed(range(len(cache.caches))):
            step, slope = self.wiring.steps[i], slopes.pop(self.wiring.steps[i].name, None)
            kept = cache.caches.pop() if cache.consume else cache.caches[i]
            if slope is None:
                continue
            first = step.owner not in written
            written.add(step.owner)
            views = g[step.owner] if first else _scratch(g[step.owner])
            dx = step.layer.backward(p[step.owner], views, kept, slope)
            if not first:
                _add_views(g[step.owner], views)
            # Of several inputs, None alone says that nobody wants any of their gradients.
            parts = dx if len(step.sources) > 1 and dx is not None else (dx,) * len(step.sources)
            for source, part in zip(step.sources, parts, strict=True):
                add(source, part)
        dxs = tuple(slopes.get(name) for name in self.inputs)
        return dxs if len(dxs) > 1 else dxs[0]


def _scratch(g: Views) -> Views:
    """Return views of nothing yet, shaped as those of a gradient."""
    views = Views((name, _scratch(child)) for name, child in g.items())
    for name, array in g.arrays.items():
        setattr(views, name, namespace(array).zeros_like(array))
    return views


def _add_views(g: Views, views: Views) -> None:
    """Add one visit's gradients to those of the visits before."""
    for name, child in g.items():
        _add_views(child, views[name])
    for name, array in g.arrays.items():
        array += getattr(views, name)
