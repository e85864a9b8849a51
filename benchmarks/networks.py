"""Networks as plain descriptions, which every peer builds in its own way, and their weights, drawn once for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Arrays = dict[str, "np.ndarray[Any, Any]"]


class Linear(NamedTuple):
    """An affine map of the last axis."""

    n_in: int
    n_out: int


class Relu(NamedTuple):
    """The positive part."""


class Sigmoid(NamedTuple):
    """The logistic function."""


class Conv(NamedTuple):
    """A square convolution of stride 1."""

    n_in: int
    n_out: int
    size: int
    padding: int = 0


class Pool(NamedTuple):
    """The maxima of windows of 2x2."""


class Flatten(NamedTuple):
    """All axes but the first in one."""


class Lstm(NamedTuple):
    """One LSTM over (batch, steps, features)."""

    n_in: int
    n_out: int


class Last(NamedTuple):
    """The last step of (batch, steps, features)."""


class Encoder(NamedTuple):
    """One encoder layer of the transformer, normalised behind its sublayers, with ReLU and without dropout."""

    width: int
    heads: int
    inner: int


class Mean(NamedTuple):
    """The mean over the steps of (batch, steps, features)."""


LayerSpec = Linear | Relu | Sigmoid | Conv | Pool | Flatten | Lstm | Last | Encoder | Mean


@dataclass(frozen=True)
class Net:
    """Layers in a row, from samples of this shape; trained with cross-entropy."""

    layers: tuple[LayerSpec, ...]
    in_shape: tuple[int, ...]
    scale: float | None = None  # weights from N(0, scale) and biases 0, instead of what PyTorch draws

    @property
    def is_mlp(self) -> bool:
        return all(isinstance(layer, (Linear, Relu, Sigmoid)) for layer in self.layers)

    @property
    def sizes(self) -> list[int]:
        """The widths of a multilayer perceptron, input and output among them."""
        linear = [layer for layer in self.layers if isinstance(layer, Linear)]
        return [linear[0].n_in, *(layer.n_out for layer in linear)]

    @property
    def classes(self) -> int:
        return self.sizes[-1]

    def weights(self) -> Arrays:
        """Draw the weights, under the names of a PyTorch state dict."""
        rng = np.random.default_rng(1)
        drawn: Arrays = {}
        for i, layer in enumerate(self.layers):
            for name, (shape, fan) in shapes_of(layer).items():
                if fan == 0:  # a normalisation
                    values = np.full(shape, 1.0 if name.endswith("weight") else 0.0)
                elif self.scale is not None:
                    values = rng.normal(0.0, self.scale, shape) * (len(shape) > 1)
                else:
                    values = rng.uniform(-1.0, 1.0, shape) / math.sqrt(fan)
                drawn[f"{i}.{name}"] = values.astype(np.float32)
        return drawn


def shapes_of(layer: LayerSpec) -> dict[str, tuple[tuple[int, ...], int]]:
    """Return the shape of each parameter, and the number of inputs that its spread goes by (0: a normalisation)."""
    match layer:
        case Linear(n_in, n_out):
            return {"weight": ((n_out, n_in), n_in), "bias": ((n_out,), n_in)}
        case Conv(n_in, n_out, size, _):
            fan = n_in * size * size
            return {"weight": ((n_out, n_in, size, size), fan), "bias": ((n_out,), fan)}
        case Lstm(n_in, n):
            shapes = {"weight_ih_l0": (4 * n, n_in), "weight_hh_l0": (4 * n, n)}
            return {
                name: (shape, n)
                for name, shape in (shapes | dict.fromkeys(("bias_ih_l0", "bias_hh_l0"), (4 * n,))).items()
            }
        case Encoder(width, _, inner):
            shapes = {
                "self_attn.in_proj_weight": ((3 * width, width), width),
                "self_attn.in_proj_bias": ((3 * width,), width),
                "self_attn.out_proj.weight": ((width, width), width),
                "self_attn.out_proj.bias": ((width,), width),
                "linear1.weight": ((inner, width), width),
                "linear1.bias": ((inner,), width),
                "linear2.weight": ((width, inner), inner),
                "linear2.bias": ((width,), inner),
            }
            return shapes | {f"norm{k}.{name}": ((width,), 0) for k in (1, 2) for name in ("weight", "bias")}
        case _:
            return {}


def mlp(*sizes: int, logistic: bool = False, scale: float | None = None) -> Net:
    """Describe a multilayer perceptron."""
    layers: list[LayerSpec] = []
    for n_in, n_out in pairwise(sizes):
        layers += [Linear(n_in, n_out), Sigmoid() if logistic else Relu()]
    return Net(tuple(layers[:-1]), (sizes[0],), scale)


def lenet5() -> Net:
    """Describe LeNet-5 with ReLU and max pooling, on 28x28."""
    convolutions = (Conv(1, 6, 5, 2), Relu(), Pool(), Conv(6, 16, 5), Relu(), Pool(), Flatten())
    return Net((*convolutions, *mlp(400, 120, 84, 10).layers), (1, 28, 28))


def conv32_conv64() -> Net:
    """Describe two 3x3 convolutions of 32 and 64 maps, pooling and 128 units, on 28x28."""
    convolutions = (Conv(1, 32, 3), Relu(), Conv(32, 64, 3), Relu(), Pool(), Flatten())
    return Net((*convolutions, *mlp(64 * 12 * 12, 128, 10).layers), (1, 28, 28))


def deep_convnet() -> Net:
    """Describe six 3x3 convolutions, pooled by twos, and 50 units, on 28x28; without dropout."""
    layers: list[LayerSpec] = []
    before = 1
    for maps, second in ((16, 1), (32, 2), (64, 1)):
        layers += [Conv(before, maps, 3, 1), Relu(), Conv(maps, maps, 3, second), Relu(), Pool()]
        before = maps
    return Net((*layers, Flatten(), *mlp(64 * 4 * 4, 50, 10).layers), (1, 28, 28))


def lstm() -> Net:
    """Describe an LSTM of 128 units over 50 steps of 32 features, read at its last step."""
    return Net((Lstm(32, 128), Last(), Linear(128, 10)), (50, 32))


def transformer() -> Net:
    """Describe two encoder layers of width 128 over 64 steps, and the mean of their output."""
    return Net((Encoder(128, 4, 512), Encoder(128, 4, 512), Mean(), Linear(128, 10)), (64, 128))
