"""Linear: how it starts, and the shapes that it takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnxp.layers import Linear, Sequential, Tanh
from nnxp.network import Network
from tests.backends import Backend, assert_close

small = st.integers(0, 3)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    batch=st.lists(small, max_size=3),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    bias=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_any_batch_axes_give_the_matrix_product_of_the_last_one(
    batch: list[int], sizes: tuple[int, int], bias: bool, dtype: str
) -> None:
    net = Network(Linear(*sizes, bias=bias), dtype=dtype, seed=0)
    x = np.random.default_rng(0).normal(size=(*batch, sizes[0])).astype(dtype)
    y, cache = net.forward(x)
    assert y.dtype == dtype
    expected = np.einsum("...i,oi->...o", x, net.parameters["weight"]) + (net.parameters["bias"] if bias else 0)
    assert_close(y, expected, dtype)
    dx = net.backward(cache, y)
    assert dx.dtype == dtype
    assert_close(dx, np.einsum("...o,oi->...i", y, net.parameters["weight"]), dtype)
    axes = list(range(len(batch)))
    assert_close(net.gradients["weight"], np.tensordot(y, x, axes=(axes, axes)), dtype)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_weight_and_bias_start_uniform_within_one_over_the_root_of_the_inputs(name: str) -> None:
    values = Network(Linear(16, 500), seed=0).parameters[name]
    assert 0.24 < np.abs(values).max() <= 0.25
    assert abs(values.mean()) < 4 * 0.25 / math.sqrt(3 * values.size)
    assert math.isclose(values.std(), 0.25 / math.sqrt(3), rel_tol=0.08)  # bias: 500 draws


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_bounds_of_the_start_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = getattr(torch.nn.Linear(16, 500), name).detach().numpy()
    ours = Network(Linear(16, 500), seed=0).parameters[name]
    assert math.isclose(np.abs(ours).max(), np.abs(theirs).max(), rel_tol=0.01)


def test_unknown_size_is_taken_from_the_layer_before() -> None:
    net = Network(Sequential(Linear(None, 3), Tanh(), Linear(None, 2)), input_shape=(5, 4))
    assert {name: p.shape for name, p in net.parameters.items()} == {
        "0.weight": (3, 4), "0.bias": (3,), "2.weight": (2, 3), "2.bias": (2,),
    }  # fmt: skip
    assert net.output_shape == (5, 2)


def test_input_gradient_is_left_out_where_nobody_wants_it(backend: Backend) -> None:
    net = Network(Linear(3, 2), device=backend.device, seed=0)
    x = backend.put(np.ones((4, 3)), "float32")
    y, cache = net.run((x,), net.mode(training=True, input_gradient=False))
    assert net.run_backward(cache, y) is None
    assert np.all(backend.get(net.gradients["weight"]) != 0)
