"""Standard nets to measure with, and their times by batch and by width."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nnxp import models
from nnxp.benchmark.steps import time_steps
from nnxp.benchmark.times import StepTimes
from nnxp.device import Device
from nnxp.layers import LSTM, GlobalAvgPool, Layer, Linear, Permute, Sequential

__all__ = ["NETS", "StandardNet", "time_net"]


@dataclass(frozen=True)
class StandardNet:
    """A net that is built for any width.

    Attributes
    ----------
    name : str
        What it is called.
    build : callable
        From a width to the model; one that has no width ignores it.
    input_shape : tuple of int
        Of a sample.
    width : int or None
        The usual one.
    widths : tuple of int
        Those that show what the width does.
    """

    name: str
    build: Callable[[int | None], Layer]
    input_shape: tuple[int, ...]
    width: int | None = None
    widths: tuple[int, ...] = ()


def _lstm(width: int) -> Layer:
    """Classify a sequence by the mean of its states."""
    states = LSTM(28, width, return_state=False)
    return Sequential(states, Permute((0, 2, 1)), GlobalAvgPool(), Linear(width, 10))


NETS: dict[str, StandardNet] = {
    net.name: net
    for net in (
        StandardNet("mlp", lambda w: models.mlp(784, (w or 256,) * 2), (784,), 256, (64, 256, 1024)),
        StandardNet("lenet5", lambda _: models.lenet5(), (1, 28, 28)),
        StandardNet("lstm", lambda w: _lstm(w or 128), (28, 28), 128, (64, 128, 256)),
        StandardNet("transformer", lambda w: models.transformer(28, width=w or 64), (28, 28), 64, (32, 64, 128)),
    )
}


def time_net(
    net: StandardNet,
    devices: Sequence[str | Device],
    batch_sizes: Sequence[int],
    widths: Sequence[int] | None = None,
    **options: Any,
) -> StepTimes:
    """Time the steps of a standard net: at its usual width by batch, and at the middle batch size by width.

    Parameters
    ----------
    net : StandardNet
        Such as ``NETS["mlp"]``.
    devices, batch_sizes
        As for `time_steps`.
    widths : sequence of int, optional
        Beside the usual one, instead of the net's own. A net without a width ignores them.
    **options
        Of `time_steps`.

    Returns
    -------
    StepTimes
        All of them.
    """
    named = {"name": net.name, "input_shape": net.input_shape, **options}
    times = time_steps(net.build(net.width), devices, batch_sizes, width=net.width, **named)
    middle = sorted(batch_sizes)[len(batch_sizes) // 2]
    for width in net.widths if widths is None or net.width is None else widths:
        if width != net.width:
            times += time_steps(net.build(width), devices, [middle], width=width, **named)
    return times
