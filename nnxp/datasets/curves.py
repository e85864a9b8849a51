"""Points along curves in the plane: problems that can be seen, and that no straight line solves."""

import math

import numpy as np

from nnxp._checks import check_number, check_positive_int
from nnxp.datasets._points import Points, finish, polar, start

__all__ = ["circles", "moons", "spirals"]


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
    y, t, rng = start("moons", n, noise, seed, 2)
    upper = np.stack([np.cos(math.pi * t), np.sin(math.pi * t)], axis=1)
    x = np.where(y[:, None] == 0, upper, (1.0, 0.5) - upper)
    return finish(x, y, noise, rng)


def circles(n: int = 200, *, factor: float = 0.5, noise: float = 0.05, seed: int = 0) -> Points:
    """Draw two circles, one inside the other.

    Parameters
    ----------
    n, noise, seed
        As for `moons`.
    factor : float
        Radius of the inner circle, in (0, 1]; the outer one's is 1.

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
    y, t, rng = start("circles", n, noise, seed, 2)
    radius = np.where(y == 0, 1.0, factor)
    angle = 2.0 * math.pi * t
    return finish(polar(radius, angle), y, noise, rng)


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
    y, t, rng = start("spirals", n, noise, seed, arms)
    # The square root spreads the points evenly along the arm rather than crowding the centre.
    radius = np.sqrt(t)
    angle = 2.0 * math.pi * (turns * radius + y / arms)
    return finish(polar(radius, angle), y, noise, rng)
