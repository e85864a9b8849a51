"""Where in a sequence: what is added to every element so that attention, which sees a set, can tell its place."""

import math
from dataclasses import dataclass
from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_number, check_positive_int, message
from nnxp.initializers import normal
from nnxp.layers.attention.composite import Composite, check_sample, check_sequence
from nnxp.layers.dropout import Dropout
from nnxp.layers.layer import Mode, ParameterSpec, Views

__all__ = ["LearnedPositionalEncoding", "PositionalEncoding"]

# The wavelengths run from 2 pi to this times 2 pi.
LONGEST = 10_000.0


@dataclass(frozen=True)
class PositionalEncoding(Composite):
    """Add waves of the place, ``y = dropout(x + pe)``, ``pe[t, 2i] = sin(t / 10000^(2i / d_model))`` and cos beside it.

    Backward: ``dx`` is `dy` through the dropout.

    Parameters
    ----------
    d_model : int
        Features of an element.
    dropout : float
        The probability that a feature is dropped in training.
    batch_first : bool
        Whether arrays are (N, length, d_model), or (length, N, d_model).

    Raises
    ------
    ValueError
        If `d_model` is not a whole number of at least 1, `dropout` is outside [0, 1], or the input is shaped otherwise.

    Notes
    -----
    There are no parameters and there is no longest sequence: the waves are computed in every forward, in float64. The
    cache is the dropout's.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.5.
    """

    d_model: int
    dropout: float = 0.0
    batch_first: bool = True

    def __post_init__(self) -> None:
        check_positive_int("PositionalEncoding", "d_model", self.d_model)
        check_number("PositionalEncoding", "dropout", self.dropout, low=0.0, high=1.0)
        self._build(dropout=Dropout(self.dropout))

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        return check_sample("PositionalEncoding", in_shape, self.d_model)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Any]:
        """Return the input with its waves."""
        check_sequence("PositionalEncoding.forward", "x", x, self.d_model, self.batch_first)
        places = waves(x.shape[1 if self.batch_first else 0], self.d_model, x)
        y = x + (places if self.batch_first else places[:, None, :])
        y, cache = self._parts["dropout"].forward(p["dropout"], y, mode["dropout"])
        return y, cache

    def backward(self, p: Views, g: Views, cache: Any, dy: Array) -> Array | None:
        """Return the gradient of what was kept."""
        return self._parts["dropout"].backward(p["dropout"], g["dropout"], cache, dy)


@dataclass(frozen=True)
class LearnedPositionalEncoding(Composite):
    """Add a trained vector for each place, ``y = dropout(x + weight[t])``; ``dweight[t] = sum of dy at t``.

    Parameters
    ----------
    max_length : int
        The longest sequence.
    d_model : int
        Features of an element.
    dropout : float
        The probability that a feature is dropped in training.
    batch_first : bool
        Whether arrays are (N, length, d_model), or (length, N, d_model).

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `dropout` is outside [0, 1], or the input is shaped otherwise or
        longer.

    Notes
    -----
    ``weight`` (max_length, d_model) starts in N(0, 0.02^2) [1]_. The cache is the length and the dropout's.

    References
    ----------
    .. [1] Radford et al., "Improving Language Understanding by Generative Pre-Training", 2018, section 4.1.
    """

    max_length: int
    d_model: int
    dropout: float = 0.0
    batch_first: bool = True

    def __post_init__(self) -> None:
        check_positive_int("LearnedPositionalEncoding", "max_length", self.max_length)
        check_positive_int("LearnedPositionalEncoding", "d_model", self.d_model)
        check_number("LearnedPositionalEncoding", "dropout", self.dropout, low=0.0, high=1.0)
        self._build(dropout=Dropout(self.dropout))

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight (max_length, d_model)."""
        return {"weight": ParameterSpec((self.max_length, self.d_model), normal(0.02))}

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        return check_sample("LearnedPositionalEncoding", in_shape, self.d_model)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[int, Any]]:
        """Return the input with the vectors of its places."""
        where = "LearnedPositionalEncoding.forward"
        check_sequence(where, "x", x, self.d_model, self.batch_first)
        length = x.shape[1 if self.batch_first else 0]
        if length > self.max_length:
            raise ValueError(message(where, f"sequences of at most {self.max_length} elements", length))
        places = p.weight[:length, :]
        y, cache = self._parts["dropout"].forward(
            p["dropout"], x + (places if self.batch_first else places[:, None, :]), mode["dropout"]
        )
        return y, (length, cache)

    def backward(self, p: Views, g: Views, cache: tuple[int, Any], dy: Array) -> Array | None:
        """Write ``g.weight``, 0 for places that no element had; return the input's gradient."""
        length, dropout_cache = cache
        dx = self._parts["dropout"].backward(p["dropout"], g["dropout"], dropout_cache, dy)
        g.weight[:length, :] = namespace(dy).sum(dx, axis=0 if self.batch_first else 1)
        g.weight[length:, :] = 0.0
        return dx


def waves(length: int, d_model: int, like: Array) -> Array:
    """Return the encoding (length, d_model) beside `like`: sines in even columns, cosines in odd ones."""
    xp = namespace(like)
    pair = xp.arange((d_model + 1) // 2, dtype=xp.float64, device=like.device)
    place = xp.arange(length, dtype=xp.float64, device=like.device)
    angle = place[:, None] * xp.exp(pair * (-2.0 * math.log(LONGEST) / d_model))[None, :]
    both = xp.reshape(xp.stack([xp.sin(angle), xp.cos(angle)], axis=2), (length, 2 * pair.shape[0]))
    return xp.astype(both[:, :d_model], like.dtype, copy=False)
