"""Pooling: one number for each window of an input (N, C, *sizes)."""

from nnxp.layers.pooling.adaptive import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)
from nnxp.layers.pooling.average import AvgPool1d, AvgPool2d, AvgPool3d
from nnxp.layers.pooling.maximum import MaxPool1d, MaxPool2d, MaxPool3d
from nnxp.layers.pooling.overall import GlobalAvgPool, GlobalMaxPool
from nnxp.layers.pooling.power import LPPool1d, LPPool2d, LPPool3d

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]
