"""What every augmentation is: a batch becomes another one, by numbers drawn for each sample."""

from math import prod
from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import Words, message
from nnxp.random import Stream

__all__ = ["Augmentation"]


class Augmentation:
    """A change to training batches, drawn anew at every step.

    A subclass is a frozen dataclass with `change`, or with `apply` where targets change too. It is written in standard
    Array API code, writes to nothing that it was given, and takes its randomness from the stream alone.
    """

    def apply(self, x: Array, target: Array, weight: Array | None, random: Stream) -> tuple[Array, Array, Array | None]:
        """Return the batch as it is trained on.

        Parameters
        ----------
        x : array of shape (n, *sample), floating
            The inputs, on the network's device and of its dtype.
        target : array of shape (n, *target)
            Labels or numbers.
        weight : array of shape (n,) or None
            Of the samples.
        random : Stream
            Draws the same numbers for the same seed, step and place among the augmentations, on every device.
        """
        return self.change(x, random), target, weight

    def change(self, x: Array, random: Stream) -> Array:
        """Return inputs whose targets are the same."""
        raise NotImplementedError(message(type(self).__name__, "a subclass with change or apply", Words("neither")))


def check_floating(where: str, x: Array) -> None:
    """Refuse inputs that are no numbers to compute with."""
    if not namespace(x).isdtype(x.dtype, "real floating"):
        raise TypeError(message(where, "inputs of floating numbers", Words(str(x.dtype))))


def check_images(where: str, x: Array) -> tuple[int, int]:
    """Refuse what is no batch of images; return their height and width."""
    if x.ndim < 3:
        expected = "images of shape (n, height, width) or (n, channels, height, width)"
        hint = "keep pixels in rows and columns, and flatten them in the network: Flatten()"
        raise ValueError(message(where, expected, tuple(x.shape), hint))
    check_floating(where, x)
    return x.shape[-2], x.shape[-1]


def draw(x: Array, random: Stream, low: float, high: float, call: int) -> Array:
    """Draw a number of [low, high) for each sample of `x`, in float64 since every library has the same ones there."""
    xp = namespace(x)
    return random.uniform(xp.empty((x.shape[0],), dtype=xp.float64, device=x.device), low, high, call)


def draw_integers(x: Array, random: Stream, low: int, high: int, call: int) -> Array:
    """Draw a whole number of [low, high] for each sample of `x`."""
    xp = namespace(x)
    return xp.astype(xp.floor(draw(x, random, low, high + 1, call)), xp.int64)


def per_image(values: Array) -> Array:
    """Give a number for each image, of shape (n,), axes for rows and columns."""
    return namespace(values).reshape(values, (-1, 1, 1))


def axes(x: Array, height: int, width: int, dtype: Any = None) -> tuple[Array, Array]:
    """Return the numbers of rows, of shape (1, height, 1), and of columns, (1, 1, width); whole ones unless told."""
    xp = namespace(x)
    kind = xp.int64 if dtype is None else dtype
    rows, columns = (xp.arange(size, dtype=kind, device=x.device) for size in (height, width))
    return xp.reshape(rows, (1, -1, 1)), xp.reshape(columns, (1, 1, -1))


def over_channels(values: Array, x: Array) -> Array:
    """Give what has the shape (n, height, width) the axes that images `x` have between samples and rows."""
    xp = namespace(values)
    return xp.reshape(values, (values.shape[0], *(1,) * (x.ndim - 3), *values.shape[1:]))


def pixels(x: Array, rows: Array, columns: Array, fill: float) -> Array:
    """Return ``x[n, ..., rows[n, i, j], columns[n, i, j]]``, and `fill` where that lies outside of the image.

    Parameters
    ----------
    x : array of shape (n, *channels, height, width)
        Images.
    rows, columns : array of int64
        Together of shape (n, h, w).
    fill : float
        For what there is none.

    Returns
    -------
    array of shape (n, *channels, h, w)
    """
    xp = namespace(x)
    height, width = x.shape[-2:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    place = xp.where(inside, rows * width + columns, 0)
    planes = xp.arange(prod(x.shape[:-2]), dtype=xp.int64, device=x.device) * (height * width)
    index = over_channels(place, x) + xp.reshape(planes, (*x.shape[:-2], 1, 1))
    taken = xp.reshape(xp.take(xp.reshape(x, (-1,)), xp.reshape(index, (-1,)), axis=0), index.shape)
    return xp.where(over_channels(inside, x), taken, fill)
