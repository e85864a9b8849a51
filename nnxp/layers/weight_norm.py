"""A layer whose weight is a length times a direction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_whole_number, did_you_mean, message
from nnxp.initializers import norm_of
from nnxp.layers.layer import BufferSpec, Layer, ParameterSpec, Views
from nnxp.layers.sequential import check_layer

__all__ = ["WeightNorm"]


@dataclass(frozen=True)
class WeightNorm(Layer):
    """A layer one of whose parameters is a length times a direction, ``w = g * v / |v|`` [1]_ (eq. 2).

    Instead of w, g and v are trained; each index of axis `dim` has a length of its own. Backward (eq. 3): ``dg = sum
    of dw * v / |v|`` and ``dv = g / |v| * dw - g * dg / |v|^2 * v``, where the layer inside gives dw.

    Parameters
    ----------
    layer : Layer
        Any layer with parameters of its own; around a WeightNorm, another of the same layer is normalised too.
    name : str
        The parameter, such as ``"weight_hh_l0"`` of an LSTM.
    dim : int or None
        The axis that keeps its lengths; None is one length for the whole parameter, and so is -1, as in PyTorch.

    Raises
    ------
    TypeError
        If `layer` is no layer, `name` no text, or `dim` no whole number.
    ValueError
        If the layer has no such parameter, or the parameter no such axis.

    Notes
    -----
    ``parametrizations.weight.original0`` is g, shaped as w with every axis but `dim` of size 1, or () for one length;
    ``parametrizations.weight.original1`` is v. v starts as w would, from the same seed, and g as ``|v|``: the first
    output is that of the layer alone. Weight decay treats both as it treats w, since g holds the size of w. A v of
    zeros makes a w of zeros, where PyTorch's is NaN. Options of the layer inside can be read here too. The cache is
    the layer's, and ``|v|``.

    References
    ----------
    .. [1] Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep
       Neural Networks", 2016, arXiv:1602.07868, eq. 2 and 3.

    Examples
    --------
    >>> net = Network(WeightNorm(Linear(4, 3)), seed=0)
    >>> {name: p.shape for name, p in net.parameters.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'bias': (3,), 'parametrizations.weight.original0': (3, 1), 'parametrizations.weight.original1': (3, 4)}
    """

    layer: Layer
    name: str = "weight"
    dim: int | None = 0

    def __post_init__(self) -> None:
        check_layer("WeightNorm", "layer", self.layer)
        if not isinstance(self.name, str):
            raise TypeError(message("WeightNorm", "name to be the name of a parameter", self.name))
        if self.dim is not None:
            check_whole_number("WeightNorm", "dim", self.dim)

    def __getattr__(self, name: str) -> Any:
        # Reached only for what this class lacks: others ask for options such as batch_first. Methods of the layer
        # inside would not know the weight.
        if name.startswith("_") or name == "layer" or callable(value := getattr(self.layer, name)):
            raise AttributeError(f"'WeightNorm' object has no attribute {name!r}")
        return value

    @property
    def accepts_integers(self) -> bool:  # type: ignore[override]
        """Whether the layer inside takes integers."""
        return self.layer.accepts_integers

    @property
    def may_skip(self) -> bool:  # type: ignore[override]
        """Whether the layer inside may leave out a child."""
        return self.layer.may_skip

    @property
    def display_name(self) -> str:
        """Both layers' names."""
        return f"WeightNorm({self.layer.display_name})"

    def check_host(self, x: Array, index: int = 0) -> None:
        """Ask the layer inside."""
        self.layer.check_host(x, index)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return those of the layer inside, with g and v in place of the one that is normalised."""
        specs = self.layer.parameters(in_shape)
        own = [name for name in specs if "." not in name]
        if not own:
            hint = "put the layers inside it into WeightNorm one by one" if self.layer.children() else ""
            raise ValueError(message("WeightNorm", "a layer with parameters of its own", self.layer, hint))
        if self.name not in own:
            hint = did_you_mean(self.name, own)
            raise ValueError(message("WeightNorm", f"name to be one of {', '.join(own)}", self.name, hint))
        spec = specs.pop(self.name)
        axes = self._axes(len(spec.shape))
        lengths = () if axes is None else tuple(1 if i in axes else n for i, n in enumerate(spec.shape))
        g, v = self._names
        return specs | {
            g: ParameterSpec(lengths, norm_of(v, axes), spec.kind),
            v: replace(spec, drawn_as=spec.drawn_as or self.name),
        }

    def buffers(self, in_shape: Shape | None) -> dict[str, BufferSpec]:
        """Return those of the layer inside."""
        return self.layer.buffers(in_shape)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return that of the layer inside."""
        return self.layer.output_shape(in_shape)

    def multiply_adds(self, in_shape: Shape | None, out_shape: Shape | None) -> int | None:
        """Count those of the layer inside; making the weight takes none for a sample."""
        return self.layer.multiply_adds(in_shape, out_shape)

    def children(self) -> dict[str, Layer]:
        """Return those of the layer inside, under their names."""
        return self.layer.children()

    def child_shapes(self, in_shape: Shape | None) -> dict[str, Shape | None]:
        """Return what the children of the layer inside get."""
        return self.layer.child_shapes(in_shape)

    def map_children(self, change: Callable[[str, Layer], Layer]) -> "WeightNorm":
        """Return this layer with every child of the layer inside changed."""
        return replace(self, layer=self.layer.map_children(change))

    def forward(self, p: Views, *inputs_and_mode: Any, **named: Any) -> tuple[Any, Any]:
        """Return the output of the layer inside with the weight made of g and v; the cache is its own and ``|v|``."""
        g, v = (getattr(p, name) for name in self._names)
        length = self._length(v)
        layer: Any = self.layer
        y, cache = layer.forward(with_array(p, self.name, v * (g / length)), *inputs_and_mode, **named)
        return y, ((cache, length) if inputs_and_mode[-1].keep_cache else None)

    def backward(self, p: Views, g: Views, cache: tuple[Any, Array], dy: Any) -> Any:
        """Write the gradients of g, of v and of the other parameters; return the inputs'."""
        inner, length = cache
        (size, v), (size_name, v_name) = (getattr(p, name) for name in self._names), self._names
        xp, factor = namespace(v), size / length
        w, dw = v * factor, xp.empty_like(v)
        dx = self.layer.backward(with_array(p, self.name, w), with_array(g, self.name, dw), inner, dy)
        d_size = self._sum(dw * v) / length
        dw *= factor
        w *= d_size / length
        dw -= w
        getattr(g, size_name)[...] = d_size
        getattr(g, v_name)[...] = dw
        return dx

    @property
    def _names(self) -> tuple[str, str]:
        """Under which g and v are kept."""
        return f"parametrizations.{self.name}.original0", f"parametrizations.{self.name}.original1"

    def _axes(self, count: int) -> tuple[int, ...] | None:
        """Return the axes that a length is summed over; None is all, in one sum."""
        if self.dim in (None, -1):
            return None
        if not -count <= self.dim < count:
            what = f"dim in [{-count}, {count - 1}], the axes of {self.name}, or None"
            raise ValueError(message("WeightNorm", what, self.dim))
        return tuple(i for i in range(count) if i != self.dim % count)

    def _sum(self, values: Array) -> Array:
        axes = self._axes(values.ndim)
        return namespace(values).sum(values, axis=axes, keepdims=axes is not None)

    def _length(self, v: Array) -> Array:
        """Return ``|v|``, and 1 where it is 0, so that it can be divided by."""
        xp = namespace(v)
        length = xp.sqrt(self._sum(v * v))
        return xp.where(length == 0, 1.0, length)


def with_array(views: Views, name: str, array: Array) -> Views:
    """Return the same views with one more array among them."""
    more = Views(views)
    vars(more).update(vars(views))
    setattr(more, name, array)
    return more
