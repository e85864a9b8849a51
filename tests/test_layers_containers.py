"""Sequential, Residual and Parallel: structure, what is kept, and what is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnxp.layers import Activation, Flatten, Identity, Layer, Linear, Parallel, ReLU, Residual, Sequential, Tanh
from nnxp.network import Network
from tests.backends import Backend

MODEL = Sequential(Linear(4, 3), ReLU(), Linear(3, 2), Tanh())


def refuse(x: Any) -> Any:
    raise AssertionError("this derivative is not wanted")


def ones(backend: Backend, shape: tuple[int, ...] = (5, 4)) -> Any:
    return backend.put(np.ones(shape), "float32")


def test_sequential_is_indexed_and_sliced_like_a_list() -> None:
    assert MODEL[1] == ReLU()
    assert MODEL[-1] == Tanh()
    assert MODEL[1:3] == Sequential(ReLU(), Linear(3, 2))
    assert MODEL[::-1][0] == Tanh()
    assert len(MODEL) == 4
    assert list(MODEL) == [Linear(4, 3), ReLU(), Linear(3, 2), Tanh()]
    with pytest.raises(IndexError):
        MODEL[4]


class Lookup(Identity):
    accepts_integers = True


def test_sequential_takes_integers_where_its_first_layer_does() -> None:
    assert Sequential(Lookup(), Tanh()).accepts_integers
    assert not Sequential(Tanh(), Lookup()).accepts_integers
    assert not Sequential().accepts_integers
    assert Network(Sequential(Lookup(), Flatten())).put_input([[1, 2]]).dtype.kind == "i"
    assert Network(Sequential(Tanh(), Lookup())).put_input([[1, 2]]).dtype == "float32"


def test_equal_models_are_equal_values() -> None:
    assert Sequential(Linear(4, 3)) == Sequential(Linear(4, 3)) != Sequential(Linear(4, 2))
    assert len({MODEL, Sequential(*MODEL), Residual(MODEL), Residual(Sequential(*MODEL))}) == 2


def test_names_are_paths_through_the_containers() -> None:
    model = Sequential(Residual(Linear(3, 3)), Sequential(Parallel(Linear(3, 2), Linear(3, 2))))
    assert list(Network(model).parameters) == [
        "0.layer.weight", "0.layer.bias", "1.0.0.weight", "1.0.0.bias", "1.0.1.weight", "1.0.1.bias",
    ]  # fmt: skip


def test_equal_layers_have_parameters_of_their_own() -> None:
    net = Network(Sequential(Linear(3, 3), Linear(3, 3)), seed=0)
    assert (net.parameters["0.weight"] != net.parameters["1.weight"]).all()


@pytest.mark.parametrize(
    "model",
    [MODEL, Residual(MODEL, Linear(4, 2)), Parallel(MODEL, Linear(4, 2))],
    ids=["chain", "residual", "parallel"],
)
def test_children_can_be_exchanged(model: Any) -> None:
    def widen(_: str, layer: Layer) -> Layer:
        return layer.map_children(widen) if layer.children() else Identity()

    changed = model.map_children(widen)
    assert type(changed) is type(model)
    assert Network(changed).theta.size == 0
    assert model.map_children(lambda _, layer: layer) == model


def test_parallel_keeps_its_options_when_its_children_are_exchanged() -> None:
    model = Parallel(Linear(3, 2), Tanh(), combine="concatenate", dim=-1)
    assert model.map_children(lambda _, layer: layer) == model


@pytest.mark.parametrize("model", [MODEL, Residual(MODEL, Linear(4, 2)), Parallel(MODEL, Linear(4, 2))], ids=repr)
def test_nothing_is_kept_when_only_predicting(model: Layer) -> None:
    net = Network(model, seed=0)
    _, cache = net.run((np.ones((5, 4), "float32"),), net.mode(training=False, keep_cache=False))

    def kept(part: Any) -> bool:
        return any(map(kept, part)) if isinstance(part, (list, tuple)) else hasattr(part, "dtype")

    assert not kept(cache)


def test_caches_are_let_go_in_the_backward_that_may_consume_them() -> None:
    net, x = Network(Sequential(Identity(), MODEL), seed=0), np.ones((5, 4), "float32")
    y, cache = net.run((x,), net.mode(training=True, consume=True))
    net.run_backward(cache, y)
    assert cache[0] == []
    y, kept = net.forward(x)
    np.testing.assert_array_equal(net.backward(kept, y), net.backward(kept, y))


@pytest.mark.parametrize(
    "model",
    [
        Sequential(Activation(abs, refuse), Linear(4, 2)),
        Sequential(Residual(Activation(abs, refuse)), Linear(4, 2)),
        Sequential(Sequential(Activation(abs, refuse)), Sequential(Flatten(), Linear(4, 2))),
        Residual(Sequential(Activation(abs, refuse), Linear(4, 4))),
        Parallel(Sequential(Activation(abs, refuse), Linear(4, 2)), Linear(4, 2)),
    ],
    ids=["chain", "residual before", "nested", "residual", "parallel"],
)
def test_no_gradient_is_computed_before_the_first_parameter(model: Layer, backend: Backend) -> None:
    net = Network(model, device=backend.device, seed=0)
    y, cache = net.run((ones(backend),), net.mode(training=True, input_gradient=False))
    assert net.run_backward(cache, y) is None
    assert np.any(backend.get(net.gradient))


def test_parallel_knows_the_sizes_of_its_output() -> None:
    two = Parallel(Linear(3, 2), Linear(3, 4), combine="concatenate", dim=-1)
    assert two.output_shape((3,)) == (6,)
    assert two.output_shape((7, 3)) == (7, 6)
    assert Parallel(ReLU(), Tanh(), combine="concatenate").output_shape((None, 3)) == (None, 3)
    assert Parallel(ReLU(), Tanh(), combine="concatenate").output_shape((2, 3)) == (4, 3)
    assert Parallel(ReLU(), Tanh()).output_shape(None) is None
    assert Residual(Linear(3, 3)).output_shape((3,)) == (3,)


def test_input_of_a_batch_is_summed_over_both_branches(backend: Backend) -> None:
    net = Network(Residual(Identity()), device=backend.device)
    y, cache = net.forward(ones(backend))
    np.testing.assert_array_equal(backend.get(y), np.full((5, 4), 2.0))
    np.testing.assert_array_equal(backend.get(net.backward(cache, y)), np.full((5, 4), 4.0))
