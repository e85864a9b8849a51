"""Twelve claims that every layer keeps, on every backend; tests/layer_cases.py says which layers."""

from __future__ import annotations

import re
import zlib
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
import pytest

import nnxp.layers
from nnxp.device import Device
from nnxp.initializers import Derived, Initializer, uniform
from nnxp.layers import Layer
from nnxp.network import Network
from tests.backends import Backend, assert_close, assert_on, backend_param
from tests.layer_cases import CASES, Case
from tests.oracles import SEED

DTYPES = ["float32", "float64"]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


@cache
def drawn_constants(case: Case) -> dict[str, Initializer]:
    """Draw what starts as a constant, or as others say: a weight of 1 or a bias of 0 would hide where it is used."""
    layout = Network(case.layer, device="cpu", seed=SEED, input_shape=case.shape[1:]).layout
    starts = {name: slot.spec.init for name, slot in layout.items()}
    constants = ("ones(", "zeros(", "constant(")
    hidden = (name for name, init in starts.items() if isinstance(init, Derived) or str(init).startswith(constants))
    return dict.fromkeys(hidden, uniform(0.5, 1.5))


def build(case: Case, device: Device | str, dtype: str = "float32", seed: int = SEED) -> Network:
    init = drawn_constants(case)
    return Network(case.layer, device=device, dtype=dtype, seed=seed, input_shape=case.shape[1:], init=init)


def draw(name: str, shape: tuple[int, ...], dtype: str = "float32", kinks: tuple[float, ...] = ()) -> Any:
    """Draw numbers that are the same in every run, none of them near a kink."""
    x = np.random.default_rng(zlib.crc32(name.encode())).normal(size=shape, scale=1.5)
    for kink in kinks:
        x = np.where(np.abs(x - kink) < 0.05, kink + 0.1, x)
    return x.astype(dtype)


def draw_input(case: Case, dtype: str = "float32") -> Any:
    return draw(case.name, case.shape, dtype, case.kinks)


def expected(case: Case, net: Network, x: Any) -> Any:
    arrays = {name: value.astype(np.float64) for name, value in net.state_dict().items()}
    return case.oracle(case.layer, arrays, x.astype(np.float64))


def run(case: Case, net: Network, x: Any, dy: Any = None) -> tuple[Any, Any, Any]:
    """Return output, input gradient and dy on the host; dy is drawn if it is not given."""
    y, cache = net.forward(x, training=case.training)
    dy = draw("dy", tuple(y.shape), net.dtype) if dy is None else dy
    dx = net.backward(cache, net.device.put(np.array(dy)))
    return net.device.get(y), net.device.get(dx), dy


def arrays_in(cache: Any) -> list[Any]:
    """List the arrays in a cache."""
    if isinstance(cache, (list, tuple)):
        return [array for part in cache for array in arrays_in(part)]
    return [cache] if hasattr(cache, "dtype") else []


# -- 1: the output -----------------------------------------------------------------------------------


@every_case
@every_dtype
def test_output_equals_the_float64_oracle(case: Case, backend: Backend, dtype: str) -> None:
    net, x = build(case, backend.device, dtype), draw_input(case, dtype)
    y, _ = net.forward(backend.put(x), training=case.training)
    assert_close(backend.get(y), expected(case, net, x), dtype)


# -- 2: the gradients --------------------------------------------------------------------------------


@every_case
def test_gradients_agree_with_central_differences(case: Case) -> None:
    net, x = build(case, "cpu", "float64"), draw_input(case, "float64")
    _, dx, dy = run(case, net, x)

    def differences(vector: Any) -> Any:
        slopes = np.zeros(vector.size)
        for i in range(vector.size):
            old, values = vector[i], []
            for step in (1e-5, -1e-5):
                vector[i] = old + step
                values.append(np.sum(dy * net.forward(x, training=case.training)[0]))
            vector[i] = old
            slopes[i] = (values[0] - values[1]) / 2e-5
        return slopes

    # The truncation of central differences is a few 1e-10 here, their cancellation a few 1e-11.
    assert_close(dx.reshape(-1), differences(x.reshape(-1)), rtol=1e-7, atol=1e-8)
    assert_close(net.gradient, differences(net.theta), rtol=1e-7, atol=1e-8)


