"""WeightNorm: every layer and option against PyTorch, how it starts, what passes through it, and what it refuses."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnxp
import nnxp.layers
from nnxp import checking, initializers
from nnxp.errors import GradientError
from nnxp.io.architecture import from_config, to_config
from nnxp.layers import (
    LSTM,
    Conv2d,
    Embedding,
    Flatten,
    Graph,
    Layer,
    Linear,
    MultiheadAttention,
    ReLU,
    Sequential,
    WeightNorm,
)
from nnxp.losses import CrossEntropyLoss
from nnxp.network import Network
from nnxp.optimizers import SGD, Adam
from tests.backends import Backend, assert_close

G, V = "parametrizations.weight.original0", "parametrizations.weight.original1"
Wrapped = tuple[str, tuple[Any, ...], dict[str, Any], list[tuple[int, ...]]]


def sentence(text: str) -> str:
    return f"^{re.escape(text)}$"


# -- PyTorch -----------------------------------------------------------------------------------------


@st.composite
def wrapped(draw: Any) -> Wrapped:
    """Draw a layer by its name, its arguments, and the shapes of its inputs."""
    a, b, n, bias = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.booleans())
    kind = draw(st.sampled_from(["Linear", "Bilinear", "Conv", "ConvTranspose", "LSTM", "GRU", "RNN"]))
    if kind == "Linear":
        return kind, (a, b), {"bias": bias}, [(n, a)]
    if kind == "Bilinear":
        return kind, (a, b, 3), {"bias": bias}, [(n, a), (n, b)]
    if kind.startswith("Conv"):
        axes, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        kernel = tuple(draw(st.integers(1, 3)) for _ in range(axes))
        options = {"stride": draw(st.integers(1, 2)), "groups": groups, "bias": bias}
        return f"{kind}{axes}d", (a * groups, b * groups, kernel), options, [(n, a * groups, *[3] * axes)]
    options = {"num_layers": draw(st.integers(1, 2)), "bidirectional": draw(st.booleans()), "bias": bias}
    return kind, (a, b), options, [(n, 3, a)]


@settings(max_examples=120, deadline=None)
@given(layer=wrapped(), data=st.data())
def test_every_layer_and_option_equals_pytorch(layer: Wrapped, data: Any) -> None:
    torch = pytest.importorskip("torch")
    kind, arguments, options, shapes = layer
    recurrent = kind in {"LSTM", "GRU", "RNN"}
    ours = getattr(nnxp.layers, kind)(*arguments, **options, **({"return_state": False} if recurrent else {}))
    module = getattr(torch.nn, kind)(*arguments, **options, **({"batch_first": True} if recurrent else {})).double()
    names = data.draw(st.lists(st.sampled_from([n for n, _ in module.named_parameters()]), min_size=1, unique=True))
    for name in names:
        count = getattr(module, name).ndim
        dim = data.draw(st.none() | st.integers(-count, count - 1))
        ours = WeightNorm(ours, name, dim)
        torch.nn.utils.parametrizations.weight_norm(module, name, dim)

    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    xs = [rng.normal(size=shape) for shape in shapes]
    net = Network(ours, dtype="float64", input_shape=None if len(xs) > 1 else shapes[0][1:])
    state = module.state_dict()
    assert list(net.state_dict()) == list(state)
    moved = {key: torch.from_numpy(rng.normal(size=value.shape)) for key, value in state.items()}
    net.load_state_dict(moved)
    module.load_state_dict({key: torch.from_numpy(value) for key, value in net.state_dict().items()})

    y, cache = net.forward(*xs)
    their_xs = [torch.from_numpy(x).requires_grad_() for x in xs]
    their_y = module(*their_xs)
    their_y = their_y[0] if recurrent else their_y
    dy = rng.normal(size=y.shape)
    dx = net.backward(cache, dy)
    their_y.backward(torch.from_numpy(dy))
    assert_close(y, their_y.detach().numpy(), rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(dx if isinstance(dx, tuple) else (dx,), their_xs, strict=True):
        assert_close(mine, theirs.grad.numpy(), rtol=1e-10, atol=1e-10)
    for name, parameter in module.named_parameters():
        assert_close(net.gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dim", [0, 1, None])
def test_embedding_equals_pytorch(dim: int | None) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.utils.parametrizations.weight_norm(torch.nn.Embedding(5, 3).double(), dim=dim)
    net = Network(WeightNorm(Embedding(5, 3), dim=dim), dtype="float64")
    net.load_state_dict(module.state_dict())
    x = np.array([[0, 3], [3, 1]])
    y, cache = net.forward(x)
    assert net.backward(cache, np.ones(y.shape)) is None
    theirs = module(torch.from_numpy(x))
    theirs.sum().backward()
    assert_close(y, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
    for name, parameter in module.named_parameters():
        assert_close(net.gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_attention_with_a_mask_equals_pytorch_and_its_names_come_in_the_same_order() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.MultiheadAttention(4, 2, batch_first=True).double()
    torch.nn.utils.parametrizations.weight_norm(module, "in_proj_weight")
    net = Network(WeightNorm(MultiheadAttention(4, 2), "in_proj_weight"), dtype="float64")
    assert list(net.state_dict()) == list(module.state_dict())
    net.load_state_dict(module.state_dict())
    rng = np.random.default_rng(0)
    xs, mask = [rng.normal(size=(2, 3, 4)) for _ in range(3)], np.triu(np.ones((3, 3), dtype=bool), 1)
    (y, shares), cache = net.forward(*xs, attn_mask=mask)
    theirs, their_shares = module(*map(torch.from_numpy, xs), attn_mask=torch.from_numpy(mask))
    net.backward(cache, (np.ones(y.shape), None))
    theirs.sum().backward()
    assert_close(y, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert_close(shares, their_shares.detach().numpy(), rtol=1e-12, atol=1e-12)
    for name, parameter in module.named_parameters():
        assert_close(net.gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_twenty_steps_of_adam_end_where_pytorchs_do() -> None:
    torch = pytest.importorskip("torch")
    norm = torch.nn.utils.parametrizations.weight_norm
    twin = torch.nn.Sequential(
        norm(torch.nn.Conv2d(2, 4, 3, groups=2)), torch.nn.ReLU(), torch.nn.Flatten(),
        norm(torch.nn.Linear(36, 6), dim=None), torch.nn.ReLU(), norm(torch.nn.Linear(6, 3)),
    ).double()  # fmt: skip
    net = Network(
        Sequential(
            WeightNorm(Conv2d(2, 4, 3, groups=2)), ReLU(), Flatten(),
            WeightNorm(Linear(36, 6), dim=None), ReLU(), WeightNorm(Linear(6, 3)),
        ), dtype="float64",
    )  # fmt: skip
    net.load_state_dict(twin.state_dict())
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 8, 2, 5, 5)), rng.integers(3, size=(20, 8))
    optimizer = torch.optim.Adam(twin.parameters(), lr=1e-2, weight_decay=0.1)
    for inputs, labels in zip(x, y, strict=True):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(twin(torch.from_numpy(inputs)), torch.from_numpy(labels)).backward()
        optimizer.step()
    adam = Adam(lr=1e-2, weight_decay=0.1)
    net.fit(list(zip(x, y, strict=True)), loss=CrossEntropyLoss(), optimizer=adam, verbose=False)
    assert net.step == 20
    state = net.state_dict()
    assert list(state) == list(twin.state_dict())
    for key, tensor in twin.state_dict().items():
        np.testing.assert_allclose(state[key], tensor.numpy(), rtol=0, atol=1e-8, err_msg=key)


def test_arguments_and_defaults_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    ours = inspect.signature(WeightNorm).parameters
    theirs = inspect.signature(torch.nn.utils.parametrizations.weight_norm).parameters
    assert list(ours)[1:] == list(theirs)[1:] == ["name", "dim"]
    assert all(ours[name].default == theirs[name].default for name in ("name", "dim"))


# -- the start ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_starts_where_it_would_without(backend: Backend, dtype: str, dim: int | None) -> None:
    x = backend.put(np.random.default_rng(0).normal(size=(5, 4)), dtype)
    plain = Network(Sequential(Linear(4, 3), Linear(3, 2)), device=backend.device, dtype=dtype, seed=3)
    model = Sequential(WeightNorm(Linear(4, 3), dim=dim), WeightNorm(Linear(3, 2), dim=dim))
    net = Network(model, device=backend.device, dtype=dtype, seed=3)
    np.testing.assert_array_equal(backend.get(net.parameters[f"0.{V}"]), backend.get(plain.parameters["0.weight"]))
    assert_close(backend.get(net.forward(x)[0]), backend.get(plain.forward(x)[0]), dtype)


def test_two_weights_of_a_layer_start_as_they_would() -> None:
    plain = Network(LSTM(2, 3), seed=0)
    net = Network(WeightNorm(WeightNorm(LSTM(2, 3), "weight_hh_l0"), "weight_ih_l0"), seed=0)
    for name in ("weight_hh_l0", "weight_ih_l0"):
        v = net.parameters[f"parametrizations.{name}.original1"]
        np.testing.assert_array_equal(v, plain.parameters[name])
        g = net.parameters[f"parametrizations.{name}.original0"]
        assert_close(g, np.sqrt((v.astype("float64") ** 2).sum(1, keepdims=True)), "float32")


def test_g_follows_a_start_of_v_of_ones_own_unless_it_has_one_too() -> None:
    net = Network(WeightNorm(Linear(4, 3)), init={"*.original1": initializers.constant(2.0)})
    np.testing.assert_array_equal(net.parameters[G], np.full((3, 1), 4.0))
    net = Network(WeightNorm(Linear(4, 3)), init={"*.original0": initializers.ones(), "*": initializers.constant(2.0)})
    np.testing.assert_array_equal(net.parameters[G], np.ones((3, 1)))
    np.testing.assert_array_equal(net.parameters[V], np.full((3, 4), 2.0))


def test_derived_starts_say_how_they_were_written() -> None:
    net = Network(WeightNorm(Linear(4, 3)))
    init = net.layout[G].spec.init
    assert repr(init) == f"norm_of({V!r}, (1,))"
    assert eval(repr(init), vars(initializers).copy())(np.array([[3.0, 4.0]])).tolist() == [[5.0]]
    assert initializers.norm_of("v", None)(np.array([[3.0], [4.0]], dtype="float32")) == 5.0


# -- a direction of zeros ----------------------------------------------------------------------------


def test_a_row_of_zeros_stays_zero_and_the_others_learn(backend: Backend) -> None:
    net = Network(WeightNorm(Embedding(4, 3, padding_idx=0)), device=backend.device, seed=0)
    before = backend.get(net.parameters[V]).copy()
    for _ in range(3):
        y, cache = net.forward(backend.put([[0, 1], [2, 0]]))
        assert not backend.get(y)[0, 0].any()
        net.backward(cache, backend.put(np.ones((2, 2, 3)), "float32"))
        SGD(lr=0.1).update(net)
    after = backend.get(net.parameters[V])
    assert not after[0].any()
    assert not backend.get(net.parameters[G])[0].any()
    assert np.isfinite(after).all()
    assert (after[1:3] != before[1:3]).all()


def test_one_length_of_a_weight_of_zeros_is_no_trouble() -> None:
    net = Network(WeightNorm(Linear(2, 2), dim=None), init={f"*{V}": initializers.zeros()})
    y, cache = net.forward(np.ones((3, 2), "float32"))
    np.testing.assert_array_equal(y, np.broadcast_to(net.parameters["bias"], (3, 2)))
    net.backward(cache, y)
    assert np.isfinite(net.gradient).all()


# -- what passes through -----------------------------------------------------------------------------


@pytest.mark.parametrize("frozen", [["*original0"], ["*original1"], ["bias"], ["*original0", "bias"], ["*"]])
def test_frozen_parameters_have_no_gradient_and_the_others_keep_theirs(frozen: list[str]) -> None:
    net, x = Network(WeightNorm(Linear(4, 3)), seed=0), np.ones((2, 4), "float32")
    y, cache = net.forward(x)
    whole = net.clone()
    whole_y, whole_cache = whole.forward(x)
    dx = whole.backward(whole_cache, whole_y)
    for pattern in frozen:
        net.freeze(pattern)
    np.testing.assert_array_equal(net.backward(cache, y), dx)
    for name, gradient in net.gradients.items():
        expected = np.zeros_like(gradient) if name in net.frozen else whole.gradients[name]
        np.testing.assert_array_equal(gradient, expected)


def test_input_gradient_and_caches_are_left_out_where_nobody_wants_them() -> None:
    net, x = Network(WeightNorm(Linear(4, 3)), seed=0), np.ones((2, 4), "float32")
    y, cache = net.run((x,), net.mode(training=True, input_gradient=False))
    assert net.run_backward(cache, y) is None
    assert net.gradients[V].any()
    assert net.run((x,), net.mode(training=False, keep_cache=False))[1] is None
    y, cache = net.run((x,), net.mode(training=True, consume=True))
    assert net.run_backward(cache, y).shape == x.shape


def test_what_comes_before_a_frozen_wrapper_is_not_asked() -> None:
    net = Network(Sequential(WeightNorm(Linear(4, 3)), WeightNorm(Linear(3, 2))), seed=0)
    net.freeze("0.*")
    y, cache = net.run((np.ones((2, 4), "float32"),), net.mode(training=True, input_gradient=False))
    assert net.run_backward(cache, y) is None
    assert net.gradients[f"1.{V}"].any()
    assert not net.gradients[f"0.{V}"].any()


def test_noise_states_and_masks_are_those_of_the_layer_inside(backend: Backend) -> None:
    lstm = LSTM(2, 3, num_layers=2, dropout=0.5)
    plain, net = (
        Network(layer, device=backend.device, dtype="float64", seed=1) for layer in (lstm, WeightNorm(lstm, "weight_hh_l0"))
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x, h, c = (backend.put(rng.normal(size=shape)) for shape in ((4, 5, 2), (2, 4, 3), (2, 4, 3)))
    mask = backend.put(np.arange(5) < np.array([[5], [3], [1], [4]]))
    (ours, (h_ours, _)), cache = net.forward(x, training=True, hx=(h, c), mask=mask)
    (theirs, (h_theirs, _)), plain_cache = plain.forward(x, training=True, hx=(h, c), mask=mask)
    assert_close(backend.get(ours), backend.get(theirs))
    assert_close(backend.get(h_ours), backend.get(h_theirs))
    dx, (dh, _) = net.backward(cache, (ours, None))
    plain_dx, (plain_dh, _) = plain.backward(plain_cache, (theirs, None))
    assert_close(backend.get(dx), backend.get(plain_dx))
    assert_close(backend.get(dh), backend.get(plain_dh))


def test_a_graph_adds_the_gradients_of_a_shared_one() -> None:
    shared = Graph(("x",), (("a", WeightNorm(Linear(3, 3)), "x"), ("b", "a", "a")), ("b",))
    report = checking.check_gradients(Network(shared, seed=0), np.random.default_rng(0).normal(size=(4, 3)))
    assert report.checked == 3 + 3 + 9 + 12


def test_options_of_the_layer_inside_can_be_read_and_its_methods_cannot() -> None:
    layer = WeightNorm(WeightNorm(MultiheadAttention(4, 2), "in_proj_weight"), "in_proj_bias")
    assert (layer.num_heads, layer.kdim, layer.batch_first) == (2, None, True)
    for name in ("backward_self", "_parts", "hidden_size"):
        with pytest.raises(AttributeError, match=f"^'.*' object has no attribute '{name}'$"):
            getattr(layer, name)
    assert copy.deepcopy(layer) == copy.copy(layer) == layer
    assert pickle.loads(pickle.dumps(WeightNorm(Linear(2, 2)))) == WeightNorm(Linear(2, 2))


def test_containers_and_fit_look_at_the_options_inside() -> None:
    lstm = WeightNorm(LSTM(2, 3), "weight_hh_l0")
    hint = "give it return_state=False"
    with pytest.raises(
        ValueError, match=sentence(f"Sequential: expected layer 0 to hand on one array, got {lstm}; {hint}")
    ):
        Sequential(lstm, Linear(3, 2))
    net = Network(WeightNorm(LSTM(2, 3, batch_first=False, return_state=False), "weight_hh_l0"))
    x = np.ones((2, 3, 2), "float32")
    with pytest.raises(ValueError, match=r"^fit: expected layers with batch_first=True, got batch_first=False in Wei"):
        net.fit(x, x, loss=CrossEntropyLoss(), optimizer=SGD(lr=0.1))


def test_indices_are_checked_as_the_layer_inside_does() -> None:
    for device in ("cpu", "strict"):
        for layer in (Embedding(3, 2), WeightNorm(Embedding(3, 2))):
            with pytest.raises(ValueError, match=r"^Embedding\.forward: expected indices"):
                Network(layer, device=device).predict(np.array([[3]]))


def test_children_of_the_layer_inside_can_be_changed() -> None:
    layer = WeightNorm(MultiheadAttention(4, 2), "in_proj_weight")
    seen: list[str] = []

    def look(name: str, child: Layer) -> Layer:
        seen.append(name)
        return child

    assert layer.map_children(look) == layer
    assert seen == list(layer.children()) == ["out_proj"]
    assert Network(layer, input_shape=(3, 4)).summary().multiply_adds == (
        Network(layer.layer, input_shape=(3, 4)).summary().multiply_adds
    )


def test_summary_names_both_layers_and_counts_as_the_one_inside() -> None:
    plain = Network(Sequential(Conv2d(1, 2, 3), Flatten()), input_shape=(1, 5, 5)).summary(8)
    summary = Network(Sequential(WeightNorm(Conv2d(1, 2, 3)), Flatten()), input_shape=(1, 5, 5)).summary(8)
    assert (summary.multiply_adds, summary.output_bytes) == (plain.multiply_adds, plain.output_bytes)
    assert summary.parameters == plain.parameters + 2
    assert "WeightNorm(Conv2d)  (8, 2, 3, 3)" in str(summary)


def test_weight_decay_of_weights_alone_reaches_length_and_direction() -> None:
    net = Network(Sequential(WeightNorm(Linear(4, 3)), WeightNorm(Linear(3, 2), "bias")))
    decayed = {
        name
        for name, slot in net.layout.items()
        for run in net.runs(weights_only=True)
        if run.decay and run.start <= slot.start < run.stop
    }
    assert decayed == {f"0.{G}", f"0.{V}", "1.weight"}


def test_a_file_brings_it_back(tmp_path: Path) -> None:
    model = Sequential(WeightNorm(WeightNorm(LSTM(2, 3, return_state=False), "weight_hh_l0"), "weight_ih_l0", None))
    assert from_config(to_config(model)) == model
    net = Network(model, seed=0)
    net.save(tmp_path / "net.safetensors")
    again = nnxp.load(tmp_path / "net.safetensors")
    assert again.model == model
    np.testing.assert_array_equal(again.theta, net.theta)
    assert list(again.state_dict()) == list(net.state_dict())


@dataclass(frozen=True)
class Wrong(Linear):
    """A Linear whose weight's gradient is twice what it should be."""

    def backward(self, p: Any, g: Any, cache: Any, dy: Any) -> Any:
        dx = super().backward(p, g, cache, dy)
        g.weight[...] = 2.0 * g.weight
        return dx


