"""What may watch a run: a file for each."""

from typing import TYPE_CHECKING

from nnxp._lazy import lazily

if TYPE_CHECKING:
    from nnxp.training.callbacks.averaging import ExponentialMovingAverage as ExponentialMovingAverage
    from nnxp.training.callbacks.csv_log import *
    from nnxp.training.callbacks.diagnostics import *
    from nnxp.training.callbacks.early_stopping import *
    from nnxp.training.callbacks.nan import TerminateOnNaN as TerminateOnNaN
    from nnxp.training.callbacks.plateau import *
    from nnxp.training.callbacks.swa import *
    from nnxp.training.callbacks.tensorboard import *

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "averaging": "ExponentialMovingAverage",
        "csv_log": "CSVLog",
        "diagnostics": "Diagnostics",
        "early_stopping": "EarlyStopping",
        "nan": "TerminateOnNaN",
        "plateau": "ReduceLROnPlateau",
        "swa": "StochasticWeightAveraging",
        "tensorboard": "TensorBoard",
    },
)
