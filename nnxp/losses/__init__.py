"""Losses: value and gradient together."""

from nnxp.losses.binary import BCELoss, BCEWithLogitsLoss
from nnxp.losses.cross_entropy import CrossEntropyLoss
from nnxp.losses.divergence import KLDivLoss
from nnxp.losses.loss import Loss, LossFunction
from nnxp.losses.nll import NLLLoss
from nnxp.losses.regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "LossFunction",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]
