"""Losses: value and gradient together."""

from nnxp.losses.binary import BCELoss, BCEWithLogitsLoss
from nnxp.losses.cross_entropy import CrossEntropyLoss
from nnxp.losses.ctc import CTCLoss
from nnxp.losses.divergence import KLDivLoss
from nnxp.losses.focal import FocalLoss
from nnxp.losses.hinge import HingeEmbeddingLoss, SoftMarginLoss
from nnxp.losses.likelihood import GaussianNLLLoss, PoissonNLLLoss
from nnxp.losses.loss import Loss, LossFunction
from nnxp.losses.margins import MultiLabelMarginLoss, MultiMarginLoss
from nnxp.losses.multi_label import MultiLabelSoftMarginLoss
from nnxp.losses.nll import NLLLoss
from nnxp.losses.pairs import CosineEmbeddingLoss, MarginRankingLoss
from nnxp.losses.regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from nnxp.losses.triplet import TripletMarginLoss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "LossFunction",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
]
