"""MultiheadAttention with every option and mask, held against PyTorch; what masks do; what is refused."""

from __future__ import annotations

import inspect
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnxp.layers
from nnxp.io.architecture import from_config, to_config
from nnxp.layers import (
    Layer,
    LearnedPositionalEncoding,
    MultiheadAttention,
    PositionalEncoding,
    TransformerEncoderLayer,
)
from nnxp.layers.attention.dot_product import dot_product_attention
from nnxp.network import Network
from tests.backends import Backend, assert_close, assert_on, backend_param
from tests.layer_cases import attention

KINDS = ["none", "bool", "float"]
OMITTED = {"device", "dtype", "enable_nested_tensor", "mask_check", "custom_encoder", "custom_decoder"} | {
    "max_norm", "norm_type", "scale_grad_by_freq", "sparse", "include_last_offset", "_weight", "_freeze",
}  # fmt: skip
FAMILY = [
    "Embedding",
    "EmbeddingBag",
    "MultiheadAttention",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]


def mask_of(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> Any:
    """Draw a mask that forbids nobody everything."""
    if kind == "none":
        return None
    if kind == "float":
        return rng.normal(size=shape)
    mask = rng.random(shape) < 0.4
    mask[..., 0] = False
    return mask


def added(mask: Any) -> Any:
    return np.where(mask, -math.inf, 0.0) if mask is not None and mask.dtype == bool else mask


def their_masks(torch: Any, masks: dict[str, Any], causal: Any) -> dict[str, Any]:
    """Give PyTorch a causal mask as a mask; it takes two masks of one kind only."""
    attn, padding = masks["attn_mask"], masks["key_padding_mask"]
    if causal is not None:
        attn = causal if attn is None else (attn | causal if attn.dtype == bool else attn + added(causal))
    if attn is not None and padding is not None and attn.dtype != padding.dtype:
        attn, padding = added(attn), added(padding)
    named = {"attn_mask": attn, "key_padding_mask": padding}
    return {name: None if mask is None else torch.from_numpy(mask) for name, mask in named.items()}


@st.composite
def cases(draw: Any) -> dict[str, Any]:
    heads = draw(st.integers(1, 3))
    options = {
        "embed_dim": heads * draw(st.integers(1, 3)),
        "num_heads": heads,
        "bias": draw(st.booleans()),
        "add_bias_kv": draw(st.booleans()),
        "add_zero_attn": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
    }
    same = draw(st.booleans())
    if not same and draw(st.booleans()):
        options |= {"kdim": draw(st.integers(1, 4)), "vdim": draw(st.integers(1, 4))}
    queries = draw(st.integers(1, 4))
    return {
        "options": options, "same": same, "n": draw(st.integers(1, 3)), "queries": queries,
        "keys": queries if same else draw(st.integers(1, 4)), "attn": draw(st.sampled_from(KINDS)),
        "for_heads": draw(st.booleans()), "padding": draw(st.sampled_from(KINDS)), "causal": draw(st.booleans()),
        "need_weights": draw(st.booleans()), "average": draw(st.booleans()), "seed": draw(st.integers(0, 2**31)),
    }  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(case=cases())
def test_every_option_and_mask_equals_pytorch(case: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    options, n, queries, keys = case["options"], case["n"], case["queries"], case["keys"]
    rng = np.random.default_rng(case["seed"])
    module = torch.nn.MultiheadAttention(**options, dtype=torch.float64)
    net = Network(MultiheadAttention(**options), dtype="float64", seed=case["seed"])
    assert list(net.state_dict()) == list(module.state_dict())
    net.theta = rng.normal(size=net.theta.shape)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in net.state_dict().items()})

    def sequence(length: int, size: int) -> Any:
        return rng.normal(size=(n, length, size) if options["batch_first"] else (length, n, size))

    size = options["embed_dim"]
    query = sequence(queries, size)
    inputs = [query, sequence(keys, options.get("kdim", size)), sequence(keys, options.get("vdim", size))]
    inputs = [query] * 3 if case["same"] else inputs
    shape = (n * options["num_heads"], queries, keys) if case["for_heads"] else (queries, keys)
    masks = {
        "attn_mask": mask_of(rng, case["attn"], shape),
        "key_padding_mask": mask_of(rng, case["padding"], (n, keys)),
    }
    asked = {"need_weights": case["need_weights"], "average_attn_weights": case["average"]}
    (y, weights), cache = net.forward(*inputs, **masks, **asked, is_causal=case["causal"])

    theirs = [torch.from_numpy(x).requires_grad_() for x in map(np.array, inputs)]
    causal = np.triu(np.ones((queries, keys), bool), 1) if case["causal"] else None
    their_y, their_weights = module(*theirs, **their_masks(torch, masks, causal), **asked)
    assert_close(y, their_y.detach().numpy())
    assert (weights is None) == (their_weights is None)
    dy, dweights = rng.normal(size=y.shape), None
    if weights is None:
        their_y.backward(torch.from_numpy(dy))
    else:
        assert_close(weights, their_weights.detach().numpy())
        dweights = rng.normal(size=weights.shape)
        torch.autograd.backward((their_y, their_weights), (torch.from_numpy(dy), torch.from_numpy(dweights)))
    for d, x in zip(net.backward(cache, (dy, dweights)), theirs, strict=True):
        assert_close(d, x.grad.numpy(), rtol=1e-10, atol=1e-10)
    for name, parameter in module.named_parameters():
        assert_close(net.gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)


