"""Attention, the transformer, places in sequences, and embeddings; every option is in tests/test_layers_attention.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnxp.layers import (
    Embedding,
    EmbeddingBag,
    LayerNorm,
    LearnedPositionalEncoding,
    MultiheadAttention,
    PositionalEncoding,
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from tests import oracles_attention as o
from tests.layer_cases.adapted import Adapted, Indexed, adapted, indexed
from tests.layer_cases.case import Case

NO_REPR = "a container of the tests"
MINE = ((2, 0, 4),) * 3  # query, key and value are one array
APART = ((2, 0, 4), (2, 4, 7), (2, 7, 9))
ACROSS = ((1, 0, 2), (1, 2, 5), (1, 2, 5))
PAIR = ((1, 0, 2), (1, 2, 5))
# Layer by layer as `Network` numbers them.
PLACES = {"": 0, "self_attn": 1, "dropout": 5, "dropout1": 9, "dropout2": 10}


def quiet(n: int) -> dict[str, Any]:
    return {"need_weights": False}


def every_mask(n: int) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    padding = rng.random((n, 3)) < 0.3
    padding[:, 0] = False
    return {"attn_mask": rng.normal(size=(n * 2, 3, 3)), "key_padding_mask": padding, "is_causal": True}


def boolean_masks(n: int) -> dict[str, Any]:
    return {"src_mask": np.array([[False, True, True], [True, False, False], [False, False, False]])}


def oracle_masks(**names: str) -> Any:
    """Let the oracle of an encoder layer take masks under PyTorch's names."""

    def run(layer: Any, p: Any, x: Any, **masks: Any) -> Any:
        return o.encoder_layer(layer, p, x, **{names[name]: mask for name, mask in masks.items()})

    return run


def decoder_masks(n: int) -> dict[str, Any]:
    padding = np.zeros((n, 3), bool)
    padding[:, 2:] = True
    return {
        "tgt_is_causal": True,
        "memory_key_padding_mask": padding,
        "memory_mask": np.array([[0.3, -1, 0], [1, 2, 0.0]]),
    }


def masked_decoder(layer: Any, p: Any, x: Any, memory: Any, **masks: Any) -> Any:
    across = {"attn_mask": masks["memory_mask"], "key_padding_mask": masks["memory_key_padding_mask"]}
    return o.decoder_layer(layer, p, x, memory, {"is_causal": masks["tgt_is_causal"]}, across)


def dropping(layer: Any, p: Any, x: Any) -> Any:
    return o.encoder_layer(layer, p, x, o.drawn(layer, layer.dropout, PLACES))


def causal(layer: Any, p: Any, src: Any, tgt: Any, **masks: Any) -> Any:
    return o.transformer(layer, p, src, tgt, causal=True)


SMALL = {"dim_feedforward": 5, "dropout": 0.0}
LAYER = TransformerEncoderLayer(4, 2, **SMALL)
DECODER_LAYER = TransformerDecoderLayer(4, 2, 3, 0.0, "gelu")
NORM = LayerNorm(4)


def their_layer(t: Any, **options: Any) -> Any:
    return t.nn.TransformerEncoderLayer(4, 2, 5, 0.0, batch_first=True, **options)


