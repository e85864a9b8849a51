"""A network as a file for others: the suffix says for whom."""

from os import PathLike
from pathlib import Path
from typing import Any

from nnxp._checks import message
from nnxp.network import Network

__all__ = ["export"]


def export(net: Network, path: str | PathLike[str], **options: Any) -> None:
    """Write a network for others: ``.onnx`` for ONNX runtimes, ``.py`` for Python with NumPy alone.

    Parameters
    ----------
    net : Network
        On any device; it is not touched.
    path : path
        The file, such as ``model.onnx`` or ``predict.py``; an old one is replaced.
    **options
        As for `nnxp.io.onnx.export_onnx` or `nnxp.io.plain.export_plain`.

    Raises
    ------
    ValueError
        If the suffix is another one, or the model cannot be written in that form.
    ImportError
        If ``.onnx`` is asked for and onnx is not installed.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> nnxp.io.export(net, "model.onnx", probabilities=True)
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".onnx":
        from nnxp.io.onnx import export_onnx

        export_onnx(net, path, **options)
    elif suffix == ".py":
        from nnxp.io.plain import export_plain

        export_plain(net, path, **options)
    else:
        hint = "to keep the network for nnxp itself, use save"
        raise ValueError(message("export", "a path that ends in .onnx or .py", str(path), hint))
