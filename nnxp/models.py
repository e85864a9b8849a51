"""Networks at hand: well-known models, each from one line.

They are values like every other layer: ``Network(models.lenet5(), input_shape=(1, 28, 28))`` builds one. The shapes
below are of one sample.
"""

from collections.abc import Sequence

from nnxp._checks import check_positive_int, message
from nnxp.layers import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
)

__all__ = ["deep_convnet", "lenet5", "mlp", "resnet", "simple_convnet"]


def mlp(
    in_features: int | None, hidden: Sequence[int] = (128, 64), classes: int = 10, *, dropout: float = 0.0
) -> Sequential:
    """Build a multilayer perceptron: Linear and ReLU for each hidden width, then Linear.

    Parameters
    ----------
    in_features : int or None
        Features of a sample; None takes them from the network's ``input_shape``.
    hidden : sequence of int
        Widths of the hidden layers; may be empty.
    classes : int
        Outputs.
    dropout : float
        After each hidden layer, where it is not 0.

    Returns
    -------
    Sequential
        From (in_features,) to (classes,).
    """
    layers: list[Layer] = []
    for width in hidden:
        layers += [Linear(in_features, width), ReLU()]
        if dropout:
            layers.append(Dropout(dropout))
        in_features = width
    return Sequential(*layers, Linear(in_features, classes))


def lenet5(in_channels: int | None = 1, classes: int = 10) -> Sequential:
    """Build LeNet-5 with ReLU and max pooling: two 5x5 convolutions of 6 and 16 maps, then 120 and 84 units.

    Parameters
    ----------
    in_channels : int or None
        Channels of an image.
    classes : int
        Outputs.

    Returns
    -------
    Sequential
        From (in_channels, 28, 28) to (classes,); images of another size need an ``input_shape``.

    References
    ----------
    .. [1] LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section II.B.
    """
    return Sequential(
        *(Conv2d(in_channels, 6, 5, padding=2), ReLU(), MaxPool2d(2)),
        *(Conv2d(6, 16, 5), ReLU(), MaxPool2d(2)),
        Flatten(),
        *(Linear(None, 120), ReLU()),
        *(Linear(120, 84), ReLU()),
        Linear(84, classes),
    )


def simple_convnet(in_channels: int | None = 1, classes: int = 10) -> Sequential:
    """Build the small network of "Deep Learning from Scratch", chapter 7: one 5x5 convolution of 30 maps, 100 units.

    Parameters
    ----------
    in_channels : int or None
        Channels of an image.
    classes : int
        Outputs.

    Returns
    -------
    Sequential
        From (in_channels, height, width), given as ``input_shape``, to (classes,).
    """
    return Sequential(
        *(Conv2d(in_channels, 30, 5), ReLU(), MaxPool2d(2)),
        Flatten(),
        *(Linear(None, 100), ReLU()),
        Linear(100, classes),
    )


def deep_convnet(in_channels: int | None = 1, classes: int = 10, *, dropout: float = 0.5) -> Sequential:
    """Build the deep network of "Deep Learning from Scratch", chapter 8: six 3x3 convolutions, pooled by twos.

    Convolution, ReLU, convolution, ReLU, pooling three times, with 16, 16, 32, 32, 64, 64 maps and paddings 1, 1, 1,
    2, 1, 1; then 50 units, and dropout before and after the last layer.

    Parameters
    ----------
    in_channels : int or None
        Channels of an image.
    classes : int
        Outputs.
    dropout : float
        Of both dropout layers.

    Returns
    -------
    Sequential
        From (in_channels, height, width), given as ``input_shape``, to (classes,).
    """
    layers: list[Layer] = []
    for maps, first, second in ((16, 1, 1), (32, 1, 2), (64, 1, 1)):
        layers += [Conv2d(in_channels, maps, 3, padding=first), ReLU()]
        layers += [Conv2d(maps, maps, 3, padding=second), ReLU(), MaxPool2d(2)]
        in_channels = maps
    return Sequential(
        *layers,
        Flatten(),
        *(Linear(None, 50), ReLU(), Dropout(dropout)),
        *(Linear(50, classes), Dropout(dropout)),
    )


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
