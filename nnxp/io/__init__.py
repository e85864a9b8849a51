"""Saving, loading and exporting: a network in one file, and named arrays in one file."""

from typing import TYPE_CHECKING, Any

from nnxp.io.export import export
from nnxp.io.network import load, read_metadata, save
from nnxp.io.safetensors import read_state_dict, write_state_dict

if TYPE_CHECKING:
    from nnxp.io.onnx import load_onnx

__all__ = ["export", "load", "load_onnx", "read_metadata", "read_state_dict", "save", "write_state_dict"]


def __getattr__(name: str) -> Any:
    # Forty files that only those who have an ONNX file need.
    if name == "load_onnx":
        from nnxp.io.onnx import load_onnx

        return load_onnx
    raise AttributeError(f"module 'nnxp.io' has no attribute {name!r}")
