"""One training step of a multilayer perceptron, as each peer would write it: same data, same batch, same optimizer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A stack of Linear layers with ReLU between, cross-entropy, and Adam or SGD, in float32."""

    sizes: tuple[int, ...]
    batch: int
    optimizer: str

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch}, {self.optimizer}"

    def data(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        return rng.random((self.batch, self.sizes[0]), dtype=np.float32), rng.integers(0, self.sizes[-1], self.batch)


WORKLOADS = {
    w.name: w
    for w in (
        Workload((64, 20, 20, 10), 25, "SGD"),
        Workload((64, 128, 64, 10), 64, "Adam"),
        Workload((784, 256, 10), 128, "Adam"),
        Workload((784, 512, 256, 10), 128, "Adam"),
    )
}


def nnxp_step(work: Workload) -> Callable[[], Any]:
    import nnxp

    layers: list[Any] = []
    for n_in, n_out in zip(work.sizes, work.sizes[1:], strict=False):
        layers += [nnxp.Linear(n_in, n_out), nnxp.ReLU()]
    net = nnxp.Network(nnxp.Sequential(*layers[:-1]), seed=0)
    optimizer = {"SGD": nnxp.SGD(lr=0.1), "Adam": nnxp.Adam()}[work.optimizer]
    loss = nnxp.CrossEntropyLoss()
    x, y = work.data()

    def step() -> Any:
        output, cache = net.forward(x, training=True)
        value, dy = loss(output, y)
        net.backward(cache, dy)
        optimizer.update(net)
        return value

    return step


def torch_step(work: Workload, **options: Any) -> Callable[[], Any]:
    import torch

    layers: list[Any] = []
    for n_in, n_out in zip(work.sizes, work.sizes[1:], strict=False):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    if work.optimizer == "SGD":
        optimizer: Any = torch.optim.SGD(net.parameters(), lr=0.1)
    else:
        optimizer = torch.optim.Adam(net.parameters(), **options)
    loss = torch.nn.CrossEntropyLoss()
    x, y = map(torch.from_numpy, work.data())

    def step() -> Any:
        optimizer.zero_grad()
        value = loss(net(x), y)
        value.backward()
        optimizer.step()
        return value

    return step


def torch_fused_step(work: Workload) -> Callable[[], Any]:
    return torch_step(work, **({"fused": True} if work.optimizer == "Adam" else {}))


def floor_step(work: Workload) -> Callable[[], Any]:
    """Only the matrix products of a step, through the same BLAS: nothing can be faster without other products."""
    rng = np.random.default_rng(0)
    pairs = list(zip(work.sizes, work.sizes[1:], strict=False))
    weights = [rng.random((n_out, n_in), dtype=np.float32) for n_in, n_out in pairs]
    inputs = [rng.random((work.batch, n_in), dtype=np.float32) for n_in, _ in pairs]
    outputs = [rng.random((work.batch, n_out), dtype=np.float32) for _, n_out in pairs]

    def step() -> None:
        for i, weight in enumerate(weights):
            np.matmul(inputs[i], weight.T, out=outputs[i])
        for i, weight in enumerate(weights):
            outputs[i].T @ inputs[i]
            if i:
                outputs[i] @ weight

    return step


PEERS: dict[str, Callable[[Workload], Callable[[], Any]]] = {
    "nnxp": nnxp_step,
    "torch": torch_step,
    "torch fused": torch_fused_step,
    "products alone": floor_step,
}


def seconds_per_step(peer: str, work: Workload, seconds: float) -> float:
    """Run for about so long after a warm-up; return the median over bundles of steps."""
    step = PEERS[peer](work)
    for _ in range(20):
        step()
    started = time.perf_counter()
    step()
    bundle = max(1, int(seconds / 15 / max(time.perf_counter() - started, 1e-6)))
    times = []
    for _ in range(15):
        started = time.perf_counter()
        for _ in range(bundle):
            step()
        times.append((time.perf_counter() - started) / bundle)
    return float(np.median(times))
