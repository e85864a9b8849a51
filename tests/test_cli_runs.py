"""What goes on from a trained run: evaluate, predict and check; and devices and reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp._backend.kernels import FASTER, path
from nnxp._backend.kernels.path import numba_is_here
from nnxp._backend.strict import StrictLibrary
from nnxp.cli import _check, _devices
from nnxp.cli import reproduce as sources
from nnxp.datasets import digits
from nnxp.device import DeviceInfo
from nnxp.io import load, save
from nnxp.layers import Linear, Tanh
from nnxp.network import Network
from tests.cli_runs import mistake, nnxp, read_csv, score, write_classes, write_images, write_numbers, write_rows


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    nnxp("train", "--epochs", 3, "--out", folder)
    return folder


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run on a table of classes, and the table."""
    folder = tmp_path_factory.mktemp("kinds")
    table = write_classes(folder / "kinds.csv")
    nnxp("train", table, "--target", "kind", "--epochs", 20, "--out", folder / "run")
    return folder / "run", table


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run on a table of numbers, and the table."""
    folder = tmp_path_factory.mktemp("plane")
    table = write_numbers(folder / "plane.csv")
    nnxp("train", table, "--epochs", 40, "--out", folder / "run")
    return folder / "run", table


@pytest.fixture
def few_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch takes its time to load, and one device beside the CPU is enough here."""
    found = [DeviceInfo("cpu", True, ""), DeviceInfo("cuda", False, "none"), DeviceInfo("strict:device1", True, "")]
    monkeypatch.setattr(_check, "devices", lambda: found)


def values(lines: list[str]) -> dict[str, float]:
    return {name: float(value.replace(",", "")) for name, value in (line.split(": ") for line in lines)}


def test_evaluate_measures_all_rows(digits_run: Path) -> None:
    lines, _ = nnxp("evaluate", digits_run, "digits")
    x, y, _, _ = digits(test=0)
    accuracy = np.mean(load(digits_run / "model.safetensors").predict(x).argmax(axis=1) == y)
    found = values(lines)
    assert list(found) == ["samples", "loss", "accuracy"]
    assert (found["samples"], found["accuracy"]) == (1797, pytest.approx(accuracy, abs=1e-4))


def test_evaluate_gives_the_same_on_another_device(digits_run: Path) -> None:
    assert nnxp("evaluate", digits_run, "digits", "--device", "strict") == nnxp("evaluate", digits_run, "digits")


def test_evaluate_knows_the_target_and_the_names_of_training(kinds: tuple[Path, Path]) -> None:
    run, table = kinds
    found = values(nnxp("evaluate", run, table)[0])
    assert found["accuracy"] > 0.9
    assert values(nnxp("evaluate", run, table, "--target", "kind")[0]) == found


def test_evaluate_measures_numbers_in_their_own_units(plane: tuple[Path, Path]) -> None:
    found = values(nnxp("evaluate", *plane)[0])
    assert list(found) == ["samples", "loss", "r2"]
    rows = np.loadtxt(plane[1], delimiter=",")
    predicted = load(plane[0] / "model.safetensors").predict(rows[:, :-1])[:, 0]
    truth = rows[:, -1]
    assert found["loss"] == pytest.approx(np.mean((predicted - truth) ** 2), rel=1e-4)
    assert found["r2"] == pytest.approx(1 - np.mean((predicted - truth) ** 2) / truth.var(), abs=1e-4)


def test_predictions_are_names_with_a_column_of_probabilities_each(kinds: tuple[Path, Path], tmp_path: Path) -> None:
    run, table = kinds
    lines, _ = nnxp("predict", run, table, "-o", tmp_path / "out.csv")
    assert lines == [f"wrote {tmp_path / 'out.csv'}: 240 predictions"]
    rows = read_csv(tmp_path / "out.csv")
    names = ["arctic hare", "grey wolf", "red fox"]
    assert list(rows[0]) == ["prediction", *names]
    assert np.mean([a["prediction"] == b["kind"] for a, b in zip(rows, read_csv(table), strict=True)]) > 0.9
    for row in rows:
        shares = {name: float(row[name]) for name in names}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert max(shares, key=lambda name: shares[name]) == row["prediction"]


def test_data_may_come_without_a_target(kinds: tuple[Path, Path], tmp_path: Path) -> None:
    run, table = kinds
    bare = write_rows(
        tmp_path / "bare.csv", [["length", "weight"]] + [[r["length"], r["weight"]] for r in read_csv(table)]
    )
    nnxp("predict", run, table, "-o", tmp_path / "with.csv")
    nnxp("predict", run, bare, "-o", tmp_path / "without.csv")
    assert (tmp_path / "with.csv").read_text() == (tmp_path / "without.csv").read_text()


