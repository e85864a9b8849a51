"""Batch, instance, group, layer and root-mean-square normalisation, and local response normalisation."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from nnxp.layers import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)
from tests import oracles_normalisation as o
from tests.layer_cases.case import Case


def norm(name: str, layer: Any, shape: tuple[int, ...], oracle: Any, training: bool = False) -> Case:
    """Name PyTorch's layer of the same name and options, in the same mode."""
    # Older versions have no bias to switch off in most of them.
    options = {f.name: getattr(layer, f.name) for f in fields(layer) if f.name != "bias" or not layer.bias}
    if "num_features" in options:  # what is inferred must be said to PyTorch
        options["num_features"] = shape[1]
    return Case(
        name,
        layer,
        shape,
        oracle,
        lambda t: getattr(t.nn, type(layer).__name__)(**options).train(training),
        training=training,
    )


CASES = [
    norm("batch_norm_1d", BatchNorm1d(3), (2, 3, 4), o.batch_norm, True),
    norm("batch_norm_2d", BatchNorm2d(2), (3, 2, 2, 3), o.batch_norm, True),
    norm("batch_norm_2d_options", BatchNorm2d(2, 0.1, 0.7), (3, 2, 2, 3), o.batch_norm, True),
    norm("batch_norm_2d_no_bias", BatchNorm2d(2, bias=False), (3, 2, 2, 3), o.batch_norm, True),
    norm("batch_norm_2d_plain", BatchNorm2d(2, affine=False), (3, 2, 2, 3), o.batch_norm, True),
    norm("batch_norm_2d_average", BatchNorm2d(2, momentum=None), (3, 2, 2, 3), o.batch_norm, True),
    norm("batch_norm_2d_inferred", BatchNorm2d(None), (3, 2, 2, 3), o.batch_norm, True),
    norm("batch_norm_3d", BatchNorm3d(2), (2, 2, 2, 1, 3), o.batch_norm, True),
    norm("batch_norm_1d_evaluation", BatchNorm1d(3), (4, 3), o.running_norm),
    norm("batch_norm_2d_evaluation", BatchNorm2d(2), (3, 2, 2, 3), o.running_norm),
    norm("batch_norm_2d_untracked", BatchNorm2d(2, track_running_stats=False), (3, 2, 2, 3), o.batch_norm),
    norm("instance_norm_1d", InstanceNorm1d(3), (2, 3, 4), o.instance_norm),
    norm("instance_norm_2d", InstanceNorm2d(2, 0.1, affine=True), (3, 2, 2, 3), o.instance_norm, True),
    norm("instance_norm_2d_no_bias", InstanceNorm2d(2, affine=True, bias=False), (3, 2, 2, 3), o.instance_norm),
    norm("instance_norm_2d_tracked", InstanceNorm2d(2, 1e-5, 0.3, True, True), (3, 2, 2, 3), o.instance_norm, True),
    norm("instance_norm_2d_evaluation", InstanceNorm2d(2, 1e-5, 0.3, True, True), (3, 2, 2, 3), o.running_norm),
    norm("instance_norm_3d", InstanceNorm3d(None, affine=True), (2, 2, 2, 1, 3), o.instance_norm),
    norm("group_norm", GroupNorm(2, 4), (3, 4, 3), o.group_norm),
    norm("group_norm_features", GroupNorm(2, 6), (3, 6), o.group_norm),
    norm("group_norm_whole", GroupNorm(1, 3, 0.1), (2, 3, 2, 2), o.group_norm),
    norm("group_norm_instances", GroupNorm(3, 3), (2, 3, 2, 2), o.group_norm),
    norm("group_norm_no_bias", GroupNorm(2, 4, bias=False), (3, 4, 3), o.group_norm),
    norm("group_norm_plain", GroupNorm(2, 4, affine=False), (3, 4, 3), o.group_norm),
    norm("layer_norm", LayerNorm(4), (3, 4), o.layer_norm),
    norm("layer_norm_two_axes", LayerNorm((3, 2), 0.1), (2, 2, 3, 2), o.layer_norm),
    norm("layer_norm_no_bias", LayerNorm(4, bias=False), (2, 3, 4), o.layer_norm),
    norm("layer_norm_plain", LayerNorm(4, elementwise_affine=False), (2, 3, 4), o.layer_norm),
    norm("rms_norm", RMSNorm(4), (2, 3, 4), o.rms_norm),
    norm("rms_norm_two_axes", RMSNorm((3, 2), 0.1), (2, 2, 3, 2), o.rms_norm),
    norm("rms_norm_plain", RMSNorm(4, elementwise_affine=False), (3, 4), o.rms_norm),
    norm("local_response_norm", LocalResponseNorm(3, 0.5), (2, 5, 3), o.local_response_norm),
    norm("local_response_norm_even", LocalResponseNorm(4, 0.8, 1.5, 0.5), (2, 6, 2, 2), o.local_response_norm),
    norm("local_response_norm_wide", LocalResponseNorm(9, 2.0), (2, 3, 2), o.local_response_norm),
]
