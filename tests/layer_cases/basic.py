"""Linear, activations, softmax, shapes, dropout, and the containers."""

from __future__ import annotations

from nnxp._backend import namespace
from nnxp.layers import (
    ELU,
    GELU,
    SELU,
    Activation,
    Dropout,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
)
from tests import oracles as o
from tests.layer_cases.case import Case

SINE = Activation(lambda x: namespace(x).sin(x), lambda x: namespace(x).cos(x))
SPLIT = Parallel(Linear(3, 2), Linear(3, 2))
SIDE_BY_SIDE = Parallel(Linear(3, 2), Tanh(), combine="concatenate")
LAST_AXIS = Parallel(Linear(3, 2), Sigmoid(), combine="concatenate", dim=-1)
BLOCK = Residual(Sequential(Linear(3, 4), Tanh(), Linear(4, 3)))
WIDER = Residual(Linear(4, 2), shortcut=Linear(4, 2, bias=False))
NESTED = Sequential(Sequential(Linear(3, 4), SiLU()), WIDER)

CASES = [
    Case("linear", Linear(4, 3), (5, 4), o.linear, lambda t: t.nn.Linear(4, 3)),
    Case("linear_no_bias", Linear(4, 3, bias=False), (5, 4), o.linear, lambda t: t.nn.Linear(4, 3, bias=False)),
    Case("linear_batch_axes", Linear(4, 3), (2, 3, 4), o.linear, lambda t: t.nn.Linear(4, 3)),
    Case("linear_inferred", Linear(None, 3), (5, 4), o.linear, lambda t: t.nn.Linear(4, 3)),
    Case("activation", SINE, (3, 4), o.activation, no_repr="functions have no repr"),
    Case("relu", ReLU(), (3, 4), o.relu, lambda t: t.nn.ReLU(), kinks=(0.0,)),
    Case("relu_scalar_samples", ReLU(), (6,), o.relu, lambda t: t.nn.ReLU(), kinks=(0.0,)),
    Case("leaky_relu", LeakyReLU(), (3, 4), o.leaky_relu, lambda t: t.nn.LeakyReLU(), kinks=(0.0,)),
    Case("leaky_relu_slope", LeakyReLU(0.3), (3, 4), o.leaky_relu, lambda t: t.nn.LeakyReLU(0.3), kinks=(0.0,)),
    Case("leaky_relu_steep", LeakyReLU(3.0), (3, 4), o.leaky_relu, lambda t: t.nn.LeakyReLU(3.0), kinks=(0.0,)),
    Case("elu", ELU(), (3, 4), o.elu, lambda t: t.nn.ELU()),
    Case("elu_alpha", ELU(0.4), (3, 4), o.elu, lambda t: t.nn.ELU(0.4), kinks=(0.0,)),
    Case("selu", SELU(), (3, 4), o.selu, lambda t: t.nn.SELU(), kinks=(0.0,)),
    Case("gelu", GELU(), (3, 4), o.gelu, lambda t: t.nn.GELU()),
    Case("gelu_tanh", GELU("tanh"), (3, 4), o.gelu, lambda t: t.nn.GELU("tanh")),
    Case("silu", SiLU(), (3, 4), o.silu, lambda t: t.nn.SiLU()),
    Case("sigmoid", Sigmoid(), (3, 4), o.sigmoid, lambda t: t.nn.Sigmoid()),
    Case("tanh", Tanh(), (3, 4), o.tanh, lambda t: t.nn.Tanh()),
    Case("softplus", Softplus(), (3, 4), o.softplus, lambda t: t.nn.Softplus()),
    Case("softplus_beta", Softplus(2.5), (3, 4), o.softplus, lambda t: t.nn.Softplus(2.5)),
    Case("softplus_line", Softplus(1.5, 2.0), (3, 4), o.softplus, lambda t: t.nn.Softplus(1.5, 2.0), kinks=(4 / 3,)),
    Case("softmax", Softmax(), (3, 4), o.softmax, lambda t: t.nn.Softmax(-1)),
    Case("softmax_channels", Softmax(1), (2, 3, 4), o.softmax, lambda t: t.nn.Softmax(1)),
    Case("softmax_batch", Softmax(0), (3, 4), o.softmax, lambda t: t.nn.Softmax(0)),
    Case("log_softmax", LogSoftmax(), (3, 4), o.log_softmax, lambda t: t.nn.LogSoftmax(-1)),
    Case("log_softmax_channels", LogSoftmax(1), (2, 3, 4), o.log_softmax, lambda t: t.nn.LogSoftmax(1)),
    Case("log_softmax_batch", LogSoftmax(0), (3, 4), o.log_softmax, lambda t: t.nn.LogSoftmax(0)),
    Case("flatten", Flatten(), (2, 3, 2, 2), o.flatten, lambda t: t.nn.Flatten()),
    Case("flatten_middle", Flatten(1, 2), (2, 3, 2, 2), o.flatten, lambda t: t.nn.Flatten(1, 2)),
    Case("flatten_batch", Flatten(0, -2), (2, 3, 2), o.flatten, lambda t: t.nn.Flatten(0, -2)),
    Case("identity", Identity(), (3, 4), o.identity, lambda t: t.nn.Identity()),
    Case("dropout", Dropout(0.3), (3, 7), o.dropout, training=True),
    Case("dropout_evaluation", Dropout(0.3), (3, 4), o.identity, lambda t: t.nn.Dropout(0.3).eval()),
    Case("dropout_nothing", Dropout(0.0), (3, 4), o.identity, lambda t: t.nn.Dropout(0.0), training=True),
    Case("dropout_all", Dropout(1.0), (3, 4), o.each(lambda _, v: 0.0), lambda t: t.nn.Dropout(1.0), training=True),
    Case("standardize", Standardize(2.0, 3.0), (3, 4), o.standardize),
    Case("standardize_features", Standardize((1.0, 2.0), (0.5, 4.0)), (3, 2), o.standardize),
    Case("standardize_channels", Standardize(((1.0,), (2.0,)), 2.0), (3, 2, 3), o.standardize),
    Case("sequential_empty", Sequential(), (3, 4), o.sequential(), lambda t: t.nn.Sequential()),
    Case("sequential", Sequential(Flatten(), Linear(6, 3), Tanh(), Linear(3, 2)), (4, 2, 3),
         o.sequential(o.flatten, o.linear, o.tanh, o.linear),
         lambda t: t.nn.Sequential(t.nn.Flatten(), t.nn.Linear(6, 3), t.nn.Tanh(), t.nn.Linear(3, 2))),
    Case("sequential_inferred", Sequential(Linear(None, 3), GELU(), Linear(None, 2), LogSoftmax()), (4, 5),
         o.sequential(o.linear, o.gelu, o.linear, o.log_softmax),
         lambda t: t.nn.Sequential(t.nn.Linear(5, 3), t.nn.GELU(), t.nn.Linear(3, 2), t.nn.LogSoftmax(-1))),
    Case("residual", BLOCK, (4, 3), o.residual(o.sequential(o.linear, o.tanh, o.linear))),
    Case("parallel_sum", SPLIT, (4, 3), o.parallel(o.linear, o.linear)),
    Case("parallel_concatenate", SIDE_BY_SIDE, (4, 3), o.parallel(o.linear, o.tanh)),
    Case("parallel_last_axis", LAST_AXIS, (2, 2, 3), o.parallel(o.linear, o.sigmoid)),
    Case("nested", NESTED, (4, 3), o.sequential(o.sequential(o.linear, o.silu), o.residual(o.linear, o.linear))),
]  # fmt: skip