def test_a_wrong_gradient_is_found_in_the_layer_that_holds_the_parameter() -> None:
    net = Network(Sequential(Linear(3, 3), WeightNorm(Wrong(3, 2))), seed=0)
    text = r"^check_gradients: 1\.parametrizations\.weight\.original\d\[\d, \d\] of layer 1 \(WeightNorm\(Wrong\)\): "
    with pytest.raises(GradientError, match=text):
        checking.check_gradients(net, np.random.default_rng(0).normal(size=(4, 3)))


@dataclass(frozen=True)
class Skipping(Linear):
    """A Linear that says it may leave out a child."""

    may_skip: ClassVar[bool] = True


def test_what_backward_may_leave_out_is_said_for_the_layer_inside() -> None:
    assert WeightNorm(Skipping(2, 2)).may_skip
    assert not WeightNorm(Linear(2, 2)).may_skip


# -- by hand -----------------------------------------------------------------------------------------


def test_the_weight_and_its_gradients_by_hand() -> None:
    net = Network(WeightNorm(Linear(2, 1, bias=False)), dtype="float64")
    net.load_state_dict({G: np.array([[10.0]]), V: np.array([[3.0, 4.0]])})
    y, cache = net.forward(np.array([[1.0, 2.0]]))  # w = (6, 8), dw = x
    assert_close(y, [[22.0]])
    assert_close(net.backward(cache, np.array([[1.0]])), [[6.0, 8.0]])
    assert_close(net.gradients[G], [[11 / 5]])
    assert_close(net.gradients[V], [[2 * 1 - 10 * 2.2 / 25 * 3, 2 * 2 - 10 * 2.2 / 25 * 4]])
    assert math.isclose(float((net.gradients[V] * net.parameters[V]).sum()), 0.0, abs_tol=1e-14)


