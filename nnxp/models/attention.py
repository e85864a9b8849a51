"""Attention over the elements of a sequence."""

from nnxp._checks import Words, check_positive_int, message
from nnxp.layers import (
    Embedding,
    GlobalAvgPool,
    LayerNorm,
    Linear,
    Permute,
    PositionalEncoding,
    Sequential,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from nnxp.layers.attention.composite import check_heads

__all__ = ["transformer"]


def transformer(
    in_features: int | None = None,
    classes: int = 10,
    *,
    num_embeddings: int | None = None,
    width: int = 64,
    heads: int = 4,
    depth: int = 2,
    dropout: float = 0.1,
) -> Sequential:
    """Build a transformer [1]_ that classifies sequences: of vectors, such as the rows of an image, or of tokens.

    Every element is mapped to `width` features, by a Linear or from a table, and gets waves of its place. The encoder's
    layers, pre-norm [2]_ with GELU and a feed-forward network four times as wide, end in a LayerNorm; then the mean
    over the sequence and a Linear.

    Parameters
    ----------
    in_features : int or None
        Features of an element; None takes them from the network's ``input_shape``.
    classes : int
        Outputs.
    num_embeddings : int, optional
        Given, the elements are tokens: whole numbers below it.
    width : int
        Features of an element within; a multiple of `heads`.
    heads : int
        Heads of every attention.
    depth : int
        Encoder layers.
    dropout : float
        After the places and within the encoder.

    Returns
    -------
    Sequential
        From (length, in_features), given as ``input_shape``, or (length,) for tokens, to (classes,). Given as None, the
        length may differ from batch to batch; within one, every element counts in the mean.

    Raises
    ------
    ValueError
        If both `in_features` and `num_embeddings` are given, a size is not a whole number of at least 1, `width` is no
        multiple of `heads`, or `dropout` is outside [0, 1].

    Notes
    -----
    For patches of an image instead of its rows [3]_, put ``Conv2d(3, 64, 4, stride=4), Flatten(2), Permute((0, 2, 1))``
    before ``transformer(64)``.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.
    .. [2] Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020, arXiv:2002.04745, table 1.
    .. [3] Dosovitskiy et al., "An Image is Worth 16x16 Words", 2020, arXiv:2010.11929, section 3.1.
    """
    if in_features is not None and num_embeddings is not None:
        both = Words(f"{in_features} and {num_embeddings}")
        raise ValueError(message("transformer", "in_features or num_embeddings, not both", both))
    check_heads("transformer", "width", width, "heads", heads)
    check_positive_int("transformer", "depth", depth)
    layer = TransformerEncoderLayer(width, heads, 4 * width, dropout, "gelu", norm_first=True)
    return Sequential(
        Linear(in_features, width) if num_embeddings is None else Embedding(num_embeddings, width),
        PositionalEncoding(width, dropout),
        TransformerEncoder(layer, depth, LayerNorm(width)),
        *(Permute((0, 2, 1)), GlobalAvgPool()),
        Linear(width, classes),
    )
