"""The first value that is not finite: found, named and written down."""

from nnxp.training.callbacks.nan.finding import Finding
from nnxp.training.callbacks.nan.terminate import TerminateOnNaN

__all__ = ["Finding", "TerminateOnNaN"]
