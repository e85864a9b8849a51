"""The library's convolution on one random image, and the gradient of its biases beside the published one."""

from typing import Any

import numpy as np

from nnxp import SGD, Conv2d, Layer, MSELoss, Network, Sequential, Tanh, initializers
from nnxp.cli.reproduce._claims import Claim
from nnxp.cli.reproduce._gradients import LARGEST_DIFFERENCE, both_gradients

__all__ = ["run"]

SEED = 0
LEARNING_RATE = 0.3
EPOCHS = 1000
# The target has two maps; the sizes of the image and of the target leave three valid convolutions no choice.
MAPS = (1, 1, 2)
# Of the seeds 0 to 29, all end below it.
LARGEST_ERROR = 0.01


def run() -> tuple[list[Claim], list[str]]:
    """Compare the gradients of the biases, then train on the image."""
    maps = ", ".join(map(str, MAPS))
    print(
        f"one random 10x10x1 image -> three 3x3 convolutions of {maps} maps, each with tanh -> 4x4x2 target, "
        f"{EPOCHS} epochs, rate {LEARNING_RATE}, seed {SEED}"
    )
    rng = np.random.default_rng(SEED)
    x, y = rng.random((1, 1, 10, 10)), rng.random((1, MAPS[-1], 4, 4))
    net = network()
    claims = bias_gradients(net, net.device.put(x), net.device.put(y))
    history = net.fit(x, y, loss=MSELoss(), optimizer=SGD(lr=LEARNING_RATE), epochs=EPOCHS, batch_size=1, verbose=False)
    first, last = history["loss"][0], history["loss"][-1]
    claims += [
        Claim("image: error in epoch 1", "no figure at hand", f"{first:.6f}"),
        Claim(f"image: error in epoch {EPOCHS}", "no figure at hand", f"{last:.6f}", last < LARGEST_ERROR),
    ]
    notes = [
        f"The image: valid convolutions take 10 to 8, 6 and 4; the last error has to be below {LARGEST_ERROR}.",
        "The published convolution multiplies a bias's gradient by its number of maps: a bug, unseen with one map.",
        "The right gradient is the plain sum of dy over the map, which is what central differences say.",
    ]
    return claims, notes


def network() -> Network:
    """Build the network: all parameters uniform in [-0.5, 0.5], as those of the other layers."""
    layers: list[Layer] = []
    for before, after in zip((1, *MAPS), MAPS, strict=False):
        layers += [Conv2d(before, after, 3), Tanh()]
    return Network(
        Sequential(*layers),
        dtype="float64",
        seed=SEED,
        input_shape=(1, 10, 10),
        init={"*": initializers.uniform(-0.5, 0.5)},
    )


def bias_gradients(net: Network, x: Any, target: Any) -> list[Claim]:
    """Hold each bias's gradient against a central difference, with what the published formula makes of it."""
    backpropagated, numerical = both_gradients(net, x, target, MSELoss())
    claims = []
    for number, maps in enumerate(MAPS):
        start = net.layout[f"{2 * number}.bias"].start
        for i in range(maps):
            ours, slope = float(backpropagated[start + i]), float(numerical[start + i])
            claims.append(
                Claim(
                    f"image: gradient of bias {i + 1} of convolution {number + 1}",
                    f"{maps * ours:.6f} ({maps} x sum)",
                    f"{ours:.6f} ({slope:.6f} by differences)",
                    abs(ours - slope) <= LARGEST_DIFFERENCE,
                )
            )
    return claims
