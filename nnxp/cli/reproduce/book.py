"""Error backpropagation by the book, after K. Saito, "Deep Learning from Scratch", chapters 5 and 7.

A network of two layers with ReLU between them, softmax and cross-entropy behind them. Its backpropagated gradient is
held against the numerical one, parameter by parameter; then it learns MNIST, where the images are given. The same is
done with the convolutional SimpleConvNet.
"""

from pathlib import Path

import numpy as np

from nnxp import SGD, CrossEntropyLoss, Linear, Network, ReLU, Sequential, datasets, initializers
from nnxp.cli.reproduce import _book_convnet
from nnxp.cli.reproduce._claims import Claim, report
from nnxp.cli.reproduce._gradients import compare_by_key
from nnxp.cli.reproduce._mnist import CLASSES, Images, expectation, load_images

__all__ = ["run"]

SEED = 0
HIDDEN = 50
LEARNING_RATE = 0.1
BATCH_SIZE = 100
UPDATES = 10_000
# What 10,000 updates reach by the number of images to train on; fewer images promise nothing.
LEAST_ACCURACY = {60_000: 0.96, 8_000: 0.94}

NAMES = {"W1": "0.weight", "b1": "0.bias", "W2": "2.weight", "b2": "2.bias"}


def run(data: Path | None = None) -> int:
    """Compare the gradients, and train on the images in a folder; 0 if both are as the book says."""
    images = None if data is None else load_images(data)
    print(f"inputs -> {HIDDEN} -> ReLU -> classes -> softmax with cross-entropy, seed {SEED}")
    print(f"{_book_convnet.DESCRIPTION}\n")
    claims = [*compare_gradients(), *_book_convnet.compare_gradients()]
    if images is None:
        return report(
            claims, ["MNIST was left out; nnxp reproduce book --data FOLDER trains on its IDX files in a folder."]
        )
    claim, note = train(images)
    more, further = _book_convnet.train(images)
    return report([*claims, claim, *more], [note, further])


def two_layer_net(inputs: int, dtype: str) -> Network:
    """Build the network: weights from 0.01 N(0, 1), biases 0."""
    return Network(
        Sequential(Linear(inputs, HIDDEN), ReLU(), Linear(HIDDEN, CLASSES)),
        dtype=dtype,
        seed=SEED,
        init={"*.weight": initializers.normal(0.01), "*.bias": initializers.zeros()},
    )


def compare_gradients() -> list[Claim]:
    """Compare both gradients on three of the digits, with their labels and with one-hot rows."""
    images, labels, _, _ = datasets.digits(test=0.0)
    net = two_layer_net(64, "float64")
    x = net.device.put(images[:3], "float64")
    targets = {"labels": net.device.put(labels[:3]), "one-hot": net.device.put(np.eye(CLASSES)[labels[:3]])}
    claims = []
    for kind, target in targets.items():
        keys = {f"{key} ({name}), {kind}": name for key, name in NAMES.items()}
        claims += compare_by_key(net, x, target, CrossEntropyLoss(), keys)
    return claims


def train(images: Images) -> tuple[Claim, str]:
    """Train on the images, as rows of pixels, for as many updates as the book does."""
    x_train, y_train, x_test, y_test = images
    x_train, x_test = (x.reshape(len(x), -1) for x in (x_train, x_test))
    net = two_layer_net(x_train.shape[1], "float32")
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
    holds, expected = expectation(accuracy, len(x_train), LEAST_ACCURACY)
    setup = f"{len(x_train):,} images to train, {epochs} epochs of batches of {BATCH_SIZE}, rate {LEARNING_RATE}"
    note = f"MNIST: {setup}; {len(x_test):,} to test. The book has 60,000 and 10,000; {expected}."
    return Claim("accuracy on the test images", "about 0.97", f"{accuracy:.4f}", holds), note
