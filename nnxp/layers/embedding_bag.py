"""Sums and means of looked-up vectors."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal, NamedTuple

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_choice, check_same_shape, message
from nnxp.layers.beside import check_beside
from nnxp.layers.embedding import check_rows, check_table, look_up, sum_by_index, table_parameters
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views

__all__ = ["EmbeddingBag"]


class Bag(NamedTuple):
    """What backward needs: the input, what each vector was multiplied by, and with given weights the vectors."""

    x: Array
    factors: Array | None
    vectors: Array | None


@dataclass(frozen=True)
class EmbeddingBag(Layer):
    """Look up bags of integers and reduce each, ``y[n] = sum over l of s[n, l] * weight[x[n, l]]``.

    ``s`` is 1 for the sum and ``1 / length`` for the mean, times a given weight; 0 for padding, which does not count
    in the length. Backward: ``dweight[i] = sum of s[n, l] * dy[n]`` where ``x[n, l] = i``.

    Parameters
    ----------
    num_embeddings : int
        Rows of the table; inputs are in [0, num_embeddings).
    embedding_dim : int
        Length of a row.
    mode : {"mean", "sum"}
        How a bag is reduced.
    padding_idx : int, optional
        A row that starts at 0, is left out of every bag and is not trained; a negative one counts from the end.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `padding_idx` is not a row, `mode` is another word, the input has
        not two axes, weights are given for a mean, or an input on the host is no row (on a device already: NaN).
    TypeError
        If the input is not of integers.

    Notes
    -----
    Input (batch, length) of any integer dtype; output (batch, embedding_dim). A bag of padding alone gives zeros.
    ``weight`` (num_embeddings, embedding_dim) starts in N(0, 1). ``dx`` is None; with ``per_sample_weights`` it is
    ``(None, their gradient)``. The looked-up vectors (batch, length, embedding_dim) are in memory for a moment.
    """

    num_embeddings: int
    embedding_dim: int
    _: KW_ONLY
    mode: Literal["mean", "sum"] = "mean"
    padding_idx: int | None = None

    accepts_integers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_table("EmbeddingBag", self)
        check_choice("EmbeddingBag", "mode", self.mode, ["mean", "sum"])

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight (num_embeddings, embedding_dim)."""
        return table_parameters(self)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (embedding_dim,)."""
        if in_shape is not None and len(in_shape) != 1:
            raise ValueError(message("EmbeddingBag", "samples of shape (length,)", in_shape))
        return (self.embedding_dim,)

    def check_host(self, x: Array, index: int = 0) -> None:
        """Refuse an integer that is no row."""
        check_rows("EmbeddingBag.forward", self.num_embeddings, x)

    def forward(self, p: Views, x: Array, mode: Mode, *, per_sample_weights: Array | None = None) -> tuple[Array, Bag]:
        """Return the reduced bags (batch, embedding_dim); `per_sample_weights` is shaped as the input."""
        if x.ndim != 2:
            raise ValueError(message("EmbeddingBag.forward", "x of shape (batch, length)", tuple(x.shape)))
        vectors = look_up("EmbeddingBag.forward", p.weight, x)
        factors = self._factors(x, vectors, per_sample_weights)
        weighted = vectors if factors is None else vectors * factors[:, :, None]
        kept = None if per_sample_weights is None else vectors
        return namespace(x).sum(weighted, axis=1), Bag(x, factors, kept)

    def _factors(self, x: Array, vectors: Array, weights: Array | None) -> Array | None:
        """Return ``s`` (batch, length); None where all of it is 1."""
        xp, factors = namespace(x), None
        if self.padding_idx is not None:
            factors = xp.astype(x != self.padding_idx % self.num_embeddings, vectors.dtype)
        if weights is not None:
            if self.mode != "sum":
                raise ValueError(message("EmbeddingBag.forward", "mode 'sum' with per_sample_weights", self.mode))
            check_same_shape("EmbeddingBag.forward", "per_sample_weights", weights.shape, x.shape)
            check_beside("EmbeddingBag.forward", "per_sample_weights", weights, vectors)
            return weights if factors is None else factors * weights
        if self.mode == "mean":
            if factors is None:
                return xp.full(x.shape, 1.0 / max(x.shape[1], 1), dtype=vectors.dtype, device=vectors.device)
            factors /= xp.maximum(xp.sum(factors, axis=1, keepdims=True), 1.0)
        return factors

    def backward(self, p: Views, g: Views, bag: Bag, dy: Array) -> tuple[None, Array] | None:
        """Write ``g.weight``; return nothing for the integers, and the gradient of given weights."""
        xp, (batch, length) = namespace(dy), bag.x.shape
        spread = xp.broadcast_to(dy[:, None, :], (batch, length, self.embedding_dim))
        if bag.factors is not None:
            spread = spread * bag.factors[:, :, None]
        rows_dy = xp.reshape(spread, (batch * length, self.embedding_dim))
        g.weight[...] = sum_by_index(rows_dy, xp.reshape(bag.x, (-1,)), self.num_embeddings)
        if bag.vectors is None:
            return None
        return None, self._weights_gradient(bag, dy)

    def _weights_gradient(self, bag: Bag, dy: Array) -> Array:
        """Return ``weight[x[n, l]] . dy[n]``, 0 for padding."""
        xp = namespace(dy)
        gradient = xp.reshape(xp.matmul(bag.vectors, dy[:, :, None]), bag.x.shape)
        if self.padding_idx is not None:
            gradient *= xp.astype(bag.x != self.padding_idx % self.num_embeddings, dy.dtype)
        return gradient
