"""Transposed convolution layers for one, two and three dimensions."""

from dataclasses import dataclass, field
from typing import ClassVar

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, as_sizes, message
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

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


@dataclass(frozen=True)
class TransposedConvolution(Layer):
    """What the transposed convolutions share: everything but how many axes they move along."""

    in_channels: int | None
    out_channels: int
    kernel_size: int | Sizes
    stride: int | Sizes = 1
    padding: int | Sizes = 0
    output_padding: int | Sizes = 0
    groups: int = 1
    bias: bool = True
    dilation: int | Sizes = 1
    window: Window = field(init=False, repr=False, compare=False)
    extra: Sizes = field(init=False, repr=False, compare=False)

    axes: ClassVar[int]

    def __post_init__(self) -> None:
        where = type(self).__name__
        check_channels(where, self.in_channels, self.out_channels, self.groups)
        kernel = as_sizes(where, "kernel_size", self.kernel_size, self.axes)
        stride = as_sizes(where, "stride", self.stride, self.axes)
        padding = as_sizes(where, "padding", self.padding, self.axes, least=0)
        extra = as_sizes(where, "output_padding", self.output_padding, self.axes, least=0)
        dilation = as_sizes(where, "dilation", self.dilation, self.axes)
        bounds = tuple(max(s, d) for s, d in zip(stride, dilation, strict=True))
        if any(n >= bound for n, bound in zip(extra, bounds, strict=True)):
            what = f"output_padding below {bounds}, the larger of stride and dilation"
            raise ValueError(message(where, what, self.output_padding))
        # Of the convolution that maps this layer's output to its input.
        object.__setattr__(self, "window", Window(kernel, stride, dilation, padding, padding))
        object.__setattr__(self, "extra", extra)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight (in_channels, out_channels / groups, *kernel) and, unless switched off, bias."""
        channels = known_channels(type(self).__name__, self.in_channels, self.groups, in_shape)
        shape = (channels, self.out_channels // self.groups, *self.window.kernel)
        return weight_and_bias(shape, self.out_channels if self.bias else None)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (out_channels, *sizes); a size that is unknown stays so."""
        if in_shape is None:
            return (self.out_channels, *(None,) * self.axes)
        where = type(self).__name__
        check_sample(where, in_shape, self.in_channels, self.axes)
        check_sizes(where, in_shape[1:], self._least_sizes())
        return (self.out_channels, *(None if n is None else self._size(i, n) for i, n in enumerate(in_shape[1:])))

    def _size(self, axis: int, size: int) -> int:
        """Return the output's size along an axis: one of those that `window` maps to the input's."""
        window = self.window
        return (size - 1) * window.stride[axis] + window.reach(axis) - 2 * window.before[axis] + self.extra[axis]

    def _least_sizes(self) -> Sizes:
        """Return the sizes that an input must have for an output to be left."""
        short = (1 - self._size(i, 1) for i in range(self.axes))
        return tuple(1 + max(0, -(-n // s)) for n, s in zip(short, self.window.stride, strict=True))

    def multiply_adds(self, in_shape: Shape | None, out_shape: Shape | None) -> int | None:
        """Count the products: every weight at every place of the input."""
        return weight_uses(self, in_shape, in_shape and in_shape[1:])

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, bool]]:
        """Return the output (N, out_channels, *sizes); the cache is the input, and whether its gradient is wanted."""
        where, sizes = f"{type(self).__name__}.forward", tuple(x.shape[2:])
        check_batch(where, x, p.weight.shape[0], self.axes)
        check_sizes(where, sizes, self._least_sizes())
        out = tuple(self._size(i, n) for i, n in enumerate(sizes))
        y = input_gradient(x, p.weight, self.window, self.groups, out)
        if self.bias:
            y += namespace(y).reshape(p.bias, (-1, *(1,) * self.axes))
        return y, (x, mode.input_gradient)

    def backward(self, p: Views, g: Views, cache: tuple[Array, bool], dy: Array) -> Array | None:
        """Write ``g.weight`` and ``g.bias``; return the input's gradient."""
        x, dx_wanted = cache
        weight_gradient(dy, x, self.window, self.groups, g.weight)
        if self.bias:
            g.bias[...] = sum_channels(dy)
        return convolve(dy, p.weight, None, self.window, self.groups, tuple(x.shape[2:])) if dx_wanted else None


@dataclass(frozen=True)
class ConvTranspose1d(TransposedConvolution):
    """Transposed convolution of series (N, in_channels, length) -> (N, out_channels, length'); see `ConvTranspose2d`.

    Sizes are numbers, or tuples of one number.
    """

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class ConvTranspose2d(TransposedConvolution):
    """Transposed convolution of images: `Conv2d` with its forward and its input's gradient exchanged.

    ``y[n, o, i] = bias[o] + sum of weight[c, o, k] * x[n, c, p] over c and all p, k with i = stride * p + dilation * k
    - padding``: each place of the input lays its value, times the kernel, over the output. Backward: ``dx`` is the
    convolution of `dy` with the same weight; ``dweight[c, o, k] = sum of x[n, c, p] * dy[n, o, i] over n, p``.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input (N, in_channels, height, width); None takes them from the network's ``input_shape``.
    out_channels : int
        Channels of the output (N, out_channels, height', width'), with ``height' = (height - 1) * stride - 2 * padding
        + dilation * (kernel_size - 1) + output_padding + 1``.
    kernel_size : int or tuple of int
        One number for both axes, or (height, width).
    stride : int or tuple of int
        How far one place of the input lies from the next in the output.
    padding : int or tuple of int
        How much of the output is cut off on each side: what the convolution the other way would have added.
    output_padding : int or tuple of int
        How much the output is longer on its right and bottom; below the stride or the dilation. With a stride several
        sizes are mapped to the same one by a convolution, and this tells which of them comes back.
    groups : int
        Parts into which the channels fall, each treated for itself.
    bias : bool
        Whether to add a bias.
    dilation : int or tuple of int
        Distance between the kernel's places.

    Raises
    ------
    ValueError
        If a size is out of range, the channels do not fall into `groups`, or an input has other channels or leaves no
        output.

    Notes
    -----
    ``weight`` (in_channels, out_channels / groups, *kernel) and ``bias`` (out_channels,) start in U(-b, b) with
    ``b = 1 / sqrt(out_channels / groups * prod(kernel))``, PyTorch's rule, although the sum is over in_channels. The
    cache is the input. The workspace, a few MiB, does not grow with the batch.

    References
    ----------
    .. [1] Dumoulin and Visin, "A Guide to Convolution Arithmetic for Deep Learning", 2016, arXiv:1603.07285, section 4.

    Examples
    --------
    >>> Network(ConvTranspose2d(8, 3, 4, stride=2, padding=1), input_shape=(8, 16, 16)).output_shape
    (3, 32, 32)
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class ConvTranspose3d(TransposedConvolution):
    """Transposed convolution of volumes (N, in_channels, depth, height, width); see `ConvTranspose2d`."""

    axes: ClassVar[int] = 3
