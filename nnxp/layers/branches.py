"""Layers side by side: Residual and Parallel."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_choice, check_same_shape, message
from nnxp.layers.combine import common_shape, laid_shape, split
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.sequential import check_layer

__all__ = ["Parallel", "Residual"]


@dataclass(frozen=True)
class Residual(Layer):
    """A layer and a way around it, ``y = layer(x) + shortcut(x)``; ``dx`` is the sum of both gradients.

    Parameters
    ----------
    layer : Layer
        What is learned; a Sequential for several layers.
    shortcut : Layer, optional
        The way around, such as a Linear where sizes differ; None passes the input itself.

    Raises
    ------
    TypeError
        If one of them is not a layer.
    ValueError
        If the two outputs differ in shape.

    References
    ----------
    .. [1] He et al., "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385, eq. 1 and 2.
    """

    layer: Layer
    shortcut: Layer | None = None

    def __post_init__(self) -> None:
        check_layer("Residual", "layer", self.layer)
        if self.shortcut is not None:
            check_layer("Residual", "shortcut", self.shortcut)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the common shape of both branches."""
        y_shape = self.layer.output_shape(in_shape)
        around = self.shortcut.output_shape(in_shape) if self.shortcut else in_shape
        if in_shape is not None and y_shape != around:
            hint = "give a shortcut that maps to the same shape"
            raise ValueError(message("Residual", f"a layer whose output is shaped {around}", y_shape, hint))
        return y_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Any, Any]]:
        """Return the sum; the cache is both branches'."""
        y, cache = self.layer.forward(p["layer"], x, mode["layer"])
        around, around_cache = x, None
        if self.shortcut is not None:
            around, around_cache = self.shortcut.forward(p["shortcut"], x, mode["shortcut"])
        check_same_shape("Residual.forward", "the layer's output", y.shape, around.shape)
        return y + around, ((cache, around_cache) if mode.keep_cache else (None, None))

    def backward(self, p: Views, g: Views, cache: tuple[Any, Any], dy: Array) -> Array | None:
        """Send the same gradient down both branches and add what comes back."""
        dx = self.layer.backward(p["layer"], g["layer"], cache[0], dy)
        around = dy if self.shortcut is None else self.shortcut.backward(p["shortcut"], g["shortcut"], cache[1], dy)
        return None if dx is None or around is None else dx + around


@dataclass(frozen=True, init=False, repr=False)
class Parallel(Layer):
    """Layers on the same input, added up or laid side by side; ``dx`` is the sum of their gradients.

    Parameters
    ----------
    *layers : Layer
        At least one; their parameters are named ``0.weight``, ``1.weight``, ...
    combine : {"sum", "concatenate"}
        Add the outputs, or concatenate them.
    dim : int
        The axis of concatenation, the batch axis counted; 1 is the features of a matrix and the channels of images.

    Raises
    ------
    TypeError
        If one of them is not a layer.
    ValueError
        If there is none, `combine` is another word, or the outputs' shapes do not go together.
    """

    layers: tuple[Layer, ...]
    combine: Literal["sum", "concatenate"] = field(default="sum", kw_only=True)
    dim: int = field(default=1, kw_only=True)

    def __init__(self, *layers: Layer, combine: Literal["sum", "concatenate"] = "sum", dim: int = 1) -> None:
        if not layers:
            raise ValueError(message("Parallel", "at least one layer", 0))
        for i, layer in enumerate(layers):
            check_layer("Parallel", f"layer {i}", layer)
        check_choice("Parallel", "combine", combine, ["sum", "concatenate"])
        if combine == "concatenate" and dim == 0:
            raise ValueError(message("Parallel", "dim to be another axis than the batch's", dim))
        for name, value in (("layers", layers), ("combine", combine), ("dim", dim)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Parallel({', '.join(map(repr, self.layers))}, combine={self.combine!r}, dim={self.dim})"

    def children(self) -> dict[str, Layer]:
        """Return the layers as ``"0"``, ``"1"``, ..."""
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def map_children(self, change: Callable[[str, Layer], Layer]) -> "Parallel":
        """Return a Parallel of the changed layers."""
        changed = (change(name, layer) for name, layer in self.children().items())
        return Parallel(*changed, combine=self.combine, dim=self.dim)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the sum's or the concatenation's shape."""
        shapes = tuple(layer.output_shape(in_shape) for layer in self.layers)
        if self.combine == "sum":
            return common_shape("Parallel", "outputs", shapes)
        return laid_shape("Parallel", "outputs", shapes, self.dim)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[list[Any], list[int]]]:
        """Return the combination; the cache is every layer's, and how long each output is."""
        results = [layer.forward(p[name], x, mode[name]) for name, layer in self.children().items()]
        outputs = [y for y, _ in results]
        caches = [cache for _, cache in results] if mode.keep_cache else []
        if self.combine == "concatenate":
            return namespace(x).concat(outputs, axis=self.dim), (caches, [y.shape[self.dim] for y in outputs])
        y = outputs[0]
        for other in outputs[1:]:
            check_same_shape("Parallel.forward", "every output", other.shape, y.shape)
            y = y + other
        return y, (caches, [])

    def backward(self, p: Views, g: Views, cache: tuple[list[Any], list[int]], dy: Array) -> Array | None:
        """Send each layer its part of the gradient and add what comes back."""
        caches, sizes = cache
        total = None
        children = self.children().items()
        parts = split(dy, sizes, self.dim) if self.combine == "concatenate" else [dy] * len(children)
        for (name, layer), layer_cache, part in zip(children, caches, parts, strict=True):
            dx = layer.backward(p[name], g[name], layer_cache, part)
            # Not in place: the first dx may be dy itself. One None means that nobody wants the sum.
            total = dx if name == "0" else None if total is None or dx is None else total + dx
        return total
