"""Standardize: what it measures, and that it travels with the model."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from nnxp.layers import Linear, Sequential, Standardize, standardize
from nnxp.network import Network
from tests.backends import Backend, assert_close


def data(shape: tuple[int, ...] = (50, 3)) -> np.ndarray:
    return np.random.default_rng(0).normal(100.0, 3.0, size=shape)


@pytest.mark.parametrize("shape", [(50,), (50, 3), (50, 2, 3), (1, 3)])
def test_fitted_features_have_mean_zero_and_deviation_one(backend: Backend, shape: tuple[int, ...]) -> None:
    x = data(shape)
    layer = Standardize.fit(backend.put(x))
    assert_close(layer.mean, x.mean(axis=0))
    assert_close(layer.std, x.std(axis=0) if shape[0] > 1 else np.ones(shape[1:]))
    net = Network(layer, device=backend.device, dtype="float64", input_shape=shape[1:])
    y = backend.get(net.forward(backend.put(x))[0])
    assert_close(y.mean(axis=0), np.zeros(shape[1:]))
    assert_close(y.std(axis=0), np.full(shape[1:], float(shape[0] > 1)))


@pytest.mark.parametrize("chunk", [1, 7, 30, 10_000])
def test_reading_in_pieces_makes_no_difference(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    whole = Standardize.fit(data())
    monkeypatch.setattr(standardize, "CHUNK", chunk)
    pieces = Standardize.fit(data())
    assert_close(pieces.mean, whole.mean)
    assert_close(pieces.std, whole.std)


def test_memory_map_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = data().astype("float32")
    np.save(tmp_path / "x.npy", x)
    largest = []
    original = standardize.to_host

    def watched(part: np.ndarray) -> np.ndarray:
        largest.append(part.size)
        return original(part)

    monkeypatch.setattr(standardize, "CHUNK", 12)
    monkeypatch.setattr(standardize, "to_host", watched)
    layer = Standardize.fit(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert max(largest) == 12
    assert_close(layer.mean, x.astype("float64").mean(axis=0))


def test_sums_are_in_float64() -> None:
    x = (1e4 + np.random.default_rng(0).normal(size=(1000, 1))).astype("float32")
    assert_close(Standardize.fit(x).std, x.astype("float64").std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3])
def test_constant_feature_becomes_exactly_zero(value: float) -> None:
    x = np.stack([np.full(999, value), np.arange(999.0)], axis=1)
    layer = Standardize.fit(x)
    assert layer.mean[0] == value
    assert layer.std[0] == 1.0
    assert not Network(layer, dtype="float64").forward(x)[0][:, 0].any()


def test_lists_and_integers_are_taken() -> None:
    expected = Standardize((2.0, 10.0), (1.0, 1.0))
    assert Standardize.fit([[1, 10], [3, 10]]) == expected
    assert Standardize.fit(np.array([[1, 10], [3, 10]], dtype="uint8")) == expected


def test_arrays_and_lists_become_tuples_so_that_it_stays_a_value() -> None:
    layer = Standardize(np.array([[1, 2]]), [[1.0, 0.5]])
    assert layer == Standardize(((1.0, 2.0),), ((1.0, 0.5),))
    assert hash(layer) == hash(Standardize(((1.0, 2.0),), ((1.0, 0.5),)))


def test_numbers_travel_with_the_state_dict(backend: Backend) -> None:
    fitted = Network(Sequential(Standardize.fit(data()), Linear(3, 2)), device=backend.device, seed=0)
    state = fitted.state_dict()
    assert list(state) == ["0.mean", "0.std", "1.weight", "1.bias"]
    assert state["0.mean"].dtype == "float32"
    empty = Network(Sequential(Standardize((0, 0, 0), (1, 1, 1)), Linear(3, 2)), device=backend.device, seed=1)
    empty.load_state_dict(state)
    x = backend.put(data(), "float32")
    np.testing.assert_array_equal(*(backend.get(net.forward(x)[0]) for net in (fitted, empty)))


def test_one_number_each_lives_in_scalar_buffers(backend: Backend) -> None:
    net = Network(Standardize(0.5, 2.0), device=backend.device)
    assert {name: tuple(buffer.shape) for name, buffer in net.buffers.items()} == {"mean": (), "std": ()}


@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_nothing_to_measure_is_refused(shape: tuple[int, ...]) -> None:
    sentence = f"Standardize.fit: expected x of shape (n, *sample) with n at least 1, got {shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Standardize.fit(np.zeros(shape))


def test_nan_in_the_data_is_refused() -> None:
    sentence = "Standardize: expected every mean in (-inf, inf), got nan; look for NaN in the data"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Standardize.fit(np.array([[1.0, np.nan], [2.0, 3.0]]))
