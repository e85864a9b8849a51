"""Data as people have it, through the command line: what was told in training counts for everything that follows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnxp.cli._augment import augmentations
from nnxp.cli._folder import open_run
from nnxp.cli._subset import Subset
from nnxp.datasets import digits, load
from nnxp.layers import Standardize
from tests.cli_runs import mistake, nnxp, read_csv, score

RNG = np.random.default_rng(0)
COLOURS = ["blue", "green", "red"]


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run on a table with holes and words, and the table."""
    folder = tmp_path_factory.mktemp("cars")
    rows = ["colour,doors,price,sold"]
    for i in range(120):
        colour, doors = COLOURS[i % 3], int(RNG.integers(2, 6))
        sold = "yes" if colour == "red" else "no"
        rows.append(f"{colour},{'' if i % 7 == 0 else doors},{RNG.normal():.3f},{sold}")
    (folder / "cars.csv").write_text("\n".join(rows) + "\n")
    options = ["--missing", "doors=median,drop", "--categories", "one-hot", "--unseen", "other"]
    lines, _ = nnxp("train", folder / "cars.csv", *options, "--epochs", 30, "--out", folder / "run")
    assert score(lines) == 1.0
    return folder / "run", folder / "cars.csv"


def test_a_table_with_holes_and_words_is_trained_on_and_evaluated(cars: tuple[Path, Path]) -> None:
    lines, _ = nnxp("evaluate", *cars)
    assert lines[0] == "samples: 120"
    assert lines[2] == "accuracy: 1.0000"


def test_what_was_learned_of_the_columns_is_kept_with_the_network(cars: tuple[Path, Path]) -> None:
    run, path = cars
    opened = open_run("test", run)
    data = load(path, missing={"doors": "median", "*": "drop"}, categories="one-hot", unseen="other")
    assert opened.table == data.table
    assert np.array_equal(opened.load().x_test, data.x_test)
    assert opened.sample_shape == (5,)