def test_predictions_of_numbers_are_one_column(plane: tuple[Path, Path], tmp_path: Path) -> None:
    rows = np.loadtxt(plane[1], delimiter=",")
    bare = write_rows(tmp_path / "bare.csv", rows[:, :-1].tolist())
    nnxp("predict", plane[0], bare, "-o", tmp_path / "out.csv")
    predicted = read_csv(tmp_path / "out.csv")
    assert list(predicted[0]) == ["prediction"]
    found = np.array([float(row["prediction"]) for row in predicted])
    assert np.corrcoef(found, rows[:, -1])[0, 1] > 0.97
    np.testing.assert_allclose(found, load(plane[0] / "model.safetensors").predict(rows[:, :-1])[:, 0], rtol=1e-6)


def test_predictions_go_to_standard_output_where_no_file_is_named(digits_run: Path) -> None:
    lines, _ = nnxp("predict", digits_run, "digits")
    assert lines[0] == "prediction,0,1,2,3,4,5,6,7,8,9"
    assert len(lines) == 1798


def test_predict_overwrites_with_force_alone(digits_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    expected = f"predict: expected --out to be a new file, got '{path}'; --force overwrites"
    assert mistake("predict", digits_run, "digits", "-o", path) == expected
    assert path.read_text() == "mine"
    nnxp("predict", digits_run, "digits", "-o", path, "--force")
    assert path.read_text().startswith("prediction,0,")


def test_images_are_predicted_from_an_archive_without_labels(tmp_path: Path) -> None:
    images = write_images(tmp_path / "digits.npz")
    nnxp("train", images, "--epochs", 4, "--out", tmp_path / "run")
    with np.load(images) as arrays:
        np.savez(tmp_path / "bare.npz", x=arrays["x_test"])
        labels = arrays["y_test"]
    nnxp("predict", tmp_path / "run", tmp_path / "bare.npz", "-o", tmp_path / "out.csv")
    found = [int(row["prediction"]) for row in read_csv(tmp_path / "out.csv")]
    assert np.mean(found == labels) > 0.8


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_samples_of_another_shape_are_refused(command: str, digits_run: Path, tmp_path: Path) -> None:
    images = write_images(tmp_path / "digits.npz")
    expected = f"{command}: expected samples of shape (64,) in {images}, as the run's, got (8, 8)"
    assert mistake(command, digits_run, images) == expected


def test_a_column_too_many_is_refused(kinds: tuple[Path, Path], tmp_path: Path) -> None:
    wide = write_rows(tmp_path / "wide.csv", [[1, 2, 3, 4], [5, 6, 7, 8]])
    for command in ("evaluate", "predict"):
        assert str(wide) in mistake(command, kinds[0], wide)


@pytest.mark.parametrize("command", ["evaluate", "predict", "check"])
def test_what_is_no_run_is_refused(command: str, tmp_path: Path) -> None:
    data = [] if command == "check" else ["digits"]
    expected = (
        f"{command}: expected a run, which is a folder with model.safetensors, got '{tmp_path}'; "
        f"nnxp train --out {tmp_path} makes one"
    )
    assert mistake(command, tmp_path, *data) == expected
    save(Network(Linear(64, 10)), tmp_path / "model.safetensors")
    expected = f"{command}: expected a network that nnxp train saved, got '{tmp_path / 'model.safetensors'}'"
    assert mistake(command, tmp_path, *data) == expected
    kept = {
        "classes": [1, 2],
        "outputs": 2,
        "loss": "cross-entropy",
        "label_smoothing": 0,
        "data": "digits",
        "target": None,
    }
    for wrong in ({"classes": 3}, {"loss": "auto"}, {"loss": "mse"}, {"outputs": 10}, {"classes": [1, 2, 3]}, {}):
        # The last is right, but for the network that it comes with.
        save(Network(Linear(64, 10), input_shape=(64,)), tmp_path / "model.safetensors", extra={"train": kept | wrong})
        assert mistake(command, tmp_path, *data) == expected
    save(Network(Linear(64, 2)), tmp_path / "model.safetensors", extra={"train": kept})
    assert mistake(command, tmp_path, *data) == expected
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    assert "model.safetensors" in mistake(command, tmp_path, *data)


def test_devices_lists_what_is_there_and_what_mends_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [DeviceInfo("cpu", True, "NumPy"), DeviceInfo("cuda", False, "CuPy is not installed", "pip install it")]
    monkeypatch.setattr(_devices, "devices", lambda: found)
    lines, _ = nnxp("devices")
    assert [line.split(maxsplit=2) for line in lines[2:]] == [
        ["cpu", "yes", "NumPy"],
        ["cuda", "no", "CuPy is not installed"],
        ["mend", "it:", "pip install it"],
    ]


def test_devices_can_list_the_faster_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {name: (least, way) for name, least, way in (line.split() for line in nnxp("devices", "--paths")[0][2:])}
    assert ways.keys() == FASTER.keys()
    monkeypatch.setattr(path, "numba_is_here", lambda: False)
    without = {name: way for name, _, way in (line.split() for line in nnxp("devices", "--paths")[0][2:])}
    if FASTER:
        assert ways["convolve"] == (str(FASTER["convolve"].least), "Numba" if numba_is_here() else "NumPy")
        assert ways["gradient_norm"][1] == "NumPy"
        assert ways["cross_entropy"] == ("0", "Numba" if numba_is_here() else "NumPy")
        assert (without["adam"], without["gelu"], without["convolve"]) == ("NumPy", "layer", "NumPy")


def test_devices_finds_this_machines_own() -> None:
    lines, _ = nnxp("devices")
    assert any(line.split()[:3] == ["cpu", "yes", "NumPy"] for line in lines)


@pytest.mark.usefixtures("few_devices")
def test_check_proves_a_network_of_many_kinds_of_layer() -> None:
    lines, _ = nnxp("check")
    assert any(line.startswith("No gradient errors found (all ") for line in lines)
    assert lines[-1] == "All devices agree with the float64 run within 256 units in the last place"
    assert any("cpu, strict:device1:" in line for line in lines)


@pytest.mark.usefixtures("few_devices")
@pytest.mark.parametrize("name", ["digits_run", "kinds", "plane"])
def test_check_proves_a_run(name: str, request: pytest.FixtureRequest) -> None:
    run: Any = request.getfixturevalue(name)
    lines, _ = nnxp("check", run[0] if isinstance(run, tuple) else run)
    assert any(line.startswith("No gradient errors found (") for line in lines)
    assert lines[-1].startswith("All devices agree")


@pytest.mark.usefixtures("few_devices")
def test_check_proves_a_run_on_images_in_the_unit_interval(tmp_path: Path) -> None:
    x, y, _, _ = digits()
    np.savez(tmp_path / "digits.npz", x=x.reshape(-1, 8, 8), y=y)
    nnxp("train", tmp_path / "digits.npz", "--epochs", 1, "--out", tmp_path / "run")
    lines, _ = nnxp("check", tmp_path / "run")
    assert any(line.startswith("No gradient errors found (") for line in lines)


@pytest.mark.usefixtures("few_devices")
@pytest.mark.usefixtures("plain")
def test_check_fails_when_a_gradient_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    backward = Tanh.backward
    monkeypatch.setattr(Tanh, "backward", lambda self, p, g, cache, dy: 1.01 * backward(self, p, g, cache, dy))
    lines, _ = nnxp("check", status=1)
    assert not any("No gradient errors found" in line for line in lines)
    assert lines[-1].startswith("All devices agree")


@pytest.mark.usefixtures("few_devices")
def test_check_fails_when_a_device_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    sum_rows = StrictLibrary.sum_rows
    monkeypatch.setattr(StrictLibrary, "sum_rows", lambda self, x: 1.01 * sum_rows(self, x))
    lines, _ = nnxp("check", status=1)
    assert any("No gradient errors found" in line for line in lines)
    assert lines[-1].startswith("strict:device1 departs first at 5 Linear: dbias is off by ")


def test_reproduce_hands_on_and_returns_the_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def reproduce(*arguments: Any) -> int:
        asked.append(arguments)
        return 1

    monkeypatch.setattr(sources, "reproduce", reproduce)
    for name in sources.NAMES:
        nnxp("reproduce", name, status=1)
    nnxp("reproduce", "book", "--data", tmp_path, "--pictures", tmp_path / "new", status=1)
    assert asked == [(name, None, None) for name in sources.NAMES] + [("book", tmp_path, tmp_path / "new")]


def test_reproduce_runs() -> None:
    lines, _ = nnxp("reproduce", "affine")
    assert lines


def test_a_run_on_torch_tests_as_on_the_cpu() -> None:
    pytest.importorskip("torch")
    options = ["train", "--quiet", "--epochs", 2, "--dropout", 0.1]
    assert score(nnxp(*options, "--device", "torch:cpu")[0]) == pytest.approx(score(nnxp(*options)[0]), abs=0.006)
