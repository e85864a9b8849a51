"""A rectangle of each image painted over."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import check_number, message
from nnxp.augmentations.augmentation import Augmentation, axes, check_images, draw, over_channels, per_image
from nnxp.random import Stream

__all__ = ["RandomErasing"]


@dataclass(frozen=True)
class RandomErasing(Augmentation):
    """Paint over a rectangle of every image, each with a probability [1]_.

    Parameters
    ----------
    p : float
        The probability, in [0, 1].
    scale : tuple (low, high)
        The share of the image's area that the rectangle has, in (0, 1]; drawn for each.
    ratio : tuple (low, high)
        Its height divided by its width, whose logarithm is drawn.
    value : float
        What it is filled with.

    Raises
    ------
    ValueError
        If an argument is out of range, or a batch is not made of images.

    Notes
    -----
    Inputs of shape (n, *channels, height, width), floating. A rectangle that is higher or wider than the image is cut
    to it; the paper draws again.

    References
    ----------
    .. [1] Zhong et al., "Random Erasing Data Augmentation", 2017, arXiv:1708.04896, algorithm 1.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: float = 0.0

    def __post_init__(self) -> None:
        check_number("RandomErasing", "p", self.p, low=0.0, high=1.0)
        check_number("RandomErasing", "value", self.value)
        for name, limit in (("scale", 1.0), ("ratio", math.inf)):
            pair = getattr(self, name)
            if not isinstance(pair, tuple) or len(pair) != 2 or not pair[0] <= pair[1]:
                raise ValueError(message("RandomErasing", f"{name} to be a pair (low, high)", pair))
            for number in pair:
                check_number("RandomErasing", name, number, low=0.0, high=limit, open_low=True)

    def change(self, x: Array, random: Stream) -> Array:
        """Return the images with their rectangles."""
        xp = namespace(x)
        height, width = check_images("RandomErasing", x)
        area = draw(x, random, *self.scale, 1) * (height * width)
        ratio = xp.exp(draw(x, random, math.log(self.ratio[0]), math.log(self.ratio[1]), 2))
        h = xp.clip(xp.round(xp.sqrt(area * ratio)), 1, height)
        w = xp.clip(xp.round(xp.sqrt(area / ratio)), 1, width)
        top = per_image(xp.floor(draw(x, random, 0.0, 1.0, 3) * (height - h + 1)))
        left = per_image(xp.floor(draw(x, random, 0.0, 1.0, 4) * (width - w + 1)))
        rows, columns = axes(x, height, width, xp.float64)
        box = (rows >= top) & (rows < top + per_image(h)) & (columns >= left) & (columns < left + per_image(w))
        box = box & (per_image(draw(x, random, 0.0, 1.0, 0)) < self.p)
        return xp.where(over_channels(box, x), self.value, x)
