"""The multilayer perceptron."""

from collections.abc import Sequence

from nnxp.layers import Dropout, Layer, Linear, ReLU, Sequential

__all__ = ["mlp"]


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
