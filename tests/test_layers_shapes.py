"""Softmax over any axis and Flatten of any axes, against PyTorch and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnxp.layers import Flatten, Identity, LogSoftmax, Softmax
from nnxp.network import Network
from tests.backends import Backend, assert_close

shapes = st.lists(st.integers(0, 4), min_size=2, max_size=4).map(tuple)
dtypes = st.sampled_from(["float32", "float64"])
quick = settings(max_examples=40, deadline=None, derandomize=True)


def normal(shape: tuple[int, ...], dtype: str) -> Any:
    return np.random.default_rng(0).normal(size=shape, scale=20.0).astype(dtype)


@quick
@given(shape=shapes, dtype=dtypes, data=st.data())
def test_shares_add_up_to_one_along_any_axis(shape: tuple[int, ...], dtype: str, data: Any) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = normal(shape, dtype)
    y, cache = Network(Softmax(dim), dtype=dtype).forward(x)
    assert (y.shape, y.dtype) == (shape, dtype)
    if 0 not in shape:
        assert_close(y.sum(axis=dim), np.ones(x.sum(axis=dim).shape), dtype)
        log_y, _ = Network(LogSoftmax(dim), dtype=dtype).forward(x)
        assert_close(np.exp(log_y), y, dtype, rtol=2e-5 if dtype == "float32" else 1e-12)  # exp magnifies errors
        net = Network(Softmax(dim), dtype=dtype)
        assert_close(net.backward(net.forward(x)[1], np.ones_like(x)), np.zeros(shape), dtype)
    else:
        assert cache.layers.shape == shape


@quick
@given(shape=shapes, dtype=dtypes, data=st.data())
def test_any_axes_are_flattened_as_pytorch_does(shape: tuple[int, ...], dtype: str, data: Any) -> None:
    torch = pytest.importorskip("torch")
    start = data.draw(st.integers(-len(shape), len(shape) - 1))
    end = data.draw(st.integers(start % len(shape), len(shape) - 1))
    net = Network(Flatten(start, end), dtype=dtype, input_shape=shape[1:])
    x = normal(shape, dtype)
    y, cache = net.forward(x)
    np.testing.assert_array_equal(y, torch.flatten(torch.from_numpy(x), start, end).numpy())
    assert net.output_shape == y.shape[1:]
    np.testing.assert_array_equal(net.backward(cache, y), x)


def test_flatten_leaves_unknown_sizes_unknown() -> None:
    assert Flatten().output_shape((3, None, 2)) == (None,)
    assert Flatten(2).output_shape((None, 3, 2)) == (None, 6)
    assert Flatten().output_shape(None) is None


def test_identity_copies_nothing(backend: Backend) -> None:
    net = Network(Identity(), device=backend.device)
    x = backend.put(np.ones((2, 3)), "float32")
    y, cache = net.forward(x)
    assert y is x
    assert net.backward(cache, x) is x
