"""Embedding and EmbeddingBag: equal to PyTorch, padding, indices that are none, and sums that are the same every time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnxp.layers import Add, Embedding, EmbeddingBag, Flatten, Graph, Linear, Sequential, Tanh
from nnxp.layers.embedding import sum_by_index
from nnxp.losses import CrossEntropyLoss, MSELoss
from nnxp.models import transformer
from nnxp.network import Network
from nnxp.optimizers import Adam
from nnxp.probe import probed
from tests.backends import Backend, assert_close, assert_on, backend_param
from tests.oracles_attention import embedding_bag


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(1, 6), size=st.integers(1, 3), shape=st.lists(st.integers(0, 5), min_size=1, max_size=3),
    dtype=st.sampled_from(["int64", "int32", "uint8"]), data=st.data(),
)  # fmt: skip
def test_look_up_equals_pytorch(rows: int, size: int, shape: list[int], dtype: str, data: Any) -> None:
    torch = pytest.importorskip("torch")
    padding = data.draw(st.none() | st.integers(-rows, rows - 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    net = Network(Embedding(rows, size, padding), dtype="float64", seed=0)
    module = torch.nn.Embedding(rows, size, padding, dtype=torch.float64)
    module.load_state_dict({"weight": torch.from_numpy(net.state_dict()["weight"])})
    x = rng.integers(0, rows, shape).astype(dtype)
    y, cache = net.forward(x)
    theirs = module(torch.from_numpy(x.astype("int64")))
    np.testing.assert_array_equal(y, theirs.detach().numpy())
    dy = rng.normal(size=y.shape)
    assert net.backward(cache, dy) is None
    theirs.backward(torch.from_numpy(dy))
    assert_close(net.gradients["weight"], module.weight.grad.numpy())


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(1, 6), size=st.integers(1, 3), n=st.integers(1, 4), length=st.integers(1, 5),
    mode=st.sampled_from(["mean", "sum", "weighted"]), data=st.data(),
)  # fmt: skip
def test_bags_equal_pytorch(rows: int, size: int, n: int, length: int, mode: str, data: Any) -> None:
    torch = pytest.importorskip("torch")
    padding = data.draw(st.none() | st.integers(-rows, rows - 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    options = {"mode": "sum" if mode == "weighted" else mode, "padding_idx": padding}
    net = Network(EmbeddingBag(rows, size, **options), dtype="float64", seed=0)
    module = torch.nn.EmbeddingBag(rows, size, **options, dtype=torch.float64)
    module.load_state_dict({"weight": torch.from_numpy(net.state_dict()["weight"])})
    x = rng.integers(0, rows, (n, length))
    weights = rng.normal(size=x.shape) if mode == "weighted" else None
    y, cache = net.forward(x, per_sample_weights=weights)
    their_weights = None if weights is None else torch.from_numpy(weights).requires_grad_()
    theirs = module(torch.from_numpy(x), per_sample_weights=their_weights)
    assert_close(y, theirs.detach().numpy())
    assert_close(y, embedding_bag(net.model, net.state_dict(), x, weights))
    dy = rng.normal(size=y.shape)
    dx = net.backward(cache, dy)
    theirs.backward(torch.from_numpy(dy))
    assert_close(net.gradients["weight"], module.weight.grad.numpy())
    if weights is None:
        assert dx is None
    else:
        assert dx[0] is None
        assert_close(dx[1], their_weights.grad.numpy())


@pytest.mark.parametrize("layer", [Embedding(50, 100, 3), EmbeddingBag(50, 100, padding_idx=-47)], ids=["one", "bag"])
def test_tables_start_in_the_normal_distribution_but_for_padding(layer: Any) -> None:
    weight = Network(layer, seed=0).state_dict()["weight"]
    np.testing.assert_array_equal(weight[3], 0.0)
    drawn = np.delete(weight, 3, axis=0)
    assert abs(drawn.mean()) < 0.06
    assert abs(drawn.std() - 1) < 0.04


@pytest.mark.parametrize("padding", [1, -2])
def test_padding_is_not_trained(backend: Backend, padding: int) -> None:
    for layer, shape in ((Embedding(3, 2, padding), (2, 3, 2)), (EmbeddingBag(3, 2, padding_idx=padding), (2, 2))):
        net = Network(layer, device=backend.device, seed=0)
        y, cache = net.forward(backend.put([[0, 1, 2], [1, 1, 1]]))
        assert_on(backend, y, "float32", shape)
        net.backward(cache, backend.put(np.ones(shape), "float32"))
        gradient = backend.get(net.gradients["weight"])
        np.testing.assert_array_equal(gradient[1], 0.0)
        assert gradient[0].all()
        assert gradient[2].all()
        np.testing.assert_array_equal(backend.get(y)[1], 0.0)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_indices_may_be_narrow(backend: Backend, dtype: str) -> None:
    net, x = Network(Embedding(300, 2), device=backend.device, seed=0), np.array([[3, 200], [3, 0]])
    y, cache = net.forward(backend.put(x, dtype))
    np.testing.assert_array_equal(backend.get(y), net.state_dict()["weight"][x])
    net.backward(cache, backend.put(np.ones((2, 2, 2)), "float32"))
    gradient = backend.get(net.gradients["weight"])
    np.testing.assert_array_equal(gradient[[0, 3, 200]], [[1, 1], [2, 2], [1, 1]])
    assert gradient.sum() == 8


# -- sums ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "size"), [(0, 3), (1, 1), (7, 3), (300, 5), (40, 400)])
def test_rows_that_share_an_index_are_summed(backend: Backend, n: int, size: int) -> None:
    rng = np.random.default_rng(n)
    index, rows = rng.integers(0, size, n), rng.normal(size=(n, 3)).astype("float32")
    expected = np.zeros((size, 3))
    np.add.at(expected, index, rows.astype("float64"))
    sums = sum_by_index(backend.put(rows), backend.put(index), size)
    assert_on(backend, sums, "float32", (size, 3))
    # Pairwise: the error of a sum of 60 numbers is that of six additions.
    assert_close(backend.get(sums), expected, "float32", rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [backend_param("torch:meta")])
def test_shapes_of_bags_and_tables_are_known_without_values(name: str) -> None:
    meta = Backend(name)
    for layer, shape in ((Embedding(5, 2), (2, 3, 2)), (EmbeddingBag(5, 2, mode="sum", padding_idx=0), (2, 2))):
        net = Network(layer, device=name)
        y, cache = net.forward(meta.put(np.zeros((2, 3), "int64")))
        assert_on(meta, y, "float32", shape)
        assert net.backward(cache, y) is None


# -- indices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [Embedding(3, 2), EmbeddingBag(3, 2)], ids=["one", "bag"])
@pytest.mark.parametrize("wrong", [3, -1, 300])
def test_an_index_that_is_no_row_is_refused_on_the_host(layer: Any, wrong: int) -> None:
    sentence = f"{type(layer).__name__}.forward: expected indices in [0, 2], got {wrong}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Network(layer).predict(np.array([[0, wrong]]))


TABLES = {
    "one": Embedding(3, 2),
    "bag": EmbeddingBag(3, 2),
    "sequential": Sequential(Sequential(Embedding(3, 2)), Flatten(), Linear(4, 3)),
    "graph": Graph(("x",), (("h", Tanh(), "y"), ("y", Embedding(3, 2), "x")), ("h",)),
    "transformer": transformer(num_embeddings=3, classes=2, width=4, heads=1, depth=1),
}
WAYS: dict[str, Any] = {
    "fit": lambda net, x, y: net.fit(x, y, loss=MSELoss(), optimizer=Adam(), verbose=False),
    "evaluate": lambda net, x, y: net.evaluate(x, y, loss=MSELoss()),
    "predict": lambda net, x, y: net.predict(x),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("wrong", [3, -1])
def test_an_index_that_is_no_row_does_not_travel(backend: Backend, name: str, way: str, wrong: int) -> None:
    net = Network(TABLES[name], device=backend.device, seed=0, input_shape=(2,))
    first = "EmbeddingBag" if name == "bag" else "Embedding"
    sentence = f"{first}.forward: expected indices in [0, 2], got {wrong}"
    for x in ([[0, wrong]], np.array([[0, wrong]]), np.array([[0, wrong]], dtype="int8")):
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            WAYS[way](net, x, np.zeros((1, *net.output_shape)))


def test_each_input_of_a_graph_has_rows_of_its_own() -> None:
    nodes = (("a", Embedding(9, 2), "i"), ("b", Embedding(2, 2), "j"), ("y", Add(), ("a", "b")))
    net = Network(Graph(("i", "j"), nodes, ("y",)), device="strict:device1")
    assert net.predict((np.array([8]), np.array([1]))).shape == (1, 2)
    for x in ((np.array([8]), np.array([2])), (np.array([9]), np.array([1]))):
        with pytest.raises(ValueError, match=r"^Embedding\.forward: expected indices in "):
            net.predict(x)


@pytest.mark.parametrize("name", ["strict:device1", backend_param("torch:cpu")])
def test_an_index_that_is_on_its_device_already_stays_there(name: str) -> None:
    backend = Backend(name)
    for model in (Embedding(3, 2), EmbeddingBag(3, 2), Sequential(Embedding(3, 2), Flatten())):
        y = Network(model, device=name, seed=0).predict(backend.put([[0, 3], [1, 2]]))
        assert np.isnan(y[0]).any()
        assert not np.isnan(y[1]).any()


def test_a_probe_refuses_what_the_layer_inside_does() -> None:
    model, _ = probed(Embedding(3, 2))
    with pytest.raises(ValueError, match=r"^Embedding\.forward: expected indices in \[0, 2\], got 3$"):
        Network(model, device="strict:device1").predict([3])


@pytest.mark.parametrize("name", ["strict:device1", backend_param("torch:cpu")])
def test_an_index_that_is_no_row_gives_nan_on_a_device_and_moves_no_row(name: str) -> None:
    backend = Backend(name)
    net = Network(Embedding(3, 2), device=name, seed=0)
    y, cache = net.forward(backend.put([[0, 3], [-1, 2]]))
    np.testing.assert_array_equal(np.isnan(backend.get(y))[..., 0], [[False, True], [True, False]])
    net.backward(cache, backend.put(np.ones((2, 2, 2)), "float32"))
    np.testing.assert_array_equal(backend.get(net.gradients["weight"]), [[1, 1], [0, 0], [1, 1]])


def test_integers_pass_a_sequential_to_the_table_and_train_it(backend: Backend) -> None:
    net = Network(Sequential(Embedding(5, 4), Flatten(), Linear(12, 5)), device=backend.device, seed=0)
    x = np.random.default_rng(0).integers(0, 5, (40, 3))
    history = net.fit(
        x, x[:, 1], loss=CrossEntropyLoss(), optimizer=Adam(lr=0.1), epochs=15, batch_size=40, verbose=False
    )
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    assert (net.predict(x).argmax(1) == x[:, 1]).all()


# -- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Embedding(0, 2), ValueError, "Embedding: expected num_embeddings to be a whole number of at least 1, got 0"),
        (lambda: Embedding(2, 0), ValueError, "Embedding: expected embedding_dim to be a whole number of at least 1, got 0"),
        (lambda: Embedding(2, 2, 2), ValueError, "Embedding: expected padding_idx in [-2, 1], got 2"),
        (lambda: Embedding(2, 2, "a"), TypeError, "Embedding: expected padding_idx to be a whole number, got 'a'"),
        (lambda: EmbeddingBag(2, 2, mode="max"), ValueError, "EmbeddingBag: expected mode to be one of 'mean', 'sum', got 'max'"),
        (lambda: Network(EmbeddingBag(2, 2), input_shape=(2, 3)), ValueError, "EmbeddingBag: expected samples of shape (length,), got (2, 3)"),
        (lambda: Network(Embedding(2, 2)).predict([0.0]), TypeError, "Embedding.forward: expected x of an integer dtype, got float32; cast it: x.astype('int64')"),
        (lambda: Network(EmbeddingBag(2, 2)).predict([0, 1]), ValueError, "EmbeddingBag.forward: expected x of shape (batch, length), got (2,)"),
        (lambda: bag("mean", np.ones((1, 2), "float32")), ValueError, "EmbeddingBag.forward: expected mode 'sum' with per_sample_weights, got 'mean'"),
        (lambda: bag("sum", np.ones((2, 1), "float32")), ValueError, "EmbeddingBag.forward: expected per_sample_weights of shape (1, 2), got (2, 1)"),
        (lambda: bag("sum", np.ones((1, 2))), TypeError, "EmbeddingBag.forward: expected per_sample_weights of dtype float32, got float64"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        make()


def bag(mode: Any, weights: Any) -> Any:
    return Network(EmbeddingBag(2, 2, mode=mode)).forward(np.array([[0, 1]]), per_sample_weights=weights)
