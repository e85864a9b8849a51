"""WeightNorm around layers of every kind; more of them, and every option, are in tests/test_layers_weight_norm.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnxp.layers import (
    LSTM,
    BatchNorm1d,
    Bilinear,
    Conv2d,
    ConvTranspose1d,
    Dropout,
    Embedding,
    Linear,
    MultiheadAttention,
    Residual,
    Sequential,
    WeightNorm,
)
from tests import oracles as basic
from tests.layer_cases.adapted import Adapted, Indexed, adapted, indexed
from tests.layer_cases.attention import MINE, quiet
from tests.layer_cases.case import Case
from tests.layer_cases.recurrent import ONE, THEIRS, alone
from tests.oracles_activations import bilinear
from tests.oracles_attention import embedding, multihead
from tests.oracles_convolution import convolution, transposed_convolution
from tests.oracles_normalisation import batch_norm
from tests.oracles_recurrent import output
from tests.oracles_weight_norm import weight_norm

NO_REPR = "a container of the tests"
TWICE = WeightNorm(WeightNorm(LSTM(3, 2, **ONE), "weight_hh_l0"), "weight_ih_l0", None)
INSIDE = Residual(Sequential(WeightNorm(Linear(3, 4)), Dropout(0.0), WeightNorm(Linear(4, 3, bias=False), dim=1)))
linear = weight_norm(basic.linear)


def theirs(t: Any, module: Any, *arguments: Any) -> Any:
    return t.nn.utils.parametrizations.weight_norm(module, *arguments)


def affine(name: str, *arguments: Any) -> Case:
    """Make a case of a Linear."""
    build: Callable[[Any], Any] = lambda t: theirs(t, t.nn.Linear(4, 3), *arguments)  # noqa: E731 - one line
    return Case(name, WeightNorm(Linear(4, 3), *arguments), (5, 4), linear, build)


CASES = [
    affine("weight_norm"),
    affine("weight_norm_columns", "weight", 1),
    affine("weight_norm_from_the_end", "weight", -2),
    affine("weight_norm_whole", "weight", None),
    affine("weight_norm_whole_too", "weight", -1),
    affine("weight_norm_bias", "bias"),
    Case("weight_norm_inferred", WeightNorm(Linear(None, 3)), (2, 3, 4), linear,
         lambda t: theirs(t, t.nn.Linear(4, 3))),
    Case("weight_norm_conv", WeightNorm(Conv2d(4, 6, 2, groups=2)), (2, 4, 3, 3), weight_norm(convolution),
         lambda t: theirs(t, t.nn.Conv2d(4, 6, 2, groups=2))),
    Case("weight_norm_conv_transpose", WeightNorm(ConvTranspose1d(2, 3, 3, 2)), (2, 2, 4),
         weight_norm(transposed_convolution), lambda t: theirs(t, t.nn.ConvTranspose1d(2, 3, 3, 2))),
    Case("weight_norm_batch_norm", WeightNorm(BatchNorm1d(3)), (2, 3, 4), weight_norm(batch_norm),
         lambda t: theirs(t, t.nn.BatchNorm1d(3)), training=True),
    Case("weight_norm_lstm", WeightNorm(LSTM(3, 4, **ONE), "weight_hh_l0"), (2, 3, 3), weight_norm(output),
         lambda t: alone(theirs(t, t.nn.LSTM(3, 4, **THEIRS), "weight_hh_l0"))),
    Case("weight_norm_twice", TWICE, (2, 3, 3), weight_norm(weight_norm(output)),
         lambda t: alone(theirs(t, theirs(t, t.nn.LSTM(3, 2, **THEIRS), "weight_hh_l0"), "weight_ih_l0", None))),
    Case("weight_norm_inside", INSIDE, (4, 3), basic.residual(basic.sequential(linear, basic.identity, linear))),
    Case("weight_norm_bilinear", Adapted(WeightNorm(Bilinear(2, 3, 4), dim=2), ((1, 0, 2), (1, 2, 5))), (3, 5),
         adapted(weight_norm(bilinear)), no_repr=NO_REPR),
    Case("weight_norm_embedding", Indexed(WeightNorm(Embedding(6, 3)), 6), (2, 5), indexed(weight_norm(embedding)),
         no_repr=NO_REPR),
    Case("weight_norm_attention", Adapted(WeightNorm(MultiheadAttention(4, 2), "in_proj_weight"), MINE, quiet),
         (2, 3, 4), adapted(weight_norm(multihead)), no_repr=NO_REPR),
]  # fmt: skip
