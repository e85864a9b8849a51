"""The two layers that transformers are stacks of."""

from dataclasses import dataclass
from typing import Any, ClassVar

from nnxp._backend import Array
from nnxp.layers.attention.block import Block
from nnxp.layers.layer import Mode, Views

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]


@dataclass(frozen=True)
class TransformerEncoderLayer(Block):
    """Self-attention, then a feed-forward network, each as ``x = norm(x + dropout(f(x)))``.

    With `norm_first` each is ``x = x + dropout(f(norm(x)))`` [2]_.
    The network is ``linear2(dropout(activation(linear1(x))))``.

    Parameters
    ----------
    d_model : int
        Features of an element; a multiple of `nhead`.
    nhead : int
        Heads of the attention.
    dim_feedforward : int
        Features within the feed-forward network.
    dropout : float
        The probability that an element is dropped in training: of each sublayer's output, within the feed-forward
        network, and of the attention's weights.
    activation : {"relu", "gelu"}
        Of the feed-forward network.
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
    The parts are ``self_attn``, ``linear1``, ``linear2``, ``norm1`` and ``norm2``. A query that may look at no key
    gets zeros from the attention, as in PyTorch. On a single input the layer works within a Sequential.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.1.
    .. [2] Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020, arXiv:2002.04745, table 1.
    """

    ATTENTIONS: ClassVar[tuple[str, ...]] = ("self_attn",)

    def forward(
        self,
        p: Views,
        src: Array,
        mode: Mode,
        *,
        src_mask: Array | None = None,
        src_key_padding_mask: Array | None = None,
        is_causal: bool = False,
    ) -> tuple[Array, Any]:
        """Return the output, shaped as `src`; masks as for `MultiheadAttention`."""
        self._check("src", src)
        masks = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask, "is_causal": is_causal}
        x, attended = self._around(1, p, src, mode, lambda x: self._attend("self_attn", p, x, x, mode, **masks))
        y, fed = self._around(2, p, x, mode, lambda x: self._feed(p, x, mode))
        return y, (attended, fed) if mode.keep_cache else None

    def backward(self, p: Views, g: Views, cache: Any, dy: Array) -> Array:
        """Write the parts' gradients; return the input's."""
        attended, fed = cache
        dx = self._around_backward(2, p, g, fed, dy, self._feed_backward(p, g))
        return self._around_backward(1, p, g, attended, dx, self._attend_self_backward(p, g))


@dataclass(frozen=True)
class TransformerDecoderLayer(Block):
    """Self-attention, attention to a memory, then a feed-forward network, each as ``x = norm(x + dropout(f(x)))``.

    Parameters, errors and sources as for `TransformerEncoderLayer`.

    Notes
    -----
    Inputs are ``tgt`` (N, T, d_model) and ``memory`` (N, S, d_model); ``dx`` is ``(dtgt, dmemory)``. The parts are
    ``self_attn``, ``multihead_attn`` (to the memory), ``linear1``, ``linear2``, ``norm1``, ``norm2`` and ``norm3``.
    """

    ATTENTIONS: ClassVar[tuple[str, ...]] = ("self_attn", "multihead_attn")

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
        """Return the output, shaped as `tgt`; masks as for `MultiheadAttention`."""
        self._check("tgt", tgt)
        self._check("memory", memory)
        own = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask, "is_causal": tgt_is_causal}
        across = {"attn_mask": memory_mask, "key_padding_mask": memory_key_padding_mask, "is_causal": memory_is_causal}
        x, attended = self._around(1, p, tgt, mode, lambda x: self._attend("self_attn", p, x, x, mode, **own))
        x, crossed = self._around(2, p, x, mode, lambda x: self._attend("multihead_attn", p, x, memory, mode, **across))
        y, fed = self._around(3, p, x, mode, lambda x: self._feed(p, x, mode))
        return y, (attended, crossed, fed) if mode.keep_cache else None

    def backward(self, p: Views, g: Views, cache: Any, dy: Array) -> tuple[Array, Array]:
        """Write the parts' gradients; return those of the two inputs."""
        attended, crossed, fed = cache
        dmemory: Array = None

        def across(attention: Any, dy: Array) -> Array:
            nonlocal dmemory
            views = p["multihead_attn"], g["multihead_attn"]
            dx, dkey, dvalue = self._parts["multihead_attn"].backward(*views, attention, (dy, None))
            dmemory = dkey + dvalue
            return dx

        dx = self._around_backward(3, p, g, fed, dy, self._feed_backward(p, g))
        dx = self._around_backward(2, p, g, crossed, dx, across)
        return self._around_backward(1, p, g, attended, dx, self._attend_self_backward(p, g)), dmemory
