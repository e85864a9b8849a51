"""Stacks of Linear layers and activations: what most small networks are, and what a library may run as one.

A Flatten may come first, for images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nnxp.layers.layer import Layer
from nnxp.layers.linear import Linear
from nnxp.layers.rectifiers import ReLU
from nnxp.layers.shape import Flatten
from nnxp.layers.squashing import Sigmoid, Tanh

__all__ = ["Plan", "plan_of"]

CODES: dict[type[Layer], int] = {ReLU: 1, Tanh: 2, Sigmoid: 3}


@dataclass(frozen=True)
class Plan:
    """What a stack does.

    Parameters
    ----------
    steps : tuple of tuple of int
        For each Linear layer: the size of its output, whether it has a bias, and what follows it: 0 nothing, 1 ReLU,
        2 Tanh, 3 Sigmoid.
    names : tuple of str
        Of the Linear layers in their Sequential.
    flattens : bool
        Whether a Flatten comes before the first of them.
    prepared : dict
        What a library's twin makes of it once.
    """

    steps: tuple[tuple[int, int, int], ...]
    names: tuple[str, ...]
    flattens: bool = False
    prepared: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def out_features(self) -> int:
        """Size of the last output."""
        return self.steps[-1][0]

    @property
    def hidden(self) -> int:
        """Size of all outputs before the last."""
        return sum(step[0] for step in self.steps[:-1])

    @property
    def widest(self) -> int:
        """Size of the largest of them."""
        return max((step[0] for step in self.steps[:-1]), default=0)

    def size_of(self, in_features: int) -> int:
        """Count the parameters."""
        total = 0
        for out, bias, _ in self.steps:
            total += out * (in_features + bias)
            in_features = out
        return total


def plan_of(layers: Sequence[Layer]) -> Plan | None:
    """Return the plan of a stack; None for anything else, layers derived from these among it."""
    steps: list[tuple[int, int, int]] = []
    names: list[str] = []
    flattens = bool(layers) and type(layers[0]) is Flatten and layers[0] == Flatten()
    for i, layer in enumerate(layers):
        if i == 0 and flattens:
            continue
        if type(layer) is Linear:
            names.append(str(i))
            steps.append((layer.out_features, int(layer.bias), 0))
        elif type(layer) in CODES and steps and not steps[-1][2]:
            steps[-1] = (*steps[-1][:2], CODES[type(layer)])
        else:
            return None
    return Plan(tuple(steps), tuple(names), flattens) if steps else None
