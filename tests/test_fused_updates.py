"""Updates in one pass, and in blocks without Numba: to the last bit what the plain functions do, on any threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnxp import SGD, Adam, Linear, Network, clip_grad_norm, clip_grad_value
from nnxp._backend import threads
from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels import FASTER, PATHS, blocks, path
from nnxp._backend.kernels.path import Path, numba_is_here
from tests.backends import assert_close
from tests.fused_cases import CASES, FusedCase

pytestmark = pytest.mark.skipif(not FASTER, reason="NNXP_FAST=0 is set")
needs_numba = pytest.mark.skipif(not numba_is_here(), reason="Numba is not installed")

UPDATES = [case for case in CASES if PATHS[case.name].elementwise]
every_update = pytest.mark.parametrize("case", UPDATES, ids=str)
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])

# NaN, infinities, what overflows when squared, zeros and a denormal number.
ODD = {kind: [np.nan, np.inf, -np.inf, big, -big, 0.0, -0.0, tiny] for kind, big, tiny in [
    ("float32", 1e30, 1e-42), ("float64", 1e200, 1e-310),
]}  # fmt: skip


def drawn(case: FusedCase, dtype: str, odd: bool = True) -> list[Any]:
    """Draw a case's arguments; NaN and its like go into the gradient, and one by one into the other vectors."""
    rng = np.random.default_rng(0)
    given = list(case.arguments(lambda *shape: rng.normal(size=shape).astype(dtype)))
    vectors = [v for v in given if isinstance(v, np.ndarray) and v.ndim]
    if odd:
        vectors[1][:8] = vectors[1][-8:] = ODD[dtype]
        for i, vector in enumerate(vectors):
            vector[100 + 50 * i : 108 + 50 * i] = ODD[dtype]
    return given


def after(function: Callable[..., Any], given: list[Any]) -> list[Any]:
    """Return the vectors as a function leaves them."""
    given = [v.copy() if isinstance(v, np.ndarray) else v for v in given]
    with np.errstate(all="ignore"):
        assert function(*given) is None
    return [v for v in given if isinstance(v, np.ndarray)]


@needs_numba
@pytest.mark.parametrize("count", [1, 3])
@both_dtypes
@every_update
def test_a_kernel_gives_the_plain_way_s_bits_whatever_the_gradient(
    case: FusedCase, dtype: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnxp._backend.kernels import optimizers

    monkeypatch.setattr(threads._team, "count", count)
    monkeypatch.setattr(optimizers, "_LEAST", 10_000)
    given = drawn(case, dtype)
    kernel = PATHS[case.name]._load()
    for here, there in zip(after(kernel, given), after(SPECIFICATIONS[case.name], given), strict=True):
        assert here.dtype == dtype or not here.ndim
        np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("count", [1, 3])
@both_dtypes
@every_update
def test_blocks_give_the_plain_way_s_bits_whatever_the_gradient(
    case: FusedCase, dtype: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads._team, "count", count)
    monkeypatch.setattr(blocks, "LEAST", 0)
    monkeypatch.setattr(blocks, "_BLOCK", 8_192)
    monkeypatch.setattr(blocks, "_SHARE", 8_192)
    given = drawn(case, dtype)
    plain = SPECIFICATIONS[case.name]
    for here, there in zip(after(blocks.in_blocks(plain), given), after(plain, given), strict=True):
        np.testing.assert_array_equal(here, there)


def test_blocks_cover_every_vector_once_and_hand_on_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads._team, "count", 2)
    monkeypatch.setattr(blocks, "LEAST", 0)
    monkeypatch.setattr(blocks, "_BLOCK", 4)
    monkeypatch.setattr(blocks, "_SHARE", 4)
    seen = []

    def plain(theta: Any, other: Any, nothing: None, number: float, one: Any) -> None:
        theta += other
        seen.append((len(theta), nothing, number, one.shape, threading.current_thread().name))

    theta, other = np.zeros(19), np.arange(19.0)
    assert blocks.in_blocks(plain)(theta, other, None, 2.0, np.ones(1)) is None
    np.testing.assert_array_equal(theta, other)
    assert sorted(size for size, *_ in seen) == [3, 3, 3, 3, 3, 4]
    assert {facts[1:4] for facts in seen} == {(None, 2.0, (1,))}
    assert len({facts[4] for facts in seen}) == 2


