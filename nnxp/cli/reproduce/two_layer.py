"""A two-layer network without biases, after J. Loy, "How to build your own neural network from scratch in Python".

Three inputs, four hidden units, one output, the sigmoid on both layers; gradient descent on the sum of squares of the
whole table. The source prints no numbers: its pictures show a loss that falls all the way, and outputs near their
targets.
"""

from pathlib import Path

import numpy as np

from nnxp import SGD, Linear, MSELoss, Network, Sequential, Sigmoid, initializers, plotting
from nnxp.cli.reproduce._claims import Claim, report
from nnxp.cli.reproduce._pictures import picture_paths

__all__ = ["run"]

SEED = 0
STEP_SIZE = 1.0
ITERATIONS = 1500
LARGEST_DISTANCE = 0.05


def run(pictures: Path | None = None) -> int:
    """Train, and print how the loss fell and what the network answers; 0 if both are as the source shows them."""
    paths = picture_paths(pictures, "loss") if pictures else []
    x = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    net = Network(
        Sequential(Linear(3, 4, bias=False), Sigmoid(), Linear(4, 1, bias=False), Sigmoid()),
        dtype="float64",
        seed=SEED,
        init={"*": initializers.uniform(0.0, 1.0)},
    )
    loss = MSELoss(reduction="sum")  # its gradient has the factor 2
    history = net.fit(
        x, y, loss=loss, optimizer=SGD(lr=STEP_SIZE), epochs=ITERATIONS, batch_size=4, shuffle=False, verbose=False
    )
    losses = [*history["loss"], net.evaluate(x, y)["loss"]]  # before each iteration, and after the last
    rises = int(np.sum(np.diff(losses) > 0.0))
    outputs = net.predict(x)
    for path in paths:
        plotting.plot_history(history, path=path)
    distance = float(np.max(np.abs(outputs - y)))

    print(f"3 -> 4 -> 1, sigmoid, no biases, {ITERATIONS} iterations, step size {STEP_SIZE}, seed {SEED}\n")
    claims = [
        Claim("iterations in which the loss rose", "none", str(rises or "none"), rises == 0),
        Claim("loss before and after", "", f"{losses[0]:.4f} and {losses[-1]:.6f}"),
    ]
    for row, target, output in zip(x, y[:, 0], outputs[:, 0], strict=True):
        what = f"output for {' '.join(f'{value:.0f}' for value in row)}"
        claims.append(Claim(what, f"near {target:.0f}", f"{output:.4f}"))
    near = f"within {LARGEST_DISTANCE}"
    claims.append(Claim("largest distance to a target", near, f"{distance:.4f}", distance <= LARGEST_DISTANCE))
    return report(claims, ["The source shows its results as pictures; the distance is how near counts as near here."])