@every_case
def test_gradients_are_the_same_on_every_backend(case: Case, backend: Backend) -> None:
    x, there, here = draw_input(case), build(case, backend.device), build(case, "cpu", "float64")
    here.load_state_dict(there.state_dict())
    _, dx, dy = run(case, there, backend.put(x))
    _, exact_dx, _ = run(case, here, x.astype(np.float64), dy.astype(np.float64))
    assert_close(dx, exact_dx, "float32")
    assert_close(backend.get(there.gradient), here.gradient, "float32")


# -- 3: PyTorch --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in CASES if case.torch], ids=lambda case: case.name)
@every_dtype
def test_output_and_gradients_equal_those_of_pytorch(case: Case, backend: Backend, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    net, x = build(case, backend.device, dtype), draw_input(case, dtype)
    module = case.torch(torch).to(getattr(torch, dtype))
    module.load_state_dict({name: torch.from_numpy(value) for name, value in net.state_dict().items()})
    y, dx, dy = run(case, net, backend.put(x))
    their_x = torch.from_numpy(x).requires_grad_()
    their_y = module(their_x)
    their_y.backward(torch.from_numpy(dy))
    # Two float32 computations differ by the errors of both.
    forward, backward = (1e-12, 1e-10) if dtype == "float64" else (4e-6, 4e-6)
    assert_close(y, their_y.detach().numpy(), rtol=forward, atol=forward)
    assert_close(dx, their_x.grad.numpy(), rtol=backward, atol=backward)
    for name, parameter in module.named_parameters():
        assert_close(backend.get(net.gradients[name]), parameter.grad.numpy(), rtol=backward, atol=backward)
    for name, buffer in module.named_buffers():
        assert_close(backend.get(net.buffers[name]), buffer.numpy(), rtol=forward, atol=forward)


# -- 4: namespace, device, dtype, shape --------------------------------------------------------------


@every_case
@every_dtype
def test_results_follow_the_input(case: Case, backend: Backend, dtype: str) -> None:
    net, x = build(case, backend.device, dtype), draw_input(case, dtype)
    y, cache = net.forward(backend.put(x), training=case.training)
    assert_on(backend, y, dtype, expected(case, net, x).shape)
    assert net.output_shape == tuple(y.shape[1:])
    dx = net.backward(cache, backend.put(draw("dy", tuple(y.shape), dtype)))
    assert_on(backend, dx, dtype, case.shape)
    for name, gradient in net.gradients.items():
        assert_on(backend, gradient, dtype, tuple(net.parameters[name].shape))


@every_case
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", [backend_param("torch:meta")])
def test_shapes_are_known_without_values(case: Case, name: str, training: bool) -> None:
    net, meta = build(case, name), Backend(name)
    y, cache = net.forward(meta.put(draw_input(case)), training=training)
    dx = net.backward(cache, meta.put(np.zeros(tuple(y.shape), "float32")))
    assert_on(meta, y, "float32", (*expected(case, build(case, "cpu"), draw_input(case)).shape,))
    assert_on(meta, dx, "float32", case.shape)


# -- 5: nothing is modified --------------------------------------------------------------------------


@every_case
def test_nothing_that_is_given_is_modified(case: Case, backend: Backend) -> None:
    net = build(case, backend.device)
    x = backend.put(draw_input(case))
    given = [x, net.theta]
    if not case.training:  # training gathers statistics
        given += net.buffers.values()
    before = [np.array(backend.get(array)) for array in given]
    y, cache = net.forward(x, training=case.training)
    dy = backend.put(draw("dy", tuple(y.shape)))
    kept = [dy, y, *arrays_in(cache.layers)]
    before += [np.array(backend.get(array)) for array in kept]
    net.backward(cache, dy)
    for array, old in zip(given + kept, before, strict=True):
        np.testing.assert_array_equal(backend.get(array), old)


# -- 6: the smallest batches -------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("size", [0, 1])
def test_batches_of_one_and_of_none_work(case: Case, backend: Backend, size: int) -> None:
    net, x = build(case, backend.device), draw_input(case)[:size]
    y, dx, _ = run(case, net, backend.put(x))
    assert_close(y, expected(case, net, x), "float32")
    assert dx.shape == x.shape
    if size == 0:
        assert not np.any(backend.get(net.gradient))


# -- 7: memory layouts -------------------------------------------------------------------------------


@every_case
def test_memory_layout_makes_no_difference(case: Case, backend: Backend) -> None:
    net, x = build(case, backend.device), draw_input(case)
    y, dx, dy = run(case, net, backend.put(x))
    gradient = np.array(backend.get(net.gradient))
    for scatter in (every_other, transposed):
        strided_y, cache = net.forward(scatter(backend, x), training=case.training)
        strided_dx = net.backward(cache, scatter(backend, dy))
        assert_close(backend.get(strided_y), y, "float32")
        assert_close(backend.get(strided_dx), dx, "float32")
        assert_close(backend.get(net.gradient), gradient, "float32")


def every_other(backend: Backend, x: Any) -> Any:
    return backend.put(np.repeat(x, 2, axis=-1))[..., ::2]


def transposed(backend: Backend, x: Any) -> Any:
    axes = tuple(reversed(range(x.ndim)))
    return backend.device.xp.permute_dims(backend.put(np.transpose(x, axes).copy()), axes)


# -- 8: randomness -----------------------------------------------------------------------------------


@every_case
def test_same_seed_gives_the_same_bits(case: Case, backend: Backend) -> None:
    nets, x = [build(case, backend.device) for _ in range(2)], draw_input(case)
    (y, dx, _), (other_y, other_dx, _) = (run(case, net, backend.put(x)) for net in nets)
    np.testing.assert_array_equal(y, other_y)
    np.testing.assert_array_equal(dx, other_dx)
    np.testing.assert_array_equal(*(backend.get(net.gradient) for net in nets))


@every_case
def test_evaluation_takes_no_randomness(case: Case, backend: Backend) -> None:
    net = build(case, backend.device)
    with mock.patch("nnxp.random.random_words", side_effect=AssertionError("randomness in evaluation")):
        y, cache = net.forward(backend.put(draw_input(case)))
        net.backward(cache, backend.put(draw("dy", tuple(y.shape))))


# -- 9: no hidden state ------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_forwards_may_be_followed_by_their_backwards_in_either_order(
    case: Case, backend: Backend, order: tuple[int, int]
) -> None:
    net = build(case, backend.device)
    xs = [backend.put(draw_input(case)), backend.put(draw("other", case.shape))]
    passes = [net.forward(x, training=case.training) for x in xs]
    dy = backend.put(draw("dy", tuple(passes[0][0].shape)))
    for i in order:
        dx = backend.get(net.backward(passes[i][1], dy))
        gradient = np.array(backend.get(net.gradient))
        fresh = build(case, backend.device)
        _, alone, _ = run(case, fresh, xs[i], backend.get(dy))
        np.testing.assert_array_equal(dx, alone)
        np.testing.assert_array_equal(gradient, backend.get(fresh.gradient))


