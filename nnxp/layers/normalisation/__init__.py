"""Normalisations: activations brought to mean 0 and variance 1, over axes in which the layers differ."""

from nnxp.layers.normalisation.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from nnxp.layers.normalisation.group_norm import GroupNorm
from nnxp.layers.normalisation.instance_norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from nnxp.layers.normalisation.layer_norm import LayerNorm
from nnxp.layers.normalisation.local_response import LocalResponseNorm
from nnxp.layers.normalisation.rms_norm import RMSNorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]
