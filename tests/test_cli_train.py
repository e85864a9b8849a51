"""``nnxp train``: on each kind of data, what it prints, and what it leaves."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from nnxp.cli._build import build_optimizer
from nnxp.cli.choices import Activation, LossName, OptimizerName
from nnxp.cli.settings import Settings
from nnxp.io import load, read_metadata
from nnxp.layers import Dropout, LeakyReLU, Linear, Sequential
from nnxp.threads import get_num_threads
from tests.cli_runs import (
    mistake,
    nnxp,
    read_csv,
    score,
    write_classes,
    write_idx,
    write_images,
    write_numbers,
    write_rows,
)

KEPT = [
    "best.safetensors", "config.toml", "diagnostics.csv", "history.csv", "last.safetensors", "log.txt", "model.safetensors",
]  # fmt: skip
FILES = sorted([*KEPT, "confusion_matrix.png", "history.png", "images.png"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("digits") / "deep" / "run"
    return folder, nnxp("train", "--epochs", 4, "--seed", 3, "--out", folder)[0]


def test_the_defaults_reach_the_promised_accuracy_on_the_digits() -> None:
    lines, said = nnxp("train", "--quiet")
    assert score(lines) >= 0.97
    assert [line.partition(":")[0] for line in lines] == ["time per epoch", "test accuracy"]
    assert said == ""


def test_a_run_says_what_it_does_and_ends_with_time_speed_and_accuracy(run: tuple[Path, list[str]]) -> None:
    folder, lines = run
    expected = "digits: 1,438 samples to train on, 359 to test, 10 classes; 17,226 parameters on cpu"
    assert lines[0] == expected
    assert [line.split(":")[0] for line in lines[1:5]] == [f"epoch {i}/4" for i in (1, 2, 3, 4)]
    assert lines[5].startswith(f"wrote {folder}: model.safetensors, history.csv, config.toml, ")
    words = lines[6].replace(",", "").split()
    assert (words[:3], words[4], words[6:]) == (["time", "per", "epoch:"], "s", ["samples", "per", "second"])
    # 1,438 samples less the 144 that are only watched.
    assert float(words[5]) == pytest.approx(1294 / float(words[3]), rel=0.05)
    assert 0.5 < score(lines) <= 1


def test_a_run_leaves_its_files_and_nothing_else(run: tuple[Path, list[str]]) -> None:
    folder, _ = run
    assert sorted(path.name for path in folder.iterdir()) == FILES
    rows = read_csv(folder / "history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert {"loss", "val_loss", "accuracy", "val_accuracy", "lr", "seconds"} < set(rows[0])
    for picture in ("images.png", "history.png", "confusion_matrix.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")


def test_the_model_can_be_loaded_and_knows_what_it_is_for(run: tuple[Path, list[str]]) -> None:
    path = run[0] / "model.safetensors"
    assert load(path).predict(np.zeros((2, 64), dtype=np.float32)).shape == (2, 10)
    kept = read_metadata(path)["extra"]["train"]
    assert kept == {
        "classes": list(range(10)), "outputs": 10, "loss": "cross-entropy", "label_smoothing": 0.1,
        "data": "digits", "target": None, "reading": {}, "table": None,
    }  # fmt: skip


def test_the_configuration_repeats_the_run(run: tuple[Path, list[str]]) -> None:
    folder, lines = run
    config = tomllib.loads((folder / "config.toml").read_text())
    assert config["options"]["lr"] == 0.001
    assert config["options"]["device"] == "cpu"
    assert config["options"]["threads"] == get_num_threads()
    assert config["data"]["sample_shape"] == [64]
    assert config["data"]["classes"] == list(range(10))
    assert config["versions"].keys() == {"nnxp", "python", "numpy", "platform"}
    assert config["result"]["epochs"] == 4
    assert f"{config['result']['test_accuracy']:.4f}" == lines[-1].split()[-1]
    program, *command = shlex.split(config["command"])
    assert program == "nnxp"
    assert nnxp(*command)[0][-1] == lines[-1]


def test_the_configuration_names_the_library_of_another_device(tmp_path: Path) -> None:
    nnxp("train", "--epochs", 1, "--batch-size", 512, "--device", "strict", "--out", tmp_path / "run")
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["options"]["device"] == "strict:device1"
    assert "strict" in config["versions"]


def test_nothing_is_written_without_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nnxp("train", "--epochs", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_used_folder_is_refused_before_anything_is_read_and_taken_with_force(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    (tmp_path / "images.png").write_text("of an earlier run")
    said = mistake("train", "nothing.csv", "--out", tmp_path)
    assert said == f"train: expected --out to be a new or empty folder, got '{tmp_path}'; --force overwrites"
    nnxp(
        "train", write_classes(tmp_path / "kinds.csv"), "--target", "kind", "--epochs", 1, "--out", tmp_path, "--force"
    )
    assert (tmp_path / "mine.txt").read_text() == "kept"
    assert not (tmp_path / "images.png").exists()
    assert (tmp_path / "model.safetensors").exists()


def test_without_matplotlib_a_line_says_so_and_the_run_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    lines, _ = nnxp("train", "--quiet", "--epochs", 1, "--out", tmp_path)
    expected = "no pictures: plot_images: expected matplotlib to be installed; pip install 'nnxp[plot]'"
    assert lines[0] == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == KEPT


def test_a_table_of_classes_is_standardised_in_the_network_by_the_rows_it_trains_on(tmp_path: Path) -> None:
    table = write_classes(tmp_path / "kinds.csv")
    lines, _ = nnxp("train", table, "--target", "kind", "--epochs", 30, "--out", tmp_path / "run")
    assert score(lines) > 0.9
    net = load(tmp_path / "run" / "model.safetensors")
    mean = net.buffers["0.mean"]
    assert abs(mean[0] - 1000) < 20
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["data"]["classes"] == ["arctic hare", "grey wolf", "red fox"]
    assert config["data"]["features"] == ["length", "weight"]
    # With another share held out other rows are measured.
    nnxp("train", table, "--target", "kind", "--epochs", 1, "--validation", 0.5, "--out", tmp_path / "half")
    assert load(tmp_path / "half" / "model.safetensors").buffers["0.mean"][0] != mean[0]
    assert not (tmp_path / "run" / "images.png").exists()


def test_a_target_of_numbers_is_learned_in_its_own_units(tmp_path: Path) -> None:
    table = write_numbers(tmp_path / "plane.csv")
    lines, _ = nnxp("train", table, "--epochs", 40, "--out", tmp_path / "run")
    assert "numbers to predict" in lines[0]
    assert score(lines, "r2") > 0.95
    outputs = load(tmp_path / "run" / "model.safetensors").predict(np.zeros((1, 3)) + 1e-3)
    assert 150_000 < outputs[0, 0] < 350_000
    # Losses are those of the standardised target.
    assert float(read_csv(tmp_path / "run" / "history.csv")[0]["loss"]) < 2
    assert not (tmp_path / "run" / "confusion_matrix.png").exists()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_target_of_huge_numbers_is_no_harder(tmp_path: Path, optimizer: str) -> None:
    x = np.random.default_rng(0).normal(size=200)
    table = write_rows(tmp_path / "line.csv", [[a, 3e25 * a + 1e26] for a in x])
    lines, _ = nnxp("train", table, "--optimizer", optimizer, "--quiet", "--epochs", 40)
    assert score(lines, "r2") > 0.9


def test_images_in_an_archive_are_scaled_in_the_network(tmp_path: Path) -> None:
    images = write_images(tmp_path / "digits.npz")
    lines, _ = nnxp("train", images, "--epochs", 5, "--out", tmp_path / "run")
    assert score(lines) > 0.8
    net = load(tmp_path / "run" / "model.safetensors")
    assert [type(layer).__name__ for layer in net.model.children().values()][:2] == ["Standardize", "Flatten"]
    assert (float(net.buffers["0.mean"]), float(net.buffers["0.std"])) == (0.0, 255.0)
    assert (tmp_path / "run" / "images.png").exists()


def test_an_archive_may_hold_numbers_with_one_feature_and_two_targets(tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 200)[np.random.default_rng(0).permutation(200)]
    np.savez(tmp_path / "curves.npz", x=x, y=np.stack([np.sin(3 * x), x * x], axis=1))
    lines, _ = nnxp("train", tmp_path / "curves.npz", "--epochs", 60, "--loss", "huber", "--out", tmp_path / "run")
    assert score(lines, "r2") > 0.5
    nnxp("predict", tmp_path / "run", tmp_path / "curves.npz", "-o", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "prediction 1,prediction 2"
    lines, _ = nnxp("evaluate", tmp_path / "run", tmp_path / "curves.npz")
    assert lines[0] == "samples: 200"


@pytest.mark.parametrize("parts", [1, 2])
def test_a_folder_of_idx_files_is_trained_on(tmp_path: Path, parts: int) -> None:
    with np.load(write_images(tmp_path / "digits.npz")) as arrays:
        folder = write_idx(tmp_path / "idx", arrays["x_train"], arrays["y_train"], "train")
        if parts == 2:
            write_idx(folder, arrays["x_test"], arrays["y_test"], "t10k")
    lines, _ = nnxp("train", folder, "--epochs", 4)
    tested = {1: 288, 2: 359}[parts]
    assert f" {tested} to test, 10 classes" in lines[0]
    assert score(lines) > 0.8


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_learns(activation: str) -> None:
    assert score(nnxp("train", "--quiet", "--activation", activation, "--epochs", 8)[0]) > 0.5


@pytest.mark.parametrize("optimizer", list(OptimizerName))
def test_every_optimizer_learns_at_its_own_rate(optimizer: str) -> None:
    assert score(nnxp("train", "--quiet", "--optimizer", optimizer, "--epochs", 10)[0]) > 0.8


@pytest.mark.parametrize("loss", [name for name in LossName if name != "cross-entropy"])
def test_every_loss_of_numbers_learns(tmp_path: Path, loss: str) -> None:
    table = write_numbers(tmp_path / "plane.csv")
    assert score(nnxp("train", table, "--loss", loss, "--quiet", "--epochs", 40)[0], "r2") > 0.8


def test_a_seed_repeats_a_run_and_another_one_does_not() -> None:
    options = ["train", "--epochs", 2, "--dropout", 0.2, "--verbose"]

    def losses(seed: int) -> list[str]:
        return [line.partition(", lr ")[0] for line in nnxp(*options, "--seed", seed)[0] if line.startswith("epoch")]

    assert losses(1) == losses(1) != losses(2)


def test_no_hidden_layer_and_no_validation_are_allowed(tmp_path: Path) -> None:
    nnxp("train", "--hidden", "none", "--validation", 0, "--epochs", 10, "--dtype", "float64", "--out", tmp_path)
    net = load(tmp_path / "model.safetensors")
    assert (list(net.layout), net.dtype) == (["0.weight", "0.bias"], "float64")
    config = tomllib.loads((tmp_path / "config.toml").read_text())
    assert config["result"]["best_epoch"] == 10
    assert "val_loss" not in (tmp_path / "history.csv").read_text()


def test_patience_ends_a_run_and_the_best_weights_stay(tmp_path: Path) -> None:
    nnxp("train", "--lr", 0.02, "--patience", 2, "--epochs", 200, "--label-smoothing", 0, "--out", tmp_path)
    result = tomllib.loads((tmp_path / "config.toml").read_text())["result"]
    assert result["best_epoch"] == result["epochs"] - 2 < 198
    assert result["stop_reason"] == "val_loss has not improved for 2 epochs"
    rows = read_csv(tmp_path / "history.csv")
    assert min(rows, key=lambda row: float(row["val_loss"]))["epoch"] == str(result["best_epoch"])


def test_a_patience_of_zero_never_ends_a_run(tmp_path: Path) -> None:
    nnxp("train", "--quiet", "--lr", 0, "--patience", 0, "--epochs", 12, "--out", tmp_path)
    result = tomllib.loads((tmp_path / "config.toml").read_text())["result"]
    assert (result["best_epoch"], result["epochs"]) == (1, 12)
    assert result["stop_reason"] == "all epochs are done"


def test_the_options_say_which_layers(tmp_path: Path) -> None:
    options = ["--hidden", "8,4", "--activation", "leaky-relu", "--dropout", 0.25]
    nnxp("train", "--quiet", "--epochs", 1, *options, "--out", tmp_path)
    expected = Sequential(
        Linear(64, 8), LeakyReLU(), Dropout(0.25), Linear(8, 4), LeakyReLU(), Dropout(0.25), Linear(4, 10)
    )
    assert load(tmp_path / "model.safetensors").model == expected


def test_the_device_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNXP_DEVICE", "strict")
    lines, _ = nnxp("train", "--epochs", 1, "--batch-size", 512)
    assert lines[0].endswith("on strict:device1")


def test_options_that_are_not_told_are_the_optimizers_own_or_suit_a_small_network() -> None:
    def built(name: str, **told: float) -> tuple[float, float]:
        settings = Settings(
            data="digits", target=None, device=None, dtype="float32", model="mlp", hidden=(), activation="relu", dropout=0.0,
            loss="auto", label_smoothing=None, optimizer=OptimizerName(name), lr=told.get("lr"),
            weight_decay=told.get("weight_decay"), epochs=1, batch_size=1, validation=0.0, patience=0, seed=0, threads=None,
            out=None, force=False, verbose=None,
        )  # type: ignore[arg-type]  # fmt: skip
        optimizer = build_optimizer(settings)
        return optimizer.lr, optimizer.weight_decay  # type: ignore[return-value]

    assert built("adamw") == (0.001, 0.01)
    assert built("sgd") == (0.05, 0)
    assert built("nadam", lr=0.5, weight_decay=0.25) == (0.5, 0.25)
