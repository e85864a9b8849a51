"""Layers made of parts that their fields describe."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

from nnxp._backend import Array
from nnxp._checks import Shape, check_positive_int, message
from nnxp.initializers import Initializer
from nnxp.layers.layer import Layer, ParameterSpec
from nnxp.layers.linear import Linear

__all__ = ["Composite", "Projection", "check_heads", "check_sample", "check_sequence"]


class Composite(Layer):
    """A layer that builds its children from its fields, once, by `_build` in ``__post_init__``."""

    _parts: dict[str, Any]

    def _build(self, **parts: Layer | None) -> None:
        """Keep the children under their names; None is none."""
        object.__setattr__(self, "_parts", {name: part for name, part in parts.items() if part is not None})

    def children(self) -> dict[str, Layer]:
        """Return the parts by name."""
        return dict(self._parts)

    def map_children(self, change: Callable[[str, Layer], Layer]) -> Self:
        """Return this layer with every part replaced by ``change(name, part)``; the fields stay."""
        changed = copy(self)
        changed._build(**{name: change(name, part) for name, part in self._parts.items()})
        return changed


@dataclass(frozen=True)
class Projection(Linear):
    """A Linear whose weight starts by `weight_init` and whose bias starts by `bias_init`, where they are given."""

    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight and bias as Linear does, with starts of their own."""
        given = {"weight": self.weight_init, "bias": self.bias_init}
        specs = super().parameters(in_shape)
        return {name: replace(spec, init=given[name] or spec.init) for name, spec in specs.items()}


def check_heads(where: str, name: str, size: object, heads_name: str, heads: object) -> None:
    """Refuse a size that does not divide into heads."""
    check_positive_int(where, name, size)
    check_positive_int(where, heads_name, heads)
    if size % heads:  # type: ignore[operator]
        raise ValueError(message(where, f"{name} to be a multiple of {heads_name} ({heads})", size))


def check_sample(where: str, in_shape: Shape | None, size: int) -> Shape:
    """Return the shape of a sample as far as it is known; refuse one that is no sequence of `size` features."""
    if in_shape is None:
        return (None, size)
    if len(in_shape) != 2 or in_shape[-1] not in (None, size):
        raise ValueError(message(where, f"samples of shape (*, {size})", in_shape))
    return in_shape


def check_sequence(where: str, name: str, x: Array, size: int, batch_first: bool) -> None:
    """Refuse an array that is no batch of sequences of `size` features."""
    if x.ndim != 3 or x.shape[-1] != size:
        wanted = f"({'N, length' if batch_first else 'length, N'}, {size})"
        raise ValueError(message(where, f"{name} of shape {wanted}", tuple(x.shape)))
