"""From times to a sentence: which device pays, and from where on."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnxp.benchmark.times import StepTime

__all__ = ["advice"]

# Less than this is no reason to leave the first device, or to take a larger batch.
_GAIN = 1.1


def advice(steps: Sequence["StepTime"], devices: Sequence[str]) -> str:
    """Say where to train.

    Parameters
    ----------
    steps : sequence of StepTime
        Of one net. The usual width is that of the first; other widths were measured at one batch size.
    devices : sequence of str
        The first is kept where no other is a tenth faster.

    Returns
    -------
    str
        A sentence without its full stop.
    """
    usual = [step for step in steps if step.width == steps[0].width]
    if len({step.device for step in steps}) == 1:
        return _alone(usual)
    by_batch = _fastest(usual, devices[0], lambda step: step.batch_size)
    wider = [step for step in steps if step.width != steps[0].width]
    if not wider:
        return _verdict("batch", by_batch, devices[0])
    batch = wider[0].batch_size
    same = [step for step in steps if step.batch_size == batch]
    by_width = _fastest(same, devices[0], lambda step: step.width or 0)
    if len({*by_batch.values(), *by_width.values()}) == 1:
        return _verdict("batch and width", by_batch, devices[0])
    return f"{_verdict('batch', by_batch, devices[0])}; at batch {batch}, {_verdict('width', by_width, devices[0])}"


def _alone(steps: list["StepTime"]) -> str:
    """Say which batch size is worth it where there is one device."""
    best = max(step.samples_per_second for step in steps)
    enough = min((step for step in steps if step.samples_per_second * _GAIN >= best), key=lambda step: step.batch_size)
    said = f"on {enough.device} a batch of {enough.batch_size} trains {enough.samples_per_second:,.0f} samples a second"
    larger = any(step.batch_size > enough.batch_size for step in steps)
    return f"{said}, and larger ones gain less than a tenth" if larger else said


def _fastest(steps: list["StepTime"], first: str, axis: Callable[["StepTime"], int]) -> dict[int, str]:
    """Find the device to take at each place of an axis."""
    found = {}
    for place in sorted(set(map(axis, steps))):
        seconds = {step.device: step.seconds for step in steps if axis(step) == place}
        fastest = min(seconds, key=lambda device: seconds[device])
        stay = first in seconds and seconds[first] < _GAIN * seconds[fastest]
        found[place] = first if stay else fastest
    return found


def _verdict(axis: str, fastest: dict[int, str], first: str) -> str:
    runs = [(device, next(places)) for device, places in groupby(fastest, key=lambda place: fastest[place])]
    if len(runs) == 1:
        device = runs[0][0]
        return f"stay on {first} at every {axis}" if device == first else f"{device} pays at every {axis}"
    if len(runs) == 2:
        (below, _), (above, start) = runs
        return f"{above} pays from {axis} {start} on, below that stay on {below}"
    return ", ".join(f"{device} pays at {axis} {place}" for place, device in fastest.items())
