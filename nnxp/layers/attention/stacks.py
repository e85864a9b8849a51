"""The encoder and the decoder of the transformer: a layer repeated."""

from dataclasses import dataclass
from typing import Any

from nnxp._backend import Array
from nnxp._checks import Shape, check_positive_int
from nnxp.layers.attention.composite import Composite
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.sequential import Sequential, check_layer

__all__ = ["TransformerDecoder", "TransformerEncoder"]


class Stack(Composite):
    """Independent copies of a layer under ``layers.0``, ``layers.1``, ..., then a norm, if there is one."""

    norm: Layer | None

    def _stack(self, name: str, layer: Layer, num_layers: int) -> None:
        where = type(self).__name__
        check_layer(where, name, layer)
        check_positive_int(where, "num_layers", num_layers)
        if self.norm is not None:
            check_layer(where, "norm", self.norm)
        self._build(layers=Sequential(*(layer,) * num_layers), norm=self.norm)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the layers' output shape."""
        return self._parts["layers"].output_shape(in_shape)  # type: ignore[no-any-return]

    def _run(self, p: Views, x: Array, mode: Mode, *others: Array, **named: Any) -> tuple[Array, Any]:
        """Run the layers, each on the output of the one before, the other inputs, and what is given by name."""
        given = {name: value for name, value in named.items() if value is not None and value is not False}
        caches = []
        for name, layer in self._parts["layers"].children().items():
            x, cache = layer.forward(p["layers"][name], x, *others, mode["layers"][name, True], **given)
            if mode.keep_cache:
                caches.append(cache)
        norm_cache = None
        if "norm" in self._parts:
            x, norm_cache = self._parts["norm"].forward(p["norm"], x, mode["norm", True])
        return x, (caches, norm_cache) if mode.keep_cache else None

    def _run_backward(self, p: Views, g: Views, cache: Any, dy: Array) -> tuple[Array, Array | None]:
        """Return the gradients of the input and, summed over the layers, of the other one, if there is one."""
        caches, norm_cache = cache
        if "norm" in self._parts:
            dy = self._parts["norm"].backward(p["norm"], g["norm"], norm_cache, dy)
        total = None
        layers = self._parts["layers"].children()
        for name, layer_cache in zip(reversed(layers), reversed(caches), strict=True):
            dy = layers[name].backward(p["layers"][name], g["layers"][name], layer_cache, dy)
            if isinstance(dy, tuple):
                dy, other = dy
                total = other if total is None else total + other
        return dy, total


@dataclass(frozen=True)
class TransformerEncoder(Stack):
    """A layer repeated, ``y = norm(layer_n(...layer_1(src)))``.

    Parameters
    ----------
    encoder_layer : Layer
        Such as a TransformerEncoderLayer. Each repetition has parameters of its own, which start differently.
    num_layers : int
        How often it is repeated.
    norm : Layer, optional
        What comes after the last one, such as a LayerNorm.

    Raises
    ------
    ValueError
        If `num_layers` is not a whole number of at least 1.
    TypeError
        If `encoder_layer` or `norm` is not a layer.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.1.
    """

    encoder_layer: Layer
    num_layers: int
    norm: Layer | None = None

    def __post_init__(self) -> None:
        self._stack("encoder_layer", self.encoder_layer, self.num_layers)

    def forward(
        self,
        p: Views,
        src: Array,
        mode: Mode,
        *,
        mask: Array | None = None,
        src_key_padding_mask: Array | None = None,
        is_causal: bool = False,
    ) -> tuple[Array, Any]:
        """Return the output; the masks go to every layer."""
        return self._run(p, src, mode, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal)

    def backward(self, p: Views, g: Views, cache: Any, dy: Array) -> Array:
        """Write the layers' gradients; return the input's."""
        return self._run_backward(p, g, cache, dy)[0]


@dataclass(frozen=True)
class TransformerDecoder(Stack):
    """A layer repeated, each on the output of the one before and on the same memory, then a norm.

    Parameters
    ----------
    decoder_layer : Layer
        Such as a TransformerDecoderLayer. Each repetition has parameters of its own, which start differently.
    num_layers : int
        How often it is repeated.
    norm : Layer, optional
        What comes after the last one, such as a LayerNorm.

    Raises
    ------
    ValueError
        If `num_layers` is not a whole number of at least 1.
    TypeError
        If `decoder_layer` or `norm` is not a layer.

    Notes
    -----
    ``dx`` is ``(dtgt, dmemory)``.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.1.
    """

    decoder_layer: Layer
    num_layers: int
    norm: Layer | None = None

    def __post_init__(self) -> None:
        self._stack("decoder_layer", self.decoder_layer, self.num_layers)

    def forward(  # type: ignore[override]
        self,
        p: Views,
        tgt: Array,
        memory: Array,
        mode: Mode,
        *,
        tgt_mask: Array | None = None,
        memory_mask: Array | None = None,
        tgt_key_padding_mask: Array | None = None,
        memory_key_padding_mask: Array | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> tuple[Array, Any]:
        """Return the output, shaped as `tgt`; the masks go to every layer."""
        return self._run(
            p, tgt, mode, memory,
            tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask, memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )  # fmt: skip

    def backward(self, p: Views, g: Views, cache: Any, dy: Array) -> tuple[Array, Array | None]:
        """Write the layers' gradients; return those of the two inputs."""
        return self._run_backward(p, g, cache, dy)
