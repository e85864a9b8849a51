"""A part of each image, of one size."""

from dataclasses import dataclass

from nnxp._backend import Array
from nnxp._checks import Words, as_sizes, check_number, message
from nnxp.augmentations.augmentation import Augmentation, axes, check_images, draw_integers, per_image, pixels
from nnxp.random import Stream

__all__ = ["RandomCrop"]


@dataclass(frozen=True)
class RandomCrop(Augmentation):
    """Cut a part of one size out of every image, at a place drawn for each, after a border was laid around it.

    Parameters
    ----------
    size : int or tuple (height, width)
        Of the part. What is predicted and evaluated is not cut: give the images' own size, unless the network takes
        images of any size.
    padding : int or tuple (rows, columns)
        How wide the border is on each side.
    fill : float
        What the border is made of.

    Raises
    ------
    ValueError
        If an argument is out of range, a batch is not made of images, or they are smaller than the part.

    Notes
    -----
    Inputs of shape (n, *channels, height, width), floating; the result has the shape (n, *channels, *size). With
    ``RandomCrop(32, padding=4)`` images of 32 by 32 move by up to 4 pixels.
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, int] = 0
    fill: float = 0.0

    def __post_init__(self) -> None:
        as_sizes("RandomCrop", "size", self.size, 2)
        as_sizes("RandomCrop", "padding", self.padding, 2, least=0)
        check_number("RandomCrop", "fill", self.fill)

    def change(self, x: Array, random: Stream) -> Array:
        """Return the parts."""
        size = as_sizes("RandomCrop", "size", self.size, 2)
        border = as_sizes("RandomCrop", "padding", self.padding, 2, least=0)
        spare = [n + 2 * p - m for n, p, m in zip(check_images("RandomCrop", x), border, size, strict=True)]
        if min(spare) < 0:
            wanted = f"images of at least {size[0]} by {size[1]} pixels with their border of {border[0]} by {border[1]}"
            raise ValueError(message("RandomCrop", wanted, Words(f"{x.shape[-2]} by {x.shape[-1]}")))
        rows, columns = axes(x, *size)
        top, left = (per_image(draw_integers(x, random, 0, n, call)) for call, n in enumerate(spare))
        return pixels(x, rows + top - border[0], columns + left - border[1], self.fill)
