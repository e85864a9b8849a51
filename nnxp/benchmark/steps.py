"""Training steps against the clock: warmed up, in blocks that end when the device is done, the devices taking turns."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from nnxp._checks import Words, check_number, check_positive_int, message
from nnxp.benchmark.data import Samples
from nnxp.benchmark.memory import Memory
from nnxp.benchmark.times import StepTime, StepTimes
from nnxp.device import Device
from nnxp.layers import Layer
from nnxp.losses import CrossEntropyLoss
from nnxp.network import Network
from nnxp.optimizers import Adam
from nnxp.training.feeding import put_batch

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.optimizers import Optimizer

__all__ = ["time_steps"]

_WARM_UP = 2
_FEWEST_BLOCKS, _MOST_BLOCKS = 5, 15
# The time of a step does not depend on the rate, and weights that hardly move stay ordinary numbers.
_RATE = 1e-7


def time_steps(
    model: Layer,
    devices: Sequence[str | Device],
    batch_sizes: Sequence[int],
    *,
    input_shape: Sequence[int | None] | None = None,
    x: Any = None,
    y: Any = None,
    loss: "LossFunction | None" = None,
    optimizer: "Optimizer | None" = None,
    dtype: str = "float32",
    seconds: float = 0.5,
    name: str = "model",
    width: int | None = None,
) -> StepTimes:
    """Time the training steps of a model on each device, by batch size.

    A step is what `Network.fit` does with a batch that lies on the host: bring it to the device, forward, loss,
    backward, update. Blocks of steps end when the device is done with them, and the devices take turns.

    Parameters
    ----------
    model : Layer
        Built anew on each device.
    devices : sequence of str or Device
        The first is what the others are compared with.
    batch_sizes : sequence of int
        One after the other.
    input_shape : tuple of int, optional
        Of a sample; needed unless `x` is given.
    x, y : array of shape (n, *sample) and (n, *target), optional
        Samples, repeated as often as a batch needs; several inputs are a tuple. Unless given, they are drawn.
    loss : callable, optional
        As for `fit`; unless given, the cross-entropy.
    optimizer : Optimizer, optional
        Unless given, Adam.
    dtype : {"float32", "float64"}
        Of parameters and activations.
    seconds : float
        About how long each device is measured for a batch size; at least five steps are.
    name, width : str and int, optional
        What the times are called by.

    Returns
    -------
    StepTimes
        Prints as a table, with what did not fit into memory below.

    Raises
    ------
    ValueError
        If there is no device or batch size, or no data can be drawn.
    DeviceError
        If a device is missing or does not work.
    MemoryError
        If nothing fits into memory.

    Examples
    --------
    >>> print(time_steps(models.mlp(784), ["cpu", "cuda"], [32, 256], input_shape=(784,)))
    """
    _check(devices, batch_sizes, seconds)
    places = list(dict.fromkeys(Device(device) for device in devices))  # type: ignore[arg-type]
    loss, optimizer = loss or CrossEntropyLoss(), optimizer or Adam(lr=_RATE)
    samples = Samples(model, loss, input_shape, x, y)
    found: list[StepTime] = []
    left_out: list[str] = []
    for batch_size in batch_sizes:
        batch = samples.batch(batch_size)
        runners: list[_Runner] = []
        for device in places:
            try:
                net = partial(Network, model, device=device, dtype=dtype, seed=0, input_shape=samples.input_shape)
                runners.append(_Runner(net, device, loss, optimizer, batch))
            except MemoryError:
                left_out.append(f"{name}, batch {batch_size} on {device}: not enough memory")
        for runner, blocks in zip(runners, _in_turns(runners, seconds), strict=True):
            found.append(StepTime(name, width, batch_size, runner.device.name, blocks, runner.memory))
    if not found:
        raise MemoryError(f"not even for {left_out[0].rpartition(':')[0]}")
    return StepTimes(tuple(found), tuple(left_out))


def _check(devices: Sequence[str | Device], batch_sizes: Sequence[int], seconds: float) -> None:
    if not devices:
        raise ValueError(message("time_steps", "at least one device", Words("none")))
    if not batch_sizes:
        raise ValueError(message("time_steps", "at least one batch size", Words("none")))
    for batch_size in batch_sizes:
        check_positive_int("time_steps", "batch_sizes", batch_size)
    check_number("time_steps", "seconds", seconds, low=0.0)


class _Runner:
    """A network on one device with one batch: loaded, compiled, weighed and warm."""

    def __init__(
        self, build: Callable[[], Network], device: Device, loss: "LossFunction", optimizer: "Optimizer", batch: Any
    ) -> None:
        self.device, self._loss, self._optimizer, self._batch = device, loss, optimizer, batch
        self._net = build()
        self.time(1)  # the first step loads libraries and compiles kernels
        del self._net
        memory = Memory(device)
        self._net = build()
        self.estimate = self.time(_WARM_UP)
        self.memory = memory.growth()

    def time(self, steps: int) -> float:
        """Run so many steps; return the seconds that one took."""
        net, loss = self._net, self._loss
        mode = net.mode(training=True, input_gradient=False, consume=True)
        self.device.synchronize()
        start = time.perf_counter()
        with self.device.context():
            for _ in range(steps):
                inputs, target, _ = put_batch(net, loss, self._batch)
                output, cache = net.run(inputs, mode)
                _, dy = loss(output, target)
                net.run_backward(cache, dy)
                self._optimizer.update(net)
        self.device.synchronize()
        return (time.perf_counter() - start) / steps


def _in_turns(runners: list[_Runner], seconds: float) -> list[tuple[float, ...]]:
    """Time blocks of steps, one of each device after the other, so that whatever else happens befalls all alike."""
    slowest = max((runner.estimate for runner in runners), default=1.0)
    blocks = max(_FEWEST_BLOCKS, min(_MOST_BLOCKS, int(seconds / slowest)))
    steps = [max(1, round(seconds / blocks / runner.estimate)) for runner in runners]
    rounds = [[runner.time(n) for runner, n in zip(runners, steps, strict=True)] for _ in range(blocks)]
    return list(zip(*rounds, strict=True))
