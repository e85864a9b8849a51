"""Exclusive or with a library of layers, after O. Aflak, "Math neural network from scratch in Python".

Two inputs, three hidden units and one output, each followed by tanh, which is made of a function and its derivative.
Gradient descent takes one sample at a time, in the order of the table. Then the source's convolution learns a random
image, and MNIST, where its images are given.
"""

from pathlib import Path

from nnxp import SGD, Activation, Device, Linear, MSELoss, Network, Sequential, datasets, initializers
from nnxp.cli.reproduce import _xor_image, _xor_mnist
from nnxp.cli.reproduce._claims import Claim, report
from nnxp.cli.reproduce._mnist import load_images

__all__ = ["run"]

# Of the seeds 0 to 99, 45 end below 3e-4; of the others, some need more epochs and some are stuck near 0.28.
SEED = 2
LEARNING_RATE = 0.1
EPOCHS = 1000
LARGEST_ERROR = 3e-4

PUBLISHED_ERRORS = {1: 0.322980, 2: 0.311174, 3: 0.307195, 1000: 0.000242}
PUBLISHED_OUTPUTS = (0.00077, 0.9776, 0.9785, -0.0013)


def run(data: Path | None = None) -> int:
    """Train all three, and print their errors beside the published ones; 0 if the last errors are small enough."""
    images = None if data is None else load_images(data)
    claims, notes = train()
    more, further = _xor_image.run()
    if images is None:
        further.append("MNIST was left out; nnxp reproduce xor --data FOLDER trains on its IDX files in a folder.")
    else:
        left, reason = _xor_mnist.run(images)
        more, further = more + left, further + reason
    print()
    return report([*claims, *more], [*notes, *further])


def train() -> tuple[list[Claim], list[str]]:
    """Train on the table of exclusive or."""
    xp = Device().xp  # the functions of the library that the network will live in
    tanh = Activation(xp.tanh, lambda x: 1.0 - xp.tanh(x) ** 2)
    net = Network(
        Sequential(Linear(2, 3), tanh, Linear(3, 1), tanh),
        dtype="float64",
        seed=SEED,
        init={"*": initializers.uniform(-0.5, 0.5)},
    )
    x, y = datasets.xor()
    history = net.fit(
        x, y, loss=MSELoss(), optimizer=SGD(lr=LEARNING_RATE), epochs=EPOCHS, batch_size=1, shuffle=False, verbose=False
    )
    outputs = net.predict(x)

    print(f"2 -> 3 -> tanh -> 1 -> tanh, {EPOCHS} epochs of one sample at a time, rate {LEARNING_RATE}, seed {SEED}")
    claims = []
    for epoch, published in PUBLISHED_ERRORS.items():
        error = history["loss"][epoch - 1]
        holds = error < LARGEST_ERROR if epoch == EPOCHS else None
        claims.append(Claim(f"error in epoch {epoch}", f"{published:.6f}", f"{error:.6f}", holds))
    for (a, b), published, output in zip(x, PUBLISHED_OUTPUTS, outputs[:, 0], strict=True):
        claims.append(Claim(f"output for {a:.0f} xor {b:.0f}", f"{published:.4f}", f"{output:.4f}"))
    notes = [
        "An epoch's error is the mean over its four samples, each taken before the update that it causes.",
        f"The last one has to be below {LARGEST_ERROR}; the others vary with the weights, drawn from U(-0.5, 0.5).",
    ]
    return claims, notes
