"""Padding with what an image holds itself: mirrored, repeated or wrapped."""

from dataclasses import dataclass
from typing import ClassVar

from nnxp._backend import Array, namespace
from nnxp._checks import as_sizes
from nnxp.layers import borders
from nnxp.layers.layer import Mode, Views
from nnxp.layers.padding.pad import Padding, Sizes

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d",
    "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d",
]  # fmt: skip


@dataclass(frozen=True)
class CopyPadding(Padding):
    """What the paddings with copies share; `border` is how they choose what they copy."""

    padding: int | Sizes

    border: ClassVar[str]

    def __post_init__(self) -> None:
        as_sizes(type(self).__name__, "padding", self.padding, 2 * self.axes, least=0)

    def least_size(self, before: int, after: int) -> int:
        """Return how long an axis must be for what is copied to be there."""
        return borders.least_size(self.border, before, after)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, None]:
        """Return the longer array; there is nothing to cache."""
        self.check(x)
        return borders.pad(x, *self.ends(), self.border), None

    def backward(self, p: Views, g: Views, cache: None, dy: Array) -> Array:
        """Add the gradient of every copy to that of the original."""
        return borders.unpad(namespace(dy).asarray(dy, copy=True), *self.ends(), self.border)


@dataclass(frozen=True)
class ReflectionPad1d(CopyPadding):
    """Padding of series (N, C, length) with their mirror image; see `ReflectionPad2d`. Amounts are (left, right)."""

    axes: ClassVar[int] = 1
    border: ClassVar[str] = "reflect"


@dataclass(frozen=True)
class ReflectionPad2d(CopyPadding):
    """Padding of images with their mirror image, ``y[-i] = x[i]`` on the left; the edge is not repeated.

    Backward: ``dx`` is the inner part of ``dy``, and what lies outside is added where it was copied from.

    Parameters
    ----------
    padding : int or tuple of int
        How much is added: one number for all sides, or (left, right, top, bottom), less than the image is long.

    Raises
    ------
    ValueError
        If an amount is not a whole number of at least 0, or an image is too small for it.

    Notes
    -----
    Nothing is cached.
    """

    axes: ClassVar[int] = 2
    border: ClassVar[str] = "reflect"


@dataclass(frozen=True)
class ReflectionPad3d(CopyPadding):
    """Padding of volumes (N, C, depth, height, width) with their mirror image; see `ReflectionPad2d`.

    Amounts are (left, right, top, bottom, front, back).
    """

    axes: ClassVar[int] = 3
    border: ClassVar[str] = "reflect"


@dataclass(frozen=True)
class ReplicationPad1d(CopyPadding):
    """Padding of series (N, C, length) with their ends; see `ReplicationPad2d`. Amounts are (left, right)."""

    axes: ClassVar[int] = 1
    border: ClassVar[str] = "replicate"


@dataclass(frozen=True)
class ReplicationPad2d(CopyPadding):
    """Padding of images with their edge, ``y[-i] = x[0]`` on the left; else as `ReflectionPad2d`, of any amount."""

    axes: ClassVar[int] = 2
    border: ClassVar[str] = "replicate"


@dataclass(frozen=True)
class ReplicationPad3d(CopyPadding):
    """Padding of volumes (N, C, depth, height, width) with their edge; see `ReplicationPad2d`.

    Amounts are (left, right, top, bottom, front, back).
    """

    axes: ClassVar[int] = 3
    border: ClassVar[str] = "replicate"


@dataclass(frozen=True)
class CircularPad1d(CopyPadding):
    """Padding of series (N, C, length) with their other end; see `CircularPad2d`. Amounts are (left, right)."""

    axes: ClassVar[int] = 1
    border: ClassVar[str] = "circular"


@dataclass(frozen=True)
class CircularPad2d(CopyPadding):
    """Padding of images with their other side, ``y[-i] = x[size - i]`` on the left; otherwise as `ReflectionPad2d`.

    At most the whole image is added.
    """

    axes: ClassVar[int] = 2
    border: ClassVar[str] = "circular"


@dataclass(frozen=True)
class CircularPad3d(CopyPadding):
    """Padding of volumes (N, C, depth, height, width) with their other side; see `CircularPad2d`.

    Amounts are (left, right, top, bottom, front, back).
    """

    axes: ClassVar[int] = 3
    border: ClassVar[str] = "circular"