# -- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: WeightNorm(Linear), TypeError, "WeightNorm: expected layer to be a Layer, got <class 'nnxp.layers.linear.Linear'>; call it: ReLU(), not ReLU"),
        (lambda: WeightNorm(Linear(2, 2), 0), TypeError, "WeightNorm: expected name to be the name of a parameter, got 0"),
        (lambda: WeightNorm(Linear(2, 2), dim=0.5), TypeError, "WeightNorm: expected dim to be a whole number, got 0.5"),
        (lambda: Network(WeightNorm(ReLU())), ValueError, "WeightNorm: expected a layer with parameters of its own, got ReLU()"),
        (lambda: Network(WeightNorm(Sequential(ReLU()), "0.weight")), ValueError, "WeightNorm: expected a layer with parameters of its own, got Sequential(ReLU()); put the layers inside it into WeightNorm one by one"),
        (lambda: Network(WeightNorm(Linear(2, 2), "wieght")), ValueError, "WeightNorm: expected name to be one of weight, bias, got 'wieght'; did you mean 'weight'?"),
        (lambda: Network(WeightNorm(WeightNorm(Linear(2, 2)))), ValueError, "WeightNorm: expected name to be one of bias, got 'weight'"),
        (lambda: Network(WeightNorm(WeightNorm(Linear(2, 2)), V)), ValueError, f"WeightNorm: expected name to be one of bias, got '{V}'"),
        (lambda: Network(WeightNorm(Linear(2, 2), dim=2)), ValueError, "WeightNorm: expected dim in [-2, 1], the axes of weight, or None, got 2"),
        (lambda: Network(WeightNorm(Linear(2, 2), dim=-3)), ValueError, "WeightNorm: expected dim in [-2, 1], the axes of weight, or None, got -3"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(build: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=sentence(text)):
        build()


def test_a_wrong_input_is_refused_by_the_layer_inside() -> None:
    net = Network(WeightNorm(Linear(4, 3)))
    with pytest.raises(ValueError, match=sentence("Linear.forward: expected x of shape (*batch, 4), got (2, 5)")):
        net.forward(np.ones((2, 5), "float32"))
