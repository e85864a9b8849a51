"""Augmentations by name, at strengths that suit the images."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import Words, did_you_mean, message
from nnxp.augmentations import (
    Augmentation,
    GaussianNoise,
    Mixup,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomShift,
)
from nnxp.cli._build import side_of
from nnxp.datasets import DataSet
from nnxp.random import Stream

__all__ = ["augmentations"]


@dataclass(frozen=True)
class _AsImages(Augmentation):
    """Does to pixels in a row what `inner` does to square images."""

    inner: Augmentation
    side: int

    def apply(self, x: Array, target: Array, weight: Array | None, random: Stream) -> tuple[Array, Array, Array | None]:
        xp = namespace(x)
        images = xp.reshape(x, (x.shape[0], self.side, self.side))
        y, target, weight = self.inner.apply(images, target, weight, random)
        return xp.reshape(y, x.shape), target, weight


def augmentations(text: str | None, data: DataSet) -> list[Augmentation]:
    """Read names such as ``shift,rotate=20``: what stands behind a name is its strength.

    Parameters
    ----------
    text : str, optional
        Names with commas between them.
    data : DataSet
        Whose training samples are to be changed.
    """
    shape = data.sample_shape
    if text is not None and len(shape) == 3 and shape[0] > 4 >= shape[2]:
        expected = "images of shape (channels, height, width) for --augment"
        raise ValueError(message("train", expected, Words(str(shape)), "np.moveaxis(x, -1, 1) puts channels first"))
    height, width = shape[-2:] if len(shape) > 1 else (side_of(shape), side_of(shape))
    full = {"unit": 255.0, "none": 1.0}.get(data.scale)
    if text is not None and (not height or full is None):
        raise ValueError(message("train", "images for --augment", Words(f"samples of shape {shape}")))
    make: dict[str, Callable[[Any], Augmentation]] = {
        "shift": lambda n: RandomShift(2 if n is None else _pixels(n)),
        "crop": lambda n: RandomCrop((height, width), padding=2 if n is None else _pixels(n)),
        "flip": lambda n: RandomFlip(p=0.5 if n is None else n),
        "rotate": lambda n: RandomRotation(10.0 if n is None else n),
        "noise": lambda n: GaussianNoise((0.05 if n is None else n) * (full or 1.0)),
        "erase": lambda n: RandomErasing(p=0.5 if n is None else n),
        "mixup": lambda n: Mixup(0.2 if n is None else n, None if data.classes is None else len(data.classes)),
    }
    found = []
    for part in [] if text is None else text.split(","):
        name, _, strength = (piece.strip() for piece in part.partition("="))
        if name not in make:
            options = f"--augment to be names among {', '.join(make)}"
            raise ValueError(message("train", options, part, did_you_mean(name, make)))
        made = make[name](_strength(part, strength) if strength else None)
        found.append(made if len(shape) > 1 else _AsImages(made, height))
    return found


def _pixels(strength: float) -> Any:
    # A fraction is refused by those who want whole pixels.
    return int(strength) if strength.is_integer() else strength


def _strength(part: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(message("train", "--augment with a number behind =", part)) from None