# -- signatures, names, starts ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY)
def test_arguments_and_defaults_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = list(inspect.signature(getattr(torch.nn, name).__init__).parameters.values())[1:]
    ours = list(inspect.signature(getattr(nnxp.layers, name)).parameters.values())
    assert [p.name for p in ours] == [p.name for p in theirs if p.name not in OMITTED]
    first_omitted = next((i for i, p in enumerate(theirs) if p.name in OMITTED), len(theirs))
    for mine, their in zip(ours, [p for p in theirs if p.name not in OMITTED], strict=True):
        expected = {"batch_first": True, "activation": "relu" if their.default is not inspect.Parameter.empty else ""}
        assert mine.default == expected.get(mine.name, their.default)
        positional = mine.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert positional == (theirs.index(their) < first_omitted)


@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False}, {"kdim": 100, "vdim": 100}, {"add_bias_kv": True}],
    ids=["packed", "no_bias", "apart", "bias_kv"],
)
def test_parameters_start_as_those_of_pytorch(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.MultiheadAttention(120, 4, **options)
    state = Network(MultiheadAttention(120, 4, **options), seed=0).state_dict()
    assert list(state) == list(module.state_dict())
    for name, value in module.state_dict().items():
        assert_same_spread(state[name], value.numpy())


def test_keys_and_values_of_its_own_start_in_a_normal_distribution() -> None:
    specs = MultiheadAttention(4, 2, add_bias_kv=True).parameters(None)
    assert {repr(specs[name].init) for name in ("bias_k", "bias_v")} == {"xavier_normal(1.0)"}


def test_learned_places_start_near_zero() -> None:
    weight = Network(LearnedPositionalEncoding(100, 50), seed=0).state_dict()["weight"]
    assert abs(weight.mean()) < 0.002
    assert abs(weight.std() - 0.02) < 0.001


def assert_same_spread(ours: Any, theirs: Any) -> None:
    """Hold mean, standard deviation and extremes of two draws against each other."""
    assert ours.shape == theirs.shape
    spread = theirs.std()
    noise = 5 / math.sqrt(theirs.size)
    assert abs(ours.mean() - theirs.mean()) <= 1.5 * noise * spread
    assert abs(ours.std() - spread) <= noise * spread
    assert abs(np.abs(ours).max() - np.abs(theirs).max()) <= (0.02 + 10 * noise) * np.abs(theirs).max()


# -- masks -----------------------------------------------------------------------------------------------


def sequences(backend: Backend, n: int = 2, length: int = 3, size: int = 4) -> Any:
    return backend.put(np.random.default_rng(3).normal(size=(n, length, size)), "float32")


def test_query_without_keys_gets_nan_where_weights_are_returned_and_zeros_where_not(backend: Backend) -> None:
    net, x = Network(MultiheadAttention(4, 2), device=backend.device, seed=0), sequences(backend)
    mask = np.zeros((3, 3), bool)
    mask[1] = True
    (y, weights), _ = net.forward(x, x, x, attn_mask=backend.put(mask))
    assert np.isnan(backend.get(y)[:, 1]).all()
    assert np.isnan(backend.get(weights)[:, 1]).all()
    assert np.isfinite(backend.get(y)[:, [0, 2]]).all()
    (y, weights), cache = net.forward(x, x, x, attn_mask=backend.put(mask), need_weights=False)
    assert weights is None
    np.testing.assert_array_equal(backend.get(y)[:, 1], 0.0)
    dx = net.backward(cache, (backend.put(np.ones(x.shape), "float32"), None))
    assert all(np.isfinite(backend.get(d)).all() for d in dx)
    np.testing.assert_array_equal(backend.get(dx[0])[:, 1], 0.0)


def test_additive_infinity_forbids_as_a_boolean_does(backend: Backend) -> None:
    net, x = Network(MultiheadAttention(4, 2), device=backend.device, seed=0), sequences(backend)
    mask = np.array([[False, True, True], [False, False, True], [True, True, True]])
    for need_weights in (True, False):
        results = [
            net.forward(x, x, x, attn_mask=backend.put(given), need_weights=need_weights)[0]
            for given in (mask, np.where(mask, -np.inf, 0).astype("float32"))
        ]
        np.testing.assert_array_equal(*(backend.get(y) for y, _ in results))


def test_what_is_forbidden_has_no_influence(backend: Backend) -> None:
    net, x = Network(MultiheadAttention(4, 2), device=backend.device, seed=0), sequences(backend)
    host = np.array(backend.get(x))
    host[:, 2] = 100.0
    other = backend.put(host)
    padding = backend.put(np.array([[False, False, True]] * 2))
    ys = [net.forward(x, k, k, key_padding_mask=padding)[0] for k in (x, other)]
    assert_close(*(backend.get(y) for y, _ in ys), "float32")
    causal = [backend.get(net.forward(k, k, k, is_causal=True)[0][0])[:, :2] for k in (x, other)]
    assert_close(causal[0], causal[1], "float32")


def test_infinitely_large_scores_do_not_overflow(backend: Backend) -> None:
    q = backend.put(np.full((1, 1, 2, 1), 1e4), "float32")
    y, weights, _ = dot_product_attention(q, q, q)
    assert_on(backend, weights, "float32", (1, 1, 2, 2))
    assert_close(backend.get(weights), np.full((1, 1, 2, 2), 0.5), "float32")
    assert_close(backend.get(y), np.full((1, 1, 2, 1), 1e4), "float32")


@pytest.mark.parametrize("name", [backend_param("torch:meta")])
def test_masks_are_not_read(name: str) -> None:
    net, meta = Network(MultiheadAttention(4, 2), device=name, seed=0), Backend(name)
    x = sequences(meta)
    masks = {"attn_mask": np.zeros((3, 3), bool), "key_padding_mask": np.zeros((2, 3), "float32")}
    (y, weights), cache = net.forward(x, x, x, **{name: meta.put(mask) for name, mask in masks.items()}, is_causal=True)
    assert_on(meta, y, "float32", (2, 3, 4))
    assert_on(meta, weights, "float32", (2, 3, 3))
    assert [tuple(d.shape) for d in net.backward(cache, (y, weights))] == [(2, 3, 4)] * 3


def test_places_that_no_element_had_are_not_trained(backend: Backend) -> None:
    net = Network(LearnedPositionalEncoding(3, 4), device=backend.device, seed=0)
    for length in (3, 2):
        _, cache = net.forward(sequences(backend, length=length))
        net.backward(cache, backend.put(np.ones((2, length, 4)), "float32"))
        expected = [[2.0] * 4] * length + [[0.0] * 4] * (3 - length)
        np.testing.assert_array_equal(backend.get(net.gradients["weight"]), expected)


# -- gradients -------------------------------------------------------------------------------------------


def test_none_in_dy_means_zero(backend: Backend) -> None:
    net, x = Network(MultiheadAttention(4, 2), device=backend.device, seed=0), sequences(backend)
    (y, weights), cache = net.forward(x, x, x)
    ones, nothing = (backend.put(np.full(tuple(a.shape), f), "float32") for a, f in ((weights, 2.0), (y, 0.0)))
    for dy, same in (((None, ones), (nothing, ones)), ((y, None), (y, weights * 0.0))):
        dx = net.backward(cache, dy)
        for a, b in zip(dx, net.backward(cache, same), strict=True):
            np.testing.assert_array_equal(backend.get(a), backend.get(b))


def test_inputs_that_are_one_array_count_once_for_each(backend: Backend) -> None:
    net, x = Network(MultiheadAttention(4, 2), device=backend.device, seed=0), sequences(backend)
    copies = [backend.put(np.array(backend.get(x))) for _ in range(3)]
    found = []
    for inputs in ([x] * 3, copies):
        (y, _), cache = net.forward(*inputs)
        dx = net.backward(cache, (y, None))
        found.append([*map(backend.get, dx), np.array(backend.get(net.gradient))])
    for a, b in zip(*found, strict=True):
        assert_close(a, b, "float32")


def test_no_input_gradient_where_nobody_wants_it() -> None:
    net, x = Network(MultiheadAttention(4, 2), seed=0), np.ones((2, 3, 4), "float32")
    _, cache = net.run((x, x, x), net.mode(training=True, input_gradient=False))
    assert net.run_backward(cache, (x, None)) is None
    assert net.gradient.any()


def test_dropout_takes_new_weights_every_step_and_the_same_for_the_same_step(backend: Backend) -> None:
    net, x = Network(MultiheadAttention(4, 2, dropout=0.5), device=backend.device, seed=0), sequences(backend)
    ys = [backend.get(net.forward(x, x, x, training=True, random_step=step)[0][1]) for step in (0, 1, 0)]
    np.testing.assert_array_equal(ys[0], ys[2])
    assert (ys[0] != ys[1]).any()
    assert (ys[0] == 0).any()


# -- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [c for c in attention.CASES if not c.no_repr], ids=lambda c: c.name)
def test_a_file_describes_the_layer(case: Any) -> None:
    assert from_config(to_config(case.layer)) == case.layer


def test_parts_can_be_exchanged_and_the_layer_stays_the_same() -> None:
    model = TransformerEncoderLayer(4, 2, 5)

    def silenced(_: str, layer: Layer) -> Layer:
        return layer.map_children(silenced) if layer.children() else nnxp.layers.Identity()

    assert model.map_children(lambda _, layer: layer) == model
    assert list(Network(model.map_children(silenced)).parameters) == [
        "self_attn.in_proj_weight",
        "self_attn.in_proj_bias",
    ]


# -- errors ----------------------------------------------------------------------------------------------

X = np.ones((2, 3, 4), "float32")


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: MultiheadAttention(5, 2), ValueError, "MultiheadAttention: expected embed_dim to be a multiple of num_heads (2), got 5"),
        (lambda: MultiheadAttention(0, 2), ValueError, "MultiheadAttention: expected embed_dim to be a whole number of at least 1, got 0"),
        (lambda: MultiheadAttention(4, 0), ValueError, "MultiheadAttention: expected num_heads to be a whole number of at least 1, got 0"),
        (lambda: MultiheadAttention(4, 2, 1.5), ValueError, "MultiheadAttention: expected dropout in [0, 1], got 1.5"),
        (lambda: MultiheadAttention(4, 2, kdim=0), ValueError, "MultiheadAttention: expected kdim to be a whole number of at least 1, got 0"),
        (lambda: Network(MultiheadAttention(4, 2), input_shape=(4,)), ValueError, "MultiheadAttention: expected samples of shape (*, 4), got (4,)"),
        (lambda: PositionalEncoding(0), ValueError, "PositionalEncoding: expected d_model to be a whole number of at least 1, got 0"),
        (lambda: LearnedPositionalEncoding(0, 4), ValueError, "LearnedPositionalEncoding: expected max_length to be a whole number of at least 1, got 0"),
        (lambda: Network(PositionalEncoding(4), input_shape=(3, 5)), ValueError, "PositionalEncoding: expected samples of shape (*, 4), got (3, 5)"),
        (lambda: Network(PositionalEncoding(5)).forward(X), ValueError, "PositionalEncoding.forward: expected x of shape (N, length, 5), got (2, 3, 4)"),
        (lambda: Network(LearnedPositionalEncoding(2, 4)).forward(X), ValueError, "LearnedPositionalEncoding.forward: expected sequences of at most 2 elements, got 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        make()


@pytest.mark.parametrize(
    ("inputs", "masks", "error", "sentence"),
    [
        ((X[..., :3], X, X), {}, ValueError, "query of shape (N, length, 4), got (2, 3, 3)"),
        ((X, X[0], X), {}, ValueError, "key of shape (N, length, 4), got (3, 4)"),
        ((X, X, X[:, :2]), {}, ValueError, "key and value of one length, and as many samples as the query's 2, got (2, 3, 4) and (2, 2, 4)"),
        ((X, X[:1], X[:1]), {}, ValueError, "key and value of one length, and as many samples as the query's 2, got (1, 3, 4) and (1, 3, 4)"),
        ((X, X, X), {"attn_mask": np.zeros((3, 2), bool)}, ValueError, "attn_mask of shape (3, 3) or (4, 3, 3), got (3, 2)"),
        ((X, X, X), {"attn_mask": np.zeros((3, 3), int)}, TypeError, "attn_mask of dtype bool or float32, got int64"),
        ((X, X, X), {"attn_mask": [[0.0]]}, TypeError, "attn_mask on cpu, got a list; move it: net.device.put(attn_mask)"),
        ((X, X, X), {"key_padding_mask": np.zeros((3, 2), bool)}, ValueError, "key_padding_mask of shape (2, 3), got (3, 2)"),
        ((X, X, X), {"key_padding_mask": np.zeros((2, 3))}, TypeError, "key_padding_mask of dtype bool or float32, got float64"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(inputs: Any, masks: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^{re.escape('MultiheadAttention.forward: expected ' + sentence)}$"):
        Network(MultiheadAttention(4, 2)).forward(*inputs, **masks)
