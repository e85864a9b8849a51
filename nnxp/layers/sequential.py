"""Layers one after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple, overload

from nnxp._backend import Array, fused, namespace
from nnxp._checks import Shape, message
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.stack import Plan, plan_of

__all__ = ["Sequential", "flattened"]

# Options by which a layer returns more than its output, which the next layer could not take.
SEVERAL_OUTPUTS = ("return_state", "return_indices")


@dataclass(frozen=True, init=False, repr=False)
class Sequential(Layer):
    """Layers one after the other, ``y = f_n(...f_2(f_1(x)))``; backward passes them in reverse.

    Parameters
    ----------
    *layers : Layer
        In the order of the forward pass; their parameters are named ``0.weight``, ``1.weight``, ... A Sequential
        may stand inside another, and may be empty: then it passes its input on.

    Raises
    ------
    TypeError
        If one of them is not a layer.
    ValueError
        If one that another follows returns several arrays.

    Notes
    -----
    ``model[2]`` is a layer and ``model[1:3]`` a Sequential; so are ``len(model)`` and ``for layer in model``.
    The cache is what the layers keep. A stack of Linear layers, ReLU, Tanh and Sigmoid alone may be run as one by a
    library's own `stack_forward` and `stack_backward`; everywhere else `each_forward` and `each_backward` run.
    """

    layers: tuple[Layer, ...]
    plan: Plan | None = field(init=False, repr=False, compare=False)
    _names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __init__(self, *layers: Layer) -> None:
        for i, layer in enumerate(layers):
            check_layer("Sequential", f"layer {i}", layer)
        for i, layer in enumerate(layers[:-1]):
            for option in SEVERAL_OUTPUTS:
                if getattr(layer, option, False):
                    what = f"layer {i} to hand on one array"
                    raise ValueError(message("Sequential", what, layer, f"give it {option}=False"))
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "_names", tuple(str(i) for i in range(len(layers))))
        object.__setattr__(self, "plan", plan_of(layers))

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Layer: ...

    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...

    def __getitem__(self, index: int | slice) -> "Layer | Sequential":
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    @property
    def accepts_integers(self) -> bool:  # type: ignore[override]
        """Whether the first layer takes integers."""
        return bool(self.layers) and self.layers[0].accepts_integers

    def check_host(self, x: Array, index: int = 0) -> None:
        """Ask the first layer."""
        if self.layers:
            self.layers[0].check_host(x, index)

    def children(self) -> dict[str, Layer]:
        """Return the layers as ``"0"``, ``"1"``, ..."""
        return dict(zip(self._names, self.layers, strict=True))

    def child_shapes(self, in_shape: Shape | None) -> dict[str, Shape | None]:
        """Return what each layer gets: the output of the one before."""
        shapes = {}
        for name, layer in self.children().items():
            shapes[name] = in_shape
            in_shape = layer.output_shape(in_shape)
        return shapes

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the last layer's output shape."""
        for layer in self.layers:
            in_shape = layer.output_shape(in_shape)
        return in_shape

    def map_children(self, change: Callable[[str, Layer], Layer]) -> "Sequential":
        """Return a Sequential of the changed layers."""
        return Sequential(*(change(name, layer) for name, layer in self.children().items()))

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Any]:
        """Return the last layer's output; the cache is every layer's, and whether backward may consume it."""
        if self.plan is None:
            return self.each_forward(p, x, mode)
        if not self.plan.flattens or x.ndim <= 2:
            return stack_forward(x, p, mode, self)
        y, cache = stack_forward(flattened(x), p, mode, self)
        return y, Flattened(cache, x.shape) if mode.keep_cache else cache

    def backward(self, p: Views, g: Views, cache: Any, dy: Array) -> Array | None:
        """Pass the gradient through the layers in reverse; stop where nothing before is trained."""
        if type(cache) is tuple:
            return self.each_backward(p, g, cache, dy)
        if type(cache) is Flattened:
            dx = self.backward(p, g, cache.inner, dy)
            return None if dx is None else namespace(dx).reshape(dx, cache.shape)
        return stack_backward(dy, p, g, cache, self)

    def each_forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[list[Any], bool]]:
        """Run one layer after the other."""
        caches: list[Any] = []
        wanted = mode.input_gradient
        for name, layer in zip(self._names, self.layers, strict=True):
            x, cache = layer.forward(p[name], x, mode[name, wanted])
            wanted = wanted or p[name].trains
            if mode.keep_cache:
                caches.append(cache)
        return x, (caches, mode.consume)

    def each_backward(self, p: Views, g: Views, cache: tuple[list[Any], bool], dy: Array) -> Array | None:
        """Run one layer's backward after the other."""
        caches, consume = cache
        for i in reversed(range(len(caches))):
            name = self._names[i]
            dx = self.layers[i].backward(p[name], g[name], caches.pop() if consume else caches[i], dy)
            if dx is None:
                return None
            dy = dx
        return dy


class Flattened(NamedTuple):
    """The cache of a stack whose input came in another shape."""

    inner: Any
    shape: tuple[int, ...]


def flattened(x: Array) -> Array:
    """Merge all axes but the first: a view, where `x` lies together."""
    return namespace(x).reshape(x, (x.shape[0], prod(x.shape[1:])))


@fused
def stack_forward(x: Array, p: Views, mode: Mode, stack: Sequential) -> tuple[Array, Any]:
    """Run a stack of Linear layers and activations; a library's twin has a cache of its own."""
    return stack.each_forward(p, x, mode)


@fused
def stack_backward(dy: Array, p: Views, g: Views, cache: Any, stack: Sequential) -> Array | None:
    """Run its backward; a twin, whose caches are no tuples, is given what it takes: the parameters' dtype."""
    if type(cache) is tuple:
        return stack.each_backward(p, g, cache, dy)
    return stack_backward(namespace(dy).astype(dy, cache.theta.dtype), p, g, cache, stack)


def check_layer(where: str, name: str, value: object) -> None:
    """Refuse what is not a layer; a class is the likeliest mistake."""
    if not isinstance(value, Layer):
        hint = "call it: ReLU(), not ReLU" if isinstance(value, type) else ""
        raise TypeError(message(where, f"{name} to be a Layer", value, hint))
