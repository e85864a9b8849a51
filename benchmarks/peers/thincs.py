"""Thinc: a chain of layers with callbacks, and its own optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
from thinc.api import Optimizer, Relu, Sigmoid, Softmax, chain

from benchmarks import networks
from benchmarks.peers import Measured, accuracy
from benchmarks.peers.common import answered, shuffled, trained
from benchmarks.workloads import Workload, digits


def model_of(work: Workload) -> Any:
    logistic = any(isinstance(layer, networks.Sigmoid) for layer in work.net.layers)
    *hidden, last = work.net.sizes[1:]
    model = chain(*((Sigmoid if logistic else Relu)(n) for n in hidden), Softmax(last))
    model.initialize(np.zeros((1, work.net.sizes[0]), np.float32), np.zeros((1, last), np.float32))
    values = list(work.net.weights().values())
    affine = [node for node in model.walk() if node.has_param("W")]
    for node, weight, bias in zip(affine, values[::2], values[1::2], strict=True):
        node.set_param("W", weight.copy())
        node.set_param("b", bias.copy())
    return model


def build(work: Workload) -> Measured:
    model = model_of(work)
    if work.kind == "predict":
        x, labels = work.data()
        return answered(lambda x: np.log(model.predict(x)), x, labels)
    betas = {"SGD": {"beta1": 0.0, "beta2": 0.0}, "Adam": {"beta1": 0.9, "beta2": 0.999}}[work.optimizer]
    optimizer = Optimizer(work.lr, **betas, eps=1e-8, L2=0.0, grad_clip=0.0, use_averages=False)

    def step(x: Any, labels: Any) -> Any:
        probabilities, backprop = model.begin_update(x)
        rows = np.arange(len(labels))
        value = -np.log(probabilities[rows, labels]).mean()
        slope = probabilities / len(labels)
        slope[rows, labels] -= 1.0 / len(labels)
        backprop(slope)
        model.finish_update(optimizer)
        return value

    return training(work, model, step) if work.kind == "job" else trained(work, step)


def training(work: Workload, model: Any, step: Any) -> Measured:
    """Train on the digits."""
    epoch = shuffled(work)
    x_test, labels = digits()[2:]

    def repeat(n: int) -> None:
        for _ in range(n * work.epochs):
            for batch in epoch():
                step(*batch)

    return Measured(lambda: accuracy(model.predict(x_test).argmax(axis=1), labels), repeat)
