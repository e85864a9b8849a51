"""Forward and backward of a stack, written down as operations whose operands and results all have their places.

A batch lies in columns: a bias, a maximum or a sum over classes then goes along rows that are as long as the batch.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from nnxp._backend.kernels.stack_operations import ACTIVATIONS, SLOPES, Operation

__all__ = ["Passes", "layers"]


class Passes:
    """Both passes of batches of one size.

    Parameters
    ----------
    theta, gradient : array of shape (n,)
        Parameters, and where their gradients go.
    plan : Plan
        The stack.
    features, rows : int
        Of a batch.
    pack : bool
        Whether the vectors are packed (see `layers`), and rows for a first layer with a bias end in a one.

    Attributes
    ----------
    dy : array of shape (out_features, rows)
        Where the output's gradient is expected.
    """

    def __init__(self, theta: Any, gradient: Any, plan: Any, features: int, rows: int, pack: bool) -> None:
        weights, gradients = (list(layers(v, plan, features, pack)) for v in (theta, gradient))
        # Behind the input of a layer whose bias is packed comes a row of ones.
        ones = [bias if pack else 0 for _, bias, _ in plan.steps[1:]] + [0]
        places = [np.empty((step[0] + more, rows), theta.dtype) for step, more in zip(plan.steps, ones, strict=True)]
        ys = [place[: step[0]] for step, place in zip(plan.steps, places, strict=True)]
        for y, place in zip(ys, places, strict=True):
            place[len(y) :] = 1.0
        dys = [np.empty_like(y) for y in ys]
        self.y, self.dy = ys[-1], dys[-1]
        self.first, self.last = (weights[0][0], ys[0]), (dys[0], gradients[0][0])
        self.onwards: list[Operation] = []
        self.back: list[Operation] = []
        for i, (_, _, activation) in enumerate(plan.steps):
            (weight, bias), (to_weight, to_bias) = weights[i], gradients[i]
            back = SLOPES[activation](ys[i], dys[i]) if activation else []
            if i:
                self.onwards.append(partial(weight.dot, places[i - 1], ys[i]))
                back.append(partial(dys[i].dot, places[i - 1].T, to_weight))
                back.append(partial(weight[:, : len(ys[i - 1])].T.dot, dys[i], dys[i - 1]))
            if bias is not None:
                self.onwards.append(partial(np.add, ys[i], bias[:, None], ys[i]))
                back.append(partial(dys[i].dot, np.ones(rows, theta.dtype), to_bias))
            if activation:
                self.onwards += ACTIVATIONS[activation](ys[i])
            self.back = back + self.back

    def forward(self, x: Any) -> Any:
        """Return the output (out_features, rows) for rows of inputs; the next takes its place."""
        weight, y = self.first
        weight.dot(x.T, y)
        for do in self.onwards:
            do()
        return self.y

    def backward(self, x: Any) -> None:
        """Write the gradient for the last forward's input, and spoil `dy`."""
        for do in self.back:
            do()
        dy, gradient = self.last
        dy.dot(x, gradient)


def layers(vector: Any, plan: Any, features: int, pack: bool) -> Iterator[tuple[Any, Any]]:
    """Go through views of the layers' weights and biases; packed, a bias is the weight's last column."""
    start = 0
    for out, bias, _ in plan.steps:
        stop = start + out * (features + (bias if pack else 0))
        weight = vector[start:stop].reshape(out, -1)
        start += out * (features + bias)
        yield weight, vector[stop:start] if bias and not pack else None
        features = out
