"""Noise in every number."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import check_number
from nnxp.augmentations.augmentation import Augmentation, check_floating
from nnxp.random import Stream

__all__ = ["GaussianNoise"]

# Half of the least step between the numbers drawn: the logarithm of 0 is out of reach.
_HALF_STEP = 2.0**-33


@dataclass(frozen=True)
class GaussianNoise(Augmentation):
    """Add independent noise of mean 0 to every number.

    ``y = x + sigma sqrt(-2 log a) cos(2 pi b)`` with ``a`` and ``b`` uniform on [0, 1] [1]_.

    Parameters
    ----------
    sigma : float
        The noise's standard deviation, at least 0, in the units of the data as they are given to `fit`: of bytes about
        10, where images in [0, 1] would have 0.04.

    Raises
    ------
    ValueError
        If `sigma` is out of range.
    TypeError
        If the inputs are not floating.

    Notes
    -----
    Inputs of shape (n, *sample), floating; nothing is clipped.

    References
    ----------
    .. [1] Box and Muller, "A Note on the Generation of Random Normal Deviates", Ann. Math. Statist. 29 (1958) 610-611.
    """

    sigma: float = 0.1

    def __post_init__(self) -> None:
        check_number("GaussianNoise", "sigma", self.sigma, low=0.0)

    def change(self, x: Array, random: Stream) -> Array:
        """Return the inputs with their noise."""
        check_floating("GaussianNoise", x)
        xp = namespace(x)
        radius = xp.sqrt(-2.0 * xp.log(random.uniform(x, _HALF_STEP, 1.0, 0)))
        noise = radius * xp.cos(random.uniform(x, 0.0, 2.0 * math.pi, 1))
        noise *= self.sigma
        noise += x
        return noise
