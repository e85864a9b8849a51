"""Smooth relatives of the rectifier: GELU, SiLU and Softplus.

Each caches its slope ``dy/dx``, which shares its costly part with the output.
"""

import math
from dataclasses import dataclass
from typing import Literal

from nnxp._backend import Array, erf, fused, namespace
from nnxp._checks import check_choice, check_number
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.squashing import sigmoid

__all__ = ["GELU", "SiLU", "Softplus"]

# The tanh form's argument is STEEPNESS * (x + CUBIC * x^3).
STEEPNESS = math.sqrt(2 / math.pi)
CUBIC = 0.044715


@dataclass(frozen=True)
class GELU(Layer):
    """Gaussian error linear unit, ``y = x * P(x)`` with ``P(x) = (1 + erf(x / sqrt(2))) / 2``.

    Backward: ``dx = dy * (P + x * P')`` with ``P'(x) = exp(-x^2 / 2) / sqrt(2 pi)``. The ``tanh`` form takes
    ``P(x) = (1 + tanh(u)) / 2`` with ``u = sqrt(2 / pi) * (x + 0.044715 x^3)``, whose derivative is
    ``P' = 2 P (1 - P) * du/dx``.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        The error function, or the approximation that GPT-2 and BERT were trained with.

    Raises
    ------
    ValueError
        If `approximate` is another word.

    Notes
    -----
    The cache is the slope.

    References
    ----------
    .. [1] Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, arXiv:1606.08415, section 2.
    """

    approximate: Literal["none", "tanh"] = "none"

    def __post_init__(self) -> None:
        check_choice("GELU", "approximate", self.approximate, ["none", "tanh"])

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array | None]:
        """Return ``x * P(x)``; the cache is ``P(x) + x * P'(x)``."""
        return (gelu if self.approximate == "none" else gelu_tanh)(x, mode.keep_cache)

    def backward(self, p: Views, g: Views, slope: Array, dy: Array) -> Array:
        """Return ``dy * slope``."""
        return dy * slope


@dataclass(frozen=True)
class SiLU(Layer):
    """Sigmoid linear unit (swish), ``y = x * s`` with ``s = sigmoid(x)``; backward ``dx = dy * (s + y * (1 - s))``.

    Notes
    -----
    The cache is the slope.

    References
    ----------
    .. [1] Elfwing et al., "Sigmoid-Weighted Linear Units", 2017, arXiv:1702.03118, eq. 5 and 6.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array | None]:
        """Return ``x * sigmoid(x)``; the cache is the slope."""
        return silu(x, mode.keep_cache)

    def backward(self, p: Views, g: Views, slope: Array, dy: Array) -> Array:
        """Return ``dy * slope``."""
        return dy * slope


@dataclass(frozen=True)
class Softplus(Layer):
    """Smooth rectifier, ``y = log(1 + exp(beta * x)) / beta``; backward ``dx = dy * sigmoid(beta * x)``.

    Where ``beta * x > threshold``, ``y = x`` and ``dx = dy``, as in PyTorch.

    Parameters
    ----------
    beta : float
        Sharpness of the bend, greater than 0.
    threshold : float
        Where the straight line begins, at least 0.

    Raises
    ------
    ValueError
        If one of them is outside its range.

    Notes
    -----
    Computed as ``max(x, 0) + log1p(exp(-|beta * x|)) / beta``, in which nothing overflows. The cache is the slope.
    """

    beta: float = 1.0
    threshold: float = 20.0

    def __post_init__(self) -> None:
        check_number("Softplus", "beta", self.beta, low=0.0, open_low=True)
        check_number("Softplus", "threshold", self.threshold, low=0.0)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array | None]:
        """Return the output; the cache is the slope."""
        xp = namespace(x)
        scaled = self.beta * x
        bend = xp.log1p(xp.exp(-xp.abs(scaled)))
        bend *= xp.astype(scaled <= self.threshold, x.dtype) / self.beta
        y = xp.maximum(x, 0.0) + bend
        if not mode.keep_cache:
            return y, None
        return y, xp.maximum(sigmoid(scaled), xp.astype(scaled > self.threshold, x.dtype))

    def backward(self, p: Views, g: Views, slope: Array, dy: Array) -> Array:
        """Return ``dy * slope``."""
        return dy * slope


@fused
def gelu(x: Array, slope_wanted: bool) -> tuple[Array, Array | None]:
    """Return ``x * P(x)`` and, if wanted, ``P(x) + x * P'(x)``."""
    share = normal(x)
    return x * share, (sloped(x, share, normal_density(x)) if slope_wanted else None)


@fused
def gelu_tanh(x: Array, slope_wanted: bool) -> tuple[Array, Array | None]:
    """Return the same for the tanh form."""
    share = tanh_normal(x)
    return x * share, (sloped(x, share, tanh_normal_density(x, share)) if slope_wanted else None)


@fused
def silu(x: Array, slope_wanted: bool) -> tuple[Array, Array | None]:
    """Return ``y = x * sigmoid(x)`` and, if wanted, the slope ``s + y * (1 - s)``."""
    s = sigmoid(x)
    y = x * s
    if not slope_wanted:
        return y, None
    slope = 1.0 - s
    slope *= y
    slope += s
    return y, slope


def sloped(x: Array, share: Array, density: Array) -> Array:
    """Return ``share + x * density``, in the density's place."""
    density *= x
    density += share
    return density


def normal(x: Array) -> Array:
    """Return the distribution function of the normal distribution, ``(1 + erf(x / sqrt(2))) / 2``."""
    share = erf(x * math.sqrt(0.5))
    share += 1.0
    share *= 0.5
    return share


def normal_density(x: Array) -> Array:
    """Return the density of the normal distribution, ``exp(-x^2 / 2) / sqrt(2 pi)``."""
    density = namespace(x).exp(-0.5 * x * x)
    density *= 1 / math.sqrt(2 * math.pi)
    return density


def tanh_normal(x: Array) -> Array:
    """Return the approximation ``(1 + tanh(u)) / 2`` of `normal`, ``u = STEEPNESS * (x + CUBIC * x^3)``."""
    share = namespace(x).tanh(STEEPNESS * x * (1.0 + CUBIC * x * x))
    share += 1.0
    share *= 0.5
    return share


def tanh_normal_density(x: Array, share: Array) -> Array:
    """Return the derivative of `tanh_normal`, ``2 P (1 - P) * du/dx``; `share` is P."""
    density = (2 * STEEPNESS) * (1.0 + (3 * CUBIC) * x * x)
    density *= share
    density *= 1.0 - share
    return density
