"""The kernels' own elementary functions: their error over the whole range, and what they make of numbers at its ends."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from nnxp._backend.kernels import elementary  # noqa: E402
from nnxp._backend.kernels.compiling import _MATH  # noqa: E402

TINY = {"float32": 1e-45, "float64": 5e-324}


def loop_of(function: Any) -> Any:
    """Compile a loop as kernels are, but anew each time: a kept one would not notice what changes in its callee."""

    def loop(x: Any, y: Any) -> None:
        for i in range(x.size):
            y[i] = function(x[i])

    return numba.njit(fastmath=_MATH, error_model="numpy")(loop)


LOOPS = {name: loop_of(getattr(elementary, name)) for name in elementary.__all__}
FORMULAS: dict[str, Any] = {
    "exp": np.exp,
    "sigmoid": lambda x: np.where(x < 0, np.exp(x), 1) / (1 + np.exp(-np.abs(x))),
    "tanh": np.tanh,
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
}
# Largest error in units in the last place of the result; measured: 1.1, 2.5, 2.6, 2.5 in float32.
ULP = {"exp": 1.5, "sigmoid": 3.0, "tanh": 3.0, "erf": 3.0}
every_function = pytest.mark.parametrize("name", list(LOOPS))
both = pytest.mark.parametrize("dtype", ["float32", "float64"])


def applied(name: str, x: Any) -> Any:
    y = np.full_like(x, 7.0)
    LOOPS[name](x, y)
    return y


def everywhere(dtype: str) -> Any:
    """Return numbers of every size, most of them where the functions bend."""
    rng = np.random.default_rng(0)
    low, high = (-104.0, 89.0) if dtype == "float32" else (-746.0, 710.0)
    sizes = np.exp2(rng.uniform(-149 if dtype == "float32" else -1074, 10, 30_000))
    parts = [rng.uniform(low, high, 30_000), rng.uniform(-5, 5, 30_000), rng.uniform(-1, 1, 30_000), sizes, -sizes]
    return np.concatenate(parts).astype(dtype)


@both
@every_function
def test_the_error_is_a_few_units_in_the_last_place_everywhere(name: str, dtype: str) -> None:
    x = everywhere(dtype)
    with np.errstate(over="ignore", under="ignore"):
        # The next wider format is exact enough; where it is no wider, its own error of half a unit or so is in the bound.
        wide = np.float64 if dtype == "float32" or name == "erf" else np.longdouble
        desired = FORMULAS[name](x.astype(wide))
        rounded = desired.astype(dtype)
        found = applied(name, x)
        finite = np.isfinite(rounded)
        unit = np.spacing(np.abs(rounded[finite])).astype(wide)
        error = np.abs(found[finite].astype(wide) - desired[finite]) / unit
    assert error.max() <= ULP[name]
    np.testing.assert_array_equal(found[~finite], rounded[~finite])


@both
@every_function
def test_what_is_no_number_stays_so_and_infinity_finds_its_limit(name: str, dtype: str) -> None:
    limits = {"exp": (0, np.inf), "sigmoid": (0, 1), "tanh": (-1, 1), "erf": (-1, 1)}
    # Eighteen, so that both the vectors and what is left over are seen.
    y = applied(name, np.repeat(np.array([np.nan, -np.inf, np.inf], dtype), 6))
    np.testing.assert_array_equal(y, np.repeat(np.array([np.nan, *limits[name]], dtype), 6))


@both
def test_zero_and_the_smallest_numbers_come_out_exactly(dtype: str) -> None:
    x = np.array([0.0, -0.0, TINY[dtype], -TINY[dtype]] * 5, dtype)
    np.testing.assert_array_equal(applied("tanh", x), x)
    np.testing.assert_array_equal(applied("erf", x), x)
    np.testing.assert_array_equal(applied("exp", x), 1)
    np.testing.assert_array_equal(applied("sigmoid", x), 0.5)


@both
def test_exp_reaches_the_smallest_number_before_nothing(dtype: str) -> None:
    x = np.array([math.log(TINY[dtype]) + 0.1, -1e30], dtype)
    np.testing.assert_array_equal(applied("exp", x), np.array([TINY[dtype], 0.0], dtype))


@both
@every_function
def test_elements_do_not_depend_on_their_place(name: str, dtype: str) -> None:
    x = everywhere(dtype)[:1001]
    np.testing.assert_array_equal(applied(name, x)[3:8], applied(name, x[3:8]))


@every_function
def test_loops_become_vectors(name: str) -> None:
    applied(name, np.ones(16, "float32"))
    code = LOOPS[name].inspect_llvm((numba.float32[::1],) * 2)
    assert re.search(r"fmul [a-z ]*<\d+ x float>", code)
