"""Convolution layers for one, two and three dimensions."""

from dataclasses import dataclass, field
from typing import ClassVar

from nnxp._backend import Array
from nnxp._checks import Shape, as_sizes, check_choice, message
from nnxp.layers.borders import BORDERS
from nnxp.layers.channels import (
    check_batch,
    check_channels,
    check_sample,
    check_sizes,
    known_channels,
    sum_channels,
    weight_and_bias,
)
from nnxp.layers.convolution import convolve, input_gradient, weight_gradient
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views, weight_uses
from nnxp.layers.windows import Sizes, Window

__all__ = ["Conv1d", "Conv2d", "Conv3d"]


@dataclass(frozen=True)
class Convolution(Layer):
    """What the convolutions share: everything but how many axes they move along."""

    in_channels: int | None
    out_channels: int
    kernel_size: int | Sizes
    stride: int | Sizes = 1
    padding: int | Sizes | str = 0
    dilation: int | Sizes = 1
    groups: int = 1
    bias: bool = True
    padding_mode: str = "zeros"
    window: Window = field(init=False, repr=False, compare=False)

    axes: ClassVar[int]

    def __post_init__(self) -> None:
        where = type(self).__name__
        check_channels(where, self.in_channels, self.out_channels, self.groups)
        check_choice(where, "padding_mode", self.padding_mode, BORDERS)
        kernel = as_sizes(where, "kernel_size", self.kernel_size, self.axes)
        stride = as_sizes(where, "stride", self.stride, self.axes)
        dilation = as_sizes(where, "dilation", self.dilation, self.axes)
        before, after = self._borders(where, kernel, stride, dilation)
        window = Window(kernel, stride, dilation, before, after, self.padding_mode)
        object.__setattr__(self, "window", window)

    def _borders(self, where: str, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Sizes, Sizes]:
        if not isinstance(self.padding, str):
            both = as_sizes(where, "padding", self.padding, self.axes, least=0)
            return both, both
        check_choice(where, "padding", self.padding, ["valid", "same"])
        if self.padding == "valid":
            return (0,) * self.axes, (0,) * self.axes
        if any(s != 1 for s in stride):
            raise ValueError(message(where, "stride 1 with padding 'same'", self.stride, "give padding as numbers"))
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight (out_channels, in_channels / groups, *kernel) and, unless switched off, bias."""
        channels = known_channels(type(self).__name__, self.in_channels, self.groups, in_shape)
        shape = (self.out_channels, channels // self.groups, *self.window.kernel)
        return weight_and_bias(shape, self.out_channels if self.bias else None)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (out_channels, *sizes); a size that is unknown stays so."""
        if in_shape is None:
            return (self.out_channels, *(None,) * self.axes)
        where = type(self).__name__
        check_sample(where, in_shape, self.in_channels, self.axes)
        check_sizes(where, in_shape[1:], self.window.least_sizes())
        counts = (None if n is None else self.window.count(i, n) for i, n in enumerate(in_shape[1:]))
        return (self.out_channels, *counts)

    def multiply_adds(self, in_shape: Shape | None, out_shape: Shape | None) -> int | None:
        """Count the products: every weight at every place of the output."""
        return weight_uses(self, in_shape, out_shape and out_shape[1:])

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, bool]]:
        """Return the output (N, out_channels, *sizes); the cache is the input, and whether its gradient is wanted."""
        where, sizes = f"{type(self).__name__}.forward", tuple(x.shape[2:])
        check_batch(where, x, p.weight.shape[1] * self.groups, self.axes)
        check_sizes(where, sizes, self.window.least_sizes())
        out = tuple(self.window.count(i, n) for i, n in enumerate(sizes))
        y = convolve(x, p.weight, p.bias if self.bias else None, self.window, self.groups, out)
        return y, (x, mode.input_gradient)

    def backward(self, p: Views, g: Views, cache: tuple[Array, bool], dy: Array) -> Array | None:
        """Write ``g.weight`` and ``g.bias``; return the input's gradient."""
        x, dx_wanted = cache
        weight_gradient(x, dy, self.window, self.groups, g.weight)
        if self.bias:
            g.bias[...] = sum_channels(dy)
        return input_gradient(dy, p.weight, self.window, self.groups, tuple(x.shape[2:])) if dx_wanted else None


@dataclass(frozen=True)
class Conv1d(Convolution):
    """Convolution along one axis: series (N, in_channels, length) -> (N, out_channels, length'); see `Conv2d`.

    Sizes are numbers, or tuples of one number.
    """

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class Conv2d(Convolution):
    """Convolution of images, ``y[n, o] = bias[o] + sum of weight[o, c] * x[n, c] over c``.

    In each product the kernel moves over an image without being flipped, ``(weight * x)[p] = sum of weight[k] *
    x[stride * p + dilation * k - padding] over k``. Backward: ``dweight[o, c, k] = sum of dy[n, o, p] * x[n, c, stride
    * p + dilation * k - padding] over n, p``; ``dbias[o] = sum of dy[n, o, p] over n, p``; and ``dx[n, c]`` adds up
    ``weight[o, c, k] * dy[n, o, p]`` where p and k meet.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input (N, in_channels, height, width); None takes them from the network's ``input_shape``.
    out_channels : int
        Channels of the output (N, out_channels, height', width'), with
        ``height' = (height + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.
    kernel_size : int or tuple of int
        One number for both axes, or (height, width).
    stride : int or tuple of int
        How far the kernel moves from one place of the output to the next.
    padding : int, tuple of int, {"valid", "same"}
        How much is added on each side; ``"valid"`` is nothing, and ``"same"`` what keeps the size, with stride 1 (an
        odd one goes to the right and the bottom).
    dilation : int or tuple of int
        Distance between the kernel's places.
    groups : int
        Parts into which the channels fall, each convolved for itself; as many as channels: a depthwise convolution.
    bias : bool
        Whether to add a bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What is added: zeros; the image mirrored, without repeating its edge; its edge; or the image once more.

    Raises
    ------
    ValueError
        If a size is out of range, the channels do not fall into `groups`, ``"same"`` meets a stride, or an input has
        other channels or is too small for the kernel and the padding.

    Notes
    -----
    ``weight`` (out_channels, in_channels / groups, *kernel) and ``bias`` (out_channels,) start in U(-b, b) with
    ``b = 1 / sqrt(in_channels / groups * prod(kernel))``. The cache is the input. The workspace, a few MiB, does not
    grow with the batch.

    References
    ----------
    .. [1] LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section II.A.

    Examples
    --------
    >>> Network(Conv2d(3, 8, 3, stride=2, padding=1), input_shape=(3, 32, 32)).output_shape
    (8, 16, 16)
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class Conv3d(Convolution):
    """Convolution of volumes (N, in_channels, depth, height, width), three numbers a size; see `Conv2d`."""

    axes: ClassVar[int] = 3
