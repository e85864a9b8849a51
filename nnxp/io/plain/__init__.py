"""A network as one readable Python file that needs NumPy alone."""

from nnxp.io.plain.export import export_plain

__all__ = ["export_plain"]
