"""What may watch a run: a file for each."""

from nnxp.training.callbacks.checkpoint import Checkpoint
from nnxp.training.callbacks.csv_log import CSVLog
from nnxp.training.callbacks.early_stopping import EarlyStopping
from nnxp.training.callbacks.nan import TerminateOnNaN
from nnxp.training.callbacks.plateau import ReduceLROnPlateau

__all__ = ["CSVLog", "Checkpoint", "EarlyStopping", "ReduceLROnPlateau", "TerminateOnNaN"]
