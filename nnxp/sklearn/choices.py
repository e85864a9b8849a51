"""The words that stand for losses, optimizers and activations where a parameter is given by name."""

from collections.abc import Callable, Mapping
from typing import Any

from nnxp._checks import Words, did_you_mean, message
from nnxp.layers import ELU, GELU, SELU, Identity, Layer, LeakyReLU, Mish, ReLU, Sigmoid, SiLU, Softplus, Tanh
from nnxp.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    FocalLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    MultiMarginLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
)
from nnxp.optimizers import (
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)

__all__ = ["ACTIVATIONS", "LOSSES_OF_CLASSES", "LOSSES_OF_NUMBERS", "OPTIMIZERS", "chosen"]

ACTIVATIONS: dict[str, type[Layer]] = {
    "identity": Identity,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "mish": Mish,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softplus": Softplus,
}
LOSSES_OF_CLASSES: dict[str, type] = {
    "cross_entropy": CrossEntropyLoss,
    "bce_with_logits": BCEWithLogitsLoss,
    "focal": FocalLoss,
    "multi_margin": MultiMarginLoss,
    "soft_margin": SoftMarginLoss,
}
LOSSES_OF_NUMBERS: dict[str, type] = {
    "mse": MSELoss,
    "l1": L1Loss,
    "smooth_l1": SmoothL1Loss,
    "huber": HuberLoss,
    "poisson_nll": PoissonNLLLoss,
}
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "radam": RAdam,
    "adamax": Adamax,
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "lion": Lion,
    "lbfgs": LBFGS,
}


def chosen(
    where: str, name: str, value: Any, words: Mapping[str, Callable[[], Any]], fits: Callable[[Any], bool], kind: str
) -> Any:
    """Return what a word stands for; a value of the right kind is returned as it is.

    Parameters
    ----------
    where, name : str
        Who asks, and for which parameter.
    value : str or object
        What the parameter holds.
    words : mapping of str to callable
        The words, and what makes their values.
    fits : callable
        Tells whether a value is of the right kind.
    kind : str
        What to call that kind, such as ``"an nnxp optimizer"``.

    Raises
    ------
    ValueError
        If the word is unknown.
    TypeError
        If the value is of another kind.
    """
    if isinstance(value, str):
        if value not in words:
            known = f"{name} to be one of {', '.join(map(repr, words))}, or {kind}"
            raise ValueError(message(where, known, value, did_you_mean(value, words)))
        return words[value]()
    if isinstance(value, type):
        hint = f"call it: {value.__name__}()"
        raise TypeError(message(where, f"{name} to be a name or {kind}", Words(value.__name__), hint))
    if not fits(value):
        raise TypeError(message(where, f"{name} to be a name or {kind}", Words(type(value).__name__)))
    return value
