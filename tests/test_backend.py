"""The seam: every library's primitive equals its agnostic twin, and the twin what is published."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from nnxp._backend import agnostic, checked_labels, constant, dispatch, erf, matmul, namespace, random_words, sum_rows
from tests import oracles
from tests.backends import Backend, assert_close, assert_on, backend_param

FINE = np.concatenate([np.linspace(-7, 7, 1401), [0.46875, -0.46875, 4.0, -4.0, 1e-300, -1e-8, 30.0, -30.0]])

# Random123's kat_vectors for philox4x32-10: counter, key, what comes out.
VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


# -- erf ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [erf, lambda x: agnostic.erf(namespace(x), x)], ids=["library", "agnostic"])
def test_erf_is_exact_to_the_last_digits(function: Any, backend: Backend) -> None:
    y = function(backend.put(FINE))
    assert_on(backend, y, "float64", FINE.shape)
    np.testing.assert_allclose(backend.get(y), [math.erf(v) for v in FINE], rtol=1e-14, atol=1e-15)


def test_erf_in_float32_is_exact_to_its_precision(backend: Backend) -> None:
    y = erf(backend.put(FINE, "float32"))
    assert_on(backend, y, "float32", FINE.shape)
    assert_close(backend.get(y), [math.erf(v) for v in FINE.astype("float32")], rtol=5e-7, atol=0.0)


def test_erf_equals_that_of_pytorch(backend: Backend) -> None:
    torch = pytest.importorskip("torch")
    assert_close(backend.get(erf(backend.put(FINE))), torch.erf(torch.from_numpy(FINE)).numpy(), rtol=1e-14, atol=1e-15)


def test_erf_passes_nan_and_infinities(backend: Backend) -> None:
    y = backend.get(erf(backend.put([math.nan, math.inf, -math.inf, 1e30])))
    np.testing.assert_array_equal(y, [math.nan, 1.0, -1.0, 1.0])


# -- Philox ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_philox_gives_the_published_words(counter: str, key: str, expected: str, backend: Backend) -> None:
    arrays = [backend.put([word], "int64") for word in words(counter)]
    found = agnostic.philox(backend.device.xp, arrays, words(key))
    assert tuple(int(backend.get(word)[0]) for word in found) == words(expected)
    assert oracles.philox(words(counter), words(key)) == words(expected)


@pytest.mark.parametrize("count", [0, 1, 4, 11])
@pytest.mark.parametrize(
    ("key", "counter"),
    [
        ((0, 0), (0, 0, 0)),
        ((0xA4093822, 0x299F31D0), (0x85A308D3, 0x13198A2E, 0x03707344)),
        ((2**32 - 1, 7), (1, 2, 2**32 - 1)),
    ],
)
def test_random_words_are_bit_equal_everywhere(
    key: tuple[int, int], counter: tuple[int, int, int], count: int, backend: Backend
) -> None:
    like = backend.put(np.zeros(3), "float32")
    found = random_words(like, count, key, counter)
    assert backend.device.owns(found)
    twin = agnostic.random_words(backend.device.xp, like.device, count, key, counter)
    expected = [oracles.philox((e // 4, *counter), key)[e % 4] for e in range(count)]
    assert backend.get(found).tolist() == backend.get(twin).tolist() == expected


def test_first_random_words_are_the_published_ones(backend: Backend) -> None:
    found = random_words(backend.put(np.zeros(1)), 4, (0, 0), (0, 0, 0))
    assert tuple(backend.get(found).tolist()) == words(VECTORS[0][2])


# -- products and sums -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [0, 1, 5])
def test_matmul_writes_into_out(rows: int, dtype: str, backend: Backend) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, 3)).astype(dtype), rng.normal(size=(rows, 4)).astype(dtype)
    vector = Backend(str(backend.device)).put(np.full(14, 9.0), dtype)
    out = backend.device.xp.reshape(vector[1:13], (3, 4))
    matmul(backend.put(a).T, backend.put(b), out=out)
    assert_close(backend.get(out), a.T @ b, dtype)
    assert_close(backend.get(vector)[1:13], (a.T @ b).reshape(-1), dtype)
    assert backend.get(vector)[[0, 13]].tolist() == [9.0, 9.0]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_rows_are_summed(rows: int, backend: Backend) -> None:
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    total = sum_rows(backend.put(x))
    assert_on(backend, total, "float32", (3,))
    assert_close(backend.get(total), x.astype("float64").sum(axis=0), "float32")


# -- labels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignore", [None, -100])
def test_valid_labels_pass(ignore: int | None, backend: Backend) -> None:
    labels, invalid = checked_labels("Loss", backend.put([0, 2, 1]), 3, ignore)
    assert backend.get(labels).tolist() == [0, 2, 1]
    assert invalid is None or not backend.get(invalid).any()


def test_ignored_labels_become_safe_to_index_with(backend: Backend) -> None:
    labels, invalid = checked_labels("Loss", backend.put([0, -100, 2]), 3, -100)
    assert backend.get(labels).tolist() == [0, 0, 2]
    assert invalid is None or not backend.get(invalid).any()


@pytest.mark.parametrize("wrong", [3, -1])
def test_invalid_label_is_an_error_on_the_host(wrong: int) -> None:
    sentence = f"Loss: expected labels in [0, 2], got {wrong}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        checked_labels("Loss", np.array([0, -100, wrong]), 3, -100)


@pytest.mark.parametrize("name", [backend_param(name) for name in ("strict:device1", "torch:cpu", "cuda:0")])
def test_invalid_label_is_clamped_and_reported_on_a_device(name: str) -> None:
    backend = Backend(name)
    labels, invalid = checked_labels("Loss", backend.put([0, -100, 3, -1]), 3, -100)
    assert backend.get(labels).tolist() == [0, 0, 0, 0]
    assert backend.get(invalid).tolist() == [False, False, True, True]


# -- constants ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constant_is_made_once_beside_its_like(dtype: str, backend: Backend) -> None:
    like = backend.put(np.zeros(2), dtype)
    value = constant(((1.0, 2.0), (3.0, 4.0)), like)
    assert_on(backend, value, dtype, (2, 2))
    assert backend.get(value).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert constant(((1.0, 2.0), (3.0, 4.0)), like) is value
    assert_on(backend, constant(0.5, like), dtype, ())


def test_few_constants_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_constants", {})
    for i in range(2 * dispatch._MOST_CONSTANTS):
        constant(float(i), np.zeros(1))
    assert len(dispatch._constants) <= dispatch._MOST_CONSTANTS


# -- dispatch ----------------------------------------------------------------------------------------


def test_subclasses_belong_to_the_library_of_their_ancestor() -> None:
    class Mine(np.ndarray):
        pass

    assert namespace(np.zeros(2).view(Mine)) is np
    assert namespace(np.float32(1.0)) is np


def test_foreign_objects_are_refused() -> None:
    sentence = "nnxp: expected an array of NumPy, CuPy, PyTorch or array-api-strict, got list"
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        namespace([1.0])
