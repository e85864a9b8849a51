"""Images moved by whole pixels."""

from dataclasses import dataclass

from nnxp._backend import Array
from nnxp._checks import as_sizes, check_number
from nnxp.augmentations.augmentation import Augmentation, axes, check_images, draw_integers, per_image, pixels
from nnxp.random import Stream

__all__ = ["RandomShift"]


@dataclass(frozen=True)
class RandomShift(Augmentation):
    """Move every image by a whole number of pixels, drawn for each: ``y[i, j] = x[i - a, j - b]``.

    Parameters
    ----------
    pixels : int or tuple (rows, columns)
        The farthest that an image moves, up or down, left or right; every distance is as likely.
    fill : float
        For the pixels that come in from outside.

    Raises
    ------
    ValueError
        If an argument is out of range, or a batch is not made of images.

    Notes
    -----
    Inputs of shape (n, *channels, height, width), floating; the result has the same shape.
    """

    pixels: int | tuple[int, int] = 2
    fill: float = 0.0

    def __post_init__(self) -> None:
        as_sizes("RandomShift", "pixels", self.pixels, 2, least=0)
        check_number("RandomShift", "fill", self.fill)

    def change(self, x: Array, random: Stream) -> Array:
        """Return the images where they were moved to."""
        rows, columns = axes(x, *check_images("RandomShift", x))
        down, right = as_sizes("RandomShift", "pixels", self.pixels, 2, least=0)
        a = per_image(draw_integers(x, random, -down, down, 0))
        b = per_image(draw_integers(x, random, -right, right, 1))
        return pixels(x, rows - a, columns - b, self.fill)