def test_predictions_fill_holes_and_take_words_that_are_new(cars: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("price,colour,doors\n0.1,red,\n0.2,pink,4\n0.3,blue,?\n")
    nnxp("predict", cars[0], path, "-o", tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert [row["prediction"] for row in rows][::2] == ["yes", "no"]
    assert len(rows) == 3


def test_a_row_that_training_would_drop_is_not_predicted_in_silence(cars: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("colour,doors,price\nred,3,\n")
    hint = "in training, missing='drop', 'mean', 'median', 'most_frequent' or a number says what to do (--missing)"
    assert mistake("predict", cars[0], path) == (
        f"load_all: expected a number in {path}, line 2, column 'price', got ''; {hint}"
    )


def test_the_command_that_repeats_the_run_has_the_options(cars: tuple[Path, Path]) -> None:
    text = (cars[0] / "config.toml").read_text()
    assert "--missing=doors=median,drop --categories=one-hot --unseen=other" in text


def test_commas_stand_before_fractions(tmp_path: Path) -> None:
    x = RNG.normal(size=(60, 2))
    rows = [";".join(f"{v:.4f}".replace(".", ",") for v in (a, b, 2 * a - b + 30)) for a, b in x]
    path = tmp_path / "comma.csv"
    path.write_text("\n".join(rows))
    lines, _ = nnxp("train", path, "--decimal", ",", "--hidden", "none", "--lr", "0.05", "--out", tmp_path / "run")
    assert score(lines, "r2") > 0.9
    assert nnxp("evaluate", tmp_path / "run", path)[0][2].startswith(("r2: 0.9", "r2: 1.0"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--missing", "meen"], "load: expected missing to be one of 'error', 'drop', 'mean', 'median', 'most_frequent' or a number, got 'meen'; did you mean 'mean'?"),
        (["--missing", "c=mean"], "load: expected a pattern that fits one of a, b, t, got 'c'"),
        (["--categories", "hot"], "load: expected categories to be one of 'error', 'one-hot', 'ordinal', got 'hot'"),
        (["--unseen", "x"], "load: expected unseen to be one of 'error', 'other', got 'x'"),
        (["--decimal", ";"], "load: expected decimal to be one of '.', ',', got ';'"),
        (["--size", "32"], "load: expected size with a folder of images alone, got 'PATH'"),
        (["--size", "a"], "train: expected --size to be a number of pixels such as 32, or 32x48, got 'a'"),
        (["--augment", "shift"], "train: expected images for --augment, got samples of shape (2,)"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_a_sentence(tmp_path: Path, options: list[str], expected: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,t\n1,2,0\n3,4,1\n5,6,0\n")
    assert mistake("train", path, *options, "--out", tmp_path / "run") == expected.replace("PATH", str(path))
    assert not (tmp_path / "run").exists()


# -- images --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    x, y, _, _ = digits(test=0)
    for i in np.flatnonzero(y < 2)[:80]:
        path = folder / "zero or one" / ("one" if y[i] else "zero") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((x[i].reshape(8, 8) * 255).astype(np.uint8)).resize((10, 10)).save(path)
    return folder / "zero or one"


def test_a_folder_of_images_is_trained_on_evaluated_and_predicted(images: Path, tmp_path: Path) -> None:
    options = ["--size", "8", "--epochs", 20, "--augment", "shift=1,rotate,noise,mixup", "--out", tmp_path / "run"]
    lines, _ = nnxp("train", images, *options)
    assert score(lines) > 0.9
    assert nnxp("evaluate", tmp_path / "run", images)[0][0] == "samples: 80"
    nnxp("predict", tmp_path / "run", images / "one", "-o", tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert len(rows) == len(list((images / "one").iterdir()))
    assert np.mean([row["prediction"] == "one" for row in rows]) > 0.9


def test_arrays_on_the_disk_are_trained_on(tmp_path: Path) -> None:
    x, y, _, _ = digits(test=0)
    np.save(tmp_path / "data.npy", x[:300])
    np.save(tmp_path / "labels.npy", y[:300])
    options = ["--target", tmp_path / "labels.npy", "--epochs", 10, "--out", tmp_path / "run"]
    assert score(nnxp("train", tmp_path / "data.npy", *options)[0]) > 0.6
    assert (
        nnxp("evaluate", tmp_path / "run", tmp_path / "data.npy", "--target", tmp_path / "labels.npy")[0][0]
        == "samples: 300"
    )
    nnxp("predict", tmp_path / "run", tmp_path / "data.npy", "-o", tmp_path / "out.csv")
    assert len(read_csv(tmp_path / "out.csv")) == 300


def test_rows_are_measured_without_being_gathered() -> None:
    x = RNG.normal(size=(50, 3))
    rows = RNG.permutation(50)[:30]
    assert Standardize.fit(Subset(x, rows)) == Standardize.fit(x[rows])


# -- augmentations -------------------------------------------------------------------------------


def test_augmentations_have_names_and_strengths() -> None:
    data = load("digits")
    made = augmentations("shift,crop=1,flip,rotate=20,noise,erase,mixup", data)
    inner = [getattr(a, "inner", None) for a in made]
    assert [type(a).__name__ for a in inner] == [
        "RandomShift", "RandomCrop", "RandomFlip", "RandomRotation", "GaussianNoise", "RandomErasing", "Mixup",
    ]  # fmt: skip
    values: list[Any] = inner
    assert (values[0].pixels, values[1].padding, values[3].degrees, values[4].sigma) == (2, 1, 20.0, 0.05)
    assert values[6].num_classes == 10
    assert augmentations(None, data) == []


def test_digits_are_turned_as_the_images_that_they_are(tmp_path: Path) -> None:
    losses = []
    for i, options in enumerate(([], ["--augment", "shift=1,rotate"], ["--augment", "shift=1,rotate"])):
        lines, _ = nnxp("train", *options, "--epochs", 2, "--out", tmp_path / str(i))
        assert score(lines) > 0.2
        losses.append([row["loss"] for row in read_csv(tmp_path / str(i) / "history.csv")])
    assert losses[0] != losses[1] == losses[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shft", "train: expected --augment to be names among shift, crop, flip, rotate, noise, erase, mixup, got 'shft'; did you mean 'shift'?"),
        ("rotate=x", "train: expected --augment with a number behind =, got 'rotate=x'"),
        ("flip=2", "RandomFlip: expected p in [0, 1], got 2.0"),
    ],
)  # fmt: skip
def test_a_wrong_augmentation_is_a_sentence(text: str, expected: str) -> None:
    assert mistake("train", "digits", "--augment", text) == expected


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_more_than_fits_into_memory_is_trained_on(tmp_path: Path) -> None:
    n, width, limit = 400_000, 400, 320 * 2**20
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (n, width))  # 640 MB, most of them a hole
    y = np.arange(n) % 2
    x[: n // 10, 0] = y[: n // 10]
    del x
    np.save(tmp_path / "y.npy", y)
    program = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))\n"
        "from nnxp.cli import main\n"
        f"sys.argv = ['nnxp', 'train', {str(tmp_path)!r}, '--hidden', 'none', '--epochs', '1', '--batch-size', '4096']\n"
        "main()\n"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "NNXP_FAST": "numpy"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("test accuracy: ")


@pytest.mark.parametrize("names", ["shift=inf", "shift=nan", "shift=2.7", "crop=1.5"])
def test_images_are_moved_by_whole_pixels(names: str, tmp_path: Path) -> None:
    assert "whole number" in mistake("train", "digits", "--augment", names)


def test_channels_that_stand_last_are_no_columns_of_an_image(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=RNG.integers(0, 255, (20, 8, 8, 3), dtype=np.uint8), y=np.arange(20) % 2)
    said = mistake("train", str(tmp_path / "a.npz"), "--augment", "rotate")
    assert "images of shape (channels, height, width) for --augment, got (8, 8, 3)" in said


def test_a_policy_is_told_once(cars: tuple[Path, Path]) -> None:
    said = mistake("train", str(cars[1]), "--missing", "mean,median")
    assert "one policy for the columns without a name, got 'mean,median'" in said
    assert "one policy for 'doors'" in mistake("train", str(cars[1]), "--missing", "doors=mean,doors=drop")
