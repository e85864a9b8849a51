"""Checks for layers on series, images and volumes: arrays (N, C, *sizes) with any number of channels."""

from nnxp._backend import Array
from nnxp._checks import Shape, message
from nnxp.layers.channels import check_sample, stars

__all__ = ["check_images", "check_sample_images"]


def check_images(where: str, x: Array, axes: int) -> None:
    """Refuse a batch that is not shaped (N, C, *sizes)."""
    if x.ndim != axes + 2:
        raise ValueError(message(where, f"x of shape {stars('batch', None, axes=axes)}", tuple(x.shape)))


def check_sample_images(where: str, in_shape: Shape, axes: int) -> None:
    """Refuse samples that are not shaped (C, *sizes)."""
    check_sample(where, in_shape, None, axes)
