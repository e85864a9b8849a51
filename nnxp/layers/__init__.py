"""Layers: values that state their forward and their backward formula side by side."""

from nnxp.layers.activation import Activation
from nnxp.layers.branches import Parallel, Residual
from nnxp.layers.dropout import Dropout
from nnxp.layers.layer import BufferSpec, Layer, Mode, ParameterSpec, Views
from nnxp.layers.linear import Linear
from nnxp.layers.rectifiers import ELU, SELU, LeakyReLU, ReLU
from nnxp.layers.sequential import Sequential
from nnxp.layers.shape import Flatten, Identity
from nnxp.layers.smooth import GELU, SiLU, Softplus
from nnxp.layers.softmax import LogSoftmax, Softmax
from nnxp.layers.squashing import Sigmoid, Tanh
from nnxp.layers.standardize import Standardize

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "BufferSpec",
    "Dropout",
    "Flatten",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Mode",
    "Parallel",
    "ParameterSpec",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Standardize",
    "Tanh",
    "Views",
]
