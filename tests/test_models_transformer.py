"""The transformer at hand: the same as PyTorch's, on every device; sequences of vectors and of tokens."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import Adam, Conv2d, CrossEntropyLoss, Flatten, Network, Permute, Sequential, check_gradients
from nnxp.datasets import digits
from nnxp.layers.attention.positions import waves
from nnxp.models import transformer
from tests.backends import Backend, assert_close, assert_on, backend_param

SMALL: dict[str, Any] = {"width": 8, "heads": 2, "depth": 2}
KINDS = {"vectors": transformer(3, 4, **SMALL), "tokens": transformer(classes=4, num_embeddings=5, **SMALL)}
SAMPLES: dict[str, Any] = {"vectors": (None, 3), "tokens": (None,)}


def draw(kind: str, n: int = 3, length: int = 6) -> Any:
    """Draw a batch of sequences."""
    rng = np.random.default_rng(0)
    return rng.integers(5, size=(n, length)) if kind == "tokens" else rng.normal(size=(n, length, 3))


def theirs(torch: Any, kind: str) -> Any:
    """Build the same in PyTorch, which has neither the waves nor the mean as modules."""

    class Waves(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x + torch.from_numpy(waves(x.shape[1], x.shape[2], np.zeros(0)))

    class Mean(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x.mean(dim=1)

    layer = torch.nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True)
    with warnings.catch_warnings():
        # It says that pre-norm is not the faster way.
        warnings.simplefilter("ignore")
        encoder = torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(8))
    first = torch.nn.Embedding(5, 8) if kind == "tokens" else torch.nn.Linear(3, 8)
    return torch.nn.Sequential(first, Waves(), encoder, Mean(), torch.nn.Identity(), torch.nn.Linear(8, 4)).double()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_as_in_pytorch(kind: str) -> None:
    torch = pytest.importorskip("torch")
    module = theirs(torch, kind)
    net = Network(KINDS[kind], input_shape=SAMPLES[kind], dtype="float64", seed=0)
    # Both ways: their names are ours, and in our order.
    net.load_state_dict(module.state_dict())
    module.load_state_dict({name: torch.from_numpy(value) for name, value in net.state_dict().items()})
    assert list(net.state_dict()) == list(module.state_dict())
    x = draw(kind)
    y, cache = net.forward(x)
    their_y = module(torch.from_numpy(x))
    assert_close(y, their_y.detach().numpy(), rtol=1e-12, atol=1e-12)
    dy = np.random.default_rng(1).normal(size=y.shape)
    net.backward(cache, dy)
    their_y.backward(torch.from_numpy(dy))
    for name, parameter in module.named_parameters():
        assert_close(net.gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_step_is_the_same_on_every_device(backend: Backend, kind: str) -> None:
    x, dy = draw(kind), np.random.default_rng(1).normal(size=(3, 4))
    home = Network(KINDS[kind], input_shape=SAMPLES[kind], dtype="float64", seed=0)
    net = Network(KINDS[kind], input_shape=SAMPLES[kind], dtype="float64", seed=0, device=backend.device)
    y, cache = home.forward(x, training=True)
    their_y, their_cache = net.forward(backend.put(x), training=True)
    assert_on(backend, their_y, "float64", (3, 4))
    assert_close(backend.get(their_y), y)
    home.backward(cache, dy)
    net.backward(their_cache, backend.put(dy))
    assert_close(backend.get(net.gradient), home.gradient)


@pytest.mark.parametrize("name", [backend_param("torch:meta")])
@pytest.mark.parametrize("kind", KINDS)
def test_shapes_are_known_without_values(kind: str, name: str) -> None:
    meta = Backend(name)
    net = Network(KINDS[kind], input_shape=SAMPLES[kind], dtype="float64", device=name)
    y, cache = net.forward(meta.put(draw(kind)), training=True)
    assert_on(meta, y, "float64", (3, 4))
    net.backward(cache, y)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradients_hold(kind: str) -> None:
    first = {"num_embeddings": 5} if kind == "tokens" else {"in_features": 3}
    model = transformer(classes=4, **first, width=4, heads=2, depth=1)
    check_gradients(
        Network(model, input_shape=SAMPLES[kind], seed=0), draw(kind), np.array([0, 1, 3]), CrossEntropyLoss()
    )


def test_it_learns_which_token_comes_first() -> None:
    """Both sequences of a pair have the same tokens: only their places tell the class."""
    rng = np.random.default_rng(0)
    x = rng.permuted(np.tile(np.arange(5), (400, 1)), axis=1)
    y = (x.argmin(axis=1) < x.argmax(axis=1)).astype("int64")
    net = Network(transformer(classes=2, num_embeddings=5, width=16, heads=2, depth=1), seed=0)
    net.fit(x[:300], y[:300], loss=CrossEntropyLoss(), optimizer=Adam(lr=0.01), epochs=12, verbose=False)
    assert net.evaluate(x[300:], y[300:], metrics=["accuracy"])["accuracy"] >= 0.95


def test_it_learns_the_rows_of_images() -> None:
    x_train, y_train, x_test, y_test = digits(test=0.2, seed=0)
    net = Network(transformer(8, width=32, heads=2, depth=1), input_shape=(8, 8), seed=0)
    x_train, x_test = (x.reshape(-1, 8, 8) for x in (x_train, x_test))
    net.fit(x_train, y_train, loss=CrossEntropyLoss(), optimizer=Adam(lr=5e-3), epochs=6, verbose=False)
    assert net.evaluate(x_test, y_test, metrics=["accuracy"])["accuracy"] >= 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_saved_and_loaded(kind: str, tmp_path: Path) -> None:
    net = Network(KINDS[kind], input_shape=SAMPLES[kind], seed=0)
    net.save(tmp_path / "net.safetensors")
    again = nnxp.load(tmp_path / "net.safetensors")
    assert again.model == KINDS[kind]
    np.testing.assert_array_equal(again.predict(draw(kind)), net.predict(draw(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_batches_may_differ_in_length(kind: str) -> None:
    net = Network(KINDS[kind], input_shape=SAMPLES[kind], seed=0)
    for n, length in ((3, 1), (2, 9), (0, 4)):
        assert net.predict(draw(kind, n, length)).shape == (n, 4)


def test_the_summary_counts_products_and_memory_of_a_batch() -> None:
    summary = Network(transformer(28), input_shape=(28, 28)).summary(32)
    layer = 28 * (4 * 64 * 64 + 2 * 28 * 64 + 2 * 64 * 256)
    assert summary.multiply_adds == 32 * (28 * 28 * 64 + 2 * layer + 64 * 10)
    # Of every leaf: seven outputs as wide as the model and three four times as wide in a layer, and five around them.
    assert summary.output_bytes == 32 * 4 * (28 * 64 * (2 * (6 + 3 * 4) + 4) + 64 + 10)
    assert summary.parameters == 1_856 + 2 * 49_984 + 128 + 650


def test_an_image_may_come_in_patches() -> None:
    patches = Sequential(Conv2d(3, 64, 4, stride=4), Flatten(2), Permute((0, 2, 1)), *transformer(64, 5))
    assert Network(patches, input_shape=(3, 8, 12)).predict(np.ones((2, 3, 8, 12))).shape == (2, 5)


def test_features_are_taken_from_the_input_shape() -> None:
    assert Network(transformer(), input_shape=(5, 7)).parameters["0.weight"].shape == (64, 7)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: transformer(3, num_embeddings=5), "transformer: expected in_features or num_embeddings, not both, got 3 and 5"),
        (lambda: transformer(3, width=30), "transformer: expected width to be a multiple of heads (4), got 30"),
        (lambda: transformer(3, width=0), "transformer: expected width to be a whole number of at least 1, got 0"),
        (lambda: transformer(3, heads=1.5), "transformer: expected heads to be a whole number of at least 1, got 1.5"),
        (lambda: transformer(3, depth=0), "transformer: expected depth to be a whole number of at least 1, got 0"),
        (lambda: Network(transformer(3), input_shape=(3,)), "PositionalEncoding: expected samples of shape (*, 64), got (64,)"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        make()
