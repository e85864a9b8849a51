"""Winograd's convolution: equal to the sums themselves, in whatever pieces, and NaN spreads no further than there."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest

from nnxp import Conv2d, Network
from nnxp._backend import threads
from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels import PATHS, winograd
from nnxp._backend.kernels.path import numba_is_here
from tests.backends import assert_close
from tests.fused_cases import convolution, window_of

needs_numba = pytest.mark.skipif(not numba_is_here(), reason="Numba is not installed")
pytestmark = pytest.mark.skipif(not PATHS, reason="NNXP_FAST=0 is set")

ENOUGH = winograd._enough
FUNCTIONS = ("convolve", "input_gradient", "weight_gradient")
# Shape of x, maps, padding: whole tiles and parts of them, all kinds of borders, and channels that fill no vector.
SHAPES: dict[str, tuple[tuple[int, ...], int, int]] = {
    "whole": ((2, 32, 26, 26), 64, 0),
    "padded": ((3, 16, 28, 28), 16, 1),
    "far-padded": ((3, 20, 9, 13), 37, 2),
    "farther": ((5, 16, 8, 6), 40, 5),
    "small": ((20, 33, 5, 7), 17, 1),
    "cut": ((2, 16, 13, 22), 50, 0),
    "wide": ((1, 16, 4, 230), 16, 1),
    "deep": ((2, 130, 12, 12), 128, 1),
}


def given(name: str, shape: str, dtype: str = "float32") -> tuple[Any, ...]:
    x, maps, padding = SHAPES[shape]
    rng = np.random.default_rng(0)
    return convolution(
        name, lambda *sizes: rng.standard_normal(sizes).astype(dtype), x, maps, window_of(3, padding=padding)
    )


def result(name: str, function: Any, arguments: tuple[Any, ...]) -> Any:
    """Return what a function returns, or writes: a weight's gradient."""
    arguments = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)
    returned = function(*arguments)
    return arguments[-1] if name == "weight_gradient" else returned


def assert_same(found: Any, expected: Any, room: str) -> None:
    """Compare bits; those of BLAS may depend on how many rows a product has."""
    assert_close(found, expected, "float32", **({"rtol": 0.0, "atol": 0.0} if room == "Numba" else {}))


def exact(name: str, arguments: tuple[Any, ...]) -> Any:
    return result(
        name, SPECIFICATIONS[name], tuple(a.astype(float) if isinstance(a, np.ndarray) else a for a in arguments)
    )


@pytest.fixture(autouse=True)
def all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FUNCTIONS:
        monkeypatch.setattr(PATHS[name], "least", 0)


@pytest.fixture(params=["NumPy", pytest.param("Numba", marks=needs_numba)])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let it be taken with Numba, and without, there wherever it can be."""
    if request.param == "NumPy":
        monkeypatch.setattr(winograd, "numba_is_here", lambda: False)
        monkeypatch.setattr(winograd, "_enough", lambda *_: True)
    return request.param


@pytest.fixture
def taken(room: str, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note for every call whether it was taken, or left to the direct way."""
    found: list[bool] = []

    def note(function: Any, *args: Any) -> Any:
        returned = function(*args)
        found.append(returned is not None and returned is not False)
        return returned

    for name in FUNCTIONS:
        monkeypatch.setattr(winograd, name, partial(note, getattr(winograd, name)))
    return found


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_equals_the_sums_themselves(
    name: str, shape: str, count: int, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads._team, "count", count)
    arguments = given(name, shape)
    found = result(name, PATHS[name], arguments)
    assert taken == [True]
    assert found.dtype == "float32"
    assert_close(found, exact(name, arguments), "float32")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sums_of_many_terms_are_as_exact_as_of_few(name: str, taken: list[bool]) -> None:
    rng = np.random.default_rng(0)
    shape, maps = ((40, 24, 24, 24), 24) if name == "weight_gradient" else ((4, 600, 12, 12), 500)
    deep = convolution(name, lambda *sizes: rng.standard_normal(sizes, dtype="float32"), shape, maps, window_of(3))
    assert_close(result(name, PATHS[name], deep), exact(name, deep), "float32", rtol=0.0, atol=1.5e-6)
    assert taken == [True]


