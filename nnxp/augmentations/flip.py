"""Images and their mirror images."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Words, check_number, message
from nnxp.augmentations.augmentation import Augmentation, check_images, draw, over_channels, per_image
from nnxp.random import Stream

__all__ = ["RandomFlip"]


@dataclass(frozen=True)
class RandomFlip(Augmentation):
    """Mirror images, each with a probability, and for each direction by a draw of its own.

    Parameters
    ----------
    horizontal : bool
        Swap left and right.
    vertical : bool
        Swap top and bottom.
    p : float
        The probability, in [0, 1].

    Raises
    ------
    ValueError
        If `p` is out of range, neither direction is wanted, or a batch is not made of images.

    Notes
    -----
    Inputs of shape (n, *channels, height, width), floating. Digits and letters do not survive it.
    """

    horizontal: bool = True
    vertical: bool = False
    p: float = 0.5

    def __post_init__(self) -> None:
        check_number("RandomFlip", "p", self.p, low=0.0, high=1.0)
        if not (self.horizontal or self.vertical):
            raise ValueError(message("RandomFlip", "horizontal=True or vertical=True", Words("neither")))

    def change(self, x: Array, random: Stream) -> Array:
        """Return images and mirror images."""
        check_images("RandomFlip", x)
        xp = namespace(x)
        for call, (wanted, axis) in enumerate(((self.horizontal, -1), (self.vertical, -2))):
            if wanted:
                chosen = per_image(draw(x, random, 0.0, 1.0, call)) < self.p
                x = xp.where(over_channels(chosen, x), xp.flip(x, axis=axis), x)
        return x
