"""nnxp through its public interface: the loop in the open, or ``fit``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import nnxp
from benchmarks import networks
from benchmarks.peers import Measured, accuracy
from benchmarks.peers.common import answered, convolved, first_batches, trained
from benchmarks.workloads import Workload, digits


@dataclass(frozen=True)
class LastStep(nnxp.Layer):
    """The last of the steps: (batch, steps, features) -> (batch, features)."""

    def output_shape(self, in_shape: Any) -> Any:
        return in_shape and in_shape[1:]

    def forward(self, p: Any, x: Any, mode: Any) -> Any:
        return x[:, -1, :], x

    def backward(self, p: Any, g: Any, x: Any, dy: Any) -> Any:
        dx = np.zeros_like(x)
        dx[:, -1, :] = dy
        return dx


def layer(spec: networks.LayerSpec) -> nnxp.Layer:
    match spec:
        case networks.Linear(n_in, n_out):
            return nnxp.Linear(n_in, n_out)
        case networks.Relu():
            return nnxp.ReLU()
        case networks.Sigmoid():
            return nnxp.Sigmoid()
        case networks.Conv(n_in, n_out, size, padding):
            return nnxp.Conv2d(n_in, n_out, size, padding=padding)
        case networks.Pool():
            return nnxp.MaxPool2d(2)
        case networks.Flatten():
            return nnxp.Flatten()
        case networks.Lstm(n_in, n_out):
            return nnxp.LSTM(n_in, n_out, return_state=False)
        case networks.Last():
            return LastStep()
        case networks.Encoder(width, heads, inner):
            return nnxp.TransformerEncoderLayer(width, heads, inner, dropout=0.0)
        case networks.Mean():
            return nnxp.Sequential(nnxp.Permute((0, 2, 1)), nnxp.GlobalAvgPool())


def network(work: Workload) -> nnxp.Network:
    """Build the network with the given weights."""
    model = nnxp.Sequential(*map(layer, work.net.layers))
    net = nnxp.Network(model, seed=0, input_shape=work.net.in_shape)
    net.load_state_dict(work.net.weights())
    return net


def optimizer_of(work: Workload) -> Any:
    return {"SGD": nnxp.SGD, "Adam": nnxp.Adam}[work.optimizer](lr=work.lr)


def build(work: Workload, way: str = "") -> Measured:
    net = network(work)
    if work.kind == "predict":
        return predicting(work, net, way)
    if work.kind == "convolution":
        return convolving(work, net)
    return fitting(work, net) if way == "fit" else stepping(work, net)


def stepping(work: Workload, net: nnxp.Network) -> Measured:
    """Train in the open loop, on batches that are ready."""
    loss, optimizer = nnxp.CrossEntropyLoss(), optimizer_of(work)

    def step(x: Any, labels: Any) -> Any:
        output, cache = net.forward(x, training=True)
        value, dy = loss(output, labels)
        net.backward(cache, dy)
        optimizer.update(net)
        return value

    return trained(work, step)


def fitting(work: Workload, net: nnxp.Network) -> Measured:
    """Train with ``fit``: an epoch is measured, with drawing an order and gathering the batches."""
    loss, optimizer = nnxp.CrossEntropyLoss(), optimizer_of(work)
    x, labels = work.data()

    def fit(x: Any, labels: Any, epochs: int) -> list[float]:
        history = net.fit(
            x, labels, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=work.batch, verbose=False
        )
        return history["loss"]

    if work.kind == "job":
        x_test, test_labels = digits()[2:]
        test = lambda: accuracy(net.predict(x_test).argmax(axis=1), test_labels)  # noqa: E731
        return Measured(test, lambda n: fit(x, labels, work.epochs * n))
    first = [fit(*pair, 1)[0] for pair in first_batches(work)]
    return Measured(lambda: first, lambda n: fit(x, labels, n), work.batches)


def predicting(work: Workload, net: nnxp.Network, way: str) -> Measured:
    """Predict what lies in the host's memory, or run forward."""
    x, labels = work.data()
    predict = net.predict if way == "fit" else lambda x: net.forward(x)[0]
    return answered(predict, x, labels)


def convolving(work: Workload, net: nnxp.Network) -> Measured:
    """Run a convolution forward and backward."""
    x, dy = work.data()

    def both() -> list[Any]:
        y, cache = net.forward(x, training=True)
        dx = net.backward(cache, dy)
        return [y, dx, *net.gradients.values()]

    return convolved(both)
