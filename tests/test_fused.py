"""Faster twins: each equals the plain function that it replaces, and none is without a case."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import Adam, CrossEntropyLoss, Linear, Network, Sequential
from nnxp._backend import threads
from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels import FASTER, PATHS
from nnxp._backend.kernels.path import numba_is_here
from tests.backends import assert_close
from tests.fused_cases import CASES, FusedCase

pytestmark = pytest.mark.skipif(not FASTER, reason="NNXP_FAST=0 is set")


def parts(value: Any) -> list[Any]:
    """List every array in what was given or returned."""
    if isinstance(value, (tuple, list)):
        return [array for part in value for array in parts(part)]
    return [value] if isinstance(value, (np.ndarray, np.generic)) else []


def copied(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(copied(part) for part in value)
    return value.copy() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_twin_equals_the_plain_function(
    case: FusedCase, dtype: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = PATHS[case.name]
    if path.compiled and not numba_is_here():
        pytest.skip("Numba is not installed")
    monkeypatch.setattr(threads._team, "count", count)
    monkeypatch.setattr(path, "least", 0)
    rng = np.random.default_rng(0)
    given = case.arguments(lambda *shape: rng.normal(size=shape).astype(dtype))
    for_twin, for_plain = copied(given), copied(given)
    found = path(*for_twin)
    assert found is not NotImplemented, "the twin declined"
    expected = SPECIFICATIONS[case.name](*for_plain)
    pairs = list(zip(parts((found, for_twin)), parts((expected, for_plain)), strict=True))
    assert pairs
    for here, there in pairs:
        assert here.dtype == there.dtype
        assert_close(here, there, "float64" if here.dtype.kind in "iub" else dtype)


def test_every_path_has_a_case_and_a_plain_function() -> None:
    for name in nnxp.__all__:
        getattr(nnxp, name)  # what is not loaded has not been marked yet
    assert {case.name for case in CASES} == set(PATHS)
    assert set(PATHS) <= set(SPECIFICATIONS)


def test_small_arrays_never_wait_for_numba() -> None:
    code = """
import sys
import numpy as np
from nnxp import Adam, CrossEntropyLoss, Linear, Network, ReLU, Sequential
net = Network(Sequential(Linear(8, 5), ReLU(), Linear(5, 3)), seed=0)
net.fit(np.ones((20, 8)), np.zeros(20, dtype=int), loss=CrossEntropyLoss(), optimizer=Adam(), epochs=2, verbose=False)
assert not {"numba", "threadpoolctl"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_numba_everything_takes_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "numba" else find(name, package)
import numpy as np
from nnxp import Adam, CrossEntropyLoss, Linear, Network, Sequential
net = Network(Sequential(Linear(64, 300), Linear(300, 10)), seed=0)
x, y = np.ones((100, 64)), np.arange(100) % 10
print(net.fit(x, y, loss=CrossEntropyLoss(), optimizer=Adam(), epochs=2, verbose=False)["loss"])
assert "numba" not in sys.modules
"""
    without = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    net = Network(Sequential(Linear(64, 300), Linear(300, 10)), seed=0)
    x, y = np.ones((100, 64)), np.arange(100) % 10
    losses = net.fit(x, y, loss=CrossEntropyLoss(), optimizer=Adam(), epochs=2, verbose=False)["loss"]
    np.testing.assert_allclose([float(v) for v in without.strip("[]\n").split(",")], losses, rtol=1e-5)


def test_the_switch_closes_every_path() -> None:
    code = "import os; os.environ['NNXP_FAST'] = '0'; from nnxp._backend.kernels import FASTER; assert not FASTER"
    subprocess.run([sys.executable, "-c", code], check=True)


# -- threads -----------------------------------------------------------------------------------------


def covered(n: int, least: int = 1, align: int = 1) -> list[tuple[int, int, str]]:
    pieces: list[tuple[int, int, str]] = []
    threads.for_each_piece(
        lambda start, stop: pieces.append((start, stop, threading.current_thread().name)), n, least, align
    )
    return sorted(pieces)


@pytest.mark.parametrize(("n", "least", "align", "edges"), [
    (10, 1, 1, [0, 3, 6, 10]), (10, 4, 1, [0, 5, 10]), (10, 6, 1, [0, 10]), (100, 1, 16, [0, 32, 64, 100]), (0, 1, 1, [0, 0]),
])  # fmt: skip
def test_pieces_cover_everything_once(
    n: int, least: int, align: int, edges: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads._team, "count", 3)
    pieces = covered(n, least, align)
    assert [(start, stop) for start, stop, _ in pieces] == list(itertools.pairwise(edges))
    assert pieces[0][2] == threading.current_thread().name


def test_a_piece_within_a_piece_stays_on_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads._team, "count", 2)
    inner: list[Any] = []
    threads.for_each_piece(lambda start, stop: inner.extend(covered(10)), 2)
    assert [(start, stop) for start, stop, _ in inner] == [(0, 10), (0, 10)]
    assert len({name for _, _, name in inner}) == 2


def test_an_error_in_a_piece_arrives_and_the_threads_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads._team, "count", 2)

    def fail(start: int, stop: int) -> None:
        if start:
            raise OverflowError("in a worker")

    with pytest.raises(OverflowError, match="^in a worker$"):
        threads.for_each_piece(fail, 10)
    assert len(covered(10)) == 2


def test_blas_is_kept_to_one_thread_in_the_block_and_gets_them_back() -> None:
    before = [blas.get_num_threads() for blas in threads._blas_libraries()]
    assert before
    with threads.one_blas_thread():
        assert {blas.get_num_threads() for blas in threads._blas_libraries()} == {1}
    assert [blas.get_num_threads() for blas in threads._blas_libraries()] == before