def test_blocks_leave_small_vectors_and_tables_to_the_plain_way() -> None:
    run = blocks.in_blocks(lambda *args: pytest.fail("it ran"))
    assert run(np.zeros(2**17 - 1)) is NotImplemented
    assert run(np.broadcast_to(0.0, (2**10, 2**8))) is NotImplemented


@pytest.mark.parametrize("name", sorted({case.name for case in UPDATES}))
def test_kernels_leave_tables_to_the_plain_way(name: str) -> None:
    way = PATHS[name]._load()
    case = next(case for case in UPDATES if case.name == name)
    given = [v.reshape(1, -1) if isinstance(v, np.ndarray) and v.ndim else v for v in drawn(case, "float32")]
    assert way(*given) is NotImplemented


@needs_numba
@pytest.mark.parametrize("size", [9, 11])
def test_a_state_of_another_length_is_refused_as_the_plain_way_refuses_it(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PATHS["sgd_with_momentum"], "least", 0)
    theta, state = np.ones(10), {"momentum_buffer": np.ones(size)}
    with pytest.raises(ValueError, match="broadcast"):
        SGD(momentum=0.9).step_run(theta, np.ones(10), state, 0.1, 1, 0.0)
    np.testing.assert_array_equal(theta, 1.0)


@needs_numba
def test_vectors_of_mixed_dtypes_are_left_to_the_plain_way() -> None:
    kernel = PATHS["sgd"]._load()
    assert kernel(np.ones(10, "float32"), np.ones(10), 0.1, 0.0) is NotImplemented


@pytest.mark.parametrize(("elementwise", "expected"), [(True, "in_blocks"), (False, "_closed")])
def test_without_numba_an_elementwise_path_leads_to_blocks(
    elementwise: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path, "numba_is_here", lambda: False)
    way = Path("adam", "adams", least=0, elementwise=elementwise)
    assert way._load().__qualname__.startswith(expected)
    theta = np.ones(10)
    assert way(theta, *(np.ones(10) for _ in range(3)), None, 0.9, 0.999, 1e-8, 1e-3, 1.0, 0.0) is NotImplemented


def test_without_numba_a_large_network_moves_as_it_does_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    thetas = []
    for ours in (PATHS["adam"]._load(), blocks.in_blocks(SPECIFICATIONS["adam"])):
        net = Network(Linear(1100, 1000), seed=0)
        monkeypatch.setattr(PATHS["adam"], "_kernel", ours)
        for gradient in np.random.default_rng(0).normal(size=(2, net.theta.size)).astype("float32"):
            net.gradient = gradient
            Adam(lr=0.1, weight_decay=0.1).update(net)
        thetas.append(net.theta)
    np.testing.assert_array_equal(*thetas)


# -- clipping ----------------------------------------------------------------------------------------


@both_dtypes
def test_the_norm_is_the_same_on_any_number_of_threads(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnxp._backend.kernels import clipping

    monkeypatch.setattr(clipping, "_LEAST", 4096)
    gradient = np.random.default_rng(0).normal(size=70_003).astype(dtype)
    norms = []
    for count in (1, 2, 5):
        monkeypatch.setattr(threads._team, "count", count)
        norms.append(clipping.gradient_norm(gradient, 2.0))
    assert norms[0] == norms[1] == norms[2]
    assert_close(norms[0], np.sqrt((gradient.astype("float64") ** 2).sum()), dtype, rtol=2e-7)


@pytest.mark.parametrize("order", [1.0, 3.0, float("inf")])
def test_norms_of_another_order_are_left_to_the_plain_way(order: float) -> None:
    from nnxp._backend.kernels import clipping

    assert clipping.gradient_norm(np.ones(10), order) is NotImplemented
    assert clipping.gradient_norm(np.ones(20)[::2], 2.0) is NotImplemented


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clipping_passes_nan_and_infinity_as_the_plain_way_does(bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = []
    for least in (0, 10**9):
        for name in ("gradient_norm", "scale_gradient", "cut_gradient"):
            monkeypatch.setattr(PATHS[name], "least", least)
        for clip in (clip_grad_norm, clip_grad_value):
            net = Network(Linear(99, 100), seed=0)
            net.gradient = np.linspace(-1, 1, net.theta.size, dtype="float32")
            net.gradient[5_000] = bad
            with np.errstate(invalid="ignore"):
                clip(net, 0.5)
            gradients.append(net.gradient)
    np.testing.assert_array_equal(gradients[:2], gradients[2:])
