"""Points in the plane that a seed describes: small problems with a shape that can be seen."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnxp._checks import check_number, check_positive_int, message
from nnxp.random import generator

__all__ = ["blobs", "circles", "moons", "spirals", "xor"]

HostArray = np.ndarray[Any, Any]
Points = tuple[HostArray, HostArray]  # x float32, y int64


def moons(n: int = 200, *, noise: float = 0.1, seed: int = 0) -> Points:
    """Draw two half circles that reach into each other.

    Parameters
    ----------
    n : int
        How many points, at least 2; the classes differ by one at most.
    noise : float
        Standard deviation of the Gaussian noise on both coordinates.
    seed : int
        The same seed gives the same points.

    Returns
    -------
    x : array of shape (n, 2), float32
        In random order.
    y : array of shape (n,), int64
        0 for the upper moon, around (0, 0), and 1 for the lower, around (1, 0.5); the radius is 1.

    Raises
    ------
    ValueError
        If `n` is less than 2, or `noise` or `seed` is negative.
    """
    y, t, rng = _start("moons", n, noise, seed, 2)
    upper = np.stack([np.cos(math.pi * t), np.sin(math.pi * t)], axis=1)
    x = np.where(y[:, None] == 0, upper, (1.0, 0.5) - upper)
    return _finish(x, y, noise, rng)


def circles(n: int = 200, *, factor: float = 0.5, noise: float = 0.05, seed: int = 0) -> Points:
    """Draw two circles, one inside the other.

    Parameters
    ----------
    n, noise, seed
        As for `moons`.
    factor : float
        Radius of the inner circle, in (0, 1); the outer one's is 1.

    Returns
    -------
    x : array of shape (n, 2), float32
        In random order.
    y : array of shape (n,), int64
        0 for the outer circle, 1 for the inner.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    check_number("circles", "factor", factor, low=0.0, high=1.0, open_low=True)
    y, t, rng = _start("circles", n, noise, seed, 2)
    radius = np.where(y == 0, 1.0, factor)
    angle = 2.0 * math.pi * t
    return _finish(_polar(radius, angle), y, noise, rng)


def spirals(n: int = 300, *, arms: int = 2, turns: float = 1.0, noise: float = 0.02, seed: int = 0) -> Points:
    """Draw spiral arms around one centre.

    Parameters
    ----------
    n, noise, seed
        As for `moons`; n is at least `arms`.
    arms : int
        How many, one class each.
    turns : float
        How often an arm goes round between the centre and its end at radius 1; greater than 0.

    Returns
    -------
    x : array of shape (n, 2), float32
        In random order.
    y : array of shape (n,), int64
        The arm.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    check_positive_int("spirals", "arms", arms)
    check_number("spirals", "turns", turns, low=0.0, open_low=True)
    y, t, rng = _start("spirals", n, noise, seed, arms)
    # The square root spreads the points evenly along the arm rather than crowding the centre.
    radius = np.sqrt(t)
    angle = 2.0 * math.pi * (turns * radius + y / arms)
    return _finish(_polar(radius, angle), y, noise, rng)


def blobs(
    n: int = 300, *, classes: int = 3, centers: Sequence[Sequence[float]] | None = None, noise: float = 1.0, seed: int = 0
) -> Points:
    """Draw round clouds.

    Parameters
    ----------
    n, noise, seed
        As for `moons`; n is at least the number of clouds, and `noise` is their standard deviation.
    classes : int
        How many clouds; without `centers` they stand evenly on a circle of radius 4.
    centers : sequence of shape (classes, features), optional
        Their centres, in as many dimensions as you like; `classes` is then not asked.

    Returns
    -------
    x : array of shape (n, features), float32
        In random order.
    y : array of shape (n,), int64
        The cloud.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    check_positive_int("blobs", "classes", classes)
    if centers is None:
        middle = _polar(np.full(classes, 4.0), 2.0 * math.pi * np.arange(classes) / classes)
    else:
        middle = np.asarray(centers, dtype=np.float64)
        if middle.ndim != 2 or 0 in middle.shape:
            raise ValueError(message("blobs", "centers of shape (classes, features)", middle.shape))
    y, _, rng = _start("blobs", n, noise, seed, len(middle))
    return _finish(middle[y], y, noise, rng)


def xor(n: int | None = None, *, noise: float = 0.1, seed: int = 0) -> Points:
    """Return the exclusive or: the textbook's four points, or clouds around them.

    Parameters
    ----------
    n : int, optional
        None gives the four corners of the unit square without noise; a number of at least 4, that many points around
        the corners.
    noise, seed
        As for `moons`; not asked without `n`.

    Returns
    -------
    x : array of shape (4, 2) or (n, 2), float32
        The corners in the order (0, 0), (0, 1), (1, 0), (1, 1); or points in random order.
    y : array of shape (4, 1), float32, or (n,), int64
        For the corners numbers, as a network with one output wants them; for points labels. 1 where the corner's
        coordinates differ.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> x, y = xor()
    >>> y.tolist()
    [[0.0], [1.0], [1.0], [0.0]]
    """
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=np.float32)
    truth = np.array([0, 1, 1, 0])
    if n is None:
        return corners, truth[:, None].astype(np.float32)
    corner, _, rng = _start("xor", n, noise, seed, 4)
    x, corner = _finish(corners[corner], corner, noise, rng)
    return x, truth[corner]


def _start(where: str, n: int, noise: float, seed: int, classes: int) -> tuple[HostArray, HostArray, np.random.Generator]:
    """Check, and return labels of nearly equal number, a number in [0, 1) for each point, and the generator."""
    check_positive_int(where, "n", n, least=max(classes, 1))
    check_number(where, "noise", noise, low=0.0)
    check_positive_int(where, "seed", seed, least=0)
    rng = generator(seed, where)
    return np.arange(n, dtype=np.int64) % classes, rng.random(n), rng


def _finish(x: HostArray, y: HostArray, noise: float, rng: np.random.Generator) -> Points:
    """Add the noise and mix the order, so that any slice has all classes."""
    noisy = (x + noise * rng.standard_normal(x.shape)).astype(np.float32)
    order = rng.permutation(len(y))
    return noisy[order], y[order]


def _polar(radius: HostArray, angle: HostArray) -> HostArray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
