"""The library onnx, which is asked for when it is needed and not before."""

from typing import Any

__all__ = ["IR_VERSION", "OPSET", "library"]

# Old enough for every runtime of the last years, new enough for LayerNormalization and Mish.
OPSET = 18
IR_VERSION = 10


def library(where: str) -> Any:
    """Return the package onnx, with its parts loaded."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise ImportError(f"{where}: expected onnx to be installed; pip install 'nnxp[onnx]'") from None
    return onnx
