"""The tutorials that nnxp grew from: each reaches what it claims, and says so when it does not."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp.cli.reproduce import (
    NAMES,
    _book_convnet,
    _gradients,
    _xor_image,
    _xor_mnist,
    affine,
    book,
    digits,
    reproduce,
    two_layer,
    xor,
)
from nnxp.cli.reproduce._claims import Claim, report
from tests.backends import Backend
from tests.reproductions import OUTCOMES, shorten, shrink, table, verdicts, write_digits


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


def test_xor_ends_below_the_error_of_the_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce("xor") == 0
    text = capsys.readouterr().out
    assert "seed 2" in text
    rows = table(text)
    published, here, verdict = rows["error in epoch 1000"]
    assert (published, verdict) == ("0.000242", "holds")
    assert float(here) < 3e-4
    assert [rows[f"error in epoch {i}"][0] for i in (1, 2, 3)] == ["0.322980", "0.311174", "0.307195"]
    outputs = {what: (float(row[0]), float(row[1])) for what, row in rows.items() if what.startswith("output")}
    assert list(outputs) == [f"output for {a} xor {b}" for a, b in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert all(abs(here - published) < 0.01 for published, here in outputs.values())


@pytest.mark.usefixtures("brief")
def test_xor_trains_as_a_loop_in_plain_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    from nnxp import Linear, Network, Sequential, Tanh, initializers

    reproduce("xor")
    rows = table(capsys.readouterr().out)
    init = {"*": initializers.uniform(-0.5, 0.5)}
    net = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1), Tanh()), dtype="float64", seed=xor.SEED, init=init)
    w1, b1, w2, b2 = (net.parameters[name].copy() for name in ("0.weight", "0.bias", "2.weight", "2.bias"))
    for epoch in (1, 2, 3):
        error = 0.0
        for x, target in (([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)):
            h = np.tanh(w1 @ x + b1)
            y = np.tanh(w2 @ h + b2)
            error += float((y[0] - target) ** 2) / 4
            d2 = 2 * (y - target) * (1 - y**2)
            d1 = (w2.T @ d2) * (1 - h**2)
            w2, b2 = w2 - 0.1 * np.outer(d2, h), b2 - 0.1 * d2
            w1, b1 = w1 - 0.1 * np.outer(d1, x), b1 - 0.1 * d1
        assert rows[f"error in epoch {epoch}"][1] == f"{error:.6f}"


def test_digits_reach_the_published_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce("digits") == 0
    text = capsys.readouterr().out
    assert "seed 24" in text
    assert "No gradient errors found (all 2570 entries" in text
    assert "1078 images to train, 359 to validate, 360 to test; val_loss has not improved for 3 epochs." in text
    rows = table(text)
    assert rows["gradient check on 10 samples"][-1] == "holds"
    published, here, verdict = rows["accuracy on the test set"]
    assert (published, verdict) == ("0.96", "holds")
    assert float(here) >= 0.96
    assert int(rows["epochs"][1]) < 300


@pytest.mark.usefixtures("plain")
def test_digits_say_that_a_gradient_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnxp import Sigmoid

    monkeypatch.setattr(digits, "EPOCHS", 1)
    monkeypatch.setattr(digits, "LEAST_ACCURACY", 0.0)
    monkeypatch.setattr(Sigmoid, "backward", lambda self, p, g, y, dy: dy * y)
    assert reproduce("digits") == 1
    text = capsys.readouterr().out
    assert re.search(
        r"^check_gradients: .* of .*: expected a gradient of .* by finite differences, got ", text, re.MULTILINE
    )
    assert table(text)["gradient check on 10 samples"] == ("No gradient errors found", "an error", "falls short")


def test_two_layer_never_rises_and_ends_near_its_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce("two-layer") == 0
    rows = table(capsys.readouterr().out)
    assert rows["iterations in which the loss rose"] == ("none", "none", "holds")
    assert float(rows["largest distance to a target"][1]) <= 0.05
    outputs = [float(row[1]) for what, row in rows.items() if what.startswith("output")]
    assert np.allclose(outputs, [0, 1, 1, 0], atol=0.05)


def test_book_gradients_agree_key_by_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce("book") == 0
    text = capsys.readouterr().out
    assert "MNIST was left out; nnxp reproduce book --data FOLDER trains on its IDX files in a folder." in text
    rows = table(text)
    names = {"W1": "0.weight", "b1": "0.bias", "W2": "2.weight", "b2": "2.bias"}
    for kind in ("labels", "one-hot"):
        for key, name in names.items():
            _, here, verdict = rows[f"{key} ({name}), {kind}: both gradients"]
            assert verdict == "holds"
            assert float(here.removesuffix(" apart")) <= 1e-7
    layers = {"1": "0", "2": "4", "3": "6"}
    for number, layer in layers.items():
        for key, name in ((f"W{number}", f"{layer}.weight"), (f"b{number}", f"{layer}.bias")):
            _, here, verdict = rows[f"SimpleConvNet {key} ({name}): both gradients"]
            assert verdict == "holds"
            assert float(here.removesuffix(" apart")) <= 1e-7
    assert len(rows) == 14


def test_affine_graphs_equal_the_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce("affine") == 0
    text = capsys.readouterr().out
    rows = table(text)
    assert len(rows) == 11
    assert verdicts(rows) == {"holds"}
    assert all(float(here.removesuffix(" apart")) <= 1e-12 for _, here, _ in rows.values())
    for formula in (
        "dc = dy * -1 / c^2",
        "dx = dy * y * (1 - y)",
        "u (4, 5) = flat (4, 6) @ weight.T (6, 5)",
        "dweight (5, 6) = du.T (5, 4) @ flat (4, 6)",
        "dbias (5,) = sum of dy (4, 5) over axis 0",
        "dx (4, 2, 3) = dflat (4, 6)",
    ):
        assert formula in text


def test_the_sigmoid_graph_prints_what_its_nodes_pass(capsys: pytest.CaptureFixture[str]) -> None:
    affine.sigmoid(np.array([0.0]), np.array([1.0]))
    nodes = {
        line.split()[0]: re.findall(r"\[(.*?)\]", line) for line in capsys.readouterr().out.splitlines() if "=" in line
    }
    assert nodes["*"] == ["-0.0000", "0.2500"]
    assert nodes["exp"] == ["1.0000", "-0.2500"]
    assert nodes["+"] == ["2.0000", "-0.2500"]
    assert nodes["/"] == ["0.5000", "-0.2500"]


@pytest.mark.parametrize(
    ("name", "module", "changes", "row"),
    [
        ("xor", xor, {"LEARNING_RATE": 0.01, "EPOCHS": 1000}, "error in epoch 1000"),
        ("digits", digits, {"LEARNING_RATE": 1e-6, "EPOCHS": 1}, "accuracy on the test set"),
        ("two-layer", two_layer, {"ITERATIONS": 10}, "largest distance to a target"),
        ("two-layer", two_layer, {"STEP_SIZE": 100.0}, "iterations in which the loss rose"),
        ("xor", _xor_image, {"LEARNING_RATE": 1e-4}, "image: error in epoch 1000"),
        ("xor", _xor_image, {"LARGEST_DIFFERENCE": -1.0}, "image: gradient of bias 1 of convolution 1"),
        ("book", _gradients, {"LARGEST_DIFFERENCE": 1e-16}, "W1 (0.weight), labels: both gradients"),
        ("book", _gradients, {"LARGEST_DIFFERENCE": 1e-16}, "SimpleConvNet W1 (0.weight): both gradients"),
        ("affine", affine, {"LARGEST_DIFFERENCE": -1.0}, "Affine, one sample: dx by the graph, and by the layer"),
    ],
)
def test_falling_short_is_status_1(
    name: str,
    module: Any,
    changes: dict[str, float],
    row: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for constant, value in changes.items():
        monkeypatch.setattr(module, constant, value)
    assert reproduce(name) == 1
    assert table(capsys.readouterr().out)[row][-1] == "falls short"


@pytest.mark.usefixtures("small")
def test_a_wrong_backward_is_seen_by_book_and_affine(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnxp import Linear

    right = Linear.backward

    def wrong(self: Any, p: Any, g: Any, cache: Any, dy: Any) -> Any:
        dx = right(self, p, g, cache, dy)
        g.bias[...] = g.bias / 2
        return dx

    monkeypatch.setattr(Linear, "backward", wrong)
    monkeypatch.setattr(
        "nnxp.layers.sequential.plan_of", lambda layers: None
    )  # what runs as one does not ask its layers
    assert reproduce("book") == 1
    assert reproduce("affine") == 1


@pytest.mark.usefixtures("small", "brief")
@pytest.mark.parametrize("name", ["xor", "two-layer", "book", "affine"])
def test_reproductions_run_on_every_device(
    name: str, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNXP_DEVICE", backend.device.name)
    monkeypatch.setattr(two_layer, "ITERATIONS", 50)
    monkeypatch.setattr(two_layer, "LARGEST_DISTANCE", 1.0)
    monkeypatch.setattr(book, "UPDATES", 4)
    monkeypatch.setattr(_book_convnet, "EPOCHS", 1)
    monkeypatch.setattr(_xor_mnist, "IMAGES", 20)
    assert reproduce(name, write_digits(tmp_path) if name in ("xor", "book") else None) == 0


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("least", "status", "verdict"), OUTCOMES)
def test_book_trains_on_the_images_in_a_folder(
    least: dict[int, float],
    status: int,
    verdict: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book, "UPDATES", 1000)
    monkeypatch.setattr(book, "LEAST_ACCURACY", least)
    monkeypatch.setattr(book, "HIDDEN", 10)
    monkeypatch.setattr(_book_convnet, "EPOCHS", 1)
    assert reproduce("book", write_digits(tmp_path)) == status
    text = capsys.readouterr().out
    assert "400 images to train, 250 epochs of batches of 100, rate 0.1; 100 to test." in text
    assert ("The book has 60,000 and 10,000; too few images for a claim." in text) == (verdict == "")
    published, here, said = table(text)["accuracy on the test images"]
    assert (published, said) == ("about 0.97", verdict)
    assert float(here) > 0.7  # of ten classes


def test_pictures_are_drawn_where_they_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(digits, "EPOCHS", 1)
    monkeypatch.setattr(two_layer, "ITERATIONS", 10)
    reproduce("digits", pictures=tmp_path / "new" / "digits")
    reproduce("two-layer", pictures=tmp_path)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert found == ["loss.png", "new/digits/confusion.png", "new/digits/costs.png", "new/digits/images.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in found)


def test_a_picture_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "costs.png"
    old.write_text("mine")
    sentence = f"reproduce: expected no costs.png in {tmp_path}, got one; give another folder"
    with pytest.raises(FileExistsError, match=re.escape(sentence)):
        reproduce("digits", pictures=tmp_path)
    assert old.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["costs.png"]
    assert capsys.readouterr().out == ""


def test_nothing_is_written_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digits, "EPOCHS", 1)
    for name in ("affine", "digits"):
        reproduce(name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("mnist",),
            "reproduce: expected name to be one of 'xor', 'digits', 'two-layer', 'book', 'affine', got 'mnist'",
        ),
        (("digits", Path(".")), "reproduce: expected data with xor or book alone, got 'digits'"),
        (("book", None, Path(".")), "reproduce: expected pictures with digits or two-layer alone, got 'book'"),
    ],
)
def test_what_cannot_be_reproduced_is_one_sentence(arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        reproduce(*arguments)


def test_names_are_those_of_the_sources() -> None:
    assert NAMES == ("xor", "digits", "two-layer", "book", "affine")


def test_a_report_fails_only_with_a_claim_that_falls_short(capsys: pytest.CaptureFixture[str]) -> None:
    good = Claim("a", "1", "1", True)
    plain = replace(good, what="b", holds=None)
    assert report([good, plain], ["A note."]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "a             1     1  holds",
        "b             1     1",
        "A note.",
    ]
    assert report([good, replace(plain, holds=False)]) == 1
