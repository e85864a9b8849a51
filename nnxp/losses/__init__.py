"""Losses: value and gradient together."""

from typing import TYPE_CHECKING

from nnxp._lazy import lazily

if TYPE_CHECKING:
    from nnxp.losses.binary import *
    from nnxp.losses.cross_entropy import *
    from nnxp.losses.ctc import *
    from nnxp.losses.divergence import *
    from nnxp.losses.focal import *
    from nnxp.losses.hinge import *
    from nnxp.losses.likelihood import *
    from nnxp.losses.loss import *
    from nnxp.losses.margins import *
    from nnxp.losses.multi_label import *
    from nnxp.losses.nll import *
    from nnxp.losses.pairs import *
    from nnxp.losses.per_output import *
    from nnxp.losses.regression import *
    from nnxp.losses.triplet import *
    from nnxp.losses.weighted_sum import *

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "binary": "BCELoss BCEWithLogitsLoss",
        "cross_entropy": "CrossEntropyLoss",
        "ctc": "CTCLoss",
        "divergence": "KLDivLoss",
        "focal": "FocalLoss",
        "hinge": "HingeEmbeddingLoss SoftMarginLoss",
        "likelihood": "GaussianNLLLoss PoissonNLLLoss",
        "loss": "Loss LossFunction",
        "margins": "MultiLabelMarginLoss MultiMarginLoss",
        "multi_label": "MultiLabelSoftMarginLoss",
        "nll": "NLLLoss",
        "pairs": "CosineEmbeddingLoss MarginRankingLoss",
        "per_output": "PerOutput",
        "regression": "HuberLoss L1Loss MSELoss SmoothL1Loss",
        "triplet": "TripletMarginLoss",
        "weighted_sum": "WeightedSum",
    },
)
