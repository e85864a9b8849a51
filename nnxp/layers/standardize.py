"""Features brought to mean 0 and standard deviation 1."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnxp._backend import Array, namespace, to_host
from nnxp._checks import Shape, interval, message
from nnxp.layers.layer import BufferSpec, Layer, Mode, Views

__all__ = ["Standardize"]

# What `fit` holds in memory at a time: 16 MiB of float64.
CHUNK = 2**21


@dataclass(frozen=True)
class Standardize(Layer):
    """Shift and scale features by fixed numbers, ``y = (x - mean) / std``; backward ``dx = dy / std``.

    Parameters
    ----------
    mean, std : float, or nested tuple of float
        One number for all features, or one for each, shaped as a sample (or broadcasting to one).

    Raises
    ------
    TypeError
        If one of them is not made of numbers.
    ValueError
        If a mean is not finite, a standard deviation is not finite and greater than 0, or a sample has another shape.

    Notes
    -----
    The numbers live in the buffers ``mean`` and ``std``, so they are saved with the model and are not trained. There is
    no cache. Fit it on the training part alone: what is known of the test part must not leak into the model.

    Examples
    --------
    >>> Standardize.fit([[1.0, 10.0], [3.0, 10.0]])
    Standardize(mean=(2.0, 10.0), std=(1.0, 1.0))
    """

    mean: Any = 0.0
    std: Any = 1.0

    def __post_init__(self) -> None:
        for name, least in (("mean", -math.inf), ("std", 0.0)):
            value = as_tuples(getattr(self, name), name)
            for number in leaves(value):
                if not least < number < math.inf:
                    wanted = f"every {name} in {interval(least, math.inf, True)}"
                    raise ValueError(message("Standardize", wanted, number, "look for NaN in the data"))
            object.__setattr__(self, name, value)

    @classmethod
    def fit(cls, x: Any) -> "Standardize":
        """Measure mean and standard deviation of each feature over the first axis.

        Parameters
        ----------
        x : array of shape (n, *sample), or nested list
            On the host or a device; a memory map is read in pieces. Sums are in float64.

        Returns
        -------
        Standardize
            With the (biased) standard deviation; 1 for a feature that is the same everywhere, which becomes 0.

        Raises
        ------
        ValueError
            If there is no sample, or a value is not finite.

        References
        ----------
        .. [1] Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979, eq. 2.1.
        """
        x = x if hasattr(x, "shape") else to_host(x)
        if not x.shape or x.shape[0] == 0:
            raise ValueError(message("Standardize.fit", "x of shape (n, *sample) with n at least 1", tuple(x.shape)))
        count, mean, squares, low, high = 0, 0.0, 0.0, math.inf, -math.inf
        for part in pieces(x):
            xp, n = namespace(part), part.shape[0]
            part_mean = xp.mean(part, axis=0)
            shift = part_mean - mean
            squares = squares + xp.sum((part - part_mean) ** 2, axis=0) + shift**2 * (count * n / (count + n))
            mean, count = mean + shift * (n / (count + n)), count + n
            low, high = xp.minimum(xp.min(part, axis=0), low), xp.maximum(xp.max(part, axis=0), high)
        # A constant feature's mean may be off by a rounding, and its deviation then be a rounding too.
        constant = low == high
        return cls(xp.where(constant, low, mean), xp.where(constant, 1.0, xp.sqrt(squares / count)))

    def buffers(self, in_shape: Shape | None) -> dict[str, BufferSpec]:
        """Return mean and std, shaped as they were given."""
        return {"mean": BufferSpec(shape_of(self.mean), self.mean), "std": BufferSpec(shape_of(self.std), self.std)}

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            for value in (self.mean, self.std):
                check_features("Standardize", in_shape, shape_of(value))
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, None]:
        """Return the standardised features; there is nothing to cache."""
        for buffer in (p.mean, p.std):
            check_features("Standardize.forward", x.shape[1:], buffer.shape)
        y = x - p.mean
        y /= p.std
        return y, None

    def backward(self, p: Views, g: Views, cache: None, dy: Array) -> Array:
        """Return ``dy / std``."""
        return dy / p.std


def as_tuples(value: Any, name: str) -> Any:
    """Turn a number, an array or nested sequences of numbers into a float or nested tuples of float."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, (list, tuple)):
        parts = tuple(as_tuples(part, name) for part in value)
        if len({shape_of(part) for part in parts}) > 1:
            raise ValueError(message("Standardize", f"{name} to be a rectangular array", value))
        return parts
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(message("Standardize", f"{name} to be made of numbers", value))
    return float(value)


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of nested tuples."""
    return (len(value), *(shape_of(value[0]) if value else ())) if isinstance(value, tuple) else ()


def leaves(value: Any) -> Iterator[float]:
    """List the numbers in nested tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def check_features(where: str, sample: Shape, shape: tuple[int, ...]) -> None:
    """Refuse samples to which numbers of a shape do not broadcast."""
    behind = sample[len(sample) - len(shape) :]
    if len(shape) > len(sample) or any(n not in (1, m) and m is not None for n, m in zip(shape, behind, strict=True)):
        raise ValueError(message(where, f"samples of shape {tuple(shape)}", tuple(sample)))


def pieces(x: Array) -> Iterator[Any]:
    """Bring an array to the host piece by piece, in float64."""
    rows = max(1, CHUNK // max(1, math.prod(x.shape[1:])))
    for start in range(0, x.shape[0], rows):
        part = to_host(x[start : min(start + rows, x.shape[0]), ...])
        yield namespace(part).astype(part, "float64")
