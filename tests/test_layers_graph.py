"""Graph: order, sharing, noise, what is left out, what is saved, and what is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnxp.checking import check_gradients
from nnxp.comparison import compare_devices
from nnxp.io import load
from nnxp.io.architecture import from_config, to_config
from nnxp.layers import (
    LSTM,
    Activation,
    Add,
    Concatenate,
    Dropout,
    Graph,
    Identity,
    Layer,
    Linear,
    ReLU,
    Sequential,
    Tanh,
)
from nnxp.losses import MSELoss
from nnxp.network import Network
from nnxp.optimizers import Adam
from tests.backends import Backend, assert_close

TWINS = Graph(
    inputs=("a", "b"),
    nodes=(
        ("h", Sequential(Linear(3, 4), Tanh(), Linear(4, 2)), "a"),
        ("k", "h", "b"),
        ("both", Concatenate(), ("h", "k")),
        ("score", Linear(4, 1), "both"),
    ),
    outputs=("score", "h"),
)


def draw(*shape: int, seed: int = 0, dtype: str = "float64") -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def refuse(x: Any) -> Any:
    raise AssertionError("this derivative is not wanted")


# -- sharing ----------------------------------------------------------------------------------------


def test_twins_with_one_set_of_parameters_equal_pytorch(backend: Backend) -> None:
    torch = pytest.importorskip("torch")

    class Twins(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.h = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
            self.score = torch.nn.Linear(4, 1)

        def forward(self, a: Any, b: Any) -> Any:
            h = self.h(a)
            return self.score(torch.cat([h, self.h(b)], 1)), h

    net, twins = Network(TWINS, device=backend.device, dtype="float64", seed=0), Twins().double()
    twins.load_state_dict({name: torch.from_numpy(value) for name, value in net.state_dict().items()})
    a, b, dy, dh = draw(5, 3), draw(5, 3, seed=1), draw(5, 1, seed=2), draw(5, 2, seed=3)
    (score, h), cache = net.forward(backend.put(a), backend.put(b))
    da, db = net.backward(cache, (backend.put(dy), backend.put(dh)))
    theirs = [torch.tensor(x, requires_grad=True) for x in (a, b)]
    their_score, their_h = twins(*theirs)
    torch.autograd.backward([their_score, their_h], [torch.tensor(dy), torch.tensor(dh)])
    pairs = [(score, their_score), (h, their_h), (da, theirs[0].grad), (db, theirs[1].grad)]
    pairs += [(net.gradients[name], parameter.grad) for name, parameter in twins.named_parameters()]
    assert len(pairs) == 10
    for ours, desired in pairs:
        assert_close(backend.get(ours), desired.detach().numpy())


def test_gradients_of_several_inputs_and_outputs_agree_with_differences() -> None:
    report = check_gradients(Network(TWINS, seed=0), (draw(4, 3), draw(4, 3, seed=1)))
    assert report.checked == report.total == 24 + 26 + 5


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_graph_equals_pytorch(data: Any) -> None:
    torch = pytest.importorskip("torch")
    draw_one = data.draw
    names, nodes = ["x", "z"], []
    owners: list[str] = []
    for i in range(draw_one(st.integers(1, 8))):
        kind = draw_one(st.sampled_from(["linear", "tanh", "add", "share"]))
        one, two = st.sampled_from(names), st.lists(st.sampled_from(names), min_size=2, max_size=4).map(tuple)
        if kind == "share" and owners:
            nodes.append((f"n{i}", draw_one(st.sampled_from(owners)), draw_one(one)))
        elif kind == "add":
            nodes.append((f"n{i}", Add(), draw_one(two)))
        elif kind == "tanh":
            nodes.append((f"n{i}", Tanh(), draw_one(one)))
        else:
            nodes.append((f"n{i}", Linear(2, 2), draw_one(one)))
            owners.append(f"n{i}")
        names.append(f"n{i}")
    outputs = tuple(draw_one(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)))
    graph = Graph(("x", "z"), tuple(draw_one(st.permutations(nodes))), outputs)
    net = Network(graph, dtype="float64", seed=0)
    xs = [draw(3, 2, seed=seed) for seed in (0, 1)]
    y, cache = net.forward(*xs)
    ys = y if isinstance(y, tuple) else (y,)
    dy = [draw(3, 2, seed=2 + i) for i in range(len(ys))]
    # Something from before, which must not stay where nothing is written.
    net.gradient[...] = 5.0
    dxs = net.backward(cache, tuple(dy) if len(dy) > 1 else dy[0])

    values = {name: torch.tensor(x, requires_grad=True) for name, x in zip(("x", "z"), xs, strict=True)}
    parameters = {n: torch.tensor(np.array(p), requires_grad=True) for n, p in net.parameters.items()}
    for name, layer, sources in nodes:
        owner = layer if isinstance(layer, str) else name
        if isinstance(layer, Add):
            values[name] = sum(values[source] for source in sources)
        elif isinstance(layer, Tanh):
            values[name] = torch.tanh(values[sources])
        else:
            values[name] = values[sources] @ parameters[f"{owner}.weight"].T + parameters[f"{owner}.bias"]
    sum((values[name] * torch.tensor(d)).sum() for name, d in zip(outputs, dy, strict=True)).backward()
    for ours, name in zip(ys, outputs, strict=True):
        assert_close(ours, values[name].detach())
    for ours, name in zip(dxs, ("x", "z"), strict=True):
        desired = values[name].grad
        assert (ours is None) == (desired is None)
        if ours is not None:
            assert_close(ours, desired)
    for name, parameter in parameters.items():
        assert_close(net.gradients[name], np.zeros(parameter.shape) if parameter.grad is None else parameter.grad)


def test_equal_layers_are_not_shared() -> None:
    graph = Graph(("x",), (("h", Linear(2, 2), "x"), ("k", Linear(2, 2), "h")), ("k",))
    assert list(Network(graph).parameters) == ["h.weight", "h.bias", "k.weight", "k.bias"]


def test_frozen_parameters_of_a_shared_layer_have_no_gradient(backend: Backend) -> None:
    net = Network(TWINS, device=backend.device, seed=0)
    x = backend.put(draw(4, 3), "float32")
    y, cache = net.forward(x, x)
    net.backward(cache, y)
    every = {name: np.array(backend.get(g)) for name, g in net.gradients.items()}
    net.freeze("h.0.*")
    y, cache = net.forward(x, x)
    net.backward(cache, y)
    for name, gradient in net.gradients.items():
        if name.startswith("h.0."):
            assert not backend.get(gradient).any()
        else:
            assert_close(backend.get(gradient), every[name], "float32")


# -- noise ------------------------------------------------------------------------------------------

NOISE = Graph(
    ("x",),
    (("first", Sequential(Dropout(0.5)), "x"), ("second", "first", "x"), ("y", Concatenate(), ("first", "second"))),
    ("y",),
)
NESTED = Graph(("x",), (("a", NOISE, "x"), ("b", "a", "x"), ("y", Concatenate(), ("a", "b"))), ("y",))


def test_every_visit_of_a_shared_layer_draws_noise_of_its_own(backend: Backend) -> None:
    net = Network(NESTED, device=backend.device, seed=0)
    x = backend.put(np.ones((20, 50)), "float32")
    kept = backend.get(net.forward(x, training=True)[0]) > 0
    visits = np.split(kept, 4, axis=1)
    for i, visit in enumerate(visits):
        for other in visits[:i]:
            assert 0.42 < np.mean(visit == other) < 0.58  # five standard deviations of 1,000 tosses
    np.testing.assert_array_equal(kept, backend.get(net.forward(x, training=True)[0]) > 0)
    alone = Network(Graph(("x",), NOISE.nodes, ("first",)), device=backend.device, seed=0)
    assert (visits[0] != (backend.get(alone.forward(x, training=True)[0]) > 0)).any()


def test_gradients_agree_with_differences_in_noise() -> None:
    graph = Graph(
        ("x",),
        (("h", Sequential(Linear(3, 3), Dropout(0.5)), "x"), ("k", "h", "h"), ("y", Add(), ("h", "k"))),
        ("y",),
    )
    check_gradients(Network(graph, seed=0), draw(4, 3))


# -- what is left out -------------------------------------------------------------------------------


def test_a_node_that_leads_to_no_output_is_not_run() -> None:
    graph = Graph(("x",), (("y", Linear(2, 2), "x"), ("dead", Sequential(Broken(), Linear(2, 2)), "y")), ("y",))
    net = Network(graph, seed=0)
    y, cache = net.forward(draw(3, 2, dtype="float32"))
    net.gradient[...] = 5.0
    net.backward(cache, y)
    assert not np.any(net.gradients["dead.1.weight"])
    assert np.all(net.gradients["y.weight"] != 5.0)


@dataclass(frozen=True)
class Broken(Layer):
    def forward(self, p: Any, x: Any, mode: Any) -> Any:
        raise AssertionError("this layer is not wanted")


def test_none_in_dy_means_nothing(backend: Backend) -> None:
    net = Network(TWINS, device=backend.device, seed=0)
    a, b = (backend.put(draw(4, 3, seed=seed), "float32") for seed in (0, 1))
    (score, h), cache = net.forward(a, b)
    net.backward(cache, (None, h))
    assert not np.any(backend.get(net.gradients["score.weight"]))
    expected = np.array(backend.get(net.gradient))
    da, db = net.backward(cache, (0 * score, h))
    np.testing.assert_array_equal(backend.get(net.gradient), expected)
    da, db = net.backward(cache, (None, h))
    assert np.any(backend.get(da))
    assert db is None


def test_what_nobody_uses_needs_no_zeros() -> None:
    every = replace(TWINS, outputs=("score",))
    assert not every.may_skip
    assert TWINS.may_skip
    assert replace(TWINS, outputs=("h",)).may_skip
    assert Graph(("x", "z"), (("y", Tanh(), "x"),), ("y",)).may_skip


def test_an_input_that_leads_nowhere_has_no_gradient() -> None:
    graph = Graph(("x", "z"), (("y", Tanh(), "x"),), ("y",))
    outer = Graph(("x",), (("h", Linear(2, 2), "x"), ("y", graph, ("x", "h"))), ("y",))
    y, cache = Network(graph).forward(*(np.ones((2, 2), "float32"),) * 2)
    assert Network(graph).forward(y, y)[1].layers.caches[0] is not None
    dx, dz = Network(graph).backward(cache, y)
    assert dx.shape == (2, 2)
    assert dz is None
    net = Network(outer, seed=0)
    y, cache = net.forward(y)
    net.gradient[...] = 5.0
    net.backward(cache, y)
    assert not np.any(net.gradient)


def test_no_gradient_is_computed_before_the_first_parameter(backend: Backend) -> None:
    graph = Graph(
        ("x",),
        (("a", Activation(abs, refuse), "x"), ("h", Linear(4, 4), "a"), ("y", Add(), ("a", "h"))),
        ("y",),
    )
    net = Network(graph, device=backend.device, seed=0)
    y, cache = net.run((backend.put(np.ones((5, 4)), "float32"),), net.mode(training=True, input_gradient=False))
    assert net.run_backward(cache, y) is None
    assert np.any(backend.get(net.gradient))


def test_nothing_is_kept_when_only_predicting() -> None:
    net = Network(TWINS, seed=0)
    x = np.ones((5, 3), "float32")
    _, cache = net.run((x, x), net.mode(training=False, keep_cache=False))
    assert (cache.caches, cache.forms) == ([], {})


def test_a_value_is_let_go_after_its_last_use() -> None:
    done = {step.name: step.done for step in TWINS.wiring.steps}
    assert done == {"h": ("a",), "k": ("b",), "both": ("k",), "score": ("both",)}


def test_caches_are_let_go_in_the_backward_that_may_consume_them() -> None:
    net, x = Network(TWINS, seed=0), np.ones((5, 3), "float32")
    y, cache = net.run((x, x), net.mode(training=True, consume=True))
    net.run_backward(cache, y)
    assert cache.caches == []


# -- layers of several outputs ----------------------------------------------------------------------


def test_parts_of_an_output_are_named_by_number(backend: Backend) -> None:
    graph = Graph(
        ("x",),
        (("lstm", LSTM(3, 4), "x"), ("c", Tanh(), "lstm.1.1"), ("y", Linear(4, 2), "lstm.0")),
        ("y", "c", "lstm.1.0", "lstm"),
    )
    net = Network(graph, device=backend.device, dtype="float64", seed=0)
    alone = Network(LSTM(3, 4), device=backend.device, dtype="float64")
    alone.load_state_dict({n.removeprefix("lstm."): a for n, a in net.state_dict().items() if n.startswith("lstm.")})
    x = backend.put(draw(2, 5, 3))
    (y, c, h, whole), _ = net.forward(x)
    (output, (last_h, last_c)), _ = alone.forward(x)
    weight, bias = net.state_dict()["y.weight"], net.state_dict()["y.bias"]
    assert_close(backend.get(y), backend.get(output) @ weight.T + bias)
    assert_close(backend.get(c), np.tanh(backend.get(last_c)))
    for a, b in ((h, last_h), (whole[0], output), (whole[1][1], last_c)):
        assert_close(backend.get(a), backend.get(b))


def test_gradients_through_parts_agree_with_differences() -> None:
    nodes = (("lstm", LSTM(2, 2), "x"), ("c", Tanh(), "lstm.1.1"), ("y", Tanh(), "lstm.0"))
    for outputs in (("y",), ("c",), ("y", "c", "lstm.1.1"), ("lstm", "lstm.0")):
        check_gradients(Network(Graph(("x",), nodes, outputs), seed=0), draw(2, 3, 2))


# -- shapes -----------------------------------------------------------------------------------------


def test_sizes_are_inferred_through_the_nodes() -> None:
    graph = Graph(
        ("x",),
        (
            ("h", Linear(None, 4), "x"),
            ("k", Linear(None, 3), "x"),
            ("both", Concatenate(), ("h", "k")),
            ("twice", Graph(("p", "q"), (("s", Concatenate(-1), ("p", "q")),), ("s",)), ("both", "x")),
            ("y", Linear(None, 2), "twice"),
            ("sum", Add(), ("y", "y")),
        ),
        ("sum", "h"),
    )
    net = Network(graph, input_shape=(5,))
    assert net.parameters["y.weight"].shape == (2, 12)
    assert net.output_shape == (2,)
    assert [(node.path, node.out_shape) for node in net.nodes] == [
        ("", (2,)), ("h", (4,)), ("k", (3,)), ("both", (7,)), ("twice", (12,)), ("twice.s", (12,)), ("y", (2,)),
        ("sum", (2,)),
    ]  # fmt: skip


def test_unknown_shapes_stay_unknown() -> None:
    assert Concatenate().output_shape(None) is None
    assert Graph(("a", "b"), (("y", Concatenate(), ("a", "b")),), ("y",)).output_shape((3,)) is None
    assert Add().output_shape(None) is None
    for part, shape in (("lstm", (5, 4)), ("lstm.0", (5, 4)), ("lstm.1", None), ("lstm.1.0", None)):
        assert Graph(("x",), (("lstm", LSTM(3, 4), "x"),), (part,)).output_shape((5, 3)) == shape
    assert Graph(("a", "b"), (("y", Add(), ("b", "a")),), ("y",)).output_shape((3,)) is None


# -- a graph among others ---------------------------------------------------------------------------


def test_a_sequential_may_hold_a_graph() -> None:
    inner = Graph(("x",), (("h", Linear(4, 4), "x"), ("y", Add(), ("x", "h"))), ("y",))
    net = Network(Sequential(Linear(3, 4), inner, ReLU(), Linear(4, 2)), seed=0)
    check_gradients(net, draw(4, 3))
    assert list(net.parameters)[2:4] == ["1.h.weight", "1.h.bias"]


class Lookup(Identity):
    accepts_integers = True


def test_integers_are_taken_where_a_layer_at_the_door_takes_them() -> None:
    assert Graph(("i", "x"), (("h", Lookup(), "i"), ("y", Add(), ("h", "x"))), ("y",)).accepts_integers
    assert not Graph(("x",), (("h", Tanh(), "x"), ("y", Lookup(), "h")), ("y",)).accepts_integers


def test_children_can_be_exchanged() -> None:
    changed = TWINS.map_children(lambda name, layer: Identity() if name == "h" else layer)
    assert changed.children()["h"] == Identity()
    assert changed.nodes[1:] == TWINS.nodes[1:]
    assert TWINS.map_children(lambda _, layer: layer) == TWINS


def test_devices_can_be_compared() -> None:
    graph = Graph(("x",), (("h", Linear(3, 3), "x"), ("k", "h", "h"), ("y", Add(), ("h", "k"))), ("y",))
    comparison = compare_devices(graph, ["cpu", "strict"], draw(4, 3), draw(4, 3), MSELoss())
    assert "All devices agree" in str(comparison)


def test_a_graph_is_saved_and_loaded(tmp_path: Path) -> None:
    assert from_config(to_config(TWINS)) == TWINS
    net, x = Network(TWINS, seed=0), draw(4, 3, dtype="float32")
    net.save(tmp_path / "twins.safetensors")
    again = load(tmp_path / "twins.safetensors")
    assert again.model == TWINS
    for ours, theirs in zip(again.forward(x, x)[0], net.forward(x, x)[0], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_summary_lists_every_layer_once() -> None:
    summary = Network(TWINS, seed=0).summary()
    names = [row[0].strip() for row in summary.table.rows]
    assert names == ["model", "h", "0", "1", "2", "both", "score"]
    assert summary.parameters == 31


def test_twins_are_trained() -> None:
    net = Network(replace(TWINS, outputs=("score",)), seed=0)
    a, b = draw(64, 3), draw(64, 3, seed=1)
    target = (a - b).sum(axis=1, keepdims=True)
    history = net.fit((a, b), target, loss=MSELoss(), optimizer=Adam(lr=0.02), epochs=40, batch_size=16, verbose=False)
    assert history["loss"][-1] < 0.1 * history["loss"][0]


# -- what is refused --------------------------------------------------------------------------------

Y = ("y", Tanh(), "x")
BAD: list[Any] = [
    ("x", (Y,), ("y",), TypeError, "Graph: expected inputs to be a tuple of names, got 'x'; write ('x',)"),
    (("x",), (Y,), ["y"], TypeError, "Graph: expected outputs to be a tuple of names, got ['y']"),
    ((), (Y,), ("y",), TypeError, "Graph: expected inputs to be a tuple of names, got ()"),
    ((1,), (Y,), ("y",), TypeError, "Graph: expected inputs to be a tuple of names, got (1,)"),
    (("x",), {"y": Tanh()}, ("y",), TypeError,
     "Graph: expected nodes to be a tuple of (name, layer, inputs), got {'y': Tanh()}"),
    (("x",), Y, ("y",), TypeError, "Graph: expected every node to be (name, layer, inputs), got 'y'"),
    (("x",), (("y", Tanh()),), ("y",), TypeError,
     "Graph: expected every node to be (name, layer, inputs), got ('y', Tanh())"),
    (("x",), (("y", Tanh, "x"),), ("y",), TypeError,
     "Graph: expected the layer of node 'y' to be a Layer, got <class 'nnxp.layers.squashing.Tanh'>; "
     "call it: ReLU(), not ReLU"),
    (("x",), (("y", Tanh(), ()),), ("y",), TypeError,
     "Graph: expected the inputs of node 'y' to be a tuple of names, got ()"),
    (("x",), (Y, ("y", ReLU(), "x")), ("y",), ValueError, "Graph: expected every name once, got 'y'"),
    (("x", "y"), (Y,), ("y",), ValueError, "Graph: expected every name once, got 'y'"),
    (("x",), (("y.0", Tanh(), "x"),), ("y",), ValueError,
     "Graph: expected names without a dot, and not empty, got 'y.0'"),
    (("",), (("y", Tanh(), ""),), ("y",), ValueError, "Graph: expected names without a dot, and not empty, got ''"),
    (("image",), (("y", Tanh(), "imag"),), ("y",), ValueError,
     "Graph: expected input of node 'y' to be one of image, y, got 'imag'; did you mean 'image'?"),
    (("x",), (Y,), ("z",), ValueError, "Graph: expected output to be one of x, y, got 'z'"),
    (("x",), (Y,), ("y.first",), ValueError,
     "Graph: expected output to be one of x, y, got 'y.first'"),
    (("x",), (("left", Tanh(), "x"), ("y", "lefd", "x")), ("y",), ValueError,
     "Graph: expected node 'y' to share the layer of a node that has one, got 'lefd'; did you mean 'left'?"),
    (("x",), (("h", Tanh(), "x"), ("k", "h", "x"), ("y", "k", "x")), ("y",), ValueError,
     "Graph: expected node 'y' to share the layer of a node that has one, got 'k'"),
    (("x",), (("a", Add(), ("x", "c")), ("b", Tanh(), "a"), ("c", Tanh(), "b")), ("c",), ValueError,
     "Graph: expected nodes without a cycle, got a -> b -> c -> a"),
    (("x",), (("a", Add(), ("x", "a")),), ("x",), ValueError, "Graph: expected nodes without a cycle, got a -> a"),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "nodes", "outputs", "error", "sentence"), BAD, ids=[case[4] for case in BAD])
def test_a_graph_that_cannot_be_is_refused(inputs: Any, nodes: Any, outputs: Any, error: Any, sentence: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        Graph(inputs, nodes, outputs)


def test_a_missing_input_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("Graph.forward: expected 2 inputs (a, b), got 1")):
        Network(TWINS).forward(np.ones((2, 3), "float32"))


CALLS: list[Any] = [
    (Add(), ((2, 3), (2, 1)), "Add.forward: expected every input of shape (2, 3), got (2, 1)"),
    (Concatenate(), ((2, 3), (1, 4)), "Concatenate.forward: expected every input of shape (2, 4), got (1, 4)"),
    (Concatenate(), ((2, 3), (2, 3, 1)), "Concatenate.forward: expected every input of shape (2, 3), got (2, 3, 1)"),
]


@pytest.mark.parametrize(("layer", "shapes", "sentence"), CALLS, ids=[case[2] for case in CALLS])
def test_inputs_that_do_not_go_together_are_refused(layer: Layer, shapes: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Network(layer).forward(*(np.ones(shape, "float32") for shape in shapes))


def test_bad_arguments_of_concatenate_are_refused() -> None:
    with pytest.raises(
        ValueError, match=re.escape("Concatenate: expected dim to be another axis than the batch's, got 0")
    ):
        Concatenate(0)
    with pytest.raises(TypeError, match=re.escape("Concatenate: expected dim to be a whole number, got 1.5")):
        Concatenate(1.5)  # type: ignore[arg-type]


SHAPES: list[Any] = [
    (Add(), (4,), "Add: expected inputs of one shape, got [(4,), (3,)]"),
    (Concatenate(2), (4,), "Concatenate: expected dim within the 2 axes of its inputs, got 2"),
    (Concatenate(), (3, 2), "Concatenate: expected inputs of one shape but for axis 1, got [(3, 2), (3,)]"),
]


@pytest.mark.parametrize(("layer", "shape", "sentence"), SHAPES, ids=[case[2] for case in SHAPES])
def test_shapes_that_do_not_go_together_are_refused_when_a_network_is_built(
    layer: Layer, shape: Any, sentence: str
) -> None:
    nodes = (("h", To(shape), "x"), ("k", To((3,)), "x"), ("y", layer, ("h", "k")))
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Network(Graph(("x",), nodes, ("y",)), input_shape=(5,))


@dataclass(frozen=True)
class To(Layer):
    """Says that its output is of a shape."""

    shape: tuple[int, ...]

    def output_shape(self, in_shape: Any) -> Any:
        return self.shape
