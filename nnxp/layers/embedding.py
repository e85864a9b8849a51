"""A table of vectors that integers are looked up in."""

from dataclasses import dataclass
from typing import Any, ClassVar

from nnxp._backend import Array, checked_labels, fused, namespace
from nnxp._checks import Shape, Words, check_positive_int, check_whole_number, message
from nnxp.initializers import Initializer, normal
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views

__all__ = ["Embedding", "check_rows", "check_table", "look_up", "sum_by_index", "table_parameters"]


@dataclass(frozen=True)
class Embedding(Layer):
    """Look integers up in a table, ``y = weight[x]``; backward ``dweight[i] = sum of dy where x = i``.

    Parameters
    ----------
    num_embeddings : int
        Rows of the table; inputs are in [0, num_embeddings).
    embedding_dim : int
        Length of a row.
    padding_idx : int, optional
        A row that starts at 0 and is not trained; a negative one counts from the end.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `padding_idx` is not a row, or an input that is on the host, or
        comes from there, is none. One that is on a device already gives a row of NaN.
    TypeError
        If the input is not of integers.

    Notes
    -----
    Input (batch, *sample) of any integer dtype; output (batch, *sample, embedding_dim). ``weight`` (num_embeddings,
    embedding_dim) starts in N(0, 1). An input of integers has no gradient: ``dx`` is None. The gradient of the table
    is summed pairwise in an order that depends on the input alone, so it is the same in every run. The cache is the
    input.

    Examples
    --------
    >>> net = Network(Embedding(10, 3), seed=0)
    >>> net.predict(np.array([[1, 2], [2, 1]])).shape
    (2, 2, 3)
    """

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None = None

    accepts_integers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_table("Embedding", self)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight (num_embeddings, embedding_dim)."""
        return table_parameters(self)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape with `embedding_dim` behind."""
        return None if in_shape is None else (*in_shape, self.embedding_dim)

    def check_host(self, x: Array, index: int = 0) -> None:
        """Refuse an integer that is no row."""
        check_rows("Embedding.forward", self.num_embeddings, x)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the rows (batch, *sample, embedding_dim); the cache is the input."""
        return look_up("Embedding.forward", p.weight, x), x

    def backward(self, p: Views, g: Views, x: Array, dy: Array) -> None:
        """Write ``g.weight``; integers have no gradient."""
        xp = namespace(dy)
        rows_dy = xp.reshape(dy, (-1, self.embedding_dim))
        g.weight[...] = sum_by_index(rows_dy, xp.reshape(x, (-1,)), self.num_embeddings)
        if self.padding_idx is not None:
            g.weight[self.padding_idx % self.num_embeddings, :] = 0.0


def check_table(where: str, layer: Any) -> None:
    """Refuse sizes and a padding row that no table has."""
    check_positive_int(where, "num_embeddings", layer.num_embeddings)
    check_positive_int(where, "embedding_dim", layer.embedding_dim)
    if layer.padding_idx is not None:
        check_whole_number(where, "padding_idx", layer.padding_idx)
        n = layer.num_embeddings
        if not -n <= layer.padding_idx < n:
            raise ValueError(message(where, f"padding_idx in [-{n}, {n - 1}]", layer.padding_idx))


def table_parameters(layer: Any) -> dict[str, ParameterSpec]:
    """Return the table, whose padding row starts at 0."""
    draw, padding = normal(), layer.padding_idx

    def rule(generator: Any, shape: tuple[int, ...]) -> Any:
        table = draw(generator, shape)
        table[padding] = 0.0
        return table

    init = draw if padding is None else Initializer(f"{draw!r} but for row {padding}", rule)
    return {"weight": ParameterSpec((layer.num_embeddings, layer.embedding_dim), init)}


def check_rows(where: str, rows: int, x: Array) -> tuple[Array, Array | None]:
    """Return ``x`` as indices that are rows, and where it had none; on the host that is an error."""
    return checked_labels(where, x, rows, None, name="indices")


def look_up(where: str, weight: Array, x: Array) -> Array:
    """Return ``weight[x]``; what is no row is an error on the host, and NaN on a device."""
    xp = namespace(weight)
    if not xp.isdtype(x.dtype, "integral"):
        hint = "cast it: x.astype('int64')"
        raise TypeError(message(where, "x of an integer dtype", Words(str(x.dtype).rpartition(".")[2]), hint))
    x = xp.astype(x, xp.int64, copy=False)
    indices, invalid = check_rows(where, weight.shape[0], x)
    y = xp.reshape(xp.take(weight, xp.reshape(indices, (-1,)), axis=0), (*x.shape, weight.shape[1]))
    return y if invalid is None else xp.where(invalid[..., None], float("nan"), y)


@fused
def sum_by_index(rows: Array, index: Array, size: int) -> Array:
    """Return the (size, features) sums of the rows (n, features) that share an index (n,).

    Equal indices are brought together by a stable sort. Then every row takes up the row 1, 2, 4, ... places behind
    it, if that has the same index: after log2(n) rounds the first of each kind holds their sum.
    """
    xp, n = namespace(rows), rows.shape[0]
    if n == 0:
        return xp.zeros((size, rows.shape[1]), dtype=rows.dtype, device=rows.device)
    index = xp.astype(index, xp.int64, copy=False)
    order = xp.argsort(index)
    index, sums = xp.take(index, order, axis=0), xp.take(rows, order, axis=0)
    step = 1
    while step < n:
        same = xp.astype(index[step:] == index[: n - step], rows.dtype)
        sums[: n - step, :] += sums[step:, :] * same[:, None]
        step *= 2
    every = xp.arange(size, dtype=xp.int64, device=rows.device)
    first = xp.minimum(xp.searchsorted(index, every), n - 1)
    there = xp.astype(xp.take(index, first, axis=0) == every, rows.dtype)
    return xp.take(sums, first, axis=0) * there[:, None]
