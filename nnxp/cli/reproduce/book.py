"""Error backpropagation by the book, after K. Saito, "Deep Learning from Scratch", chapter 5.

A network of two layers with ReLU between them, softmax and cross-entropy behind them. Its backpropagated gradient is
held against the numerical one, parameter by parameter; then it learns MNIST, where the images are given.
"""

from pathlib import Path
from typing import Any

import numpy as np

from nnxp import SGD, CrossEntropyLoss, Linear, Network, ReLU, Sequential, datasets, initializers
from nnxp.cli.reproduce._claims import Claim, report

__all__ = ["run"]

SEED = 0
HIDDEN = 50
LEARNING_RATE = 0.1
BATCH_SIZE = 100
UPDATES = 10_000
LARGEST_DIFFERENCE = 1e-7
# What 10,000 updates reach by the number of images to train on; fewer images promise nothing.
LEAST_ACCURACY = {60_000: 0.96, 8_000: 0.94}

NAMES = {"W1": "0.weight", "b1": "0.bias", "W2": "2.weight", "b2": "2.bias"}


def run(data: Path | None = None) -> int:
    """Compare the gradients, and train on the images in a folder; 0 if both are as the book says."""
    print(f"inputs -> {HIDDEN} -> ReLU -> classes -> softmax with cross-entropy, seed {SEED}\n")
    claims = compare_gradients()
    if data is None:
        return report(
            claims, ["MNIST was left out; nnxp reproduce book --data FOLDER trains on its IDX files in a folder."]
        )
    claim, note = train(data)
    return report([*claims, claim], [note])


def two_layer_net(inputs: int, classes: int, dtype: str) -> Network:
    """Build the network: weights from 0.01 N(0, 1), biases 0."""
    return Network(
        Sequential(Linear(inputs, HIDDEN), ReLU(), Linear(HIDDEN, classes)),
        dtype=dtype,
        seed=SEED,
        init={"*.weight": initializers.normal(0.01), "*.bias": initializers.zeros()},
    )


def compare_gradients() -> list[Claim]:
    """Compare both gradients on three of the digits, with their labels and with one-hot rows."""
    images, labels, _, _ = datasets.digits(test=0.0)
    net = two_layer_net(64, 10, "float64")
    x = net.device.put(images[:3], "float64")
    targets = {"labels": net.device.put(labels[:3]), "one-hot": net.device.put(np.eye(10)[labels[:3]])}
    claims = []
    for kind, target in targets.items():
        y, cache = net.forward(x)
        _, dy = CrossEntropyLoss()(y, target)
        net.backward(cache, dy)
        numerical = numerical_gradient(net, x, target)
        for key, name in NAMES.items():
            slot = net.layout[name]
            backpropagated = net.device.get(net.gradient)[slot.start : slot.stop]
            difference = np.max(np.abs(backpropagated - numerical[slot.start : slot.stop]))
            what = f"{key} ({name}), {kind}: both gradients"
            claims.append(Claim(what, "equal", f"{difference:.1e} apart", bool(difference <= LARGEST_DIFFERENCE)))
    return claims


def numerical_gradient(net: Network, x: Any, target: Any, h: float = 1e-6) -> Any:
    """Return ``(f(theta + h) - f(theta - h)) / 2h`` for every entry of theta, on the host.

    A larger step would carry a unit over ReLU's kink, where there is no gradient to compare with.
    """

    def loss() -> float:
        y, _ = net.forward(x)
        return float(net.device.get(CrossEntropyLoss()(y, target)[0]))

    gradient = np.zeros(net.theta.shape)
    for i, value in enumerate(net.device.get(net.theta).tolist()):
        net.theta[i] = value + h
        above = loss()
        net.theta[i] = value - h
        below = loss()
        net.theta[i] = value
        gradient[i] = (above - below) / (2 * h)
    return gradient


def train(folder: Path) -> tuple[Claim, str]:
    """Train on the IDX files in a folder for as many updates as the book does."""
    x_train, y_train, x_test, y_test = datasets.load_idx_folder(folder)
    x_train, x_test = (x.reshape(len(x), -1).astype("float32") / 255 for x in (x_train, x_test))
    net = two_layer_net(x_train.shape[1], 10, "float32")
    epochs = max(1, round(UPDATES * BATCH_SIZE / len(x_train)))
    net.fit(
        x_train,
        y_train,
        loss=CrossEntropyLoss(),
        optimizer=SGD(lr=LEARNING_RATE),
        epochs=epochs,
        batch_size=BATCH_SIZE,
        verbose=False,
    )
    accuracy = net.evaluate(x_test, y_test, metrics=["accuracy"])["accuracy"]
    least = next((share for images, share in LEAST_ACCURACY.items() if len(x_train) >= images), None)
    expected = "too few images for a claim" if least is None else f"at least {least} is expected of so many images"
    holds = None if least is None else accuracy >= least
    setup = f"{len(x_train):,} images to train, {epochs} epochs of batches of {BATCH_SIZE}, rate {LEARNING_RATE}"
    note = f"MNIST: {setup}; {len(x_test):,} to test. The book has 60,000 and 10,000; {expected}."
    return Claim("accuracy on the test images", "about 0.97", f"{accuracy:.4f}", holds), note
