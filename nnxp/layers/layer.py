"""The shape of a layer: a frozen dataclass of configuration, with its forward and backward formulas."""

from collections.abc import Callable, Set
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any, ClassVar, Literal

from nnxp._backend import Array, namespace
from nnxp._checks import Shape
from nnxp.initializers import Derived, Initializer
from nnxp.random import Draw, Stream

__all__ = ["BufferSpec", "Layer", "Mode", "ParameterSpec", "Views", "rows", "unrows"]


@dataclass(frozen=True)
class ParameterSpec:
    """What a layer asks for when a network is built: one array that is trained.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    init : Initializer or Derived
        How it starts.
    kind : {"weight", "bias", "norm"}
        Weight decay can leave biases and the parameters of normalisations alone.
    drawn_as : str
        The name whose noise it starts from, where it stands for a parameter of that name; empty: its own.
    """

    shape: tuple[int, ...]
    init: Initializer | Derived
    kind: Literal["weight", "bias", "norm"] = "weight"
    drawn_as: str = ""


@dataclass(frozen=True)
class BufferSpec:
    """What a layer asks for when a network is built: one array that is kept, but not trained.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    value : number or nested tuple of numbers
        How it starts.
    dtype : str, optional
        Such as ``"int64"``; None takes the network's.
    """

    shape: tuple[int, ...]
    value: Any = 0.0
    dtype: str | None = None


# What views say of themselves, beside their arrays.
_FACTS = {"flat", "trains"}


class Views(dict[str, "Views"]):
    """A layer's arrays as attributes (``p.weight``), and its children's as items (``p["0"]``).

    Attributes
    ----------
    trains : bool
        Whether any parameter here or below is trained; what comes before needs no gradient otherwise.
    flat : array of shape (n,) or None
        The stretch of the network's vector that holds all parameters here and below, if all of them are trained.
    """

    trains: bool = False
    flat: Array | None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """The layer's own arrays by name."""
        return {name: array for name, array in vars(self).items() if name not in _FACTS}

    def __getattr__(self, name: str) -> Array:
        # Reached only when no array of that name was set.
        raise AttributeError(f"expected one of {sorted(self.arrays)}, got {name!r}")


class Mode(dict[Any, "Mode"]):
    """How a network runs just now; ``mode["0"]`` is a child's, ``mode["0", False]`` its own without ``dx``.

    A container that runs a child several times in one pass tells the runs apart: ``mode["0", True, visit]``.

    Parameters
    ----------
    training : bool
        Dropout drops, and statistics are gathered.
    keep_cache : bool
        False when only predicting: a container keeps nothing for backward.
    input_gradient : bool
        False where nobody wants ``dx``: before the first parameter that is trained, in ``fit``.
    consume : bool
        Backward will come once, and may let go of each cache as it passes it.
    visit : int
        Which run of this layer in the same pass this is.
    still : set of str
        Paths of layers that run as in evaluation, since their buffers are frozen.
    random : Stream
        This layer's noise, which differs between visits.
    """

    __slots__ = (
        "_draw",
        "_places",
        "_still",
        "consume",
        "input_gradient",
        "keep_cache",
        "path",
        "random",
        "training",
        "visit",
    )

    def __init__(
        self,
        path: str,
        places: dict[str, int],
        draw: Draw,
        *,
        training: bool,
        keep_cache: bool,
        input_gradient: bool,
        consume: bool,
        visit: int = 0,
        still: Set[str] = frozenset(),
    ) -> None:
        super().__init__()
        self.path = path
        self.training = training and path not in still
        self.keep_cache = keep_cache
        self.input_gradient = input_gradient
        self.consume = consume
        self.visit = visit
        self.random = Stream(draw, places[path], visit)
        self._places = places
        self._draw = draw
        self._still = still

    def __missing__(self, key: str | tuple[str, bool] | tuple[str, bool, int]) -> "Mode":
        name, input_gradient, visit = self._of_child(*key) if isinstance(key, tuple) else self._of_child(key)
        child = Mode(
            f"{self.path}.{name}" if self.path else name,
            self._places,
            self._draw,
            training=self.training,
            keep_cache=self.keep_cache,
            input_gradient=input_gradient,
            consume=self.consume,
            visit=visit,
            still=self._still,
        )
        self[key] = child
        return child

    def _of_child(
        self, name: str, input_gradient: bool | None = None, visit: int | None = None
    ) -> tuple[str, bool, int]:
        """Fill up a key with what is inherited."""
        wanted = self.input_gradient if input_gradient is None else input_gradient
        return name, wanted, self.visit if visit is None else visit


