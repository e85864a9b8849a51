"""Layers: values that state their forward and their backward formula side by side."""

from typing import TYPE_CHECKING

from nnxp._lazy import lazily

if TYPE_CHECKING:
    from nnxp.layers.activation import *
    from nnxp.layers.alpha_dropout import *
    from nnxp.layers.attention import *
    from nnxp.layers.bilinear import *
    from nnxp.layers.branches import *
    from nnxp.layers.channel_dropout import *
    from nnxp.layers.combine import *
    from nnxp.layers.conv import *
    from nnxp.layers.conv_transpose import *
    from nnxp.layers.dropout import *
    from nnxp.layers.embedding import *
    from nnxp.layers.embedding_bag import *
    from nnxp.layers.gates import *
    from nnxp.layers.graph import *
    from nnxp.layers.hard import *
    from nnxp.layers.layer import *
    from nnxp.layers.linear import *
    from nnxp.layers.normalisation import *
    from nnxp.layers.padding import *
    from nnxp.layers.pixels import *
    from nnxp.layers.pooling import *
    from nnxp.layers.prelu import *
    from nnxp.layers.rearrange import *
    from nnxp.layers.rectifiers import *
    from nnxp.layers.recurrent import *
    from nnxp.layers.rrelu import *
    from nnxp.layers.sequential import *
    from nnxp.layers.shape import *
    from nnxp.layers.shrink import *
    from nnxp.layers.similarity import *
    from nnxp.layers.smooth import *
    from nnxp.layers.soft import *
    from nnxp.layers.softmax import *
    from nnxp.layers.softmin import *
    from nnxp.layers.squashing import *
    from nnxp.layers.standardize import *
    from nnxp.layers.upsample import *
    from nnxp.layers.weight_norm import *

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "activation": "Activation",
        "alpha_dropout": "AlphaDropout",
        "attention": (
            "LearnedPositionalEncoding MultiheadAttention PositionalEncoding Transformer TransformerDecoder "
            "TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer"
        ),
        "bilinear": "Bilinear",
        "branches": "Parallel Residual",
        "channel_dropout": "Dropout1d Dropout2d Dropout3d",
        "combine": "Add Concatenate",
        "conv": "Conv1d Conv2d Conv3d",
        "conv_transpose": "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
        "dropout": "Dropout",
        "embedding": "Embedding",
        "embedding_bag": "EmbeddingBag",
        "gates": "GLU Maxout",
        "graph": "Graph",
        "hard": "Hardsigmoid Hardswish Hardtanh ReLU6 Threshold",
        "layer": "BufferSpec Layer Mode ParameterSpec Views",
        "linear": "Linear",
        "normalisation": (
            "BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm "
            "LocalResponseNorm RMSNorm"
        ),
        "padding": (
            "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
            "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d "
            "ZeroPad2d ZeroPad3d"
        ),
        "pixels": "PixelShuffle PixelUnshuffle",
        "pooling": (
            "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
            "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d GlobalAvgPool GlobalMaxPool LPPool1d LPPool2d "
            "LPPool3d MaxPool1d MaxPool2d MaxPool3d"
        ),
        "prelu": "PReLU",
        "rearrange": "Permute Unflatten",
        "rectifiers": "ELU SELU LeakyReLU ReLU",
        "recurrent": "GRU LSTM RNN GRUCell LSTMCell RNNCell",
        "rrelu": "RReLU",
        "sequential": "Sequential",
        "shape": "Flatten Identity",
        "shrink": "Hardshrink Softshrink Tanhshrink",
        "similarity": "CosineSimilarity",
        "smooth": "GELU SiLU Softplus",
        "soft": "CELU LogSigmoid Mish Softsign",
        "softmax": "LogSoftmax Softmax",
        "softmin": "Softmax2d Softmin",
        "squashing": "Sigmoid Tanh",
        "standardize": "Standardize",
        "upsample": "Upsample",
        "weight_norm": "WeightNorm",
    },
)