# -- 10: names and state -----------------------------------------------------------------------------


@every_case
def test_names_agree_and_a_state_dict_brings_everything_back(case: Case, backend: Backend) -> None:
    net, other = build(case, backend.device), build(case, backend.device, seed=SEED + 1)
    assert list(net.parameters) == list(net.gradients) == list(net.layout)
    state = net.state_dict()
    assert set(state) == {*net.parameters, *net.buffers}
    other.load_state_dict(state)
    x = backend.put(draw_input(case))
    np.testing.assert_array_equal(*(backend.get(n.forward(x)[0]) for n in (net, other)))


# -- 11: errors (those of single layers are in tests/test_layers_errors.py) -----------------------------


@every_case
def test_gradient_of_another_shape_is_refused(case: Case, backend: Backend) -> None:
    net = build(case, backend.device)
    y, cache = net.forward(backend.put(draw_input(case)))
    shape = (*y.shape, 2)
    sentence = f"Network.backward: expected dy of shape {tuple(y.shape)}, got {shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        net.backward(cache, backend.put(np.zeros(shape, "float32")))


# -- 12: repr ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in CASES if not case.no_repr], ids=lambda case: case.name)
def test_repr_rebuilds_an_equal_layer(case: Case) -> None:
    rebuilt = eval(repr(case.layer), vars(nnxp.layers).copy())
    assert rebuilt == case.layer
    assert hash(rebuilt) == hash(case.layer)


# -- the suite itself --------------------------------------------------------------------------------


def test_every_public_layer_is_under_contract() -> None:
    public = {value for name in nnxp.layers.__all__ if issubclass(value := getattr(nnxp.layers, name), Layer)}
    # A layer that would not fit in stands in an adapter of the tests.
    adapted = [type(case.layer).__module__.startswith("tests.") for case in CASES]
    layers = [case.layer.layer if inside else case.layer for case, inside in zip(CASES, adapted, strict=True)]
    assert public - {Layer} == {type(layer) for layer in layers}


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
