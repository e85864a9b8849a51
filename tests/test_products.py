"""The kernels' own matrix product: every way through it gives the same sums, on every width of vectors."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from nnxp._backend.kernels import dots, products
from nnxp._backend.kernels.rooms import room_of

RNG = np.random.default_rng(0)
both = pytest.mark.parametrize("dtype", ["float32", "float64"])


def multiply(
    a: Any, b: Any, start: Any, *, flipped: tuple[bool, bool] = (False, False), cut: int = 2**30, spare: int = 9
) -> Any:
    """Return ``start + a @ b`` by the kernel, from factors that lie flipped or not, in pieces of so many columns."""
    (rows, depth), columns = a.shape, b.shape[1]
    flat_a, flat_b = (np.array(m.T if turned else m).reshape(-1) for m, turned in zip((a, b), flipped, strict=True))
    steps_a, steps_b = (1, rows) if flipped[0] else (depth, 1), (1, depth) if flipped[1] else (columns, 1)
    to, room = np.full(rows * columns + spare, 7, a.dtype), room_of(depth, a.dtype)
    start_row = columns if start.ndim == 2 else 0
    for first in range(0, columns, cut):
        last = min(first + cut, columns)
        products.product(
            flat_a, 0, *steps_a, flat_b, 0, *steps_b, start.reshape(-1), 0, start_row, to, 0, columns,
            rows, first, last, depth, room,
        )  # fmt: skip
    assert (to[rows * columns :] == 7).all(), "written behind the end"
    assert not room[-depth:].any(), "the zeros at the room's end are others'"
    return to[: rows * columns].reshape(rows, columns)


def normal(dtype: str, *shape: int) -> Any:
    return RNG.normal(size=shape).astype(dtype)


@both
@pytest.mark.parametrize("flipped", [(x, y) for x in (False, True) for y in (False, True)])
def test_it_is_the_product_whatever_the_shape(flipped: tuple[bool, bool], dtype: str) -> None:
    sizes = [1, 2, 3, 5, 8, 10, 13, 16, 17, 25, 31, 33, 48, 64, 65]
    shapes = [(rows, depth, columns) for rows in sizes for depth in (1, 4, 16, 21) for columns in sizes]
    for rows, depth, columns in [*shapes, (130, 20, 300), (200, 3, 40)]:
        a, b, start = normal(dtype, rows, depth), normal(dtype, depth, columns), normal(dtype, columns)
        desired = a.astype(np.longdouble) @ b + start
        # A few roundings of the largest sum on the way.
        error = abs(multiply(a, b, start, flipped=flipped) - desired).max()
        assert error <= 30 * np.finfo(dtype).eps * max(1, depth) ** 0.5, (rows, depth, columns)


@both
def test_every_row_may_have_a_start_of_its_own(dtype: str) -> None:
    a, b, start = normal(dtype, 30, 7), normal(dtype, 7, 45), normal(dtype, 30, 45)
    np.testing.assert_allclose(multiply(a, b, start), a @ b + start, rtol=1e-4, atol=1e-5)


@both
def test_sums_depend_neither_on_the_cut_nor_on_the_way(dtype: str) -> None:
    a, b, start = normal(dtype, 150, 37), normal(dtype, 37, 205), normal(dtype, 205)
    whole = multiply(a, b, start)
    for flipped in ((False, False), (False, True), (True, False)):
        np.testing.assert_array_equal(multiply(a, b, start, flipped=flipped, cut=64), whole)
        for rows in (1, 7, 12, 25):
            np.testing.assert_array_equal(multiply(a[:rows], b, start, flipped=flipped), whole[:rows])


@both
def test_what_is_no_number_and_what_is_infinite_pass(dtype: str) -> None:
    a, b, start = normal(dtype, 14, 18), normal(dtype, 18, 50), normal(dtype, 50)
    a[3, 2], b[5, 40], b[7, 7], start[20] = np.nan, np.inf, np.nan, -np.inf
    with np.errstate(invalid="ignore"):
        desired = a @ b + start
    for flipped in ((False, False), (False, True)):
        found = multiply(a, b, start, flipped=flipped)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(desired))
        np.testing.assert_array_equal(found[np.isinf(desired)], desired[np.isinf(desired)])


@both
def test_rows_meet_all_rows_of_another_matrix_whatever_the_shape(dtype: str) -> None:
    for rows, depth, columns in itertools.product(
        (1, 3), (0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 100), (1, 3, 4, 5, 10)
    ):
        a, b, start = normal(dtype, rows, depth), normal(dtype, columns, depth), normal(dtype, columns)
        to = np.full(rows * columns + 9, 7, dtype)
        dots.rows_dot(a.reshape(-1), 0, b.reshape(-1), 0, start, 0, to, 0, rows, columns, depth)
        assert (to[rows * columns :] == 7).all(), "written behind the end"
        desired = a.astype(np.longdouble) @ b.T + start
        error = abs(to[: rows * columns].reshape(rows, columns) - desired).max()
        assert error <= 30 * np.finfo(dtype).eps * max(1, depth) ** 0.5, (rows, depth, columns)


@both
def test_what_is_no_number_stays_in_its_place_of_a_row(dtype: str) -> None:
    a, b = normal(dtype, 1, 35), normal(dtype, 6, 35)
    b[1, 34], b[4, 0] = np.nan, np.inf
    to = np.empty(6, dtype)
    dots.rows_dot(a[0], 0, b.reshape(-1), 0, np.zeros(6, dtype), 0, to, 0, 1, 6, 35)
    assert np.isnan(to).tolist() == [False, True, False, False, False, False]
    assert to[4] == np.copysign(np.inf, a[0, 0])


NARROWER = """
import sys
from llvmlite import binding
features = binding.get_host_cpu_features()
for name in list(features):
    if name.startswith("avx512") or name.startswith("avx10") or sys.argv[1] == "16" and name in ("avx", "avx2", "fma"):
        features[name] = False
binding.get_host_cpu_features = lambda: features
from nnxp._backend.kernels.vectors import VECTOR
assert VECTOR == int(sys.argv[1]), VECTOR
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[2], "-k", "not narrower"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16])
def test_processors_with_narrower_vectors_find_the_same(width: int, tmp_path: Path, monkeypatch: Any) -> None:
    from nnxp._backend.kernels.vectors import VECTOR

    if width >= VECTOR:
        pytest.skip("vectors are no wider here")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))  # what is kept would be taken for this processor's own
    done = subprocess.run([sys.executable, "-c", NARROWER, str(width), __file__], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
