"""PyTorch in eager mode, with its fused optimizers, or with the network compiled."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks import networks
from benchmarks.peers import Measured, accuracy
from benchmarks.peers.common import answered, convolved, shuffled, trained
from benchmarks.workloads import Workload, digits


class LastStep(nn.Module):
    """An LSTM's output at the last step."""

    def forward(self, states: Any) -> Any:
        return states[0][:, -1]


class Mean(nn.Module):
    """The mean over the steps."""

    def forward(self, x: Any) -> Any:
        return x.mean(dim=1)


def module(spec: networks.LayerSpec) -> nn.Module:
    match spec:
        case networks.Linear(n_in, n_out):
            return nn.Linear(n_in, n_out)
        case networks.Relu():
            return nn.ReLU()
        case networks.Sigmoid():
            return nn.Sigmoid()
        case networks.Conv(n_in, n_out, size, padding):
            return nn.Conv2d(n_in, n_out, size, padding=padding)
        case networks.Pool():
            return nn.MaxPool2d(2)
        case networks.Flatten():
            return nn.Flatten()
        case networks.Lstm(n_in, n_out):
            return nn.LSTM(n_in, n_out, batch_first=True)
        case networks.Last():
            return LastStep()
        case networks.Encoder(width, heads, inner):
            return nn.TransformerEncoderLayer(width, heads, inner, dropout=0.0, batch_first=True)
        case networks.Mean():
            return Mean()


def build(work: Workload, *, fused: bool = False, compiled: bool = False) -> Measured:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    net = nn.Sequential(*map(module, work.net.layers))
    net.load_state_dict({name: torch.from_numpy(a) for name, a in work.net.weights().items()})
    if compiled:
        net.compile()
    if work.kind == "predict":
        return predicting(work, net)
    if work.kind == "convolution":
        return convolving(work, net)
    step = step_of(work, net, fused)
    return training(work, net, step) if work.kind == "job" else trained(work, step, torch.from_numpy)


def step_of(work: Workload, net: nn.Module, fused: bool) -> Callable[[Any, Any], Any]:
    """Return one training step."""
    kind = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}[work.optimizer]
    optimizer = kind(net.parameters(), lr=work.lr, **({"fused": True} if fused else {}))
    loss = nn.CrossEntropyLoss()

    def step(x: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        value = loss(net(x), labels)
        value.backward()
        optimizer.step()
        return value.detach()

    return step


def training(work: Workload, net: nn.Module, step: Callable[[Any, Any], Any]) -> Measured:
    """Train on the digits."""
    epoch = shuffled(work)
    x_test, labels = digits()[2:]

    def repeat(n: int) -> None:
        for _ in range(n * work.epochs):
            for x, wanted in epoch():
                step(torch.from_numpy(x), torch.from_numpy(wanted))

    def test() -> list[float]:
        with torch.inference_mode():
            return accuracy(net(torch.from_numpy(x_test)).argmax(dim=1).numpy(), labels)

    return Measured(test, repeat)


def predicting(work: Workload, net: nn.Module) -> Measured:
    """Predict in inference mode."""
    net.eval()
    x, labels = work.data()

    @torch.inference_mode()
    def predict(x: Any) -> Any:
        return net(x)

    return answered(predict, torch.from_numpy(x), labels)


def convolving(work: Workload, net: nn.Module) -> Measured:
    """Run a convolution forward and backward."""
    x, dy = map(torch.from_numpy, work.data())
    x.requires_grad_()
    wanted = [x, *net.parameters()]

    def both() -> list[Any]:
        y = net(x)
        return [y.detach(), *torch.autograd.grad(y, wanted, dy)]

    return convolved(both)
