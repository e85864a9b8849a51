"""A layer without parameters beside the same thing in PyTorch, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnxp.layers import Layer
from nnxp.network import Network
from tests.backends import assert_close


def assert_equals_pytorch(layer: Layer, name: str, options: dict[str, Any], x: Any) -> None:
    """Hold outputs, indices beside them, their known shape and the gradient of the input against ``torch.nn``."""
    torch = pytest.importorskip("torch")
    net = Network(layer, dtype="float64", input_shape=x.shape[1:])
    y, cache = net.forward(x)
    their_x = torch.from_numpy(x).requires_grad_()
    their_y = getattr(torch.nn, name)(**options)(their_x)
    dy: Any = np.random.default_rng(1).normal(size=(x.shape[0], *net.output_shape))
    if isinstance(their_y, tuple):
        (y, indices), (their_y, their_indices) = y, their_y
        assert indices.dtype == np.int64
        np.testing.assert_array_equal(indices, their_indices.numpy())
        their_y.backward(torch.from_numpy(dy))
        dy = (dy, None)
    else:
        their_y.backward(torch.from_numpy(dy))
    assert_close(y, their_y.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert_close(net.backward(cache, dy), their_x.grad.numpy(), rtol=1e-10, atol=1e-10)
