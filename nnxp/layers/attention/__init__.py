"""Attention, and the layers of the transformer."""

from nnxp.layers.attention.layers import TransformerDecoderLayer, TransformerEncoderLayer
from nnxp.layers.attention.multihead import MultiheadAttention
from nnxp.layers.attention.positions import LearnedPositionalEncoding, PositionalEncoding
from nnxp.layers.attention.stacks import TransformerDecoder, TransformerEncoder
from nnxp.layers.attention.transformer import Transformer

__all__ = [
    "LearnedPositionalEncoding",
    "MultiheadAttention",
    "PositionalEncoding",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]
