"""Convolutions with Numba: which way is taken by which shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels import PATHS, few
from nnxp._backend.kernels.path import numba_is_here
from tests.backends import assert_close
from tests.fused_cases import convolution, window_of

pytestmark = pytest.mark.skipif(not numba_is_here(), reason="Numba is not installed")


@pytest.mark.parametrize(
    ("shape", "maps", "dtype", "expected"),
    [
        ((5, 1, 20, 20), 17, "float32", True),
        ((3, 3, 20, 20), 16, "float32", True),
        ((5, 1, 20, 20), 15, "float32", False),
        ((5, 1, 16, 16), 17, "float32", False),
        ((5, 4, 20, 20), 17, "float32", False),
        ((5, 1, 20, 20), 17, "float64", False),
    ],
)
def test_the_weight_s_gradient_of_few_columns_is_left_to_blas(
    shape: tuple[int, ...], maps: int, dtype: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, known, taken = np.random.default_rng(0), few.weight_gradient, []

    def watched(*args: Any) -> None:
        taken.append(True)
        known(*args)

    def draw(*sizes: int) -> Any:
        return rng.standard_normal(sizes).astype(dtype)

    monkeypatch.setattr(few, "weight_gradient", watched)
    monkeypatch.setattr(PATHS["weight_gradient"], "least", 0)
    *given, dweight = convolution("weight_gradient", draw, shape, maps, window_of(3))
    assert PATHS["weight_gradient"](*given, dweight) is None
    exact = np.empty(dweight.shape)
    SPECIFICATIONS["weight_gradient"](*(a.astype(float) if isinstance(a, np.ndarray) else a for a in given), exact)
    assert_close(dweight, exact, dtype)
    assert bool(taken) == expected