class Layer:
    """The base of all layers.

    A layer is a value: it holds no arrays, and two equal layers are interchangeable. A layer of your own is a
    frozen dataclass with `forward` and `backward`; with parameters it also answers `parameters`, and
    `output_shape` where its output is not shaped as its input.

    Attributes
    ----------
    accepts_integers : bool
        Whether `forward` takes integers; everywhere else input is cast to the network's dtype at the door.
    may_skip : bool
        Whether `backward` may leave out a child, whose gradient is then zeroed beforehand.
    """

    accepts_integers: ClassVar[bool] = False
    may_skip: ClassVar[bool] = False

    @property
    def display_name(self) -> str:
        """What tables and messages call this layer."""
        return type(self).__name__

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return what is trained, by name; `in_shape` is one sample's shape, None where it is unknown.

        A dot in a name puts it below the layer: such names come after those of the children.
        """
        del in_shape
        return {}

    def buffers(self, in_shape: Shape | None) -> dict[str, BufferSpec]:
        """Return what is kept but not trained, by name."""
        del in_shape
        return {}

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the shape of one sample's output, and refuse an input that cannot be."""
        return in_shape

    def multiply_adds(self, in_shape: Shape | None, out_shape: Shape | None) -> int | None:
        """Count the multiply-adds of one sample's products, children left out; None where a size is unknown."""
        return 0

    def children(self) -> dict[str, "Layer"]:
        """Return the layers inside, by name: fields that are layers, unless a container says otherwise."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {name: value for name, value in values.items() if isinstance(value, Layer)}

    def child_shapes(self, in_shape: Shape | None) -> dict[str, Shape | None]:
        """Return what each child gets: this layer's own input, unless a container says otherwise."""
        return dict.fromkeys(self.children(), in_shape)

    def map_children(self, change: Callable[[str, "Layer"], "Layer"]) -> "Layer":
        """Return this layer with every child replaced by ``change(name, child)``."""
        return replace(self, **{n: change(n, c) for n, c in self.children().items()})  # type: ignore[type-var]

    def check_host(self, x: Array, index: int = 0) -> None:
        """Refuse integers of the input `index` that are still on the host, where `forward` could not on a device."""
        del x, index

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Any]:
        """Return the output and the cache: the smallest thing from which `backward` can work."""
        raise NotImplementedError

    def backward(self, p: Views, g: Views, cache: Any, dy: Array) -> Array | None:
        """Write the gradient of each parameter into `g`, and return that of the input (None: not wanted)."""
        raise NotImplementedError


def weight_uses(layer: Layer, in_shape: Shape | None, places: Shape | None) -> int | None:
    """Count the products of a layer that applies each of its weights once at every place."""
    if places is None or None in places:
        return None
    weights = (spec.shape for spec in layer.parameters(in_shape).values() if spec.kind == "weight")
    return sum(prod(shape) for shape in weights) * prod(n for n in places if n is not None)


def rows(x: Array) -> Array:
    """View (*batch, features) as a matrix (prod(batch), features)."""
    return x if x.ndim == 2 else namespace(x).reshape(x, (prod(x.shape[:-1]), x.shape[-1]))


def unrows(y: Array, like: Array) -> Array:
    """Give a matrix (prod(batch), features) the batch axes of `like` back."""
    return y if like.ndim == 2 else namespace(y).reshape(y, (*like.shape[:-1], y.shape[-1]))
