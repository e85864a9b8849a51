"""The transformer: an encoder, and a decoder that looks at what it made."""

from dataclasses import dataclass, field
from typing import Any, Literal

from nnxp._backend import Array
from nnxp._checks import Shape, check_positive_int
from nnxp.initializers import xavier_uniform
from nnxp.layers.attention.composite import Composite, Projection, check_sample, check_sequence
from nnxp.layers.attention.layers import TransformerDecoderLayer, TransformerEncoderLayer
from nnxp.layers.attention.stacks import TransformerDecoder, TransformerEncoder
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.linear import Linear
from nnxp.layers.normalisation import LayerNorm

__all__ = ["Transformer"]


@dataclass(frozen=True)
class Transformer(Composite):
    """Encoder and decoder, ``y = decoder(tgt, encoder(src))``, each with a LayerNorm at its end.

    Parameters
    ----------
    d_model : int
        Features of an element; a multiple of `nhead`.
    nhead : int
        Heads of every attention.
    num_encoder_layers, num_decoder_layers : int
        How many layers each.
    dim_feedforward : int
        Features within the feed-forward networks.
    dropout : float
        The probability that an element is dropped in training.
    activation : {"relu", "gelu"}
        Of the feed-forward networks.
    layer_norm_eps : float
        The `eps` of the normalisations.
    batch_first : bool
        Whether arrays are (N, length, d_model), or (length, N, d_model). PyTorch's default is False.
    norm_first : bool
        Whether to normalise before each sublayer rather than after.
    bias : bool
        Whether affine maps and normalisations have biases.

    Raises
    ------
    ValueError
        If an argument is out of range, `d_model` is no multiple of `nhead`, or shapes do not go together.

    Notes
    -----
    Inputs are ``src`` (N, S, d_model) and ``tgt`` (N, T, d_model), embedded and with their places already; the output
    is shaped as ``tgt``, and ``dx`` is ``(dsrc, dtgt)``. All matrices start Xavier-uniform. To train on sequences,
    shift ``tgt`` by one and give ``tgt_is_causal=True``.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.
    """

    d_model: int = 512
    nhead: int = 8
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    layer_norm_eps: float = field(default=1e-5, kw_only=True)
    batch_first: bool = field(default=True, kw_only=True)
    norm_first: bool = field(default=False, kw_only=True)
    bias: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        check_positive_int("Transformer", "num_encoder_layers", self.num_encoder_layers)
        check_positive_int("Transformer", "num_decoder_layers", self.num_decoder_layers)
        common = (
            self.d_model, self.nhead, self.dim_feedforward, self.dropout, self.activation, self.layer_norm_eps,
            self.batch_first, self.norm_first, self.bias,
        )  # fmt: skip
        encoder_layer, decoder_layer = TransformerEncoderLayer(*common), TransformerDecoderLayer(*common)
        norm = LayerNorm(self.d_model, self.layer_norm_eps, bias=self.bias)
        encoder = TransformerEncoder(encoder_layer, self.num_encoder_layers, norm)
        decoder = TransformerDecoder(decoder_layer, self.num_decoder_layers, norm)
        self._build(encoder=xavier(encoder), decoder=xavier(decoder))

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the shape of a sample of `tgt`, whose length `src` does not tell."""
        check_sample("Transformer", in_shape, self.d_model)
        return (None, self.d_model)

    def child_shapes(self, in_shape: Shape | None) -> dict[str, Shape | None]:
        """Return the shape of `src` for the encoder, and of `tgt` for the decoder."""
        return {"encoder": in_shape, "decoder": self.output_shape(in_shape)}

    def forward(  # type: ignore[override]
        self,
        p: Views,
        src: Array,
        tgt: Array,
        mode: Mode,
        *,
        src_mask: Array | None = None,
        tgt_mask: Array | None = None,
        memory_mask: Array | None = None,
        src_key_padding_mask: Array | None = None,
        tgt_key_padding_mask: Array | None = None,
        memory_key_padding_mask: Array | None = None,
        src_is_causal: bool = False,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> tuple[Array, Any]:
        """Return the output, shaped as `tgt`; masks as for `MultiheadAttention`."""
        for name, x in (("src", src), ("tgt", tgt)):
            check_sequence("Transformer.forward", name, x, self.d_model, self.batch_first)
        memory, encoded = self._parts["encoder"].forward(
            p["encoder"], src, mode["encoder"],
            mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal,
        )  # fmt: skip
        y, decoded = self._parts["decoder"].forward(
            p["decoder"], tgt, memory, mode["decoder"],
            tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask, memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )  # fmt: skip
        return y, (encoded, decoded)

    def backward(self, p: Views, g: Views, cache: Any, dy: Array) -> tuple[Array, Array]:
        """Write the parts' gradients; return those of the two inputs."""
        encoded, decoded = cache
        dtgt, dmemory = self._parts["decoder"].backward(p["decoder"], g["decoder"], decoded, dy)
        return self._parts["encoder"].backward(p["encoder"], g["encoder"], encoded, dmemory), dtgt


def xavier(layer: Layer) -> Layer:
    """Return the layer with every matrix within starting Xavier-uniform; biases stay."""
    if isinstance(layer, Linear):
        bias_init = getattr(layer, "bias_init", None)
        return Projection(layer.in_features, layer.out_features, layer.bias, xavier_uniform(), bias_init)
    return layer.map_children(lambda _, child: xavier(child)) if layer.children() else layer
