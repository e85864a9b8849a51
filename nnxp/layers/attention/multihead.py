"""Multi-head attention."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, matmul, namespace
from nnxp._checks import Shape, check_number, check_positive_int
from nnxp.initializers import xavier_normal, xavier_uniform, zeros
from nnxp.layers.attention import heads
from nnxp.layers.attention.composite import Composite, Projection, check_heads, check_sample
from nnxp.layers.attention.dot_product import dot_product_attention, dot_product_attention_backward
from nnxp.layers.attention.masks import merge_masks
from nnxp.layers.layer import Mode, ParameterSpec, Views, rows, unrows, weight_uses

__all__ = ["MultiheadAttention"]


@dataclass(frozen=True)
class MultiheadAttention(Composite):
    """Attention in several heads, ``y = concat(head_1, ..., head_H) @ Wo.T + bo``.

    ``head_h = softmax(q_h k_h^T / sqrt(D) + masks) v_h``, where ``q``, ``k``, ``v`` are affine maps of query, key and
    value, cut into H pieces of ``D = embed_dim / num_heads`` features.

    Parameters
    ----------
    embed_dim : int
        Features of the query and of the output; a multiple of `num_heads`.
    num_heads : int
        How many heads.
    dropout : float
        The probability that a weight of the attention is dropped in training.
    bias : bool
        Whether the affine maps have biases.
    add_bias_kv : bool
        Whether every sequence gets one more key and value, which are trained.
    add_zero_attn : bool
        Whether every sequence gets one more key and value of zeros.
    kdim, vdim : int, optional
        Features of the key and of the value; None takes `embed_dim`.
    batch_first : bool
        Whether arrays are (N, length, features), or (length, N, features). PyTorch's default is False.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `embed_dim` is no multiple of `num_heads`, `dropout` is outside
        [0, 1], or shapes do not go together.
    TypeError
        If a mask is neither of bool nor of the query's dtype, or on another device.

    Notes
    -----
    ``in_proj_weight`` (3 * embed_dim, embed_dim), or with `kdim` or `vdim` ``q_proj_weight``, ``k_proj_weight`` and
    ``v_proj_weight``, start Xavier-uniform; ``in_proj_bias`` and ``out_proj.bias`` at 0; ``out_proj.weight`` as
    Linear's; ``bias_k`` and ``bias_v`` Xavier-normal. ``dy`` is ``(dy, gradient of the weights or None)`` and ``dx``
    ``(dquery, dkey, dvalue)``; masks have no gradient. A query that may look at no key gets NaN if weights are
    returned, and zeros before `out_proj` if not, as in PyTorch. Memory grows with heads * queries * keys.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.2.2.
    """

    embed_dim: int
    num_heads: int
    dropout: float = 0.0
    bias: bool = True
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    kdim: int | None = None
    vdim: int | None = None
    batch_first: bool = True

    def __post_init__(self) -> None:
        check_heads("MultiheadAttention", "embed_dim", self.embed_dim, "num_heads", self.num_heads)
        check_number("MultiheadAttention", "dropout", self.dropout, low=0.0, high=1.0)
        for name in ("kdim", "vdim"):
            if getattr(self, name) is not None:
                check_positive_int("MultiheadAttention", name, getattr(self, name))
        self._build(out_proj=Projection(self.embed_dim, self.embed_dim, self.bias, bias_init=zeros()))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Features of query, key and value."""
        return self.embed_dim, self.kdim or self.embed_dim, self.vdim or self.embed_dim

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return the weights and biases of the inputs' maps, and `bias_k` and `bias_v` if asked for."""
        size, sizes = self.embed_dim, self.sizes
        if set(sizes) == {size}:
            specs = {"in_proj_weight": ParameterSpec((3 * size, size), xavier_uniform())}
        else:
            specs = {n: ParameterSpec((size, s), xavier_uniform()) for n, s in zip(heads.PARTS, sizes, strict=True)}
        if self.bias:
            specs["in_proj_bias"] = ParameterSpec((3 * size,), zeros(), "bias")
        if self.add_bias_kv:
            specs |= {name: ParameterSpec((1, 1, size), xavier_normal(), "bias") for name in ("bias_k", "bias_v")}
        return specs

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the query's shape, which is that of the first output."""
        return check_sample("MultiheadAttention", in_shape, self.embed_dim)

    def multiply_adds(self, in_shape: Shape | None, out_shape: Shape | None) -> int | None:
        """Count the products of self-attention: the inputs' maps, the scores, and what they mix."""
        maps = weight_uses(self, in_shape, in_shape and in_shape[:1])
        length = in_shape[0] if in_shape else None
        return None if maps is None or length is None else maps + 2 * length * length * self.embed_dim

    def forward(  # type: ignore[override]
        self,
        p: Views,
        query: Array,
        key: Array,
        value: Array,
        mode: Mode,
        *,
        key_padding_mask: Array | None = None,
        need_weights: bool = True,
        attn_mask: Array | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[tuple[Array, Array | None], heads.Passed]:
        """Attend.

        Parameters
        ----------
        query : array of shape (N, L, embed_dim)
            Who asks.
        key : array of shape (N, S, kdim)
            Who is asked.
        value : array of shape (N, S, vdim)
            What they answer.
        key_padding_mask : array of shape (N, S), optional
            Boolean, True where a key is to be ignored; or floating, added to the scores.
        need_weights : bool
            Whether to return the weights.
        attn_mask : array of shape (L, S) or (N * num_heads, L, S), optional
            Boolean, True where a query may not look at a key; or floating, added to the scores.
        average_attn_weights : bool
            Whether the weights are averaged over the heads.
        is_causal : bool
            Whether each query may look at the keys up to its own place only, beside what the masks say.

        Returns
        -------
        (y, weights) : tuple of arrays
            y (N, L, embed_dim); weights (N, L, S), (N, num_heads, L, S), or None.
        cache : heads.Passed
            For `backward`.
        """
        inputs = (query, key, value)
        extent = heads.extent_of(self, inputs)
        q, k, v = heads.project(self, p, inputs)
        forbidden, bias = merge_masks(
            "MultiheadAttention.forward", extent, query,
            attn_mask=attn_mask, key_padding_mask=key_padding_mask, is_causal=is_causal,
        )  # fmt: skip
        mixed, weights, attention = dot_product_attention(
            q, *heads.lengthen(self, p, k, v), forbidden, bias,
            dropout=self.dropout,
            keep=(lambda like: mode.random.keep(like, self.dropout)) if mode.training else None,
            empty=math.nan if need_weights else 0.0,
            need_weights=need_weights,
        )  # fmt: skip
        y, out_proj = self._parts["out_proj"].forward(p["out_proj"], heads.join(mixed, self), mode["out_proj", True])
        averaged = average_attn_weights
        if weights is not None and averaged:
            weights = namespace(weights).mean(weights, axis=1)
        return (y, weights), heads.Passed(inputs, attention, out_proj, averaged, mode.input_gradient)

    def backward(
        self, p: Views, g: Views, cache: heads.Passed, dy: tuple[Array | None, Array | None]
    ) -> tuple[Array, ...] | None:
        """Write the gradients; return those of query, key and value."""
        parts = self._backward_parameters(p, g, cache, dy)
        if not cache.dx_wanted:
            return None
        if len(parts) == 1:
            parts = [parts[0][:, i * self.embed_dim : (i + 1) * self.embed_dim] for i in range(3)]
        weights, _ = heads.pieces(self, p)
        return tuple(unrows(matmul(d, weight), x) for d, weight, x in zip(parts, weights, cache.inputs, strict=True))

    def backward_self(self, p: Views, g: Views, cache: heads.Passed, dy: Array) -> Array | None:
        """Return the sum of the gradients of query, key and value, which were one array, in one product."""
        (packed,) = self._backward_parameters(p, g, cache, (dy, None))
        return unrows(matmul(packed, p.in_proj_weight), cache.inputs[0]) if cache.dx_wanted else None

    def _backward_parameters(
        self, p: Views, g: Views, cache: heads.Passed, dy: tuple[Array | None, Array | None]
    ) -> list[Array]:
        """Go back to the affine maps of the inputs; see `project_backward`."""
        dy_out, dweights = dy
        query = cache.inputs[0]
        xp = namespace(query)
        if dweights is not None and cache.averaged:
            dweights = dweights[:, None, :, :] / self.num_heads
        dy_out = xp.zeros_like(query) if dy_out is None else dy_out
        dheads = self._parts["out_proj"].backward(p["out_proj"], g["out_proj"], cache.out_proj, dy_out)
        dheads = heads.split(rows(dheads), query.shape[:2], self)
        gradients, places = heads.gradient_places(self, cache.inputs)
        lengthened = self.add_bias_kv or self.add_zero_attn
        dk, dv = (xp.empty_like(x) for x in cache.attention[1:3]) if lengthened else places[1:]
        dot_product_attention_backward(cache.attention, dheads, places[0], dk, dv, dweights)
        if lengthened:
            heads.shorten(self, g, (dk, dv), places[1:])
        heads.project_backward(self, g, cache.inputs, gradients)
        return gradients