@pytest.mark.parametrize("name", ["convolve", "input_gradient"])
def test_bits_depend_on_neither_the_batch_nor_the_threads(
    name: str, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = given(name, "padded")
    found = result(name, PATHS[name], arguments)
    monkeypatch.setattr(threads._team, "count", 3)
    others = [(arguments, found)]
    others += [((arguments[0][i : i + 1], *arguments[1:]), found[i : i + 1]) for i in range(3)]
    for given_, expected in others:
        assert_same(result(name, PATHS[name], given_), expected, room)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_not_finite_reaches_only_windows_that_see_it(name: str, value: float, taken: list[bool]) -> None:
    arguments = given(name, "cut")
    arguments[0][1, 3, 6, 7] = value
    arguments[0][0, 2, 0, 0] = -value
    with np.errstate(over="ignore"):
        found = result(name, PATHS[name], arguments)
    assert taken == [False]
    with np.errstate(all="ignore"):
        expected = result(name, SPECIFICATIONS[name], arguments)
    assert not np.isfinite(expected).all()
    for kind in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(kind(found), kind(expected))


@pytest.mark.usefixtures("room")
def test_a_bias_that_is_not_finite_stays_in_its_map() -> None:
    arguments = given("convolve", "padded")
    arguments[2][5] = np.nan
    found = result("convolve", PATHS["convolve"], arguments)
    np.testing.assert_array_equal(np.isnan(found).any(axis=(0, 2, 3)), np.arange(16) == 5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_else_goes_the_direct_way(name: str, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(f"nnxp._backend.kernels.winograd_{'run' if room == 'Numba' else 'numpy'}.{name}")
    monkeypatch.setattr(winograd, "_enough", ENOUGH)
    rng = np.random.default_rng(0)
    draw = partial(convolution, name, lambda *sizes: rng.standard_normal(sizes, dtype="float32"))
    usual = (3, 16, 16, 16)
    others = [
        given(name, "padded", "float64"),
        draw(usual, 16, window_of(5)),
        draw(usual, 16, window_of(3, stride=2)),
        draw(usual, 16, window_of(3, dilation=2)),
        draw(usual, 16, window_of(3, padding=1, mode="circular")),
        draw(usual, 32, window_of(3), 2),
        draw((20, 40, 5, 5), 40, window_of(3)),
        draw((9, 16, 6, 6), 16, window_of(3, padding=1)),
        draw((3, 8, 16, 16), 64, window_of(3)),
        draw((1, 64, 4, 4), 64, window_of(3, padding=1)),
    ]
    if room == "NumPy":
        others += [
            draw((2, 16, 28, 28), 16, window_of(3, padding=1)),
            draw((3, 64, 16, 16), 64, window_of(3, padding=1)),
        ]
    for arguments in others:
        found = result(name, PATHS[name], arguments)
        assert_close(found, exact(name, arguments), str(found.dtype))
    apart = given(name, "padded")
    PATHS[name](np.asfortranarray(apart[0]), *apart[1:])


def test_a_layer_trains_and_predicts_with_it(taken: list[bool], room: str) -> None:
    net, double = (Network(Conv2d(16, 24, 3, padding=1), dtype=dtype, seed=0) for dtype in ("float32", "float64"))
    double.theta[...] = net.theta
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(5, 16, 14, 15)).astype("float32"), rng.normal(size=(5, 24, 14, 15)).astype("float32")
    (y, cache), (their_y, their_cache) = net.forward(x), double.forward(x.astype(float))
    assert_close(y, their_y, "float32")
    assert_close(net.backward(cache, dy), double.backward(their_cache, dy.astype(float)), "float32")
    assert_close(net.gradient, double.gradient, "float32")
    assert_same(net.predict(x[2:3]), net.predict(x)[2:3], room)
    assert taken.count(True) == 5


# In a process of its own, since a read or a write too far ends it. All arrays end where a page begins that is closed.
CODE = """
import ctypes, mmap
import numpy as np
from types import SimpleNamespace
from nnxp._backend.kernels import winograd, winograd_run
from tests.fused_cases import convolution, window_of

libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
held, rng = [], np.random.default_rng(0)

def at_the_end(shape):
    size = 4 * int(np.prod(shape))
    pages = -(-size // mmap.PAGESIZE)
    room = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room))
    assert libc.mprotect(start + pages * mmap.PAGESIZE, mmap.PAGESIZE, 0) == 0
    held.append(room)
    return np.frombuffer(room, np.float32, size // 4, pages * mmap.PAGESIZE - size).reshape(shape)

def normal(*shape):
    array = at_the_end(shape)
    array[...] = rng.normal(size=shape)
    return array

winograd_run.np = SimpleNamespace(**vars(np) | {"empty": lambda shape, dtype: at_the_end(shape)})
winograd_run._room = lambda n: at_the_end((n,))
for shape, maps, padding in [((9, 17, 4, 5), 33, 1), ((2, 16, 13, 11), 21, 0), ((1, 40, 21, 16), 16, 3)]:
    for name in ("convolve", "input_gradient", "weight_gradient"):
        returned = getattr(winograd, name)(*convolution(name, normal, shape, maps, window_of(3, padding=padding)))
        assert returned is not None and returned is not False
print("whole")
"""


@needs_numba
@pytest.mark.skipif(sys.platform != "linux", reason="pages are closed by the means of Linux")
def test_nothing_is_touched_behind_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr
