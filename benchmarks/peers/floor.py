"""The floor: the bare matrix products of a workload through NumPy's BLAS, into arrays that are there already.

Nothing that multiplies matrices in this way can be faster; what is above is everybody's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks import networks
from benchmarks.peers import Measured
from benchmarks.workloads import Workload


class Affine(NamedTuple):
    """Rows of `n_in` numbers become rows of `n_out`, `times` times, or for so many separate stacks."""

    rows: int
    n_in: int
    n_out: int
    times: int = 1
    stacks: int = 1
    merged: bool = False  # the weight's gradient is one product over all times


def affine_maps(work: Workload) -> Iterator[Affine]:
    """Say which affine maps a forward pass consists of."""
    shape = work.net.in_shape
    for spec in work.net.layers:
        match spec:
            case networks.Linear(n_in, n_out):
                yield Affine(work.batch, n_in, n_out)
            case networks.Conv(n_in, n_out, size, padding):
                side = shape[1] + 2 * padding - size + 1
                yield Affine(work.batch * side * side, n_in * size * size, n_out)
                shape = (n_out, side, side)
            case networks.Pool():
                shape = (shape[0], shape[1] // 2, shape[2] // 2)
            case networks.Lstm(n_in, n_out):
                yield Affine(work.batch * shape[0], n_in, 4 * n_out)
                yield Affine(work.batch, n_out, 4 * n_out, times=shape[0], merged=True)
            case networks.Encoder(width, heads, inner):
                rows, stacks = work.batch * shape[0], work.batch * heads
                yield Affine(rows, width, 3 * width)
                yield Affine(shape[0], width // heads, shape[0], stacks=stacks)
                yield Affine(shape[0], shape[0], width // heads, stacks=stacks)
                yield Affine(rows, width, width)
                yield Affine(rows, width, inner)
                yield Affine(rows, inner, width)


def ones(*shape: int, stacks: int = 1) -> np.ndarray:
    return np.full((stacks, *shape) if stacks > 1 else shape, 0.5, np.float32)


Product = tuple[np.ndarray, np.ndarray, np.ndarray]


def products(one: Affine, *, input_gradient: bool, training: bool) -> Iterator[Product]:
    """List the factors and the room for the result of each product."""
    rows, n_in, n_out, times, stacks, merged = one
    x, dy = ones(rows, n_in, stacks=stacks), ones(rows, n_out, stacks=stacks)
    weight = ones(n_out, n_in, stacks=stacks)
    turned = weight.swapaxes(-1, -2)
    y = ones(rows, n_out, stacks=stacks)
    for _ in range(times):
        yield x, turned, y
    if not training:
        return
    if merged:
        all_x, all_dy = ones(rows * times, n_in), ones(rows * times, n_out)
        yield all_dy.T, all_x, ones(n_out, n_in)
    else:
        yield dy.swapaxes(-1, -2), x, ones(n_out, n_in, stacks=stacks)
    if input_gradient:
        dx = ones(rows, n_in, stacks=stacks)
        for _ in range(times):
            yield dy, weight, dx


def build(work: Workload) -> Measured:
    bare: list[Product] = []
    for i, one in enumerate(affine_maps(work)):
        wanted = i > 0 or work.kind == "convolution"  # nobody needs the gradient of the data
        bare += products(one, input_gradient=wanted, training=work.kind != "predict")

    def repeat(n: int) -> None:
        for _ in range(n):
            for a, b, out in bare:
                np.matmul(a, b, out=out)

    return Measured(list, repeat)