CASES = [
    Case("attention", Adapted(MultiheadAttention(4, 2), MINE, quiet), (2, 3, 4), adapted(o.multihead), no_repr=NO_REPR),
    Case("attention_weights", Adapted(MultiheadAttention(4, 2, kdim=3, vdim=2), APART, extra=3), (2, 3, 9),
         adapted(o.multihead), no_repr=NO_REPR),
    Case("attention_masks", Adapted(MultiheadAttention(4, 2, bias=False), MINE, every_mask, extra=3), (2, 3, 4),
         adapted(o.multihead), no_repr=NO_REPR),
    Case("attention_more_keys", Adapted(MultiheadAttention(4, 1, add_bias_kv=True, add_zero_attn=True), ACROSS, extra=5),
         (2, 5, 4), adapted(o.multihead), no_repr=NO_REPR),
    Case("attention_dropout", Adapted(MultiheadAttention(4, 2, 0.4), MINE, quiet), (2, 3, 4),
         adapted(lambda layer, p, *x, **m: o.multihead(layer, p, *x, **m, noise=o.drawn(layer, 0.4, {"": 1}))), training=True,
         no_repr=NO_REPR),
    Case("positions", PositionalEncoding(4), (2, 3, 4), o.positions),
    Case("positions_odd", PositionalEncoding(5, batch_first=False), (2, 3, 5), o.positions),
    Case("positions_learned", LearnedPositionalEncoding(4, 3), (2, 3, 3), o.learned_positions),
    Case("positions_learned_second", LearnedPositionalEncoding(3, 2, batch_first=False), (2, 3, 2), o.learned_positions),
    Case("encoder_layer", LAYER, (2, 3, 4), o.encoder_layer, lambda t: their_layer(t)),
    Case("encoder_layer_gelu", TransformerEncoderLayer(4, 2, 5, 0.0, "gelu", norm_first=True), (2, 3, 4),
         o.encoder_layer, lambda t: their_layer(t, activation="gelu", norm_first=True)),
    Case("encoder_layer_no_bias", TransformerEncoderLayer(4, 1, bias=False, **SMALL), (2, 2, 4), o.encoder_layer),
    Case("encoder_layer_masks", Adapted(LAYER, MINE[:1], boolean_masks), (2, 3, 4),
         adapted(oracle_masks(src_mask="attn_mask")), no_repr=NO_REPR),
    Case("encoder_layer_dropout", TransformerEncoderLayer(4, 2, 5, 0.3), (2, 2, 4), dropping, training=True),
    Case("decoder_layer", Adapted(DECODER_LAYER, PAIR), (2, 5, 4), adapted(o.decoder_layer), no_repr=NO_REPR),
    Case("decoder_layer_masks", Adapted(TransformerDecoderLayer(4, 2, 3, 0.0, "gelu", norm_first=True), PAIR,
         decoder_masks), (2, 5, 4), adapted(masked_decoder), no_repr=NO_REPR),
    Case("encoder", TransformerEncoder(LAYER, 2), (2, 2, 4), o.encoder,
         lambda t: t.nn.TransformerEncoder(their_layer(t), 2, enable_nested_tensor=False)),
    Case("encoder_norm", TransformerEncoder(LAYER, 1, NORM), (2, 2, 4), o.encoder,
         lambda t: t.nn.TransformerEncoder(their_layer(t), 1, t.nn.LayerNorm(4), enable_nested_tensor=False)),
    Case("decoder", Adapted(TransformerDecoder(DECODER_LAYER, 2, NORM), PAIR), (2, 5, 4), adapted(o.decoder),
         no_repr=NO_REPR),
    Case("transformer", Adapted(Transformer(4, 2, 1, 1, 3, 0.0, "gelu"), (PAIR[1], PAIR[0]),
         lambda n: {"tgt_is_causal": True}, like=1), (2, 5, 4), adapted(causal), no_repr=NO_REPR),
    Case("embedding", Indexed(Embedding(6, 3), 6), (2, 5), indexed(o.embedding), no_repr=NO_REPR),
    Case("embedding_scalar_samples", Indexed(Embedding(3, 2), 3), (7,), indexed(o.embedding), no_repr=NO_REPR),
    Case("embedding_bag", Indexed(EmbeddingBag(6, 3), 6), (3, 5), indexed(o.embedding_bag), no_repr=NO_REPR),
    Case("embedding_bag_sum", Indexed(EmbeddingBag(4, 3, mode="sum"), 4), (3, 5), indexed(o.embedding_bag),
         no_repr=NO_REPR),
]  # fmt: skip
