"""The rest of the activations, noise of channels and around SELU, and layers of two inputs."""

from __future__ import annotations

from nnxp.layers import (
    CELU,
    GLU,
    AlphaDropout,
    Bilinear,
    CosineSimilarity,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LogSigmoid,
    Maxout,
    Mish,
    PReLU,
    ReLU6,
    RReLU,
    Softmax2d,
    Softmin,
    Softshrink,
    Softsign,
    Tanhshrink,
    Threshold,
)
from tests import oracles as basic
from tests import oracles_activations as o
from tests.layer_cases.adapted import Adapted, adapted
from tests.layer_cases.case import Case

NO_REPR = "a container of the tests"
TWO = Adapted(Bilinear(2, 3, 4), ((1, 0, 2), (1, 2, 5)))
TWO_NO_BIAS = Adapted(Bilinear(3, 2, 2, bias=False), ((2, 0, 3), (2, 3, 5)))
ALIKE = Adapted(CosineSimilarity(), ((1, 0, 3), (1, 3, 6)))
ALIKE_LAST = Adapted(CosineSimilarity(-1, 0.1), ((2, 0, 3), (2, 3, 6)))
ALIKE_SHORT = Adapted(CosineSimilarity(eps=100.0), ((1, 0, 3), (1, 3, 6)))

CASES = [
    Case("hardtanh", Hardtanh(), (3, 4), o.hardtanh, lambda t: t.nn.Hardtanh(), kinks=(-1.0, 1.0)),
    Case("hardtanh_bounds", Hardtanh(0.2, 2), (3, 4), o.hardtanh, lambda t: t.nn.Hardtanh(0.2, 2), kinks=(0.2, 2.0)),
    Case("relu6", ReLU6(), (3, 4), o.relu6, lambda t: t.nn.ReLU6(), kinks=(0.0, 6.0)),
    # PyTorch's gradient is rounded to float32: see tests/test_layers_more_activations.py.
    Case("hardsigmoid", Hardsigmoid(), (3, 9), o.hardsigmoid, kinks=(-3.0, 3.0)),
    Case("hardswish", Hardswish(), (3, 9), o.hardswish, lambda t: t.nn.Hardswish(), kinks=(-3.0, 3.0)),
    Case("threshold", Threshold(0.5, 2.0), (3, 4), o.threshold, lambda t: t.nn.Threshold(0.5, 2.0), kinks=(0.5,)),
    Case("hardshrink", Hardshrink(), (3, 4), o.hardshrink, lambda t: t.nn.Hardshrink(), kinks=(-0.5, 0.5)),
    Case("hardshrink_wide", Hardshrink(1.0), (3, 4), o.hardshrink, lambda t: t.nn.Hardshrink(1.0), kinks=(-1.0, 1.0)),
    Case("softshrink", Softshrink(), (3, 4), o.softshrink, lambda t: t.nn.Softshrink(), kinks=(-0.5, 0.5)),
    Case("softshrink_wide", Softshrink(1.0), (3, 4), o.softshrink, lambda t: t.nn.Softshrink(1.0), kinks=(-1.0, 1.0)),
    Case("tanhshrink", Tanhshrink(), (3, 4), o.tanhshrink, lambda t: t.nn.Tanhshrink()),
    Case("celu", CELU(), (3, 4), o.celu, lambda t: t.nn.CELU()),
    Case("celu_alpha", CELU(0.5), (3, 4), o.celu, lambda t: t.nn.CELU(0.5)),
    # PyTorch rounds what is no sum of powers of two to float32 in the gradient: see the same file.
    Case("celu_odd_alpha", CELU(0.4), (3, 4), o.celu),
    Case("mish", Mish(), (3, 4), o.mish, lambda t: t.nn.Mish()),
    Case("log_sigmoid", LogSigmoid(), (3, 4), o.log_sigmoid, lambda t: t.nn.LogSigmoid()),
    Case("softsign", Softsign(), (3, 4), o.softsign, lambda t: t.nn.Softsign()),
    Case("prelu", PReLU(), (3, 4), o.prelu, lambda t: t.nn.PReLU(), kinks=(0.0,)),
    Case("prelu_channels", PReLU(3, 0.1), (2, 3, 4), o.prelu, lambda t: t.nn.PReLU(3, 0.1), kinks=(0.0,)),
    Case("prelu_features", PReLU(3), (4, 3), o.prelu, lambda t: t.nn.PReLU(3), kinks=(0.0,)),
    Case("prelu_scalar_samples", PReLU(), (6,), o.prelu, lambda t: t.nn.PReLU(), kinks=(0.0,)),
    Case("rrelu", RReLU(), (3, 7), o.rrelu, kinks=(0.0,), training=True),
    Case("rrelu_evaluation", RReLU(0.1, 0.5), (3, 7), o.rrelu_middle, lambda t: t.nn.RReLU(0.1, 0.5).eval(), kinks=(0.0,)),
    Case("softmin", Softmin(), (3, 4), o.softmin, lambda t: t.nn.Softmin(-1)),
    Case("softmin_channels", Softmin(1), (2, 3, 4), o.softmin, lambda t: t.nn.Softmin(1)),
    Case("softmax_2d", Softmax2d(), (2, 3, 2, 2), o.softmax2d, lambda t: t.nn.Softmax2d()),
    Case("glu", GLU(), (3, 6), o.glu, lambda t: t.nn.GLU()),
    Case("glu_channels", GLU(1), (2, 4, 3), o.glu, lambda t: t.nn.GLU(1)),
    Case("maxout", Maxout(3), (4, 6), o.maxout),
    Case("maxout_channels", Maxout(2, 1), (2, 4, 3), o.maxout),
    Case("dropout_1d", Dropout1d(0.3), (3, 4, 2), o.channel_dropout, training=True),
    Case("dropout_2d", Dropout2d(), (4, 3, 2, 2), o.channel_dropout, training=True),
    Case("dropout_2d_evaluation", Dropout2d(), (3, 2, 2, 2), basic.identity, lambda t: t.nn.Dropout2d().eval()),
    Case("dropout_2d_all", Dropout2d(1.0), (3, 2, 2, 2), basic.each(lambda _, v: 0.0), lambda t: t.nn.Dropout2d(1.0),
         training=True),
    Case("dropout_3d", Dropout3d(0.4), (3, 4, 2, 1, 2), o.channel_dropout, training=True),
    Case("alpha_dropout", AlphaDropout(0.3), (3, 7), o.alpha_dropout, training=True),
    Case("alpha_dropout_evaluation", AlphaDropout(), (3, 4), basic.identity, lambda t: t.nn.AlphaDropout().eval()),
    Case("alpha_dropout_all", AlphaDropout(1.0), (3, 4), basic.each(lambda _, v: 0.0), lambda t: t.nn.AlphaDropout(1.0),
         training=True),
    Case("bilinear", TWO, (3, 5), adapted(o.bilinear), no_repr=NO_REPR),
    Case("bilinear_no_bias", TWO_NO_BIAS, (2, 2, 5), adapted(o.bilinear), no_repr=NO_REPR),
    Case("cosine_similarity", ALIKE, (2, 6, 2), adapted(o.cosine_similarity), no_repr=NO_REPR),
    Case("cosine_similarity_last", ALIKE_LAST, (2, 2, 6), adapted(o.cosine_similarity), no_repr=NO_REPR),
    Case("cosine_similarity_short", ALIKE_SHORT, (2, 6, 2), adapted(o.cosine_similarity), no_repr=NO_REPR),
]  # fmt: skip
