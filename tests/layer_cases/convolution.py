"""Convolutions and transposed convolutions."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from nnxp.layers import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tests import oracles_convolution as o
from tests.layer_cases.case import Case


def conv(name: str, layer: Any, shape: tuple[int, ...], torch: bool = True) -> Case:
    """Name the oracle, and PyTorch's layer of the same name and options."""
    oracle = o.convolution if type(layer) in {Conv1d, Conv2d, Conv3d} else o.transposed_convolution
    # What is inferred must be said to PyTorch.
    options = {f.name: getattr(layer, f.name) for f in fields(layer) if f.init} | {"in_channels": shape[1]}
    return Case(
        name, layer, shape, oracle, (lambda t: getattr(t.nn, type(layer).__name__)(**options)) if torch else None
    )


CASES = [
    conv("conv1d", Conv1d(2, 3, 3), (2, 2, 6)),
    conv("conv1d_options", Conv1d(2, 4, 2, 2, 1, 3, 2), (2, 2, 7)),
    conv("conv1d_circular", Conv1d(1, 2, 3, padding=(2,), padding_mode="circular"), (2, 1, 4)),
    conv("conv2d", Conv2d(2, 3, 3), (2, 2, 4, 5)),
    conv("conv2d_no_bias", Conv2d(2, 3, (2, 3), bias=False), (2, 2, 4, 5)),
    conv("conv2d_inferred", Conv2d(None, 2, 2), (2, 3, 3, 4)),
    conv("conv2d_stride", Conv2d(2, 3, 3, stride=(2, 3)), (2, 2, 6, 8)),
    conv("conv2d_padding", Conv2d(1, 2, 3, padding=(2, 1)), (2, 1, 3, 4)),
    conv("conv2d_dilation", Conv2d(1, 2, 2, dilation=(2, 3)), (2, 1, 4, 5)),
    conv("conv2d_all", Conv2d(2, 4, (2, 3), (2, 1), (1, 2), (1, 2), 2, False), (2, 2, 5, 4)),
    conv("conv2d_groups", Conv2d(4, 6, 2, groups=2), (2, 4, 3, 3)),
    conv("conv2d_depthwise", Conv2d(3, 3, 3, padding=1, groups=3), (2, 3, 3, 4)),
    conv("conv2d_depthwise_twice", Conv2d(2, 4, 2, groups=2), (2, 2, 3, 3)),
    conv("conv2d_pointwise", Conv2d(3, 2, 1), (2, 3, 3, 2)),
    conv("conv2d_pointwise_stride", Conv2d(3, 2, 1, 2), (2, 3, 3, 4)),
    conv("conv2d_whole_image", Conv2d(2, 3, (3, 4)), (3, 2, 3, 4)),
    conv("conv2d_valid", Conv2d(1, 2, 2, padding="valid"), (2, 1, 3, 3)),
    conv("conv2d_same", Conv2d(1, 2, (3, 5), padding="same", dilation=(2, 1)), (2, 1, 5, 4)),
    # PyTorch warns of what an even kernel costs it; equality is seen where options are drawn.
    conv("conv2d_same_even", Conv2d(1, 2, (2, 4), padding="same"), (2, 1, 4, 4), torch=False),
    conv("conv2d_reflect", Conv2d(1, 2, 3, padding=(2, 1), padding_mode="reflect"), (2, 1, 3, 4)),
    conv("conv2d_replicate", Conv2d(1, 2, 3, padding=(3, 1), padding_mode="replicate"), (2, 1, 2, 3)),
    conv("conv2d_circular", Conv2d(1, 2, 3, 2, (2, 1), padding_mode="circular"), (2, 1, 3, 4)),
    conv("conv3d", Conv3d(1, 2, 2), (2, 1, 3, 2, 3)),
    conv("conv3d_options", Conv3d(2, 2, (2, 1, 3), (2, 1, 1), (1, 0, 1), (1, 1, 2), 2), (1, 2, 3, 2, 4)),
    conv("conv3d_reflect", Conv3d(1, 1, 2, padding=(1, 0, 1), padding_mode="reflect"), (1, 1, 2, 2, 2)),
    conv("conv_transpose1d", ConvTranspose1d(2, 3, 3), (2, 2, 4)),
    conv("conv_transpose1d_options", ConvTranspose1d(2, 4, 3, 3, 2, 1, 2, False, 2), (2, 2, 3)),
    conv("conv_transpose2d", ConvTranspose2d(2, 3, 3), (2, 2, 3, 2)),
    conv("conv_transpose2d_inferred", ConvTranspose2d(None, 2, 2), (2, 3, 2, 2)),
    conv("conv_transpose2d_stride", ConvTranspose2d(2, 3, 3, (2, 3), 1, (1, 2)), (2, 2, 3, 2)),
    conv("conv_transpose2d_apart", ConvTranspose2d(1, 2, 2, 3), (2, 1, 2, 3)),
    conv("conv_transpose2d_cut", ConvTranspose2d(1, 2, 3, padding=2), (2, 1, 3, 4)),
    conv("conv_transpose2d_groups", ConvTranspose2d(4, 6, 2, groups=2, bias=False), (2, 4, 2, 2)),
    conv("conv_transpose2d_depthwise", ConvTranspose2d(3, 3, 2, 2, groups=3), (2, 3, 2, 2)),
    conv("conv_transpose2d_dilation", ConvTranspose2d(1, 2, 3, dilation=(3, 2), output_padding=(2, 1)), (2, 1, 2, 2)),
    conv("conv_transpose3d", ConvTranspose3d(1, 2, 2, (2, 1, 2), 0, (1, 0, 0)), (1, 1, 2, 2, 2)),
]
