"""Convolutions, one after the other: LeNet-5, and the two networks of a book."""

from nnxp.layers import Conv2d, Dropout, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential

__all__ = ["deep_convnet", "lenet5", "simple_convnet"]


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
