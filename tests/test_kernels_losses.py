"""The compiled cross entropy where it goes other ways than the formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnxp import CrossEntropyLoss
from nnxp._backend.kernels.path import numba_is_here

pytestmark = pytest.mark.skipif(not numba_is_here(), reason="Numba is not installed")
both = pytest.mark.parametrize("dtype", ["float32", "float64"])


@both
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_many_rows_share_logarithms_without_overflow(dtype: str, smoothing: float) -> None:
    rows, classes = 3000, 1000
    output, labels = np.zeros((rows, classes), dtype), np.arange(rows) % classes
    value, dy = CrossEntropyLoss(label_smoothing=smoothing)(output, labels)
    assert float(value) == pytest.approx(math.log(classes), rel=1e-6)
    target = np.full((rows, classes), smoothing / classes)
    target[np.arange(rows), labels] += 1 - smoothing
    np.testing.assert_allclose(dy, (1 / classes - target) / rows, rtol=1e-5, atol=1e-12)


@both
@pytest.mark.parametrize("place", [0, 1, 9])
def test_what_is_no_number_stays_in_its_row_and_reaches_the_loss(place: int, dtype: str) -> None:
    output = np.random.default_rng(0).normal(size=(40, 10)).astype(dtype)
    output[7, place] = np.nan
    value, dy = CrossEntropyLoss()(output, np.arange(40) % 10)
    assert math.isnan(value)
    np.testing.assert_array_equal(np.isnan(dy).any(axis=1), np.arange(40) == 7)
    assert np.isnan(dy[7]).all()
