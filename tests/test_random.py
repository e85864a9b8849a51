"""Randomness: the same from the same seed on every device, and different wherever anything differs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnxp.layers import Dropout, Linear, Sequential
from nnxp.network import Network
from nnxp.random import Draw, Stream, draw_seed, generator
from tests import oracles
from tests.backends import Backend

MODEL = Sequential(Linear(6, 5), Dropout(0.5), Linear(5, 4), Dropout(0.2))


def mask(
    backend: Backend, seed: int = 3, step: int = 0, layer: int = 2, p: float = 0.5, call: int = 0, visit: int = 0
) -> Any:
    x = backend.put(np.zeros((50, 20)), "float32")
    return backend.get(Stream(Draw(seed, step), layer, visit).keep(x, p, call))


@pytest.mark.parametrize("seed", [0, 2**40 + 5, 2**64 - 1])
def test_masks_are_those_of_the_counter(seed: int, backend: Backend) -> None:
    key = (seed % 2**32, seed >> 32)
    for visit in (0, 3):
        call = 1 + visit * 65536
        expected = [oracles.philox((e // 4, call, 2, 9), key)[e % 4] < 0.7 * 2**32 for e in range(1000)]
        kept = mask(backend, seed, step=9, layer=2, p=0.3, call=1, visit=visit)
        assert kept.reshape(-1).tolist() == expected


def test_mask_is_a_boolean_array_beside_its_input(backend: Backend) -> None:
    x = backend.put(np.zeros((2, 0, 3)), "float32")
    kept = Stream(Draw(0), 0).keep(x, 0.5)
    assert backend.device.owns(kept)
    assert tuple(kept.shape) == (2, 0, 3)
    assert kept.dtype == backend.device.xp.bool


@pytest.mark.parametrize(
    "other", [{"seed": 4}, {"seed": 3 + 2**32}, {"step": 1}, {"layer": 3}, {"call": 1}, {"visit": 1}], ids=str
)
def test_masks_differ_where_anything_differs(other: dict[str, int], backend: Backend) -> None:
    share = np.mean(mask(backend) == mask(backend, **other))
    assert 0.42 < share < 0.58  # five standard deviations of 1,000 tosses


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_rate_of_what_is_dropped_is_right(p: float, backend: Backend) -> None:
    rate = np.mean([~mask(backend, step=step, p=p) for step in range(10)])
    assert abs(rate - p) < 4 * np.sqrt(p * (1 - p) / 10_000)


def test_tiny_rate_keeps_all_and_the_rate_of_one_nothing(backend: Backend) -> None:
    assert mask(backend, p=1e-12).all()
    assert not mask(backend, p=1.0).any()


def test_same_seed_starts_the_same_network_on_every_device(backend: Backend) -> None:
    here, there = Network(MODEL, seed=5), Network(MODEL, device=backend.device, seed=5)
    np.testing.assert_array_equal(backend.get(there.theta), here.theta)
    assert (Network(MODEL, seed=6).theta != here.theta).all()


def test_same_seed_drops_the_same_on_every_device(backend: Backend) -> None:
    here, there = Network(MODEL, seed=5), Network(MODEL, device=backend.device, seed=5)
    for step in (0, 1):
        x = np.ones((30, 6), "float32")
        _, cache = here.forward(x, training=True, random_step=step)
        _, there_cache = there.forward(backend.put(x), training=True, random_step=step)
        for place in (1, 3):
            np.testing.assert_array_equal(backend.get(there_cache.layers[0][place]), cache.layers[0][place])


def test_both_dtypes_start_from_the_same_numbers() -> None:
    narrow, wide = (Network(MODEL, seed=5, dtype=dtype).theta for dtype in ("float32", "float64"))
    np.testing.assert_array_equal(narrow, wide.astype("float32"))


def test_initial_weights_depend_on_the_name_and_not_on_the_neighbours() -> None:
    small, large = Network(Sequential(Linear(3, 2)), seed=0), Network(Sequential(Linear(3, 2), Linear(2, 2)), seed=0)
    np.testing.assert_array_equal(small.parameters["0.weight"], large.parameters["0.weight"])


def test_generators_are_told_apart_by_their_names() -> None:
    def first(*names: str | int, seed: int = 0) -> float:
        return generator(seed, *names).random()

    assert first("shuffle", 1) == first("shuffle", 1)
    assert len({first("shuffle", 1), first("shuffle", 2), first("split", 1), first("shuffle", 1, seed=1), first()}) == 5


def test_seed_that_was_drawn_is_kept_and_starts_the_same_network() -> None:
    net = Network(MODEL)
    np.testing.assert_array_equal(net.theta, Network(MODEL, seed=net.seed).theta)
    assert 0 <= draw_seed() < 2**64
    assert draw_seed() != draw_seed()
