"""What the layers of the transformer have in common: sublayers with a way around each, and a feed-forward network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nnxp._backend import Array
from nnxp._checks import Shape, check_choice, check_number, check_positive_int
from nnxp.layers.attention.composite import Composite, check_heads, check_sample, check_sequence
from nnxp.layers.attention.multihead import MultiheadAttention
from nnxp.layers.dropout import Dropout
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.linear import Linear
from nnxp.layers.normalisation import LayerNorm
from nnxp.layers.rectifiers import ReLU
from nnxp.layers.smooth import GELU

__all__ = ["Block"]

ACTIVATIONS = {"relu": ReLU(), "gelu": GELU()}
FEED_FORWARD = ("linear1", "activation", "dropout", "linear2")

Branch = Callable[[Array], tuple[Array, Any]]
BranchBackward = Callable[[Any, Array], Array]


@dataclass(frozen=True)
class Block(Composite):
    """Sublayers one after the other: `ATTENTIONS`, then the feed-forward network; see the layers made of it."""

    d_model: int
    nhead: int
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = True
    norm_first: bool = False
    bias: bool = True

    ATTENTIONS: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        where = type(self).__name__
        check_heads(where, "d_model", self.d_model, "nhead", self.nhead)
        check_positive_int(where, "dim_feedforward", self.dim_feedforward)
        check_number(where, "dropout", self.dropout, low=0.0, high=1.0)
        check_choice(where, "activation", self.activation, list(ACTIVATIONS))
        check_number(where, "layer_norm_eps", self.layer_norm_eps, low=0.0)
        attention = MultiheadAttention(self.d_model, self.nhead, self.dropout, self.bias, batch_first=self.batch_first)
        parts: dict[str, Layer] = dict.fromkeys(self.ATTENTIONS, attention)
        parts["linear1"] = Linear(self.d_model, self.dim_feedforward, self.bias)
        parts["activation"] = ACTIVATIONS[self.activation]
        parts["dropout"] = Dropout(self.dropout)
        parts["linear2"] = Linear(self.dim_feedforward, self.d_model, self.bias)
        numbers = range(1, len(self.ATTENTIONS) + 2)
        norm = LayerNorm(self.d_model, self.layer_norm_eps, bias=self.bias)
        parts |= {f"norm{i}": norm for i in numbers} | {f"dropout{i}": Dropout(self.dropout) for i in numbers}
        self._build(**parts)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        return check_sample(type(self).__name__, in_shape, self.d_model)

    def child_shapes(self, in_shape: Shape | None) -> dict[str, Shape | None]:
        """Return the input's shape for each part; within the feed-forward network it is wider."""
        wide = None if in_shape is None else (*in_shape[:-1], self.dim_feedforward)
        return super().child_shapes(in_shape) | dict.fromkeys(FEED_FORWARD[1:], wide)

    def _check(self, name: str, x: Array) -> None:
        check_sequence(f"{type(self).__name__}.forward", name, x, self.d_model, self.batch_first)

    def _run(self, name: str, p: Views, x: Array, mode: Mode) -> tuple[Array, Any]:
        y, cache = self._parts[name].forward(p[name], x, mode[name, True])
        return y, cache

    def _back(self, name: str, p: Views, g: Views, cache: Any, dy: Array) -> Array:
        return self._parts[name].backward(p[name], g[name], cache, dy)

    def _around(self, number: int, p: Views, x: Array, mode: Mode, branch: Branch) -> tuple[Array, Any]:
        """Return ``norm(x + dropout(branch(x)))``, or ``x + dropout(branch(norm(x)))`` if the norm is first."""
        norm, norm_cache = f"norm{number}", None
        inner = x
        if self.norm_first:
            inner, norm_cache = self._run(norm, p, x, mode)
        inner, branch_cache = branch(inner)
        inner, kept = self._run(f"dropout{number}", p, inner, mode)
        y = x + inner
        if not self.norm_first:
            y, norm_cache = self._run(norm, p, y, mode)
        return y, (norm_cache, branch_cache, kept)

    def _around_backward(self, number: int, p: Views, g: Views, cache: Any, dy: Array, branch: BranchBackward) -> Array:
        """Return the gradient of the input, which went two ways."""
        norm_cache, branch_cache, kept = cache
        if not self.norm_first:
            dy = self._back(f"norm{number}", p, g, norm_cache, dy)
        dx = branch(branch_cache, self._back(f"dropout{number}", p, g, kept, dy))
        if self.norm_first:
            dx = self._back(f"norm{number}", p, g, norm_cache, dx)
        return dx + dy

    def _attend(self, name: str, p: Views, x: Array, memory: Array, mode: Mode, **masks: Any) -> tuple[Array, Any]:
        (y, _), cache = self._parts[name].forward(
            p[name], x, memory, memory, mode[name, True], need_weights=False, **masks
        )
        return y, cache

    def _attend_self_backward(self, p: Views, g: Views) -> BranchBackward:
        return lambda cache, dy: self._parts["self_attn"].backward_self(p["self_attn"], g["self_attn"], cache, dy)

    def _feed(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Any]:
        caches = []
        for name in FEED_FORWARD:
            x, cache = self._run(name, p, x, mode)
            caches.append(cache)
        return x, caches

    def _feed_backward(self, p: Views, g: Views) -> BranchBackward:
        def backward(caches: Any, dy: Array) -> Array:
            for name, cache in zip(reversed(FEED_FORWARD), reversed(caches), strict=True):
                dy = self._back(name, p, g, cache, dy)
            return dy

        return backward
