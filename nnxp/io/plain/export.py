"""Writing a network as a Python file that needs NumPy alone."""

import inspect
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import Words, message
from nnxp._files import atomic_path, write_atomic
from nnxp.io.plain.page import Page
from nnxp.io.plain.templates import TEMPLATES
from nnxp.io.plain.weights import choose_form
from nnxp.io.plain.writer import Writer
from nnxp.layers import Layer, WeightNorm
from nnxp.network import Network
from nnxp.training.arguments import check_batch_axis

__all__ = ["export_plain"]


def export_plain(
    net: Network, path: str | PathLike[str], *, weights: str = "auto", classes: Sequence[int | str] | None = None
) -> list[Path]:
    """Write a network as one readable Python file: its formulas, its layers in order, its weights.

    Parameters
    ----------
    net : Network
        On any device; it is not touched.
    path : path
        The file, such as ``predict.py``; an old one is replaced.
    weights : {"auto", "numbers", "base64", "npz"}
        Where the arrays go: into the file, as numbers that can be read or as base64 of their bytes, or into an archive
        beside it, ``predict.npz`` for ``predict.py``, read with ``allow_pickle=False``. ``"auto"`` takes numbers up to
        128 of them, base64 up to 256 KiB of bytes, and the archive beyond.
    classes : sequence of int or str, optional
        Names of the classes; the file then has a function ``predict_class`` too.

    Returns
    -------
    list of pathlib.Path
        What was written: the file, and the archive if there is one.

    Raises
    ------
    ValueError
        If a layer is not one of nnxp's or holds a function, a pooling returns indices, a layer has
        ``batch_first=False``, `weights` is another word, or `classes` are not as many as outputs.
    OSError
        If a file cannot be written.

    Notes
    -----
    ``predict(x)`` of the file does what `Network.predict` does: the network in evaluation mode, states zero and no
    masks; all of `x` at once. Both compute in the network's dtype, in orders that differ: in float32 they agree to 1e-6
    of the largest output (layer by layer; roundings of deep networks add up), in float64 to 1e-12. Where the loss of
    the last `fit` implies probabilities there is ``predict_proba(x)``, and with one input and one output
    ``python predict.py samples.csv`` prints predictions. The file needs Python 3.10 or later.

    Examples
    --------
    >>> nnxp.io.export(net, "predict.py")
    """
    check_batch_axis("export", net)
    if classes is not None and net.output_shape != (len(classes),):
        got = Words(f"{len(classes)} for outputs of shape {net.output_shape}")
        raise ValueError(message("export", "as many classes as outputs", got))
    path = Path(path)
    writer = Writer(net, TEMPLATES)
    inputs = tuple(writer.new_name(name) for name in _inputs(net.model))
    output = writer.run(net.model, "", inputs, inputs[0] if len(inputs) == 1 else writer.new_name("y"))
    form = choose_form(writer.used, weights)
    archive = path.with_suffix(".npz") if form == "npz" and writer.used else None
    page = Page(net, writer, inputs, output, classes)
    text = page.text(path.stem, form, "" if archive is None else archive.name)
    if archive is not None:
        arrays: dict[str, Any] = writer.used
        with atomic_path(archive) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
    write_atomic(path, text)
    return [path] if archive is None else [path, archive]


def _inputs(model: Layer) -> tuple[str, ...]:
    """Name what predict takes as the model's forward does."""
    while isinstance(model, WeightNorm):
        model = model.layer
    named: Any = getattr(model, "inputs", None)
    if isinstance(named, tuple):
        return named
    parameters = inspect.signature(type(model).forward).parameters.values()
    names = (p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    return tuple(name for name in names if name not in ("self", "p", "mode")) or ("x",)
