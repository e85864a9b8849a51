"""The transformer and its layers: options and masks held against PyTorch, state dicts, training, errors, a task learned."""

from __future__ import annotations

import re
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnxp.layers import (
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    Permute,
    PositionalEncoding,
    Sequential,
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from nnxp.losses import CrossEntropyLoss, MSELoss
from nnxp.network import Network
from nnxp.optimizers import Adam
from nnxp.probe import probed
from nnxp.schedules import OneCycleLR
from tests.backends import Backend, assert_close
from tests.test_layers_attention import KINDS, added, assert_same_spread, mask_of


def make_theirs(torch: Any, kind: str, *arguments: Any, **options: Any) -> Any:
    """Build PyTorch's module in float64; it warns of what only its inference does faster."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(torch.nn, kind)(*arguments, **options).to(torch.float64)


def load_into(torch: Any, module: Any, net: Network) -> None:
    assert list(net.state_dict()) == list(module.state_dict())
    module.load_state_dict({name: torch.from_numpy(value) for name, value in net.state_dict().items()})


# One row an attention: where its queries and its keys come from, and what its masks are called.
ENCODER = [("src", "src", "src_mask", "src_key_padding_mask", "is_causal")]
DECODER = [
    ("tgt", "tgt", "tgt_mask", "tgt_key_padding_mask", "tgt_is_causal"),
    ("tgt", "memory", "memory_mask", "memory_key_padding_mask", "memory_is_causal"),
]
WHOLE = [
    ("src", "src", "src_mask", "src_key_padding_mask", "src_is_causal"),
    ("tgt", "tgt", "tgt_mask", "tgt_key_padding_mask", "tgt_is_causal"),
    ("tgt", "src", "memory_mask", "memory_key_padding_mask", "memory_is_causal"),
]
MODELS: dict[str, Any] = {
    "TransformerEncoderLayer": (TransformerEncoderLayer, ("src",), ENCODER),
    "TransformerDecoderLayer": (TransformerDecoderLayer, ("tgt", "memory"), DECODER),
    "Transformer": (Transformer, ("src", "tgt"), WHOLE),
}


@st.composite
def cases(draw: Any) -> dict[str, Any]:
    heads = draw(st.integers(1, 2))
    options = {
        "d_model": heads * draw(st.integers(1, 3)),
        "nhead": heads,
        "dim_feedforward": draw(st.integers(1, 5)),
        "dropout": 0.0,
        "activation": draw(st.sampled_from(["relu", "gelu"])),
        "layer_norm_eps": draw(st.sampled_from([1e-5, 1e-2])),
        "batch_first": draw(st.booleans()),
        "norm_first": draw(st.booleans()),
        "bias": draw(st.booleans()),
    }
    masks = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS), st.booleans()), min_size=3, max_size=3)
    return {
        "options": options, "n": draw(st.integers(1, 3)), "src": draw(st.integers(1, 4)), "tgt": draw(st.integers(1, 4)),
        "masks": draw(masks), "seed": draw(st.integers(0, 2**31)),
    }  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
@settings(max_examples=30, deadline=None)
@given(case=cases())
def test_every_option_and_mask_equals_pytorch(kind: str, case: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    (make, names, attentions), options, n = MODELS[kind], dict(case["options"]), case["n"]
    if kind == "Transformer":
        options |= {"num_encoder_layers": 1, "num_decoder_layers": 2}
    rng = np.random.default_rng(case["seed"])
    net = Network(make(**options), dtype="float64", seed=0)
    net.theta += 0.3 * rng.normal(size=net.theta.shape)
    module = make_theirs(torch, kind, **options)
    load_into(torch, module, net)
    lengths = {"src": case["src"], "memory": case["src"], "tgt": case["tgt"]}
    ours, theirs = {}, {}
    for (query, key, mask, padding, causal), (mask_kind, padding_kind, is_causal) in zip(
        attentions, case["masks"], strict=False
    ):
        shape = (lengths[query], lengths[key])
        given_mask, given_padding = mask_of(rng, mask_kind, shape), mask_of(rng, padding_kind, (n, lengths[key]))
        ours |= {mask: given_mask, padding: given_padding, causal: is_causal}
        if is_causal:
            future = np.triu(np.ones(shape, bool), 1)
            given_mask = added(future) + (0.0 if given_mask is None else added(given_mask))
        for name, value in ((mask, added(given_mask)), (padding, added(given_padding))):
            theirs[name] = None if value is None else torch.from_numpy(value)

    def sequence(name: str) -> Any:
        length, size = lengths[name], options["d_model"]
        return rng.normal(size=(n, length, size) if options["batch_first"] else (length, n, size))

    inputs = [sequence(name) for name in names]
    their_inputs = [torch.from_numpy(np.array(x)).requires_grad_() for x in inputs]
    y, cache = net.forward(*inputs, **ours)
    their_y = module(*their_inputs, **theirs)
    # A LayerNorm of few features divides by small numbers: what goes in comes out with a larger error.
    assert_close(y, their_y.detach().numpy(), rtol=1e-11, atol=1e-11)
    dy = rng.normal(size=y.shape)
    dx = net.backward(cache, dy)
    their_y.backward(torch.from_numpy(dy))
    for d, x in zip(dx if isinstance(dx, tuple) else (dx,), their_inputs, strict=True):
        assert_close(d, x.grad.numpy(), rtol=1e-9, atol=1e-9)
    for name, parameter in module.named_parameters():
        assert_close(net.gradients[name], parameter.grad.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("norm", [False, True])
def test_stacks_equal_pytorch(norm: bool) -> None:
    torch = pytest.importorskip("torch")
    rng, options = np.random.default_rng(0), {"dim_feedforward": 5, "dropout": 0.0, "batch_first": True}
    x, memory = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    for kind, make, layer, inputs in (
        ("Encoder", TransformerEncoder, TransformerEncoderLayer, (x,)),
        ("Decoder", TransformerDecoder, TransformerDecoderLayer, (x, memory)),
    ):
        net = Network(make(layer(4, 2, **options), 3, LayerNorm(4) if norm else None), dtype="float64", seed=0)
        their_layer = make_theirs(torch, f"Transformer{kind}Layer", 4, 2, **options)
        module = make_theirs(torch, f"Transformer{kind}", their_layer, 3, torch.nn.LayerNorm(4) if norm else None)
        load_into(torch, module, net)
        their_inputs = [torch.from_numpy(np.array(a)).requires_grad_() for a in inputs]
        y, cache = net.forward(*inputs)
        their_y = module(*their_inputs)
        assert_close(y, their_y.detach().numpy())
        dx = net.backward(cache, y)
        their_y.backward(their_y.detach())
        for d, a in zip(dx if isinstance(dx, tuple) else (dx,), their_inputs, strict=True):
            assert_close(d, a.grad.numpy(), rtol=1e-10, atol=1e-10)
        for name, parameter in module.named_parameters():
            assert_close(net.gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)


# -- starts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_parameters_start_as_those_of_pytorch(kind: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    options = {"d_model": 96, "nhead": 2, "dim_feedforward": 160}
    options |= {"num_encoder_layers": 1, "num_decoder_layers": 1} if kind == "Transformer" else {}
    state = Network(MODELS[kind][0](**options), seed=0).state_dict()
    theirs = make_theirs(torch, kind, **options, batch_first=True).state_dict()
    assert list(state) == list(theirs)
    for name, value in theirs.items():
        assert_same_spread(state[name], value.numpy())


def test_repetitions_start_differently() -> None:
    net = Network(TransformerEncoder(TransformerEncoderLayer(4, 2, 5), 2), seed=0)
    assert len(net.parameters) == 24
    assert (net.parameters["layers.0.linear1.weight"] != net.parameters["layers.1.linear1.weight"]).all()


# -- training --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_first", [False, True])
def test_twenty_steps_of_adam_equal_those_of_pytorch(norm_first: bool) -> None:
    torch = pytest.importorskip("torch")
    options = {"dim_feedforward": 16, "dropout": 0.0, "batch_first": True, "norm_first": norm_first}
    net = Network(TransformerEncoderLayer(8, 2, **options), dtype="float64", seed=0)
    module = make_theirs(torch, "TransformerEncoderLayer", 8, 2, **options)
    load_into(torch, module, net)
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(4, 5, 8)), rng.normal(size=(4, 5, 8))
    theirs = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(20):
        y, cache = net.forward(x, training=True)
        net.backward(cache, MSELoss()(y, target)[1])
        Adam(lr=1e-2).update(net)
        theirs.zero_grad()
        torch.nn.functional.mse_loss(module(torch.from_numpy(x)), torch.from_numpy(target)).backward()
        theirs.step()
    for name, value in module.state_dict().items():
        assert_close(net.state_dict()[name], value.numpy(), rtol=0, atol=1e-8)


def test_layer_works_within_a_sequential(backend: Backend) -> None:
    model = Sequential(
        Embedding(4, 8), PositionalEncoding(8, dropout=0.1), TransformerEncoderLayer(8, 2, 16), Flatten(), Linear(40, 4)
    )
    net = Network(model, device=backend.device, seed=0, input_shape=(5,))
    x = np.random.default_rng(0).integers(0, 4, (64, 5))
    history = net.fit(x, x[:, 2], loss=CrossEntropyLoss(), optimizer=Adam(lr=1e-2), epochs=12, verbose=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert net.predict(x).shape == (64, 4)


def test_every_dropout_of_a_layer_draws_noise_of_its_own(backend: Backend) -> None:
    net = Network(TransformerDecoderLayer(4, 2, 5, 0.5), device=backend.device, seed=0)
    x = backend.put(np.random.default_rng(0).normal(size=(2, 5, 4)), "float32")
    _, cache = net.forward(x, x, training=True)
    (_, _, first), (_, _, second), (_, fed, third) = cache.layers
    masks = [backend.get(mask) for mask in (first, second, third)]
    assert all((a != b).any() for a, b in pairwise(masks))
    assert backend.get(fed[2]).shape == (2, 5, 5)


# -- houses' rules ---------------------------------------------------------------------------------------


def kept(part: Any) -> bool:
    return any(map(kept, part)) if isinstance(part, (list, tuple)) else hasattr(part, "shape")


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (TransformerEncoderLayer(4, 2, 5), 1),
        (TransformerDecoderLayer(4, 2, 5), 2),
        (TransformerEncoder(TransformerEncoderLayer(4, 2, 5), 2, LayerNorm(4)), 1),
        (TransformerDecoder(TransformerDecoderLayer(4, 2, 5), 2, LayerNorm(4)), 2),
        (Transformer(4, 2, 1, 1, 5), 2),
    ],
    ids=["encoder_layer", "decoder_layer", "encoder", "decoder", "transformer"],
)
def test_nothing_is_kept_when_only_predicting_and_every_part_can_be_watched(model: Any, inputs: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    net = Network(model, seed=0)
    y, cache = net.run((x,) * inputs, net.mode(training=False, keep_cache=False))
    assert not kept(cache)
    watched, record = probed(model)
    other = Network(watched, seed=0)
    np.testing.assert_array_equal(other.forward(*(x,) * inputs)[0], y)
    assert {path for path, _, _ in record.outputs} == {node.path for node in net.nodes if not node.layer.children()}


def test_summary_shows_the_width_of_the_feed_forward_network() -> None:
    text = str(Network(TransformerEncoderLayer(4, 2, 7), input_shape=(3, 4)).summary())
    assert "(1, 3, 7)" in text
    assert "out_proj" in text


def test_a_file_brings_a_transformer_back(tmp_path: Any) -> None:
    import nnxp

    net = Network(Transformer(4, 2, 1, 2, 5, 0.0), seed=0)
    net.save(tmp_path / "net.safetensors")
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    other = nnxp.load(tmp_path / "net.safetensors")
    assert other.model == net.model
    np.testing.assert_array_equal(other.forward(x, x)[0], net.forward(x, x)[0])


# -- errors ----------------------------------------------------------------------------------------------

X = np.ones((2, 3, 4), "float32")
LAYER = TransformerEncoderLayer(4, 2, 5)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: TransformerEncoderLayer(5, 2), ValueError, "TransformerEncoderLayer: expected d_model to be a multiple of nhead (2), got 5"),
        (lambda: TransformerDecoderLayer(4, 2, 0), ValueError, "TransformerDecoderLayer: expected dim_feedforward to be a whole number of at least 1, got 0"),
        (lambda: TransformerEncoderLayer(4, 2, 5, -1), ValueError, "TransformerEncoderLayer: expected dropout in [0, 1], got -1"),
        (lambda: TransformerEncoderLayer(4, 2, activation="tanh"), ValueError, "TransformerEncoderLayer: expected activation to be one of 'relu', 'gelu', got 'tanh'"),
        (lambda: TransformerEncoderLayer(4, 2, layer_norm_eps=-1.0), ValueError, "TransformerEncoderLayer: expected layer_norm_eps in [0, inf), got -1.0"),
        (lambda: TransformerEncoder(LAYER, 0), ValueError, "TransformerEncoder: expected num_layers to be a whole number of at least 1, got 0"),
        (lambda: TransformerEncoder(LayerNorm, 1), TypeError, f"TransformerEncoder: expected encoder_layer to be a Layer, got {LayerNorm}; call it: ReLU(), not ReLU"),
        (lambda: TransformerDecoder(LAYER, 1, "norm"), TypeError, "TransformerDecoder: expected norm to be a Layer, got 'norm'"),
        (lambda: Transformer(4, 2, 0), ValueError, "Transformer: expected num_encoder_layers to be a whole number of at least 1, got 0"),
        (lambda: Transformer(4, 2, 1, 0), ValueError, "Transformer: expected num_decoder_layers to be a whole number of at least 1, got 0"),
        (lambda: Network(Transformer(4, 2, 1, 1, 5), input_shape=(3, 5)), ValueError, "Transformer: expected samples of shape (*, 4), got (3, 5)"),
        (lambda: Network(LAYER, input_shape=(4,)), ValueError, "TransformerEncoderLayer: expected samples of shape (*, 4), got (4,)"),
        (lambda: Network(LAYER).forward(X[0]), ValueError, "TransformerEncoderLayer.forward: expected src of shape (N, length, 4), got (3, 4)"),
        (lambda: Network(TransformerDecoderLayer(4, 2, 5, batch_first=False)).forward(X, X[..., :3]), ValueError, "TransformerDecoderLayer.forward: expected memory of shape (length, N, 4), got (2, 3, 3)"),
        (lambda: Network(Transformer(4, 2, 1, 1, 5)).forward(X, X[0]), ValueError, "Transformer.forward: expected tgt of shape (N, length, 4), got (3, 4)"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        make()


# -- a task ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_layers_learn_to_reverse_sequences() -> None:
    tokens, length, width, epochs = 10, 12, 32, 4
    layer = TransformerEncoderLayer(width, 2, 64, dropout=0.0, norm_first=True)
    model = Sequential(
        Embedding(tokens, width),
        PositionalEncoding(width),
        TransformerEncoder(layer, 2, LayerNorm(width)),
        Linear(width, tokens),
        Permute((0, 2, 1)),
    )
    rng = np.random.default_rng(0)
    x, unseen = rng.integers(0, tokens, (4096, length)), rng.integers(0, tokens, (1000, length))
    net = Network(model, seed=0)
    optimizer = Adam(lr=OneCycleLR(5e-3, epochs * 4096 // 64))
    net.fit(x, x[:, ::-1], loss=CrossEntropyLoss(), optimizer=optimizer, epochs=epochs, batch_size=64, verbose=False)
    right = net.predict(unseen).argmax(1) == unseen[:, ::-1]
    assert right.mean() > 0.99
