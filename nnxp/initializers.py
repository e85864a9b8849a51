"""How parameters start. Every draw is made on the host in float64, so all devices start alike.

``fan_in`` is ``shape[1] * prod(shape[2:])`` and ``fan_out`` is ``shape[0] * prod(shape[2:])``, as for a weight of
shape (out, in, *kernel).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nnxp._checks import check_choice, check_number, message

__all__ = [
    "Derived",
    "Initializer",
    "calculate_gain",
    "constant",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "norm_of",
    "normal",
    "ones",
    "orthogonal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Host = np.ndarray[Any, Any]
Rule = Callable[[np.random.Generator, tuple[int, ...]], Host]
_GAINS = {"linear": 1.0, "conv": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


@dataclass(frozen=True)
class Initializer:
    """A named rule that draws an array of a shape from a generator.

    Parameters
    ----------
    name : str
        How it was written, for its ``repr``.
    rule : callable
        ``rule(generator, shape) -> float64 array``.
    """

    name: str
    rule: Rule

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Host:
        """Draw an array; float64 of the given shape."""
        return self.rule(generator, shape)

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Derived:
    """A named rule that makes the start of a parameter of the start of another one in the same layer.

    Parameters
    ----------
    name : str
        How it was written, for its ``repr``.
    source : str
        The other parameter, which is drawn.
    rule : callable
        ``rule(start of the source) -> float64 array``.
    """

    name: str
    source: str
    rule: Callable[[Host], Host]

    def __call__(self, start: Host) -> Host:
        """Return the start; float64."""
        return self.rule(start.astype(np.float64))

    def __repr__(self) -> str:
        return self.name


def calculate_gain(nonlinearity: str, slope: float = 0.01) -> float:
    """Return the factor by which a nonlinearity shrinks a signal's spread, as PyTorch counts it.

    Parameters
    ----------
    nonlinearity : {"linear", "conv", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
        The function that follows the layer.
    slope : float
        The negative slope of ``leaky_relu``, whose gain is ``sqrt(2 / (1 + slope^2))``.

    Returns
    -------
    float
        The gain.
    """
    check_choice("calculate_gain", "nonlinearity", nonlinearity, [*_GAINS, "leaky_relu"])
    return math.sqrt(2 / (1 + slope**2)) if nonlinearity == "leaky_relu" else _GAINS[nonlinearity]


def zeros() -> Initializer:
    """Start at 0."""
    return Initializer("zeros()", lambda generator, shape: np.zeros(shape))


def ones() -> Initializer:
    """Start at 1."""
    return Initializer("ones()", lambda generator, shape: np.ones(shape))


def constant(value: float) -> Initializer:
    """Start at `value`."""
    return Initializer(f"constant({value!r})", lambda generator, shape: np.full(shape, value, dtype=np.float64))


def normal(std: float = 1.0, mean: float = 0.0) -> Initializer:
    """Draw from the normal distribution N(mean, std^2)."""
    check_number("normal", "std", std, low=0.0)
    return Initializer(f"normal({std!r}, {mean!r})", lambda generator, shape: generator.normal(mean, std, shape))


def uniform(low: float = 0.0, high: float = 1.0) -> Initializer:
    """Draw from the uniform distribution on [low, high)."""
    if not low <= high:
        raise ValueError(message("uniform", "low <= high", (low, high)))
    return Initializer(f"uniform({low!r}, {high!r})", lambda generator, shape: generator.uniform(low, high, shape))


def kaiming_uniform(
    a: float = 0.0, mode: Literal["fan_in", "fan_out"] = "fan_in", nonlinearity: str = "leaky_relu"
) -> Initializer:
    """Draw from U(-b, b), ``b = gain * sqrt(3 / fan)`` [1]_.

    Parameters
    ----------
    a : float
        The negative slope of the ``leaky_relu`` that follows.
    mode : {"fan_in", "fan_out"}
        Keep the spread of the signal in the forward or in the backward direction.
    nonlinearity : str
        As for `calculate_gain`.

    Returns
    -------
    Initializer
        The rule.

    References
    ----------
    .. [1] He et al., "Delving Deep into Rectifiers", 2015, arXiv:1502.01852, eq. 10.
    """
    return _spread(
        f"kaiming_uniform({a!r}, {mode!r}, {nonlinearity!r})", "uniform", calculate_gain(nonlinearity, a), mode
    )


def kaiming_normal(
    a: float = 0.0, mode: Literal["fan_in", "fan_out"] = "fan_in", nonlinearity: str = "leaky_relu"
) -> Initializer:
    """Draw from N(0, gain^2 / fan); arguments and source as for `kaiming_uniform`."""
    return _spread(
        f"kaiming_normal({a!r}, {mode!r}, {nonlinearity!r})", "normal", calculate_gain(nonlinearity, a), mode
    )


def xavier_uniform(gain: float = 1.0) -> Initializer:
    """Draw from U(-b, b), ``b = gain * sqrt(6 / (fan_in + fan_out))`` (Glorot and Bengio, 2010, eq. 16)."""
    return _spread(f"xavier_uniform({gain!r})", "uniform", gain, "fan_mean")


def xavier_normal(gain: float = 1.0) -> Initializer:
    """Draw from N(0, gain^2 * 2 / (fan_in + fan_out)) (Glorot and Bengio, 2010, eq. 12)."""
    return _spread(f"xavier_normal({gain!r})", "normal", gain, "fan_mean")


def lecun_uniform() -> Initializer:
    """Draw from U(-b, b), ``b = sqrt(3 / fan_in)`` (LeCun et al., "Efficient BackProp", 1998, eq. 16)."""
    return _spread("lecun_uniform()", "uniform", 1.0, "fan_in")


def lecun_normal() -> Initializer:
    """Draw from N(0, 1 / fan_in) (LeCun et al., "Efficient BackProp", 1998, eq. 16)."""
    return _spread("lecun_normal()", "normal", 1.0, "fan_in")


def norm_of(source: str, axes: tuple[int, ...] | None) -> Derived:
    """Start at the length of another parameter's start over some axes, which stay; None is all, in one number."""
    keepdims = axes is not None
    return Derived(
        f"norm_of({source!r}, {axes!r})",
        source,
        lambda start: np.sqrt(np.sum(np.square(start), axis=axes, keepdims=keepdims)),
    )


def orthogonal(gain: float = 1.0) -> Initializer:
    """Draw a matrix (out, in * kernel) of orthonormal rows or columns, times `gain` (Saxe et al., arXiv:1312.6120)."""

    def rule(generator: np.random.Generator, shape: tuple[int, ...]) -> Host:
        check_matrix(f"orthogonal({gain!r})", shape)
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(generator.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diagonal(r))  # makes the draw uniform over orthogonal matrices
        result: Host = gain * (q if rows >= columns else q.T).reshape(shape)
        return result

    return Initializer(f"orthogonal({gain!r})", rule)


def check_matrix(where: str, shape: tuple[int, ...]) -> None:
    """Refuse a shape that has no fan: fewer than two axes."""
    if len(shape) < 2:
        raise ValueError(
            message(where, "a parameter of at least two axes", shape, "use zeros() or uniform() for biases")
        )


def _spread(name: str, distribution: str, gain: float, mode: str) -> Initializer:
    check_choice(name, "mode", mode, ["fan_in", "fan_out", "fan_mean"])

    def rule(generator: np.random.Generator, shape: tuple[int, ...]) -> Host:
        check_matrix(name, shape)
        kernel = math.prod(shape[2:])
        fan_in, fan_out = shape[1] * kernel, shape[0] * kernel
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_mean": (fan_in + fan_out) / 2}[mode]
        std = gain / math.sqrt(fan) if fan else 0.0
        if distribution == "normal":
            return generator.normal(0.0, std, shape)
        bound = math.sqrt(3.0) * std
        return generator.uniform(-bound, bound, shape)

    return Initializer(name, rule)
