"""The network's gradients against finite differences, and its formulas, on a few samples of the run's data."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp.checking import check_gradients
from nnxp.errors import GradientError
from nnxp.explanation import explain
from nnxp.network import Network

__all__ = ["Proof", "explanation_of", "prove"]

HostArray = np.ndarray[Any, Any]

_SAMPLES = 4
# Seconds that the check may take: what it aims at, and beyond which it is left to `nnxp check`.
_AIM, _MOST = 0.4, 20.0
# Seconds that the formulas may take, which `nnxp explain` gives all the time they need.
_EXPLAINING = 3.0
# Seconds that an entry of theta costs in each look, beside the forward pass.
_PER_ENTRY = 2e-8
_MOST_ENTRIES = 50
_DIRECTIONS = 10


@dataclass(frozen=True)
class Proof:
    """How the gradient check ended: True, False, or None where it was not made; and a sentence."""

    passed: bool | None
    sentence: str


def prove(net: Network, x: HostArray, y: HostArray, loss: Any) -> Proof:
    """Check gradients on the first samples, with as many entries as fit into a moment.

    Parameters
    ----------
    net : Network
        It is not changed.
    x, y : array
        Samples and targets.
    loss : Loss
        As in training.
    """
    x, y = x[:_SAMPLES], y[:_SAMPLES]
    twin = net.clone()
    inputs = (twin.put_input(x),)
    forward = min(_time(lambda: twin.forward(*inputs, training=True)) for _ in range(2))
    look = 3 * forward + _PER_ENTRY * int(net.theta.shape[0])
    arrays = len(net.layout) + 1
    entries = int((_AIM / (2 * look) - _DIRECTIONS) / arrays)
    if 2 * look * (arrays + _DIRECTIONS) > _MOST:
        return Proof(None, "The check was left out, since it would take long here; nnxp check RUN makes it.")
    try:
        with np.errstate(all="ignore"):
            report = check_gradients(net, x, y, loss, sample=min(max(entries, 1), _MOST_ENTRIES))
    except GradientError as error:
        return Proof(False, str(error))
    return Proof(True, f"{report}, on {len(x)} samples.")


def explanation_of(net: Network, x: HostArray, y: HostArray, loss: Any) -> str:
    """Return the formulas of every layer with the numbers of a few samples.

    Raises
    ------
    TimeoutError
        If it would take more than 3 seconds.
    """
    try:
        with np.errstate(all="ignore"):
            return str(explain(net, x[:_SAMPLES], y[:_SAMPLES], loss=loss, seconds=_EXPLAINING))
    except TimeoutError:
        why = f"since checking their gradients takes more than {_EXPLAINING:g} s here"
        raise TimeoutError(f"The formulas were left out, {why}; nnxp explain RUN shows them.") from None


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
