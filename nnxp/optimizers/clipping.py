"""Gradients kept within bounds: call between ``net.backward`` and ``optimizer.update``."""

import math
from typing import TYPE_CHECKING

from nnxp._backend import Array, constant, fused, namespace
from nnxp._checks import check_number

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["clip_grad_norm", "clip_grad_value"]


@fused
def gradient_norm(gradient: Array, order: float) -> Array:
    """Return the norm of a vector."""
    norm: Array = namespace(gradient).linalg.vector_norm(gradient, ord=order)
    return norm


@fused
def scale_gradient(gradient: Array, factor: Array) -> None:
    """Multiply in place by a 0-d array."""
    gradient *= factor


@fused
def cut_gradient(gradient: Array, limit: float) -> None:
    """Cut entries off at ``-limit`` and ``limit``, in place."""
    xp = namespace(gradient)
    gradient[...] = xp.minimum(xp.maximum(gradient, constant(-limit, gradient)), constant(limit, gradient))


def clip_grad_norm(net: "Network", max_norm: float, norm_type: float = 2.0) -> Array:
    """Scale the gradient down to a norm, ``gradient *= min(1, max_norm / (norm + 1e-6))``.

    Parameters
    ----------
    net : Network
        Its gradient is changed in place, where parameters are trained; frozen ones do not count.
    max_norm : float
        The largest norm that is left; ``inf`` only measures.
    norm_type : float
        The order p of the norm, above 0; ``inf`` takes the largest entry.

    Returns
    -------
    0-d array
        The norm before, on the device: nothing waits for it.

    Raises
    ------
    ValueError
        If `max_norm` is negative or `norm_type` is not positive.
    """
    if max_norm != math.inf:
        check_number("clip_grad_norm", "max_norm", max_norm, low=0.0)
    if norm_type != math.inf:
        check_number("clip_grad_norm", "norm_type", norm_type, low=0.0, open_low=True)
    xp, gradient = net.device.xp, net.gradient
    with net.device.context():
        pieces = [gradient[run.start : run.stop] for run in net.runs()]
        norms = [gradient_norm(piece, norm_type) for piece in pieces]
        norm = (
            norms[0]
            if len(norms) == 1
            else xp.linalg.vector_norm(xp.stack([constant(0.0, gradient), *norms]), ord=norm_type)
        )
        coefficient = xp.minimum(max_norm / (norm + 1e-6), constant(1.0, gradient))
        for piece in pieces:
            scale_gradient(piece, coefficient)
    return norm


def clip_grad_value(net: "Network", clip_value: float) -> None:
    """Cut every entry of the gradient off at ``-clip_value`` and ``clip_value``.

    Parameters
    ----------
    net : Network
        Its gradient is changed in place, where parameters are trained.
    clip_value : float
        The largest size of an entry that is left.

    Raises
    ------
    ValueError
        If `clip_value` is negative.
    """
    check_number("clip_grad_value", "clip_value", clip_value, low=0.0)
    gradient = net.gradient
    with net.device.context():
        for run in net.runs():
            cut_gradient(gradient[run.start : run.stop], float(clip_value))
