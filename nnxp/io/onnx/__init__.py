"""ONNX: networks as files for other runtimes, and models trained elsewhere as networks."""

from nnxp.io.onnx.read.loading import load_onnx
from nnxp.io.onnx.write.exporting import export_onnx

__all__ = ["export_onnx", "load_onnx"]
