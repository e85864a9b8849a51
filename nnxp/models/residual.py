"""Convolutions with a way around them."""

from collections.abc import Sequence

from nnxp._checks import check_positive_int, message
from nnxp.layers import BatchNorm2d, Conv2d, GlobalAvgPool, Layer, Linear, ReLU, Residual, Sequential

__all__ = ["resnet"]


def resnet(
    in_channels: int = 1, classes: int = 10, *, blocks: Sequence[int] = (2, 2, 2, 2), width: int = 64
) -> Sequential:
    """Build a residual network of two-convolution blocks for small images; the default has the depth of ResNet-18.

    A 3x3 convolution, then stages of blocks, each stage but the first with twice the maps at half the size, then the
    mean over the image and a Linear. There is no pooling at the start: images of 28x28 and 32x32 are small already.

    Parameters
    ----------
    in_channels : int
        Channels of an image.
    classes : int
        Outputs.
    blocks : sequence of int
        Blocks in each stage.
    width : int
        Maps of the first stage.

    Returns
    -------
    Sequential
        From (in_channels, height, width) to (classes,).

    References
    ----------
    .. [1] He et al., "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385, section 4.2.
    """
    if not blocks:
        raise ValueError(message("resnet", "at least one stage of blocks", blocks))
    check_positive_int("resnet", "width", width)
    layers: list[Layer] = [Conv2d(in_channels, width, 3, padding=1, bias=False), BatchNorm2d(width), ReLU()]
    maps = width
    for stage, count in enumerate(blocks):
        for i in range(count):
            after = width * 2**stage
            layers += [_block(maps, after, stride=2 if stage and i == 0 else 1), ReLU()]
            maps = after
    return Sequential(*layers, GlobalAvgPool(), Linear(maps, classes))


def _block(before: int, after: int, stride: int) -> Residual:
    """Build two 3x3 convolutions and the way around them: a 1x1 convolution where size or maps change."""
    around = None
    if stride > 1 or before != after:
        around = Sequential(Conv2d(before, after, 1, stride=stride, bias=False), BatchNorm2d(after))
    inner = Sequential(
        *(Conv2d(before, after, 3, stride=stride, padding=1, bias=False), BatchNorm2d(after), ReLU()),
        *(Conv2d(after, after, 3, padding=1, bias=False), BatchNorm2d(after)),
    )
    return Residual(inner, around)
