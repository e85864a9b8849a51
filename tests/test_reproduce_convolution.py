"""The tutorials' convolutions: each learns what its source gives it, and its gradients are right."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import FormatError
from nnxp.cli.reproduce import _book_convnet, _xor_image, _xor_mnist, book, reproduce
from tests.reproductions import OUTCOMES, shorten, shrink, table, write_digits, write_idx


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


def test_xor_convolutions_learn_a_random_image(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce("xor") == 0
    text = capsys.readouterr().out
    assert "image -> three 3x3 convolutions of 1, 1, 2 maps, each with tanh -> 4x4x2 target, 1000 epochs" in text
    assert "MNIST was left out; nnxp reproduce xor --data FOLDER trains on its IDX files in a folder." in text
    rows = table(text)
    _, here, verdict = rows["image: error in epoch 1000"]
    assert verdict == "holds"
    assert float(here) < 0.01
    biases = {what: row for what, row in rows.items() if what.startswith("image: gradient of bias")}
    places = [(1, 1), (1, 2), (1, 3), (2, 3)]
    assert list(biases) == [f"image: gradient of bias {i} of convolution {number}" for i, number in places]
    for what, (published, here, verdict) in biases.items():
        ours, slope = (float(number) for number in re.findall(r"-?\d+\.\d+", here))
        factor = 2 if what.endswith("convolution 3") else 1
        assert verdict == "holds"
        assert ours == slope != 0.0
        assert float(published.split()[0]) == pytest.approx(factor * ours, abs=2e-6)
        assert published.endswith(f"({factor} x sum)")


def test_the_published_gradient_of_a_bias_falls_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnxp import Conv2d

    right = Conv2d.backward

    def published(self: Any, p: Any, g: Any, cache: Any, dy: Any) -> Any:
        dx = right(self, p, g, cache, dy)
        g.bias[...] = g.bias * self.out_channels
        return dx

    monkeypatch.setattr(Conv2d, "backward", published)
    assert reproduce("xor") == 1
    rows = table(capsys.readouterr().out)
    found = [row[-1] for what, row in rows.items() if what.startswith("image: gradient of bias")]
    assert found == ["holds", "holds", "falls short", "falls short"]
    assert reproduce("book") == 1
    rows = table(capsys.readouterr().out)
    assert [what for what, row in rows.items() if row[-1] == "falls short"] == [
        "SimpleConvNet b1 (0.bias): both gradients"
    ]


def correlate(x: Any, kernel: Any) -> Any:
    """Slide a kernel over an image, in plain NumPy."""
    n, k = len(x), len(kernel)
    return np.array([[np.sum(x[i : i + k, j : j + k] * kernel) for j in range(n - k + 1)] for i in range(n - k + 1)])


@pytest.mark.usefixtures("brief")
def test_the_random_image_trains_as_a_loop_in_plain_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    reproduce("xor")
    rows = table(capsys.readouterr().out)
    net = _xor_image.network()
    rng = np.random.default_rng(_xor_image.SEED)
    image, target = rng.random((10, 10)), rng.random((2, 4, 4))
    parameters = {name: array.copy() for name, array in net.parameters.items()}
    for epoch in (1, 2, 3):
        xs, maps = [], [image]
        for layer in "024":
            # Each layer has one map to look at.
            [x] = maps
            xs.append(x)
            pairs = zip(parameters[f"{layer}.weight"], parameters[f"{layer}.bias"], strict=True)
            maps = [np.tanh(correlate(x, kernel[0]) + bias) for kernel, bias in pairs]
        y = np.array(maps)
        error = np.mean((y - target) ** 2)
        if epoch != 2:
            assert rows[f"image: error in epoch {epoch}"][1] == f"{error:.6f}"
        dy = 2 * (y - target) / y.size
        for layer, x in zip("420", reversed(xs), strict=True):
            du = dy * (1 - y**2)
            weight = parameters[f"{layer}.weight"]
            padded = np.pad(du, ((0, 0), (2, 2), (2, 2)))
            dy = sum(correlate(d, kernel[0, ::-1, ::-1]) for d, kernel in zip(padded, weight, strict=True))[None]
            parameters[f"{layer}.weight"] = weight - 0.3 * np.array([[correlate(x, d)] for d in du])
            parameters[f"{layer}.bias"] = parameters[f"{layer}.bias"] - 0.3 * np.sum(du, axis=(1, 2))
            y = x[None]  # the output of the layer before


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("least", "status", "verdict"), OUTCOMES)
def test_book_trains_simple_convnet_on_the_images_in_a_folder(
    least: dict[int, float],
    status: int,
    verdict: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book, "UPDATES", 4)
    monkeypatch.setattr(_book_convnet, "EPOCHS", 60)
    monkeypatch.setattr(_book_convnet, "LEAST_ACCURACY", least)
    assert reproduce("book", write_digits(tmp_path)) == status
    text = capsys.readouterr().out
    assert "400 images to train, 60 epochs of batches of 100, Adam at 0.001; 100 to test; " in text
    expected = f"at least {next(iter(least.values()))} is expected of so many images" if verdict else "too few images"
    assert f"100 to test; {expected}" in text
    rows = table(text)
    published, here, said = rows["SimpleConvNet: accuracy on the test images"]
    assert (published, said) == ("no figure at hand", verdict)
    assert float(here) > 0.7  # of ten classes
    assert float(rows["SimpleConvNet: seconds of training"][1]) > 0.0


@pytest.mark.parametrize(
    ("least", "status", "verdict"),
    [({}, 0, ""), ({300: 0.5}, 0, "holds"), ({300: 1.01}, 1, "falls short"), ({301: 1.01}, 0, "")],
)
@pytest.mark.usefixtures("brief")
def test_xor_trains_on_the_first_images_in_a_folder(
    least: dict[int, float],
    status: int,
    verdict: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_xor_mnist, "EPOCHS", 10)
    monkeypatch.setattr(_xor_mnist, "IMAGES", 300)
    monkeypatch.setattr(_xor_mnist, "LEAST_ACCURACY", least)
    assert reproduce("xor", write_digits(tmp_path)) == status
    text = capsys.readouterr().out
    assert "the first 300 images of MNIST" in text
    assert "MNIST: 300 images to train, 100 to test; " in text
    assert "left out" not in text
    rows = table(text)
    first, last = (float(rows[f"MNIST: error in epoch {epoch}"][1]) for epoch in (1, 10))
    assert last < first
    assert rows["MNIST: accuracy on the test images"][-1] == verdict
    seen, unseen = (float(rows[f"MNIST: accuracy on the {part} images"][1]) for part in ("training", "test"))
    assert min(seen, unseen) > 0.5  # of ten classes
    assert float(rows["MNIST: seconds of training"][1]) > 0.0


@pytest.mark.parametrize("name", ["xor", "book"])
def test_images_that_cannot_be_mnist_are_one_sentence(name: str, tmp_path: Path) -> None:
    write_idx(tmp_path / "images", np.zeros((5, 8, 8)))
    write_idx(tmp_path / "labels", np.array([0, 1, 2, 3, 26]))
    sentence = f"reproduce: expected labels from 0 to 9 in {tmp_path}, got 26"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        reproduce(name, tmp_path)
    write_idx(tmp_path / "images", np.zeros((5, 64)))
    sentence = f"reproduce: expected images of shape (n, height, width) in {tmp_path}, got (4, 64)"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        reproduce(name, tmp_path)
