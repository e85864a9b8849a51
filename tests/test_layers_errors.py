"""Every mistake with a layer is answered by one sentence, known here word by word."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnxp.layers import (
    ELU,
    GELU,
    Activation,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Softplus,
    Standardize,
)
from nnxp.network import Network
from tests.backends import Backend

RELU_CLASS = "got <class 'nnxp.layers.rectifiers.ReLU'>; call it: ReLU(), not ReLU"
WHOLE = "to be a whole number of at least 1"

BAD_ARGUMENTS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Linear(0, 3), ValueError, f"Linear: expected in_features {WHOLE}, got 0"),
    (lambda: Linear(3, 2.5), ValueError, f"Linear: expected out_features {WHOLE}, got 2.5"),
    (lambda: Activation(3, abs), TypeError, "Activation: expected function to be callable, got 3"),
    (lambda: Activation(abs, None), TypeError, "Activation: expected derivative to be callable, got None"),
    (lambda: LeakyReLU(-0.1), ValueError, "LeakyReLU: expected negative_slope in [0, inf), got -0.1"),
    (lambda: ELU(math.nan), ValueError, "ELU: expected alpha in [0, inf), got nan"),
    (lambda: GELU("erf"), ValueError, "GELU: expected approximate to be one of 'none', 'tanh', got 'erf'"),
    (lambda: Softplus(0.0), ValueError, "Softplus: expected beta in (0, inf), got 0.0"),
    (lambda: Softplus(1.0, -1.0), ValueError, "Softplus: expected threshold in [0, inf), got -1.0"),
    (lambda: Softmax("rows"), TypeError, "Softmax: expected dim to be a whole number, got 'rows'"),
    (lambda: LogSoftmax(True), TypeError, "LogSoftmax: expected dim to be a whole number, got True"),
    (lambda: Flatten(1.0), TypeError, "Flatten: expected start_dim to be a whole number, got 1.0"),
    (lambda: Flatten(1, None), TypeError, "Flatten: expected end_dim to be a whole number, got None"),
    (lambda: Dropout(1.5), ValueError, "Dropout: expected p in [0, 1], got 1.5"),
    (lambda: Standardize("0"), TypeError, "Standardize: expected mean to be made of numbers, got '0'"),
    (lambda: Standardize(math.nan), ValueError,
     "Standardize: expected every mean in (-inf, inf), got nan; look for NaN in the data"),
    (lambda: Standardize((0.0, 0.0), (1.0, 0.0)), ValueError,
     "Standardize: expected every std in (0, inf), got 0.0; look for NaN in the data"),
    (lambda: Standardize(((1.0, 2.0), (3.0,))), ValueError,
     "Standardize: expected mean to be a rectangular array, got ((1.0, 2.0), (3.0,))"),
    (lambda: Sequential(ReLU), TypeError,
     f"Sequential: expected layer 0 to be a Layer, {RELU_CLASS}"),
    (lambda: Sequential(ReLU(), 3), TypeError, "Sequential: expected layer 1 to be a Layer, got 3"),
    (lambda: Residual(ReLU), TypeError, f"Residual: expected layer to be a Layer, {RELU_CLASS}"),
    (lambda: Residual(ReLU(), 3), TypeError, "Residual: expected shortcut to be a Layer, got 3"),
    (lambda: Parallel(), ValueError, "Parallel: expected at least one layer, got 0"),
    (lambda: Parallel(ReLU), TypeError, f"Parallel: expected layer 0 to be a Layer, {RELU_CLASS}"),
    (lambda: Parallel(ReLU(), combine="mean"), ValueError,
     "Parallel: expected combine to be one of 'sum', 'concatenate', got 'mean'"),
    (lambda: Parallel(ReLU(), combine="concatenate", dim=0), ValueError,
     "Parallel: expected dim to be another axis than the batch's, got 0"),
]  # fmt: skip

BAD_SAMPLES: list[tuple[Layer, tuple[int | None, ...] | None, str]] = [
    (Linear(4, 3), (7,), "Linear: expected samples of shape (*, 4), got (7,)"),
    (Linear(4, 3), (2, 2), "Linear: expected samples of shape (*, 4), got (2, 2); flatten images with Flatten()"),
    (Linear(None, 3), (), "Linear: expected samples of shape (*, in_features), got ()"),
    (Linear(None, 3), None, "Linear: expected in_features to be known when the network is built, got None; "
     "give in_features, or Network(..., input_shape=...)"),
    (Softmax(2), (4,), "Softmax: expected x with an axis 2, got (None, 4)"),
    (LogSoftmax(-3), (4,), "LogSoftmax: expected x with an axis -3, got (None, 4)"),
    (Flatten(), (), "Flatten: expected x with axes 1 to -1 in this order, got (None,)"),
    (Flatten(2, 1), (2, 3), "Flatten: expected x with axes 2 to 1 in this order, got (None, 2, 3)"),
    (Standardize((1.0, 2.0)), (3,), "Standardize: expected samples of shape (2,), got (3,)"),
    (Standardize(0.0, ((1.0, 2.0),)), (2,), "Standardize: expected samples of shape (1, 2), got (2,)"),
    (Residual(Linear(3, 2)), (3,), "Residual: expected a layer whose output is shaped (3,), got (2,); "
     "give a shortcut that maps to the same shape"),
    (Parallel(Linear(3, 2), ReLU()), (3,), "Parallel: expected outputs of one shape, got [(2,), (3,)]"),
    (Parallel(Linear(3, 2), Sequential(Flatten(), Linear(6, 2)), combine="concatenate"), (2, 3),
     "Parallel: expected outputs of one shape but for axis 1, got [(2, 2), (2,)]"),
    (Parallel(ReLU(), combine="concatenate", dim=3), (3,),
     "Parallel: expected dim within the 2 axes of its outputs, got 3"),
]  # fmt: skip

BAD_BATCHES: list[tuple[Layer, tuple[int, ...], str]] = [
    (Linear(4, 3), (2, 7), "Linear.forward: expected x of shape (*batch, 4), got (2, 7)"),
    (Linear(4, 3), (5, 2, 2),
     "Linear.forward: expected x of shape (*batch, 4), got (5, 2, 2); flatten images with Flatten()"),
    (Softmax(2), (3, 4), "Softmax.forward: expected x with an axis 2, got (3, 4)"),
    (LogSoftmax(2), (3, 4), "LogSoftmax.forward: expected x with an axis 2, got (3, 4)"),
    (Flatten(), (3,), "Flatten.forward: expected x with axes 1 to -1 in this order, got (3,)"),
    (Standardize((1.0, 2.0)), (4, 3), "Standardize.forward: expected samples of shape (2,), got (3,)"),
    (Activation(lambda x: x[0, ...], abs), (2, 3),
     "Activation.forward: expected function(x) of shape (2, 3), got (3,)"),
    (Residual(Linear(3, 2)), (4, 3), "Residual.forward: expected the layer's output of shape (4, 3), got (4, 2)"),
    (Parallel(ReLU(), Linear(3, 2)), (4, 3), "Parallel.forward: expected every output of shape (4, 3), got (4, 2)"),
]  # fmt: skip


def whole(sentence: str) -> str:
    return f"^{re.escape(sentence)}$"


@pytest.mark.parametrize(("build", "error", "sentence"), BAD_ARGUMENTS, ids=[s for _, _, s in BAD_ARGUMENTS])
def test_bad_argument_is_refused_by_the_constructor(
    build: Callable[[], Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=whole(sentence)):
        build()


@pytest.mark.parametrize(("layer", "sample", "sentence"), BAD_SAMPLES, ids=[s for _, _, s in BAD_SAMPLES])
def test_bad_sample_shape_is_refused_when_the_network_is_built(layer: Layer, sample: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=whole(sentence)):
        Network(layer, input_shape=sample)


@pytest.mark.parametrize(("layer", "shape", "sentence"), BAD_BATCHES, ids=[s for _, _, s in BAD_BATCHES])
def test_bad_batch_is_refused_by_forward(layer: Layer, shape: tuple[int, ...], sentence: str, backend: Backend) -> None:
    net = Network(layer, device=backend.device, seed=0)
    with pytest.raises(ValueError, match=whole(sentence)):
        net.forward(backend.put(np.ones(shape), "float32"))
