"""What is measured: a network or a convolution, the data, and what is done with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.networks import Conv, Net, conv32_conv64, deep_convnet, lenet5, lstm, mlp, transformer

Array = np.ndarray[Any, Any]
STEPS_COMPARED = 5  # so many losses are compared before anything is timed


@dataclass(frozen=True)
class Workload:
    """One thing to do.

    Parameters
    ----------
    name, title : str
        For the command line, and for people.
    kind : {"step", "predict", "convolution", "job"}
        A training step; outputs for given inputs; a convolution forward with both gradients; a whole training.
    net : Net
        For a convolution, of this layer alone.
    batch : int
        Samples a step, or samples to predict.
    batches : int
        Different batches to train on, one after another: an epoch.
    optimizer : {"SGD", "Adam"}
        With its learning rate, `lr`.
    sweep : str
        Part of a series, "batch" or "width", which one process of each peer runs through.
    """

    name: str
    title: str
    kind: str
    net: Net
    batch: int
    batches: int = 1
    optimizer: str = "Adam"
    lr: float = 0.001
    epochs: int = 1
    sweep: str = ""

    def data(self) -> tuple[Array, Array]:
        """Draw inputs of standard deviation 1 and labels; the digits for a whole job."""
        if self.kind == "job":
            x, labels = digits()[:2]
            n = len(x) // self.batch * self.batch  # whole batches, which suit everyone
            return x[:n], labels[:n]
        rng = np.random.default_rng(0)
        n = self.batch * self.batches
        x = rng.standard_normal((n, *self.net.in_shape), dtype=np.float32)
        return x, rng.integers(0, self.net.classes, n) if self.kind != "convolution" else self.upstream(rng)

    def upstream(self, rng: np.random.Generator) -> Array:
        """Draw the gradient of a convolution's output."""
        conv = self.convolution
        places = (self.net.in_shape[1] - conv.size + 1 + 2 * conv.padding,) * 2
        return rng.standard_normal((self.batch, conv.n_out, *places), dtype=np.float32)

    @property
    def convolution(self) -> Conv:
        """The only layer, a convolution."""
        layer = self.net.layers[0]
        assert isinstance(layer, Conv)
        return layer


def digits() -> tuple[Array, Array, Array, Array]:
    """Return images and labels of the digits to train on, and to test on."""
    import nnxp

    return nnxp.datasets.digits(test=0.2, seed=0)


def _step(title: str, name: str, net: Net, batch: int, batches: int, **options: Any) -> Workload:
    return Workload(name, title, "step", net, batch, batches, **options)


def _mlp_step(*sizes: int, batch: int, batches: int = 16, **options: Any) -> Workload:
    name, optimizer = "-".join(map(str, sizes)), options.get("optimizer", "Adam")
    title = f"{name}, batch {batch}, {optimizer}"
    return _step(title, options.pop("name", name), mlp(*sizes), batch, batches, **options)


def _predict(batch: int) -> Workload:
    many = "one sample" if batch == 1 else f"{batch:,} samples"
    return Workload(f"predict-{batch}", f"predict {many}, 784-256-10", "predict", mlp(784, 256, 10), batch)


def _convolution(batch: int, n_in: int, side: int, n_out: int, size: int) -> Workload:
    title = f"{batch} of {n_in}x{side}x{side}, {n_out} maps of {size}x{size}"
    net = Net((Conv(n_in, n_out, size),), (n_in, side, side))
    return Workload(f"conv-{batch}-{n_in}-{side}-{n_out}-{size}", title, "convolution", net, batch)


def _sweep(kind: str, width: int, batch: int) -> Workload:
    value = batch if kind == "batch" else width
    batches = max(1, math.ceil(2048 / batch))
    return _mlp_step(width, width, width, 10, batch=batch, batches=batches, name=f"{kind}-{value}", sweep=kind)


WORKLOADS = {
    work.name: work
    for work in (
        _mlp_step(64, 20, 20, 10, batch=25, batches=64, optimizer="SGD", lr=0.1),
        _mlp_step(64, 128, 64, 10, batch=64, batches=32),
        _mlp_step(784, 256, 10, batch=128),
        _mlp_step(784, 512, 256, 10, batch=128),
        _mlp_step(784, 1024, 1024, 10, batch=256, batches=8),
        _step("LeNet-5, batch 64, Adam", "lenet5", lenet5(), 64, 8),
        _step("conv32-conv64-pool-128, batch 64, Adam", "conv32-conv64", conv32_conv64(), 64, 4),
        _step("DeepConvNet, batch 100, Adam", "deep-convnet", deep_convnet(), 100, 4),
        _step("LSTM 128 over 50 steps, batch 32, Adam", "lstm", lstm(), 32, 4),
        _step("two transformer layers of 128 over 64 steps, batch 32, Adam", "transformer", transformer(), 32, 4),
        _convolution(64, 1, 28, 32, 3),
        _convolution(64, 32, 26, 64, 3),
        _convolution(64, 6, 14, 16, 5),
        _convolution(32, 64, 32, 64, 3),
        _convolution(16, 128, 28, 128, 3),
        _predict(1),
        _predict(10_000),
        Workload(
            "digits", "100 epochs on the digits, 64-20-20-10, batch 25, SGD", "job",
            mlp(64, 20, 20, 10, logistic=True, scale=0.1), 25, optimizer="SGD", lr=0.1, epochs=100,
        ),
        *(_sweep("batch", 256, batch) for batch in (1, 8, 64, 512)),
        *(_sweep("width", width, 64) for width in (16, 64, 256, 1024)),
    )
}  # fmt: skip
