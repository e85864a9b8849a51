"""A convolution's weight at Winograd's pairs of points, and its gradient from there."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.winograd_loops import GAP
from nnxp._backend.kernels.winograd_points import KERNEL, SEEN
from nnxp._backend.kernels.winograd_products import WIDTH
from nnxp._backend.kernels.winograd_transforms import LANES, take_kernel, write_kernel_gradient

__all__ = ["take_weight", "write_weight_gradient"]


@compiled
def take_weight(first: int, last: int, weight: Any, steps: Any, channels: int, maps: int, kernels: Any) -> None:
    """Write some of ``kernels[pair, block of maps, channel, map]``, numbered by block and channel.

    What is behind the last map does not matter. `steps` are the weight's from map to map, channel to channel and place
    to place, and then where its first place is.
    """
    blocks = -(-maps // WIDTH)
    places = np.zeros(KERNEL * KERNEL * WIDTH, weight.dtype)
    for unit in range(first, last):
        block, c = unit // channels, unit % channels
        for o in range(min(WIDTH, maps - block * WIDTH)):
            come = (block * WIDTH + o) * steps[0] + c * steps[1] + steps[3]
            for k in range(KERNEL * KERNEL):
                places[k * WIDTH + o] = weight[come + k * steps[2]]
        for v in range(0, WIDTH, LANES):
            take_kernel(places, v, KERNEL * WIDTH, WIDTH, kernels, unit * WIDTH + v, blocks * channels * WIDTH + GAP)


@compiled
def write_weight_gradient(first: int, last: int, sums: Any, channels: int, maps: int, dweight: Any) -> None:
    """Write ``dweight[map, channel, place]`` for some blocks' channels from sums that lie as kernels do."""
    apart = -(-maps // WIDTH) * channels * WIDTH + GAP
    places = np.zeros(KERNEL * KERNEL * WIDTH, sums.dtype)
    for unit in range(first, last):
        block, c = unit // channels, unit % channels
        for v in range(0, WIDTH, LANES):
            write_kernel_gradient(sums, unit * WIDTH + v, SEEN * apart, apart, places, v, WIDTH)
        for o in range(min(WIDTH, maps - block * WIDTH)):
            to = ((block * WIDTH + o) * channels + c) * KERNEL * KERNEL
            for k in range(KERNEL * KERNEL):
                dweight[to + k] = places[k * WIDTH + o]
