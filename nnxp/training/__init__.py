"""The training room: it sees a network's forward, backward and theta, and nothing inside the layers."""

from nnxp.metrics import Metric
from nnxp.training.callbacks import Checkpoint, CSVLog, EarlyStopping, ReduceLROnPlateau, TerminateOnNaN
from nnxp.training.history import History
from nnxp.training.prefetch import Prefetch
from nnxp.training.progress import ProgressBar, ProgressLines
from nnxp.training.run import Callback, Run

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "Metric",
    "Prefetch",
    "ProgressBar",
    "ProgressLines",
    "ReduceLROnPlateau",
    "Run",
    "TerminateOnNaN",
]
