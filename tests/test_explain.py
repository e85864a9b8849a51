"""Explanations: the formulas of every layer, the numbers of a run, the checks, the pictures, and what stays untouched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp.layers
import nnxp.losses
from nnxp import (
    Adam,
    BatchNorm1d,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    Embedding,
    Flatten,
    Graph,
    Layer,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    TransformerEncoderLayer,
    models,
)
from nnxp.explanation.formulas import formula_of
from nnxp.layers import ParameterSpec
from nnxp.random import generator
from tests.backends import Backend
from tests.cli_runs import mistake, write_numbers
from tests.cli_runs import nnxp as cli
from tests.layer_cases import CASES

X = np.float32([[1.0, 2.0], [3.0, 4.0]])
Y = np.array([0, 1])


def classes_of(room: Any, base: type) -> list[type]:
    found = (getattr(room, name) for name in room.__all__)
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, base) and kind is not base]


def test_every_layer_and_loss_states_both_directions() -> None:
    for kind in classes_of(nnxp.layers, Layer) + classes_of(nnxp.losses, nnxp.losses.Loss):
        formula = formula_of(kind)
        both = f"{formula.forward} {formula.backward}"
        assert len(formula.forward) > 10, kind
        assert formula.backward, kind
        assert "has it" not in both, kind
        assert "ackward" not in formula.forward, kind
        assert not re.search(r"; see|[;,] *\.( |$)|\]_", both), kind
        assert all(text.count("``") % 2 == 0 for text in formula), kind


def test_the_gradients_of_every_layer_agree() -> None:
    for case in CASES:
        x = generator(0, case.name).normal(size=case.shape).astype("float32")
        found = Network(case.layer, seed=1, input_shape=case.shape[1:]).explain(x)
        assert found.agrees, f"{case.name}: {found}"
        assert found.slopes, case.name


@pytest.fixture
def net() -> Network:
    return Network(Sequential(Linear(2, 3), Sigmoid(), Dropout(0.25), Linear(3, 2)), seed=0)


def test_the_formulas_carry_this_runs_shapes(net: Network) -> None:
    first = net.explain(X, Y, loss=CrossEntropyLoss()).layers[1]
    assert first.title == "0  Linear  (2, 2) -> (2, 3)"
    assert first.formula.forward == "Affine map of the last axis, ``y (2, 3) = x (2, 2) @ weight.T (2, 3) + bias (3,)``"
    assert first.formula.backward == (
        "``dweight (3, 2) = dy.T (3, 2) @ x (2, 2)``, ``dbias (3,) = sum of dy (2, 3) over the batch``, "
        "``dx (2, 2) = dy (2, 3) @ weight (3, 2)``"
    )


def test_the_numbers_are_those_of_the_run() -> None:
    net, loss = Network(Linear(2, 3), dtype="float64", seed=0), MSELoss()
    target = np.ones((2, 3))
    y, cache = net.forward(X.astype("float64"), training=True)
    value, dy = loss(y, target)
    dx = net.backward(cache, dy)
    found = net.explain(X, target, loss=loss)
    assert f"{float(value):.10g}" in found.run
    shown = {name: numbers for name, _, numbers in found.layers[0].arrays}
    assert list(shown) == ["x", "weight", "bias", "y", "dy", "dweight", "dbias", "dx"]
    for name, array in (("y", y), ("dy", dy), ("dx", dx), ("dweight", net.gradients["weight"])):
        printed = [float(word) for word in re.findall(r"[-\d.e]+", shown[name])]
        np.testing.assert_allclose(printed, array.reshape(-1), rtol=1e-3)


def test_a_slope_is_the_gradient_along_its_direction(net: Network) -> None:
    found = net.explain(X, Y, loss=CrossEntropyLoss())
    assert [(s.path, s.name) for s in found.slopes] == [
        ("", "the input"), ("0", "weight"), ("0", "bias"), ("0", "x"), ("1", "x"), ("2", "x"),
        ("3", "weight"), ("3", "bias"), ("3", "x"),
    ]  # fmt: skip
    assert found.agrees
    assert found.verdict == "All 9 gradients agree with finite differences."
    for slope in found.slopes:
        assert slope.difference == abs(slope.backpropagated - slope.numerical)
        assert slope.difference < 1e-9
        assert f"{slope.backpropagated:.9e}" in str(found)
        assert f"{slope.numerical:.9e}" in str(found)


@dataclass(frozen=True)
class Wrong(Layer):
    """Double it, ``y = 2 * x``; backward ``dx = 3 * dy``."""

    def forward(self, p: Any, x: Any, mode: Any) -> Any:
        return 2.0 * x, None

    def backward(self, p: Any, g: Any, cache: Any, dy: Any) -> Any:
        return 3.0 * dy


def test_a_wrong_backward_is_found_where_it_is() -> None:
    found = Network(Sequential(Linear(2, 3), Wrong(), Linear(3, 2)), seed=0).explain(X)
    wrong = [(slope.path, slope.name) for slope in found.slopes if not slope.agrees]
    # What lies before it is wrong with it; what lies behind is right.
    assert wrong == [("", "the input"), ("0", "weight"), ("0", "bias"), ("0", "x"), ("1", "x")]
    assert not found.agrees
    assert "5 of 8 gradients disagree with finite differences: the input of model, weight of 0" in found.verdict
    assert str(found).count("THEY DISAGREE") == 5


@dataclass(frozen=True)
class Scale(Layer):
    size: int

    def parameters(self, in_shape: Any) -> Any:
        return {"scale": ParameterSpec((self.size,), nnxp.initializers.ones())}

    def forward(self, p: Any, x: Any, mode: Any) -> Any:
        return x * p.scale, x

    def backward(self, p: Any, g: Any, x: Any, dy: Any) -> Any:
        g.scale[...] = (dy * x).sum(axis=0)
        return dy * p.scale


class Doubled(Linear):
    """Twice the map."""

    def forward(self, p: Any, x: Any, mode: Any) -> Any:
        y, cache = super().forward(p, x, mode)
        return 2.0 * y, cache


def test_a_layer_of_ones_own_is_explained_by_its_docstring_and_checked() -> None:
    found = Network(Scale(2), seed=0).explain(X)
    assert found.layers[0].formula == ("as ``Scale.forward`` has it", "as ``Scale.backward`` has it")
    assert [slope.name for slope in found.slopes] == ["scale", "x"]
    assert found.agrees
    assert Network(Wrong()).explain(X).layers[0].formula == ("Double it, ``y = 2 * x``", "``dx = 3 * dy``")
    # A formula is not taken over from a class whose forward was written anew.
    assert formula_of(Doubled) == ("Twice the map.", "as ``Doubled.backward`` has it")


def test_numbers_that_are_not_finite_are_no_mistaken_gradients() -> None:
    net = Network(Sequential(Linear(3, 4), Linear(4, 2)), seed=0)
    net.theta[0] = np.nan
    explanation = net.explain(np.ones((2, 3)), np.zeros((2, 2)), loss=MSELoss())
    assert not explanation.agrees
    assert " gradients are not finite, or f is not where they are checked." in str(explanation).replace("\n", " ")
    assert "DISAGREE" not in str(explanation)


def test_a_kink_is_no_mistake() -> None:
    net = Network(Sequential(Linear(2, 2, bias=False), ReLU()), dtype="float64", seed=0)
    net.parameters["0.weight"][...] = 0.0
    found = net.explain(X)
    assert found.agrees
    assert any(slope.kink for slope in found.slopes)
    assert "a kink: no one slope" in str(found)


def test_a_kink_that_is_near_is_stepped_around() -> None:
    found = Network(ReLU()).explain([[3e-6]])
    assert found.agrees
    assert [(slope.kink, slope.backpropagated == pytest.approx(slope.numerical)) for slope in found.slopes] == [
        (False, True)
    ]


def everything(net: Network) -> list[Any]:
    get = net.device.get
    arrays = [
        get(net.theta),
        get(net.gradient),
        *map(get, net.buffers.values()),
        *map(get, net.optimizer_state.values()),
    ]
    return [np.array(array) for array in arrays]


def test_the_network_is_left_as_it_is(backend: Backend) -> None:
    net = Network(
        Sequential(Linear(4, 3), BatchNorm1d(3), Dropout(0.5), Residual(Linear(3, 3)), Linear(3, 2)),
        device=backend.device, seed=0,
    )  # fmt: skip
    x, y = generator(0, "x").normal(size=(6, 4)).astype("float32"), np.arange(6) % 2
    net.fit(x, y, loss=CrossEntropyLoss(), optimizer=Adam(), batch_size=3, verbose=False)
    net.freeze("0.*")
    before, step = everything(net), net.step
    found = net.explain(backend.put(x), y)  # the loss of the last fit
    assert found.agrees, found.verdict
    assert "f is CrossEntropyLoss" in found.run
    assert f"on {net.device}" in found.run
    assert net.step == step
    assert net.frozen == ["0.weight", "0.bias"]
    for a, b in zip(before, everything(net), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_noise_is_that_of_the_present_step(net: Network) -> None:
    net.step = 7
    y, _ = net.forward(X, training=True)
    shown = {name: text for name, _, text in net.explain(X).layers[0].arrays}
    printed = [float(word) for word in re.findall(r"[-\d.e]+", shown["y"])]
    np.testing.assert_allclose(printed, y.reshape(-1), rtol=1e-3)


def test_without_a_target_a_random_projection_is_differentiated(net: Network) -> None:
    found = net.explain(X)
    assert "f is a random projection of the output" in found.run
    assert found.layers[-1].path == "3"


def test_the_loss_comes_last(net: Network) -> None:
    last = net.explain(X, Y, loss=CrossEntropyLoss()).layers[-1]
    assert (last.path, last.name) == ("f", "CrossEntropyLoss")
    assert last.formula.backward.startswith("``dy = p sum(t) - t``")
    assert [name for name, _, _ in last.arrays] == ["output", "target", "dy"]

    def half(output: Any, target: Any, sample_weight: Any = None) -> Any:
        return 0.5 * ((output - target) ** 2).sum(), output - target

    found = net.explain(X, X, loss=half)
    assert found.agrees
    assert found.layers[-1].name == "half"


def test_a_target_or_a_loss_alone_is_refused(net: Network) -> None:
    with pytest.raises(ValueError, match=r"^explain: expected y and a loss together, or neither, got a loss alone$"):
        net.explain(X, loss=CrossEntropyLoss())
    with pytest.raises(ValueError, match=r"^explain: expected y and a loss together, or neither, got y alone$"):
        net.explain(X, Y)


def test_large_arrays_are_summed_up_and_integers_too() -> None:
    net = Network(Sequential(Embedding(50, 4), Flatten(), Linear(24, 2)), input_shape=(6,), seed=0)
    x = np.arange(12).reshape(2, 6)
    arrays = {name: text for name, _, text in net.explain(x).layers[1].arrays}
    assert arrays["x"] == "from 0 to 11"
    weight = net.parameters["0.weight"].astype("float64")
    assert arrays["weight"] == (
        f"mean {weight.mean():.4g}  std {weight.std():.4g}  from {weight.min():.4g}  to {weight.max():.4g}  "
        f"norm {np.linalg.norm(weight):.4g}"
    )


def test_a_shared_layer_is_shown_run_by_run() -> None:
    twins = Graph(("a", "b"), (("h", Linear(2, 2), "a"), ("k", "h", "b"), ("y", nnxp.Add(), ("h", "k"))), ("y",))
    found = Network(twins, seed=0).explain((X, 2 * X))
    shared = found.layers[1]
    assert [slope.name for slope in shared.slopes] == ["weight", "bias", "x of run 1", "x of run 2"]
    assert found.agrees
    assert shared.drawing == ""


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (Sequential(Conv2d(1, 3, 3), ReLU(), nnxp.MaxPool2d(2), Flatten(), *models.mlp(27)), (1, 8, 8)),
        (Sequential(TransformerEncoderLayer(8, 2, 16), nnxp.LSTM(8, 4)), (5, 8)),
        (nnxp.Transformer(8, 2, 1, 1, 16), None),
    ],
)
def test_whole_networks_are_explained(model: Layer, shape: Any) -> None:
    x: Any = generator(0, "x").normal(size=(2, *(shape or (5, 8)))).astype("float32")
    found = Network(model, input_shape=shape, seed=0).explain((x, x[:, :3]) if shape is None else x)
    assert found.agrees, found.verdict
    assert len(found.slopes) > 10


# -- pictures ----------------------------------------------------------------------------------


def test_linear_is_drawn_with_values_above_and_gradients_below() -> None:
    net = Network(Linear(2, 2), dtype="float64", seed=0)
    net.load_state_dict({"weight": [[1, 2], [3, 4]], "bias": [10, 20]})

    def summed(output: Any, target: Any, sample_weight: Any = None) -> Any:
        return (output * target).sum(), target

    picture = net.explain(np.array([[5.0, 6.0]]), np.array([[1.0, -1.0]]), loss=summed).layers[0].drawing
    assert picture == "\n".join(
        [
            "   5 6",
            " x ---------------.",
            "  -2 -2           |   17 39",
            "                (@)- u --------.",
            "      1 3         |    1 -1    |",
            "      2 4         |            |",
            " weight.T --------'            |   27 59",
            "      5 -5                   (+)- y ----->",
            "      6 -6                     |    1 -1",
            "                               |",
            "   10 20                       |",
            " bias -------------------------'",
            "    1 -1",
            "back: du = dy, dbias = sum of dy over axis 0, dx = du @ weight, dweight = du.T @ x",
        ]
    )


def test_sigmoid_is_drawn_node_by_node() -> None:
    net = Network(Sigmoid(), dtype="float64")
    picture = net.explain(np.array([[0.5]])).layers[0].drawing
    above, axis, below, back = picture.splitlines()
    assert re.findall(r"\(.+?\)", axis) == ["(* -1)", "(exp)", "(+ 1)", "(1 /)"]
    assert re.findall(r"\b([xabcy]) -", axis) == ["x", "a", "b", "c", "y"]
    x, e = 0.5, np.exp(-0.5)
    np.testing.assert_allclose([float(w) for w in above.split()], [x, -x, e, 1 + e, 1 / (1 + e)], rtol=1e-3)
    dx, da, db, dc, dy = (float(word) for word in below.split())
    y = 1 / (1 + e)
    np.testing.assert_allclose([dc, db, da, dx], np.array([-1, -1, -e, e]) * dy / (1 + e) ** 2, rtol=2e-3)
    np.testing.assert_allclose(dx, dy * y * (1 - y), rtol=2e-3)
    assert "together dx = dy * y * (1 - y)" in back


def test_other_tiny_layers_are_one_node_and_large_ones_none() -> None:
    assert "(Tanh)" in Network(Tanh()).explain(X).layers[0].drawing
    assert Network(Tanh()).explain(np.ones((2, 5))).layers[0].drawing == ""
    assert Network(Conv2d(1, 1, 2)).explain(np.ones((1, 1, 3, 3))).layers[0].drawing == ""


def test_no_line_of_the_text_is_too_long(net: Network) -> None:
    lines = str(net.explain(X, Y, loss=CrossEntropyLoss())).splitlines()
    assert max(map(len, lines)) <= 120
    assert all(line == line.rstrip() for line in lines)
    assert str(net.explain(X)).isascii()


# -- HTML ----------------------------------------------------------------------------------------


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_fragment_is_sound_html_and_says_the_same(net: Network) -> None:
    found = net.explain(X, Y, loss=CrossEntropyLoss())
    html = found.to_html()
    assert html == found._repr_html_()
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    assert set(reader.seen) == {
        "div",
        "section",
        "h3",
        "p",
        "strong",
        "code",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "pre",
    }
    assert reader.seen.count("section") == len(found.layers)
    assert "<code>dx = dy * y * (1 - y)</code>" in html
    assert "`" not in html
    for slope in found.slopes:
        assert f"{slope.numerical:.9e}" in html


def test_names_cannot_break_the_page() -> None:
    name = "<script>alert(1)</script>"
    html = Network(Graph(("x",), ((name, Linear(2, 2), "x"),), (name,)), seed=0).explain(X).to_html()
    assert "<script" not in html
    assert "where <code>0 &lt; y &lt; 6</code>" in Network(nnxp.ReLU6()).explain(X).to_html()


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    cli("train", write_numbers(folder / "data.csv"), "--epochs", "2", "--hidden", "3", "--out", folder / "run")
    return folder / "run"


def test_the_command_explains_a_run_on_what_it_was_trained_on(run: Path) -> None:
    lines, said = cli("explain", run, "--samples", "3")
    assert said == ""
    assert lines[0].startswith("A training step's forward and backward of 3 samples on cpu")
    assert "f is MSELoss" in " ".join(lines)
    assert "1  Linear  (3, 3) -> (3, 3)" in lines
    assert cli("explain", run, run.parent / "data.csv", "--samples", "3")[0] == lines


def test_the_command_ends_with_one_where_a_gradient_disagrees(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReLU, "backward", lambda self, p, g, y, dy: 1.5 * dy)
    lines, _ = cli("explain", run, status=1)
    assert "disagree" in " ".join(lines[:4])


def test_a_mistake_is_one_sentence(run: Path, tmp_path: Path) -> None:
    assert mistake("explain", tmp_path).startswith("explain: expected a run")
    assert mistake("explain", run, "nothing.csv").startswith("load_all: expected")
    assert "--samples" in mistake("explain", run, "--samples", "0")
