"""SimpleConvNet by the book, chapter 7: a convolution, ReLU and max pooling, then two layers."""

import numpy as np

from nnxp import (
    Adam,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    ReLU,
    Sequential,
    initializers,
    models,
)
from nnxp.cli.reproduce._claims import Claim
from nnxp.cli.reproduce._gradients import compare_by_key
from nnxp.cli.reproduce._mnist import CLASSES, Images, expectation

__all__ = ["DESCRIPTION", "compare_gradients", "train"]

SEED = 0
LEARNING_RATE = 0.001
BATCH_SIZE = 100
EPOCHS = 20
# What 20 epochs reach with so many images to train on, or more; fewer images promise nothing.
LEAST_ACCURACY = {8_000: 0.97}
# The small one of the gradient check: maps of a 3x3 convolution, and hidden units.
SMALL = (10, 10)

NAMES = {"W1": "0.weight", "b1": "0.bias", "W2": "4.weight", "b2": "4.bias", "W3": "6.weight", "b3": "6.bias"}
DESCRIPTION = (
    "SimpleConvNet: image -> convolution 5x5, 30 maps -> ReLU -> max pooling 2x2 -> 100 -> ReLU -> classes -> "
    f"softmax with cross-entropy, seed {SEED}"
)


def network(model: Layer, size: tuple[int, int], dtype: str) -> Network:
    """Build it for images of a size: weights from 0.01 N(0, 1), biases 0."""
    return Network(
        model,
        dtype=dtype,
        seed=SEED,
        input_shape=(1, *size),
        init={"*.weight": initializers.normal(0.01), "*.bias": initializers.zeros()},
    )


def compare_gradients() -> list[Claim]:
    """Compare both gradients of a small one on a random image of 10x10 with label 1, as the book does."""
    maps, hidden = SMALL
    small = Sequential(
        *(Conv2d(1, maps, 3), ReLU(), MaxPool2d(2)),
        Flatten(),
        *(Linear(None, hidden), ReLU()),
        Linear(hidden, CLASSES),
    )
    net = network(small, (10, 10), "float64")
    x = net.device.put(np.random.default_rng(SEED).random((1, 1, 10, 10)))
    keys = {f"SimpleConvNet {key} ({name})": name for key, name in NAMES.items()}
    return compare_by_key(net, x, net.device.put(np.array([1])), CrossEntropyLoss(), keys)


def train(images: Images) -> tuple[list[Claim], str]:
    """Train on the images for as many epochs as the book does."""
    x_train, y_train, x_test, y_test = images
    net = network(models.simple_convnet(classes=CLASSES), x_train.shape[2:], "float32")
    history = net.fit(
        x_train,
        y_train,
        loss=CrossEntropyLoss(),
        optimizer=Adam(lr=LEARNING_RATE),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        verbose=False,
    )
    accuracy = net.evaluate(x_test, y_test, metrics=["accuracy"])["accuracy"]
    holds, expected = expectation(accuracy, len(x_train), LEAST_ACCURACY)
    setup = f"{len(x_train):,} images to train, {EPOCHS} epochs of batches of {BATCH_SIZE}, Adam at {LEARNING_RATE}"
    claims = [
        Claim("SimpleConvNet: accuracy on the test images", "no figure at hand", f"{accuracy:.4f}", holds),
        Claim("SimpleConvNet: seconds of training", "", f"{sum(history['seconds']):.1f}"),
    ]
    return claims, f"SimpleConvNet: {setup}; {len(x_test):,} to test; {expected}."
