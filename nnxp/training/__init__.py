"""The training room: it sees a network's forward, backward and theta, and nothing inside the layers."""

from typing import TYPE_CHECKING

from nnxp._lazy import lazily

if TYPE_CHECKING:
    from nnxp.metrics import Metric as Metric
    from nnxp.training.batch_norm import update_batch_norm as update_batch_norm
    from nnxp.training.callbacks import *
    from nnxp.training.checkpoint import Checkpoint as Checkpoint
    from nnxp.training.history import *
    from nnxp.training.lr_finder import *
    from nnxp.training.overfitting import *
    from nnxp.training.prefetch import Prefetch as Prefetch
    from nnxp.training.progress import ProgressBar as ProgressBar
    from nnxp.training.progress import ProgressLines as ProgressLines
    from nnxp.training.run import Callback as Callback
    from nnxp.training.run import Run as Run

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "batch_norm": "update_batch_norm",
        "callbacks": "CSVLog Diagnostics EarlyStopping ExponentialMovingAverage ReduceLROnPlateau "
        "StochasticWeightAveraging TensorBoard TerminateOnNaN",
        "checkpoint": "Checkpoint",
        "history": "History",
        "lr_finder": "LRFinding find_lr",
        "overfitting": "OverfitResult overfit_one_batch",
        "prefetch": "Prefetch",
        "progress": "ProgressBar ProgressLines",
        "run": "Callback Run",
        "tallies": "Metric",
    },
)
