"""Images turned about their centre."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import check_number, message
from nnxp.augmentations.augmentation import Augmentation, axes, check_images, draw, over_channels, per_image, pixels
from nnxp.random import Stream

__all__ = ["RandomRotation"]


@dataclass(frozen=True)
class RandomRotation(Augmentation):
    """Turn every image about its centre, by an angle drawn for each.

    With the angle ``t``, and ``u`` to the right of the centre and ``v`` below it, the pixel at ``(u, v)`` is read at
    ``(u cos t - v sin t, u sin t + v cos t)``, between four pixels by bilinear interpolation.

    Parameters
    ----------
    degrees : float or tuple (low, high)
        The interval of angles, counter-clockwise; one number d means (-d, d).
    fill : float
        For what lies outside of the image.

    Raises
    ------
    ValueError
        If an argument is out of range, or a batch is not made of images.

    Notes
    -----
    Inputs of shape (n, *channels, height, width), floating; the result has the same shape. Places are computed in
    float64, so that devices agree about them.
    """

    degrees: float | tuple[float, float] = 10.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        pair = self.degrees if isinstance(self.degrees, tuple) else (0.0, self.degrees)
        for number in pair:
            check_number("RandomRotation", "degrees", number)
        if len(pair) != 2 or pair[0] > pair[1]:
            expected = "degrees to be a number of at least 0, or a pair (low, high)"
            raise ValueError(message("RandomRotation", expected, self.degrees))
        check_number("RandomRotation", "fill", self.fill)

    def change(self, x: Array, random: Stream) -> Array:
        """Return the images as they were turned."""
        xp = namespace(x)
        height, width = check_images("RandomRotation", x)
        low, high = self.degrees if isinstance(self.degrees, tuple) else (-self.degrees, self.degrees)
        angle = per_image(draw(x, random, math.radians(low), math.radians(high), 0))
        rows, columns = axes(x, height, width, xp.float64)
        v, u = rows - (height - 1) / 2, columns - (width - 1) / 2
        cos, sin = xp.cos(angle), xp.sin(angle)
        down, right = u * sin + v * cos + (height - 1) / 2, u * cos - v * sin + (width - 1) / 2
        top, left = xp.floor(down), xp.floor(right)
        i, j = xp.astype(top, xp.int64), xp.astype(left, xp.int64)
        lower, farther = (over_channels(xp.astype(part, x.dtype), x) for part in (down - top, right - left))
        above = pixels(x, i, j, self.fill) * (1.0 - farther) + pixels(x, i, j + 1, self.fill) * farther
        below = pixels(x, i + 1, j, self.fill) * (1.0 - farther) + pixels(x, i + 1, j + 1, self.fill) * farther
        return above * (1.0 - lower) + below * lower
