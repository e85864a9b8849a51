"""Dropout: what is kept, how it is scaled, and what is remembered."""

from __future__ import annotations

import numpy as np
import pytest

from nnxp.layers import Dropout, Sequential
from nnxp.network import Network
from tests.backends import Backend


def ones(backend: Backend, shape: tuple[int, ...] = (200, 50)) -> object:
    return backend.put(np.ones(shape), "float32")


def test_mean_is_kept_in_training(backend: Backend) -> None:
    net = Network(Dropout(0.2), device=backend.device, seed=0)
    y = backend.get(net.forward(ones(backend), training=True)[0])
    np.testing.assert_allclose(np.unique(y), [0.0, 1.25])
    assert abs(y.mean() - 1) < 0.02  # four standard deviations of 10,000 draws


def test_cache_is_the_mask_in_booleans_and_the_gradient_passes_it(backend: Backend) -> None:
    net = Network(Dropout(0.5), device=backend.device, seed=0)
    y, cache = net.forward(ones(backend), training=True)
    assert str(cache.layers.dtype).rpartition(".")[2] == "bool"
    np.testing.assert_array_equal(backend.get(y), 2 * backend.get(cache.layers))
    np.testing.assert_array_equal(backend.get(net.backward(cache, ones(backend))), backend.get(y))


@pytest.mark.parametrize(("p", "training"), [(0.5, False), (0.0, True), (0.0, False)])
def test_nothing_is_copied_where_nothing_is_dropped(backend: Backend, p: float, training: bool) -> None:
    net, x = Network(Dropout(p), device=backend.device, seed=0), ones(backend)
    y, cache = net.forward(x, training=training)
    assert y is x
    assert cache.layers is None
    assert net.backward(cache, x) is x


def test_everything_is_dropped_at_one(backend: Backend) -> None:
    net = Network(Dropout(1.0), device=backend.device, seed=0)
    y, cache = net.forward(ones(backend), training=True)
    assert not backend.get(y).any()
    assert not backend.get(net.backward(cache, ones(backend))).any()


def test_masks_of_two_layers_and_of_two_steps_differ(backend: Backend) -> None:
    net = Network(Sequential(Dropout(0.5), Dropout(0.5)), device=backend.device, seed=0)
    masks = []
    for step in (0, 1, 0):
        _, cache = net.forward(ones(backend), training=True, random_step=step)
        masks.append([backend.get(mask) for mask in cache.layers[0]])
    assert (masks[0][0] != masks[0][1]).any()
    assert (masks[0][0] != masks[1][0]).any()
    np.testing.assert_array_equal(masks[0], masks[2])


def test_mask_changes_with_every_update(backend: Backend) -> None:
    net = Network(Dropout(0.5), device=backend.device, seed=0)
    before = backend.get(net.forward(ones(backend), training=True)[0])
    net.advance()
    assert (backend.get(net.forward(ones(backend), training=True)[0]) != before).any()
