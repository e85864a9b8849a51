"""What the command line calls DATA: the four kinds in one shape, and every row for a network that exists."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest

from nnxp import datasets
from nnxp.datasets import load, load_all
from nnxp.errors import FormatError

ROWS = [f"{i},{i * i},{'ab'[i % 2]}" for i in range(10)]


@pytest.fixture
def table(tmp_path):
    def write(*rows: str, name: str = "a.csv") -> str:
        (tmp_path / name).write_text("\n".join(rows) + "\n")
        return str(tmp_path / name)

    return write


@pytest.fixture
def archive(tmp_path):
    def write(**arrays: np.ndarray) -> str:
        np.savez(tmp_path / "a.npz", **arrays)
        return str(tmp_path / "a.npz")

    return write


def test_digits_are_in_range_already():
    data = load("digits", seed=3)
    assert np.array_equal(data.x_test, datasets.digits(seed=3)[2])
    assert data.classes == tuple(range(10))
    assert (data.scale, data.sample_shape, data.feature_names) == ("none", (64,), ())


def test_a_table_is_shuffled_by_the_seed_and_standardized(table):
    path = table("u,v,kind", *ROWS)
    data = load(path, seed=1)
    assert (len(data.x_train), len(data.x_test)) == (8, 2)
    assert (data.classes, data.scale, data.feature_names) == (("a", "b"), "standardize", ("u", "v"))
    x, y = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    assert sorted(x[:, 0].tolist()) == list(range(10))
    assert x[:, 0].tolist() != list(range(10))
    assert np.array_equal(y, x[:, 0] % 2)
    assert np.array_equal(load(path, seed=1).x_train, data.x_train)
    assert not np.array_equal(load(path, seed=2).x_train, data.x_train)


def test_a_table_takes_its_target_by_name(table):
    data = load(table("u,v,w", "1,2,3.5", "4,5,6", "7,8,9"), target="u")
    assert data.classes == (1, 4, 7)
    assert data.feature_names == ("v", "w")


def test_a_folder_of_bytes_is_scaled_to_the_unit(tmp_path):
    (tmp_path / "images").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 5, 2, 2) + bytes(range(20)))
    (tmp_path / "labels").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 5) + bytes([0, 1, 4, 1, 3]))
    data = load(tmp_path)
    assert (data.scale, data.sample_shape, data.classes) == ("unit", (2, 2), (0, 1, 2, 3, 4))
    x, y = load_all(tmp_path, classes=data.classes)
    assert x.ravel().tolist() == list(range(20))
    assert y.tolist() == [0, 1, 4, 1, 3]


@pytest.mark.parametrize(
    ("x", "scale"),
    [
        (np.full((5, 3), 200, np.uint8), "unit"),
        (np.full((5, 3), 200.0), "standardize"),
        (np.full((5, 2, 3), 200.0), "unit"),
        (np.full((5, 2, 3), 0.5), "none"),
        (np.full((5, 2, 3), -1.0), "standardize"),
        (np.full((5, 2, 3), 256), "standardize"),
    ],
)
def test_the_scale_follows_from_dtype_and_range(archive, x, scale):
    assert load(archive(x=x, y=np.arange(5))).scale == scale


def test_an_archive_of_floating_targets_is_regression(archive):
    path = archive(x=np.zeros((5, 3)), y=np.arange(5.0))
    data = load(path)
    assert data.classes is None
    assert data.y_train.shape == (4, 1)
    assert load_all(path, classes=None)[1].ravel().tolist() == [0, 1, 2, 3, 4]


def test_all_samples_come_in_order(table, archive):
    x, y = load_all("digits", classes=tuple(range(10)))
    assert np.array_equal(x, datasets.digits(test=0)[0])
    assert np.array_equal(y, datasets.digits(test=0)[1])
    x, y = load_all(table("u,v,kind", *ROWS), classes=("b", "x", "a"))
    assert x[:, 0].tolist() == list(range(10))
    assert y.tolist() == [2, 0] * 5
    arrays = {"x_train": np.zeros((3, 2)), "y_train": [5, 7, 5], "x_test": np.ones((1, 2)), "y_test": [7]}
    x, y = load_all(archive(**arrays), classes=("7", 5))
    assert x[:, 0].tolist() == [0, 0, 0, 1]
    assert y.tolist() == [1, 0, 1, 0]


def test_whole_numbers_are_numbers_for_a_network_of_regression(table, archive):
    y = load_all(table("1,2,0", "3,4,1"), classes=None)[1]
    assert y.tolist() == [[0.0], [1.0]]
    assert y.dtype == np.float32
    y = load_all(archive(x=np.zeros((3, 2)), y=np.arange(3)), classes=None)[1]
    assert y.tolist() == [[0.0], [1.0], [2.0]]


def test_the_number_of_features_tells_whether_there_is_a_target(table, archive):
    path = table("u,v", "1,2", "3,4")
    assert load_all(path, classes=None, features=2, target="w")[1] is None
    assert load_all(path, classes=None, features=2)[0].tolist() == [[1, 2], [3, 4]]
    assert load_all(path, classes=(2, 4), features=1)[1].tolist() == [0, 1]
    assert load_all(archive(x=np.zeros((2, 3))), classes=(0, 1), features=3)[1] is None


KINDS = "digits, a .csv, .npz or .npy file, or a folder of .npy files, of IDX files or of images"


@pytest.mark.parametrize(
    ("data", "error", "sentence"),
    [
        ("digit", FileNotFoundError, f"load: expected {KINDS}, got 'digit'; did you mean 'digits'?"),
        ("DIR/b.csv", FileNotFoundError, f"load: expected {KINDS}, got 'DIR/b.csv'; there is no such file"),
        ("DIR/a.txt", ValueError, f"load: expected {KINDS}, got 'DIR/a.txt'"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(tmp_path, data, error, sentence):
    (tmp_path / "a.txt").write_text("1,2\n")
    data, sentence = (text.replace("DIR", str(tmp_path)) for text in (data, sentence))
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        load(data)


def test_a_target_is_for_tables_alone():
    with pytest.raises(
        ValueError, match=re.escape("load: expected target with a .csv or .npy file alone, got 'digits'")
    ):
        load("digits", target="x")


def test_data_that_does_not_fit_is_refused(table, archive):
    path = table("1,a", "2,b")
    wide = table("1,2,3", "4,5,6", name="wide.csv")
    labels = archive(x=np.zeros((5, 3)), y=np.array([0, 1, 2, 70000, 0]))
    cases = [
        (lambda: load(path), f"load: expected at least 3 rows in {path}, got 2"),
        (
            lambda: load_all(path, classes=("a", "c")),
            f"load_all: expected one of the classes a, c in {path}, line 2, column 'column 2', got 'b'",
        ),
        (
            lambda: load_all(path, classes=None),
            f"load_all: expected a finite float32 number in {path}, line 1, column 'column 2', got 'a'",
        ),
        (
            lambda: load_all(wide, classes=(3, 6), features=4),
            f"load_all: expected 4 columns of features in {wide}, and a target or none, got 3",
        ),
        (
            lambda: load(labels),
            f"load: expected labels up to 65536 in {labels}, got 70000; numbers to predict are floating",
        ),
        (
            lambda: load_all(labels, classes=tuple(range(12))),
            f"load_all: expected labels among the classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... in {labels}, got 70000",
        ),
    ]
    for call, sentence in cases:
        with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
            call()


def test_numbers_to_predict_are_no_labels(archive):
    path = archive(x=np.zeros((2, 3)), y=np.array([0.5, 1.0]))
    with pytest.raises(FormatError, match=re.escape(f"load_all: expected labels in {path}, got 'numbers to predict'")):
        load_all(path, classes=(0, 1))
