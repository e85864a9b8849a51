"""Layers: values that state their forward and their backward formula side by side."""

from nnxp.layers.activation import Activation
from nnxp.layers.alpha_dropout import AlphaDropout
from nnxp.layers.attention import (
    LearnedPositionalEncoding,
    MultiheadAttention,
    PositionalEncoding,
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from nnxp.layers.bilinear import Bilinear
from nnxp.layers.branches import Parallel, Residual
from nnxp.layers.channel_dropout import Dropout1d, Dropout2d, Dropout3d
from nnxp.layers.combine import Add, Concatenate
from nnxp.layers.conv import Conv1d, Conv2d, Conv3d
from nnxp.layers.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from nnxp.layers.dropout import Dropout
from nnxp.layers.embedding import Embedding
from nnxp.layers.embedding_bag import EmbeddingBag
from nnxp.layers.gates import GLU, Maxout
from nnxp.layers.graph import Graph
from nnxp.layers.hard import Hardsigmoid, Hardswish, Hardtanh, ReLU6, Threshold
from nnxp.layers.layer import BufferSpec, Layer, Mode, ParameterSpec, Views
from nnxp.layers.linear import Linear
from nnxp.layers.normalisation import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)
from nnxp.layers.padding import (
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
    ConstantPad1d,
    ConstantPad2d,
    ConstantPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
    ZeroPad1d,
    ZeroPad2d,
    ZeroPad3d,
)
from nnxp.layers.pixels import PixelShuffle, PixelUnshuffle
from nnxp.layers.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    GlobalAvgPool,
    GlobalMaxPool,
    LPPool1d,
    LPPool2d,
    LPPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from nnxp.layers.prelu import PReLU
from nnxp.layers.rearrange import Permute, Unflatten
from nnxp.layers.rectifiers import ELU, SELU, LeakyReLU, ReLU
from nnxp.layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from nnxp.layers.rrelu import RReLU
from nnxp.layers.sequential import Sequential
from nnxp.layers.shape import Flatten, Identity
from nnxp.layers.shrink import Hardshrink, Softshrink, Tanhshrink
from nnxp.layers.similarity import CosineSimilarity
from nnxp.layers.smooth import GELU, SiLU, Softplus
from nnxp.layers.soft import CELU, LogSigmoid, Mish, Softsign
from nnxp.layers.softmax import LogSoftmax, Softmax
from nnxp.layers.softmin import Softmax2d, Softmin
from nnxp.layers.squashing import Sigmoid, Tanh
from nnxp.layers.standardize import Standardize
from nnxp.layers.upsample import Upsample
from nnxp.layers.weight_norm import WeightNorm

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "Activation",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "Add",
    "AlphaDropout",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Bilinear",
    "BufferSpec",
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "Concatenate",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineSimilarity",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "EmbeddingBag",
    "Flatten",
    "GRUCell",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "Graph",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "LSTMCell",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositionalEncoding",
    "Linear",
    "LocalResponseNorm",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Maxout",
    "Mish",
    "Mode",
    "MultiheadAttention",
    "PReLU",
    "Parallel",
    "ParameterSpec",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "PositionalEncoding",
    "RMSNorm",
    "RNNCell",
    "RReLU",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Standardize",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unflatten",
    "Upsample",
    "Views",
    "WeightNorm",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]
