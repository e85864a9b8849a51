"""Faster twins: each equals the plain function that it replaces, and none is without a case."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from nnxp import Adam, CrossEntropyLoss, Flatten, Linear, Network, ReLU, Sequential, Sigmoid, Tanh
from nnxp._backend import matmul, team, threads
from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels import FASTER, PATHS
from nnxp._backend.kernels.path import numba_is_here
from nnxp.layers.layer import Mode
from nnxp.layers.recurrent.rnn import RULES
from nnxp.layers.recurrent.rule import Weights
from tests.backends import assert_close, no_numba
from tests.fused_cases import CASES, FusedCase

needs_numba = pytest.mark.skipif(not numba_is_here(), reason="Numba is not installed")
pytestmark = pytest.mark.skipif(not FASTER, reason="NNXP_FAST=0 is set")


def parts(value: Any) -> list[Any]:
    """List every array in what was given or returned."""
    if isinstance(value, (tuple, list)):
        return [array for part in value for array in parts(part)]
    return [value] if isinstance(value, (np.ndarray, np.generic)) else []


def copied(value: Any) -> Any:
    if isinstance(value, Weights):
        return Weights(*map(copied, value))
    if isinstance(value, tuple):
        return tuple(copied(part) for part in value)
    return value.copy() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [case for case in CASES if PATHS[case.name].room], ids=str)
def test_twin_equals_the_plain_function(
    case: FusedCase, dtype: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if PATHS[case.name].compiled and not numba_is_here():
        pytest.skip("Numba is not installed")
    monkeypatch.setattr(threads._team, "count", count)
    assert holds(case, dtype, monkeypatch), "the twin declined"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [case for case in CASES if PATHS[case.name].numpy], ids=str)
def test_numpy_s_own_way_equals_the_plain_function(
    case: FusedCase, dtype: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads._team, "count", count)
    monkeypatch.setattr("nnxp._backend.kernels.activations_numpy._LEAST", 1000)
    monkeypatch.setattr("nnxp._backend.kernels.matmul_pieces._LEAST", 0)
    monkeypatch.setattr("nnxp._backend.kernels.recurrent_numpy._SHARED", 0)
    monkeypatch.setattr("nnxp._backend.kernels.recurrent_numpy._ROWS", 10)
    with no_numba():
        took_it = holds(case, dtype, monkeypatch)
    # Targets that are smoothed go the plain way, and products on one thread to BLAS.
    assert took_it == (case.about != "smoothing" and (case.name, count) != ("affine", 1))


@pytest.mark.parametrize("room", [2**10, 2**23])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [case for case in CASES if PATHS[case.name].room == "convolution"], ids=str)
def test_convolutions_without_numba_equal_the_plain_functions(
    case: FusedCase, dtype: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads._team, "count", 2)
    monkeypatch.setattr("nnxp._backend.kernels.convolution.numba_is_here", lambda: False)
    for module in ("few", "flat"):
        monkeypatch.setattr(f"nnxp._backend.kernels.{module}._COLUMN_BYTES", room)
    assert holds(case, dtype, monkeypatch)


def holds(case: FusedCase, dtype: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Hold a path against the plain function; tell whether it took the arguments."""
    path = PATHS[case.name]
    monkeypatch.setattr(path, "least", 0)
    rng = np.random.default_rng(0)
    given = case.arguments(lambda *shape: rng.normal(size=shape).astype(dtype))
    for_twin, for_plain = copied(given), copied(given)
    found = path(*for_twin)
    if found is NotImplemented:
        return False
    expected = SPECIFICATIONS[case.name](*for_plain)
    pairs = list(zip(parts((found, for_twin)), parts((expected, for_plain)), strict=True))
    assert pairs
    for here, there in pairs:
        assert here.dtype == there.dtype
        assert_close(here, there, "float64" if here.dtype.kind in "iub" else dtype)
    return True


