"""Points in round clouds, and the exclusive or."""

import math
from collections.abc import Sequence

import numpy as np

from nnxp._checks import check_positive_int, message
from nnxp.datasets._points import Points, finish, polar, start

__all__ = ["blobs", "xor"]


def blobs(
    n: int = 300,
    *,
    classes: int = 3,
    centers: Sequence[Sequence[float]] | None = None,
    noise: float = 1.0,
    seed: int = 0,
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
        middle = polar(np.full(classes, 4.0), 2.0 * math.pi * np.arange(classes) / classes)
    else:
        middle = np.asarray(centers, dtype=np.float64)
        if middle.ndim != 2 or 0 in middle.shape:
            raise ValueError(message("blobs", "centers of shape (classes, features)", middle.shape))
    y, _, rng = start("blobs", n, noise, seed, len(middle))
    return finish(middle[y], y, noise, rng)


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
    corner, _, rng = start("xor", n, noise, seed, 4)
    x, corner = finish(corners[corner], corner, noise, rng)
    return x, truth[corner]
