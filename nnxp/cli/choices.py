"""The words that options take. A member is called as its class, and its value is the word."""

from enum import StrEnum

__all__ = ["Activation", "Claim", "Dtype", "LossName", "OptimizerName", "SearchMethod"]


class Activation(StrEnum):
    """Layers between the linear ones."""

    ReLU = "relu"
    LeakyReLU = "leaky-relu"
    ELU = "elu"
    SELU = "selu"
    GELU = "gelu"
    SiLU = "silu"
    Sigmoid = "sigmoid"
    Tanh = "tanh"
    Softplus = "softplus"


class LossName(StrEnum):
    """Losses; ``auto`` is cross-entropy for classes, and the squared error for numbers."""

    auto = "auto"
    CrossEntropyLoss = "cross-entropy"
    MSELoss = "mse"
    L1Loss = "l1"
    SmoothL1Loss = "smooth-l1"
    HuberLoss = "huber"


class OptimizerName(StrEnum):
    """Optimizers."""

    Adam = "adam"
    AdamW = "adamw"
    NAdam = "nadam"
    RAdam = "radam"
    Adamax = "adamax"
    SGD = "sgd"
    RMSprop = "rmsprop"
    Adagrad = "adagrad"
    Adadelta = "adadelta"
    Lion = "lion"


class Dtype(StrEnum):
    """Of parameters and activations."""

    float32 = "float32"
    float64 = "float64"


class Claim(StrEnum):
    """What ``reproduce`` reproduces."""

    xor = "xor"
    digits = "digits"
    two_layer = "two-layer"
    book = "book"
    affine = "affine"


class SearchMethod(StrEnum):
    """How ``search`` searches."""

    random = "random"
    halving = "halving"
