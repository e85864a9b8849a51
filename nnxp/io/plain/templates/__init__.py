"""What each layer is in NumPy: for every class its template, or one phrase that says why it has none."""

from nnxp.io.plain.templates import (
    affine,
    containers,
    elementwise,
    normalisation,
    reshaping,
    sequences,
    windows,
)
from nnxp.io.plain.writer import Template
from nnxp.layers import Activation, Layer

__all__ = ["TEMPLATES"]

TEMPLATES: dict[type[Layer], Template | str] = {
    **affine.TEMPLATES,
    **elementwise.TEMPLATES,
    **normalisation.TEMPLATES,
    **windows.TEMPLATES,
    **reshaping.TEMPLATES,
    **sequences.TEMPLATES,
    **containers.TEMPLATES,
    Activation: "a function of yours has no text that could be written: take a layer with a name, such as Tanh",
}
