"""Backpropagated gradients beside numerical ones, parameter by parameter."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnxp import Network
from nnxp.cli.reproduce._claims import Claim
from nnxp.losses import LossFunction

__all__ = ["LARGEST_DIFFERENCE", "both_gradients", "compare_by_key"]

LARGEST_DIFFERENCE = 1e-7

Host = np.ndarray[Any, Any]


def both_gradients(net: Network, x: Any, target: Any, loss: LossFunction) -> tuple[Host, Host]:
    """Return the backpropagated and the numerical gradient of all parameters in one vector each, on the host."""
    y, cache = net.forward(x)
    _, dy = loss(y, target)
    net.backward(cache, dy)
    return net.device.get(net.gradient), numerical_gradient(net, x, target, loss)


def numerical_gradient(net: Network, x: Any, target: Any, loss: LossFunction, h: float = 1e-6) -> Host:
    """Return ``(f(theta + h) - f(theta - h)) / 2h`` for every entry of theta.

    A larger step would carry a unit over ReLU's kink, where there is no gradient to compare with.
    """

    def value() -> float:
        y, _ = net.forward(x)
        return float(net.device.get(loss(y, target)[0]))

    gradient = np.zeros(net.theta.shape)
    for i, entry in enumerate(net.device.get(net.theta).tolist()):
        net.theta[i] = entry + h
        above = value()
        net.theta[i] = entry - h
        below = value()
        net.theta[i] = entry
        gradient[i] = (above - below) / (2 * h)
    return gradient


def compare_by_key(net: Network, x: Any, target: Any, loss: LossFunction, keys: Mapping[str, str]) -> list[Claim]:
    """Compare both gradients of each parameter; the keys are what a line calls it, the values its names here."""
    backpropagated, numerical = both_gradients(net, x, target, loss)
    claims = []
    for key, name in keys.items():
        part = slice(net.layout[name].start, net.layout[name].stop)
        difference = np.max(np.abs(backpropagated[part] - numerical[part]))
        holds = bool(difference <= LARGEST_DIFFERENCE)
        claims.append(Claim(f"{key}: both gradients", "equal", f"{difference:.1e} apart", holds))
    return claims
