"""The shape of a loss: a frozen dataclass that returns its value and its gradient together."""

import math
from typing import Any, ClassVar, Protocol

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_choice, fits, message
from nnxp.losses._inputs import squeeze_hint

__all__ = ["REDUCTIONS", "Loss", "LossFunction", "check_reduction", "check_sample_shape", "reduced"]

REDUCTIONS = ("mean", "sum", "none")


class LossFunction(Protocol):
    """What training asks of a loss; any callable that answers so will do."""

    def __call__(self, output: Array, target: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to the output."""
        ...


class Loss:
    """The base of all losses.

    A loss is a value, called as ``value, dy = loss(output, target, sample_weight=None)``.

    Attributes
    ----------
    reduction : {"mean", "sum", "none"}
        What becomes of the terms. ``"mean"`` divides their sum by `denominator`; ``"none"`` returns them, and
        the gradient of their sum.
    accepts_indices : bool
        Whether integer targets are labels, and stay integers; all others are cast to the network's dtype.
    probabilities : {"softmax", "exp", "sigmoid", "identity"} or None
        What turns the output into probabilities; None where the loss implies none.
    outputs, targets : tuple of int
        Which arguments of the call are a network's outputs, and which its targets.
    """

    reduction: str
    outputs: ClassVar[tuple[int, ...]] = (0,)
    targets: ClassVar[tuple[int, ...]] = (1,)
    accepts_indices: ClassVar[bool] = False
    probabilities: ClassVar[str | None] = None

    def __call__(self, output: Array, target: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to the output.

        Parameters
        ----------
        output : array of shape (batch, ...), floating
            What the network answered. The results follow its device and dtype.
        target : array
            What it should have answered, on the same device.
        sample_weight : array of shape (batch,), optional
            Multiplies each sample's terms; ``"mean"`` then divides by the sum of the weights.

        Returns
        -------
        value : array of shape (), or the shape of the terms for ``"none"``
            The loss.
        dy : array of the output's shape
            Its gradient; for ``"none"``, that of the sum of the terms.

        Raises
        ------
        ValueError
            If shapes do not go together.
        TypeError
            If an array is on another device, or of an unfit dtype.
        """
        raise NotImplementedError

    def denominator(self, output: Array, target: Array, sample_weight: Array | None = None) -> Any:
        """Return what ``"mean"`` divides by, so that the means of several batches can be averaged exactly.

        Parameters
        ----------
        output, target, sample_weight : array
            As for the call.

        Returns
        -------
        float or array of shape ()
            A number wherever it is known without reading the device.
        """
        raise NotImplementedError

    def check_labels(self, labels: Array, output_shape: Shape | None) -> None:
        """Hold all targets of a data set against the network, on the host and once, before training.

        Parameters
        ----------
        labels : array of shape (samples, ...)
            On the host.
        output_shape : tuple of (int or None), optional
            Shape of one sample's output; None, in it or instead of it, for what is unknown.

        Raises
        ------
        ValueError
            If the shape does not fit.
        """
        check_sample_shape(type(self).__name__, labels, output_shape)


def check_sample_shape(where: str, target: Array, shape: Shape | None) -> None:
    """Refuse targets whose samples are not shaped as the pattern."""
    actual = tuple(target.shape[1:])
    if shape is not None and not fits(actual, shape):
        wanted = "".join(f", {'*' if n is None else n}" for n in shape) or ","
        got = tuple(target.shape)
        raise ValueError(message(where, f"target of shape (batch{wanted})", got, squeeze_hint(actual, tuple(shape))))


def check_reduction(loss: Loss, reductions: tuple[str, ...] = REDUCTIONS) -> None:
    """Refuse an unknown reduction."""
    check_choice(type(loss).__name__, "reduction", loss.reduction, reductions)


def reduced(reduction: str, terms: Array, dy: Any, denominator: Any, factor: float = 1.0) -> tuple[Array, Any]:
    """Reduce terms, and scale the gradient of their sum in place.

    Parameters
    ----------
    reduction : str
        ``"none"`` returns the terms, ``"sum"`` their sum, anything else the sum divided by `denominator`.
    terms : array
        The terms.
    dy : array, or tuple of arrays
        The gradient of their sum but for `factor`; one for each input where there are several.
    denominator : float or array of shape ()
        Where it is 0 (an empty batch, nothing counted), the value is NaN, and the gradient 0.
    factor : float
        A constant of the gradient that would cost an operation of its own.

    Returns
    -------
    value : array
        The loss.
    dy : array, or tuple of arrays
        Its gradient.
    """
    if reduction == "none" or reduction == "sum":
        if factor != 1.0:
            _scale(dy, factor)
        return terms if reduction == "none" else namespace(terms).sum(terms), dy
    xp = namespace(terms)
    total = xp.sum(terms)
    if type(denominator) is float:  # and not NumPy's, which is an array here
        # Only a batch without elements has the number 0 here, and then there is no gradient to spoil.
        scale = 1.0 / denominator if denominator else math.nan
        _scale(dy, factor * scale)
        return total * scale, dy
    nothing = denominator == 0.0
    scale = 1.0 / xp.where(nothing, 1.0, denominator)
    _scale(dy, scale if factor == 1.0 else factor * scale)
    return xp.where(nothing, math.nan, total * scale), dy


def _scale(dy: Any, scale: Any) -> None:
    for part in dy if isinstance(dy, tuple) else (dy,):
        part *= scale