def test_every_path_has_a_case_and_a_plain_function() -> None:
    # Stacks are held against their layers below, since their caches are of two kinds; products against NumPy's, and
    # whole updates against steps.
    assert {case.name for case in CASES} | {"stack_forward", "stack_backward", "matmul", "descend"} == set(PATHS)
    assert set(PATHS) <= {*SPECIFICATIONS, "matmul", "descend"}


# -- stacks of Linear layers and activations ---------------------------------------------------------


@pytest.fixture(params=["Numba", "NumPy"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run stacks by either twin."""
    if request.param == "Numba" and not numba_is_here():
        pytest.skip("Numba is not installed")
    with nullcontext() if request.param == "Numba" else no_numba():
        yield


STACKS = [
    Sequential(Linear(7, 5)),
    Sequential(Linear(7, 5, bias=False), ReLU(), Linear(5, 6), Linear(6, 3), Sigmoid()),
    Sequential(Linear(7, 40), Tanh(), Linear(40, 70), ReLU(), Linear(70, 11)),
    Sequential(Linear(None, 8), Sigmoid(), Linear(None, 2), Tanh()),
]


def both_ways(net: Network, x: Any, mode: Mode) -> list[list[Any]]:
    """Run a stack as one and layer by layer, with output, input gradient and parameter gradients of each."""
    ways = []
    for kind in ("Kept", "tuple"):
        model: Any = net.model
        run = model.forward if kind == "Kept" else model.each_forward
        y, cache = run(net.views, x, mode)
        assert type(cache).__name__ == kind
        dy = np.random.default_rng(1).normal(size=y.shape).astype(x.dtype)
        net.gradient[...] = 9.0
        dx = model.backward(net.views, net._store.g, cache, dy)
        ways.append([y, dx, net.gradient.copy()])
    return ways


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dx_wanted", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [0, 1, 6, 90])
@pytest.mark.parametrize("model", STACKS, ids=str)
def test_a_stack_run_as_one_equals_its_layers(model: Sequential, rows: int, dtype: str, dx_wanted: bool) -> None:
    net = Network(model, dtype=dtype, seed=0, input_shape=(7,))
    x = np.random.default_rng(0).normal(size=(rows, 7)).astype(dtype)
    one, each = both_ways(net, x, net.mode(training=True, input_gradient=dx_wanted))
    assert (one[1] is None) == (each[1] is None) == (not dx_wanted)
    for here, there in zip(one, each, strict=True):
        if here is not None:
            assert here.dtype == there.dtype == dtype
            assert_close(here, there, dtype)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dx_wanted", [True, False])
@pytest.mark.parametrize("shape", [(6, 2, 3), (0, 2, 3), (6, 6), (5, 1, 2, 3)], ids=str)
def test_a_stack_of_images_is_run_as_one_too(shape: tuple[int, ...], dx_wanted: bool) -> None:
    net = Network(Sequential(Flatten(), Linear(6, 5), Tanh(), Linear(5, 3)), seed=0)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    mode, ways = net.mode(training=True, input_gradient=dx_wanted), []
    for run in (net.model.forward, net.model.each_forward):
        y, cache = run(net.views, x, mode)
        net.gradient[...] = 9.0
        ways.append([y, net.model.backward(net.views, net._store.g, cache, y), net.gradient.copy()])
    assert type(cache) is tuple
    assert type(net.model.forward(net.views, x, mode)[1]) is not tuple
    for here, there in zip(*ways, strict=True):
        assert (here is None) == (there is None)
        if here is not None:
            assert here.shape == there.shape
            assert_close(here, there, "float32")


def test_only_a_flatten_that_leaves_one_axis_is_part_of_a_stack() -> None:
    for first in (Flatten(2), Flatten(0), Flatten(1, 2)):
        assert Sequential(first, Linear(6, 5)).plan is None
    assert Sequential(Linear(6, 5), Flatten()).plan is None
    assert Sequential(Flatten()).plan is None


@pytest.mark.usefixtures("way")
def test_a_stack_predicts_without_keeping_its_hidden_layers() -> None:
    net = Network(STACKS[2], seed=0)
    x = np.random.default_rng(0).normal(size=(33, 7)).astype("float32")
    y, kept = net.run((x,), net.mode(training=False, keep_cache=False))
    assert kept is None
    assert_close(y, net.model.each_forward(net.views, x, net.mode(training=False))[0], "float32")


@pytest.mark.usefixtures("way")
def test_nan_passes_through_a_stack() -> None:
    net = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 2), Tanh()), seed=0)
    x = np.array([[1.0, np.nan], [1.0, 2.0]], dtype="float32")
    (one, _, gradient), (each, _, expected) = both_ways(net, x, net.mode(training=True))
    np.testing.assert_array_equal(np.isnan(one), np.isnan(each))
    np.testing.assert_array_equal(np.isnan(gradient), np.isnan(expected))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stack_s_sigmoid_goes_as_far_as_the_layer_s(dtype: str) -> None:
    net = Network(Sequential(Linear(1, 1), Sigmoid()), dtype=dtype, seed=0)
    net.theta[...] = [1.0, 0.0]
    x = np.array([[-1e9], [-1000.0], [-80.0], [-20.0], [0.0], [20.0], [1e9]], dtype)
    one, each = both_ways(net, x, net.mode(training=True))
    np.testing.assert_allclose(one[0], each[0], rtol=1e-5, atol=1e-37)


@pytest.mark.usefixtures("way")
def test_a_stack_leaves_the_gradient_that_it_is_given_as_it_was() -> None:
    net = Network(Sequential(Linear(7, 5), ReLU()), seed=0)
    y, cache = net.run((np.ones((4, 7), "float32"),), net.mode(training=True))
    dy = np.ones_like(y)
    net.run_backward(cache, dy)
    np.testing.assert_array_equal(dy, 1.0)


@pytest.mark.usefixtures("way")
def test_a_stack_with_a_frozen_layer_runs_layer_by_layer() -> None:
    net = Network(STACKS[2], seed=0)
    x = np.ones((4, 7), dtype="float32")
    y, cache = net.forward(x, training=True)
    net.backward(cache, y)
    gradient = net.gradient.copy()
    net.freeze("2.*")
    # A cache from before is handed out to the layers; what is frozen stays without a gradient.
    dx = net.backward(cache, y)
    kept = np.concatenate([np.arange(320), np.arange(3190, net.theta.size)])
    np.testing.assert_array_equal(net.gradient[kept], gradient[kept])
    assert not net.gradient[320:3190].any()
    assert dx.shape == (4, 7)
    _, cache = net.forward(x, training=True)
    assert type(cache.layers) is tuple


@pytest.mark.usefixtures("way")
def test_layers_derived_from_a_stack_s_run_their_own_formulas() -> None:
    class Doubled(ReLU):
        def forward(self, p: Any, x: Any, mode: Any) -> Any:
            y, cache = super().forward(p, x, mode)
            return 2.0 * y, cache

    x = np.ones((2, 7), dtype="float32")
    single, double = (Network(Sequential(Linear(7, 5), layer), seed=0).predict(x) for layer in (ReLU(), Doubled()))
    assert_close(double, 2.0 * single, "float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(300, 90, 70), (70, 90, 300), (1, 600, 600), (3, 7, 2)], ids=str)
def test_products_without_numba_are_cut_by_either_side(
    shape: tuple[int, int, int], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads._team, "count", 3)
    monkeypatch.setattr(PATHS["matmul"], "least", 0)
    monkeypatch.setattr("nnxp._backend.kernels.matmul_pieces._SHARE", 2**14)
    rows, depth, columns = shape
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=size).astype(dtype) for size in ((rows, depth), (depth, columns)))
    out = np.empty((rows, columns), dtype)
    with no_numba():
        for given in (None, out):
            for right in (b, np.asfortranarray(b)):
                found = PATHS["matmul"](a, right, given)
                assert (found is NotImplemented) == (a.size * columns < 2**18)
                if found is not NotImplemented:
                    assert given is None or found is out
                    assert_close(found, a @ b, dtype)
        wrong = [(a, b.astype("float16"), None), (a, b[1:], None), (a, b, out[1:]), (a[0], b, None)]
        for arguments in wrong:
            assert PATHS["matmul"](*arguments) is NotImplemented


def test_without_numba_no_product_of_a_step_is_left_to_blas_s_own_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """They spin for a while after each, on the cores that ours want for so many parameters."""
    monkeypatch.setattr(threads._team, "count", 2)
    net = Network(Sequential(Linear(784, 2048), ReLU(), Linear(2048, 10)), seed=0)
    x, labels = np.ones((256, 784), "float32"), np.arange(256) % 10
    seen: list[tuple[int, set[int]]] = []
    multiply = np.matmul

    def spy(a: Any, b: Any, out: Any = None) -> Any:
        seen.append((a.size * b.shape[1], {blas.get_num_threads() for blas in threads.blas_libraries()}))
        return multiply(a, b, out=out)

    before = [blas.get_num_threads() for blas in threads.blas_libraries()]
    monkeypatch.setattr(np, "matmul", spy)
    try:
        for blas in threads.blas_libraries():
            blas.set_num_threads(2)
        with no_numba():
            y, cache = net.forward(x, training=True)
            net.backward(cache, CrossEntropyLoss()(y, labels)[1])
    finally:
        for blas, number in zip(threads.blas_libraries(), before, strict=True):
            blas.set_num_threads(number)
    assert len(seen) >= 5
    assert all(used == {1} for work, used in seen if work >= 2**18)


def test_a_wrongly_shaped_gradient_of_a_small_stack_is_refused() -> None:
    net = Network(STACKS[2], seed=0)
    with no_numba():
        _, cache = net.run((np.ones((4, 7), "float32"),), net.mode(training=True))
        with pytest.raises(ValueError, match=r"^Sequential.backward: expected dy of shape \(4, 11\), got \(3, 11\)$"):
            net.run_backward(cache, np.ones((3, 11), "float32"))


def test_building_a_network_waits_for_nothing() -> None:
    code = """
import sys
from nnxp import Linear, Network, ReLU, Sequential
Network(Sequential(Linear(8, 5), ReLU(), Linear(5, 3)), seed=0)
assert not {"numba", "threadpoolctl"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_numba_training_gives_the_same_losses() -> None:
    code = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "numba" else find(name, package)
import numpy as np
from nnxp import Adam, CrossEntropyLoss, Flatten, Linear, Network, Sequential
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


def test_the_switch_leaves_what_needs_no_numba() -> None:
    code = """
import os, sys
os.environ["NNXP_FAST"] = "numpy"
import numpy as np
from nnxp import Adam, CrossEntropyLoss, Flatten, Linear, Network
from nnxp._backend.kernels import FASTER
net = Network(Linear(64, 3000), seed=0)
net.fit(np.ones((100, 64)), np.arange(100), loss=CrossEntropyLoss(), optimizer=Adam(), clip_norm=1.0, verbose=False)
assert FASTER["gradient_norm"]._kernel is not None and "numba" not in sys.modules
assert "no compiled kernels since NNXP_FAST=numpy" in net.device.library.devices()[0].detail
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_switch_that_is_none_is_one_sentence() -> None:
    environment = os.environ | {"NNXP_FAST": "off"}
    code = "from nnxp import Linear, Network; Network(Linear(1, 1))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    sentence = "nnxp: expected the environment's NNXP_FAST to be 0, 1 or numpy, got 'off'"
    assert done.stderr.splitlines()[-1] == f"ValueError: {sentence}"


def test_the_switch_closes_every_path() -> None:
    code = "import os; os.environ['NNXP_FAST'] = '0'; from nnxp._backend.kernels import FASTER; assert not FASTER"
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_numba
@pytest.mark.parametrize("kind", ["float64", "float16", ">f4", "int64"])
def test_a_stack_takes_gradients_of_other_kinds_as_its_layers_do(kind: str) -> None:
    net = Network(STACKS[2], seed=0)
    model: Any = net.model
    x = np.random.default_rng(0).normal(size=(9, 7)).astype("float32")
    gradients = []
    for run in (model.forward, model.each_forward):
        y, cache = run(net.views, x, net.mode(training=True))
        dx = model.backward(net.views, net._store.g, cache, np.round(4.0 * y).astype(kind))
        gradients.append((net.gradient.copy(), dx))
    assert_close(gradients[0][0], gradients[1][0], "float32")
    assert_close(gradients[0][1], gradients[1][1], "float32")


@needs_numba
@pytest.mark.parametrize("shape", [(1, 11), (9, 1), (9,), (9, 12)])
def test_a_stack_refuses_gradients_of_another_shape(shape: tuple[int, ...]) -> None:
    net = Network(STACKS[2], seed=0)
    y, cache = net.forward(np.ones((9, 7), "float32"))
    said = f"Sequential.backward: expected dy of shape (9, 11), got {shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        net.run_backward(cache.layers, np.ones(shape, y.dtype))


@needs_numba
def test_what_is_ruled_out_costs_infinitely_much_when_all_is_smoothed() -> None:
    output, loss = np.array([[-np.inf, 0.0], [0.0, 0.0]]), CrossEntropyLoss(label_smoothing=1.0)
    for value, dy in (
        PATHS["cross_entropy"](output, np.zeros(2, int), loss),
        loss.in_full(output, np.zeros(2, int), None),
    ):
        assert value == np.inf
        np.testing.assert_array_equal(dy, [[-0.25, 0.25], [0.0, 0.0]])


def reals(*shape: int, kind: str = "float32") -> Any:
    return np.ones(shape, kind)


@needs_numba
@pytest.mark.parametrize(("name", "arguments"), [
    ("relu_backward", (reals(90, 90), reals(90, 1))), ("sigmoid_backward", (reals(90, 90), reals(90, 90, kind="float64"))),
    ("tanh_backward", (reals(90, 90), reals(90))), ("masked", (reals(90, 90), reals(90, 1, kind="bool"), 2.0)),
    ("shares_backward", (reals(90, 90), -1, reals(1, 90))), ("matmul", (reals(90, 90), reals(80, 90), None)),
    ("matmul", (reals(90, 90), reals(90, 90), reals(80, 90))), ("affine", (reals(90, 90), reals(90, 80), reals(90))),
    ("norm_backward", (reals(90, 90), reals(80, 90), reals(80, 1), None, (1,), None, None)),
    ("recur", (reals(4, 9, 1, 20), reals(20, 20, kind="float64"), None, (reals(9, 20),), None, False, RULES["tanh"])),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_twins_decline_what_does_not_go_together(
    name: str, arguments: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PATHS[name], "least", 0)
    assert PATHS[name](*arguments) is NotImplemented


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
    # The same pieces, so that sums over them have the same bits.
    assert sorted((start, stop) for start, stop, _ in inner) == [(0, 5), (0, 5), (5, 10), (5, 10)]
    assert len({name for _, _, name in inner}) == 2


def test_an_error_in_a_piece_arrives_and_the_threads_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads._team, "count", 2)

    def fail(start: int, stop: int) -> None:
        if start:
            raise OverflowError("in a worker")

    with pytest.raises(OverflowError, match="^in a worker$"):
        threads.for_each_piece(fail, 10)
    assert len(covered(10)) == 2


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="threads cannot be sent signals here")
def test_an_interrupt_waits_for_the_workers_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads._team, "count", 2)
    main, ended = threading.main_thread().ident, []

    def interrupt(start: int, stop: int) -> None:
        for _ in range(2 if start else 0):
            time.sleep(0.05)
            signal.pthread_kill(main, signal.SIGINT)  # type: ignore[arg-type]
        time.sleep(0.05 if start else 0.0)
        ended.append(start)

    with pytest.raises(KeyboardInterrupt):
        threads.for_each_piece(interrupt, 10)
    assert ended == [0, 5]
    slow: list[int] = []

    def wait(start: int, stop: int) -> None:
        time.sleep(0.05 if start else 0.0)
        slow.append(start)

    threads.for_each_piece(wait, 10)
    assert slow == [0, 5]


def test_what_is_left_by_an_interrupt_is_not_begun_any_more() -> None:
    task = team.Task()
    task.leave()
    begun: list[int] = []
    task.take(lambda start, stop: begun.append(start), 0, 5)
    assert not begun


def test_blas_gets_its_threads_back_when_the_last_of_several_is_done() -> None:
    before = [blas.get_num_threads() for blas in threads.blas_libraries()]
    one, other = threads.one_blas_thread(), threads.one_blas_thread()
    try:
        threads.set_count(2)
        one.__enter__()
        other.__enter__()
        one.__exit__(None, None, None)
        assert {blas.get_num_threads() for blas in threads.blas_libraries()} == {1}
        other.__exit__(None, None, None)
        assert {blas.get_num_threads() for blas in threads.blas_libraries()} == {2}
        with threads.one_blas_thread():
            threads.set_count(3)
            assert {blas.get_num_threads() for blas in threads.blas_libraries()} == {1}
        assert {blas.get_num_threads() for blas in threads.blas_libraries()} == {3}
    finally:
        threads.set_count(before[0])


def test_blas_is_kept_to_one_thread_in_the_block_and_gets_them_back() -> None:
    before = [blas.get_num_threads() for blas in threads.blas_libraries()]
    assert before
    with threads.one_blas_thread():
        assert {blas.get_num_threads() for blas in threads.blas_libraries()} == {1}
    assert [blas.get_num_threads() for blas in threads.blas_libraries()] == before


# -- products ----------------------------------------------------------------------------------------


@needs_numba
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("rows", "columns", "depth"),
    [(4, 1, 5000), (5, 5000, 1), (17, 31, 33), (40, 32, 16), (64, 65, 15), (100, 300, 129), (13, 700, 64)],
)
def test_products_of_every_layout_equal_numpy_s(
    rows: int, columns: int, depth: int, dtype: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads._team, "count", count)
    monkeypatch.setattr(PATHS["matmul"], "least", 0)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, depth)).astype(dtype), rng.normal(size=(depth, columns)).astype(dtype)
    desired = a.astype("float64") @ b.astype("float64")
    taken = rows * columns * depth >= 2**14
    vector = np.full(rows * columns + 2, 9.0, dtype)
    for left in (a, np.asfortranarray(a)):
        for right in (b, np.asfortranarray(b)):
            for out in (None, vector[1:-1].reshape(rows, columns)):
                found = PATHS["matmul"](left, right, out)
                assert (found is not NotImplemented) == taken
                if taken:
                    assert found.dtype == dtype
                    assert out is None or found is out
                    # The largest of the rounding errors grows with the number of terms.
                    assert_close(found, desired, dtype, rtol=0.0, atol=depth**0.5 * np.finfo(dtype).eps)
    assert vector[0] == vector[-1] == 9.0


@needs_numba
def test_products_that_tiles_do_not_fit_are_numpy_s() -> None:
    a = np.ones((64, 64), "float32")
    readonly = a.copy()
    readonly.setflags(write=False)
    for left, right, out in [
        (a, a.astype("float64"), None), (a[:, ::2], a[:32], None), (readonly, a, None), (a[None], a, None),
        (a, a, np.empty((64, 128), "float32")[:, ::2]), (a[:1], a, None), (a, a, np.empty((64, 64))),
    ]:  # fmt: skip
        assert PATHS["matmul"](left, right, out) is NotImplemented
        if right.dtype == left.dtype:
            np.testing.assert_array_equal(matmul(left, right, out), np.matmul(left, right))
