"""ONNX graphs as networks."""
