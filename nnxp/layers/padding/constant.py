"""Padding with a number."""

from dataclasses import dataclass
from typing import Any, ClassVar

from nnxp._backend import Array, namespace
from nnxp._checks import message
from nnxp.layers.layer import Mode, Views
from nnxp.layers.padding.pad import Padding, Sizes

__all__ = ["ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d"]


class NumberPadding(Padding):
    """What constant and zero padding share."""

    def __post_init__(self) -> None:
        amounts = self.padding if isinstance(self.padding, tuple) else (self.padding,) * (2 * self.axes)
        whole = all(hasattr(n, "__index__") and not isinstance(n, bool) for n in amounts)
        if not whole or len(amounts) != 2 * self.axes:
            what = f"padding to be a whole number, or a tuple of {2 * self.axes} such numbers"
            raise ValueError(message(type(self).__name__, what, self.padding))

    def fill(self) -> float:
        """Return the number that is added."""
        return 0.0

    def least_size(self, before: int, after: int) -> int:
        """Return how much is cut off."""
        return -min(before, 0) - min(after, 0)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[int, ...]]:
        """Return the longer array; the cache is the input's shape."""
        self.check(x)
        xp, shape = namespace(x), tuple(x.shape)
        sizes = (b + n + a for n, b, a in zip(shape[2:], *self.ends(), strict=True))
        y = xp.full((*shape[:2], *sizes), self.fill(), dtype=x.dtype, device=x.device)
        inner, kept = self._common(shape)
        y[inner] = x[kept]
        return y, shape

    def backward(self, p: Views, g: Views, shape: tuple[int, ...], dy: Array) -> Array:
        """Return the part of `dy` that the input has made, and zeros for what was cut off."""
        inner, kept = self._common(shape)
        if min(min(amounts) for amounts in self.ends()) >= 0:
            return dy[inner]
        dx = namespace(dy).zeros(shape, dtype=dy.dtype, device=dy.device)
        dx[kept] = dy[inner]
        return dx

    def _common(self, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Return where what output and input have in common lies in either."""
        ends = list(zip(shape[2:], *self.ends(), strict=True))
        inner = (slice(max(b, 0), n + b + min(a, 0)) for n, b, a in ends)
        kept = (slice(max(-b, 0), n + min(a, 0)) for n, b, a in ends)
        return (..., *inner), (..., *kept)


@dataclass(frozen=True)
class ConstantPadding(NumberPadding):
    """What padding with any number shares."""

    padding: int | Sizes
    value: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise TypeError(message(type(self).__name__, "value to be a number", self.value))

    def fill(self) -> float:
        """Return the number that is added."""
        return float(self.value)


@dataclass(frozen=True)
class ZeroPadding(NumberPadding):
    """What padding with zeros shares."""

    padding: int | Sizes


@dataclass(frozen=True)
class ConstantPad1d(ConstantPadding):
    """Padding of series (N, C, length) with a number; see `ConstantPad2d`. Amounts are (left, right)."""

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class ConstantPad2d(ConstantPadding):
    """Padding of images with a number: ``y`` is `value` around ``x``; backward ``dx`` is the inner part of ``dy``.

    Parameters
    ----------
    padding : int or tuple of int
        How much is added: one number for all sides, or (left, right, top, bottom). A negative one cuts off, and ``dx``
        is 0 there.
    value : float
        What is added.

    Raises
    ------
    ValueError
        If `padding` is made of anything else, or more is cut off than there is.
    TypeError
        If `value` is not a number.

    Notes
    -----
    The cache is the input's shape.
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class ConstantPad3d(ConstantPadding):
    """Padding of volumes (N, C, depth, height, width) with a number; see `ConstantPad2d`.

    Amounts are (left, right, top, bottom, front, back).
    """

    axes: ClassVar[int] = 3


@dataclass(frozen=True)
class ZeroPad1d(ZeroPadding):
    """Padding of series (N, C, length) with zeros; see `ConstantPad2d`. Amounts are (left, right)."""

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class ZeroPad2d(ZeroPadding):
    """Padding of images (N, C, height, width) with zeros; see `ConstantPad2d`.

    Amounts are (left, right, top, bottom).
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class ZeroPad3d(ZeroPadding):
    """Padding of volumes (N, C, depth, height, width) with zeros; see `ConstantPad2d`.

    Amounts are (left, right, top, bottom, front, back).
    """

    axes: ClassVar[int] = 3
