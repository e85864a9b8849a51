"""Arrays that stay on the disk: mapped, not read, and trained on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import SGD, CrossEntropyLoss, Linear, Network
from nnxp.datasets import load, load_all, load_npy
from nnxp.errors import FormatError

X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
Y = np.arange(10) % 3


@pytest.fixture
def save(tmp_path: Path) -> Any:
    def write(**arrays: Any) -> Path:
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        return tmp_path

    return write


def is_mapped(x: Any) -> bool:
    while x is not None and not isinstance(x, np.memmap):
        x = getattr(x, "base", None)
    return x is not None


def test_a_file_and_its_targets_are_mapped(save: Any) -> None:
    folder = save(data=X, labels=Y)
    x_train, y_train, x_test, y_test = load_npy(folder / "data.npy", folder / "labels.npy")
    assert is_mapped(x_train)
    assert is_mapped(x_test)
    assert not x_train.flags.writeable
    assert np.array_equal(np.concatenate([x_train, x_test]), X)
    assert np.concatenate([y_train, y_test]).tolist() == Y.tolist()
    assert len(x_test) == 2


def test_a_folder_holds_one_part_or_two(save: Any) -> None:
    folder = save(x=X, y=Y)
    assert [len(part) for part in load_npy(folder)] == [8, 8, 2, 2]
    save(x_train=X, y_train=Y, x_test=X[:4], y_test=Y[:4])
    assert [len(part) for part in load_npy(folder)] == [10, 10, 4, 4]


def test_load_takes_them_too(save: Any) -> None:
    folder = save(x=X, y=Y, images=np.full((10, 2, 2), 9, np.uint8))
    data = load(folder)
    assert (data.classes, data.scale, data.sample_shape) == ((0, 1, 2), "standardize", (3,))
    data = load(folder / "images.npy", target=folder / "y.npy")
    assert (data.scale, data.sample_shape) == ("unit", (2, 2))
    x, y = load_all(folder / "x.npy", folder / "y.npy", classes=(0, 1, 2))
    assert is_mapped(x)
    assert y is not None
    assert y.tolist() == Y.tolist()
    assert load_all(folder / "x.npy", classes=(0, 1, 2), features=3)[1] is None


def test_fractions_are_numbers_to_predict(save: Any) -> None:
    data = load(save(x=X, y=X[:, 0]))
    assert data.classes is None
    assert data.y_train.shape == (8, 1)


def test_they_are_trained_on_as_arrays_in_memory_are(save: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp.training.memory_maps._LARGE", 0)
    mapped = load(save(x=X, y=Y))
    results = []
    for x, y in ((mapped.x_train, mapped.y_train), (X[:8], Y[:8])):
        net = Network(Linear(3, 3), seed=0)
        net.fit(x, y, loss=CrossEntropyLoss(), optimizer=SGD(lr=0.1), epochs=3, batch_size=3, verbose=False)
        results.append(net.theta.tobytes())
    assert results[0] == results[1]


def test_other_byte_orders_and_fortrans_order_are_read(save: Any) -> None:
    folder = save(x=np.asfortranarray(X.astype(">f8")), y=Y.astype(">i2"))
    data = load(folder)
    assert np.array_equal(data.x_train, X[:8])
    net = Network(Linear(3, 3), seed=0)
    assert np.array_equal(net.predict(data.x_train), net.predict(X[:8]))


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": X}, "arrays x_train, y_train, x_test, y_test or x, y in DIR, got 'x'"),
        ({"x": X, "y": Y[:4]}, "y as long as x (10) in DIR, got 4"),
        ({"x": X, "y": -Y}, "labels of shape (n,), whole numbers from 0, as y in DIR, got -2; numbers to predict are floating"),
        ({"x": np.full((3, 2), np.nan), "y": Y[:3]}, "finite numbers in x in DIR/x.npy, got 'NaN or infinity'; drop those samples"),
        ({"x": np.float32(3), "y": Y}, "samples in x in DIR/x.npy, got ()"),
        ({"x": np.array(["a"]), "y": Y[:1]}, "real numbers in x in DIR/x.npy, got 'dtype <U1'"),
        ({"x": np.array([{}], dtype=object), "y": Y[:1]}, "real numbers in x in DIR/x.npy, got 'dtype |O'; objects are never unpickled"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_refused(save: Any, arrays: Any, sentence: str) -> None:
    folder = save(**arrays)
    with pytest.raises(
        FormatError, match=f"^{re.escape('load_npy: expected ' + sentence.replace('DIR', str(folder)))}$"
    ):
        load_npy(folder)


def test_a_header_that_claims_more_than_there_is_is_refused(save: Any) -> None:
    folder = save(x=X, y=Y)
    path = folder / "x.npy"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(10, 3), }", b"(99, 3), }"))
    said = f"load_npy: expected x in {path} to hold 1188 bytes for shape (99, 3), got 120"
    with pytest.raises(FormatError, match=f"^{re.escape(said)}$"):
        load_npy(folder)
    path.write_bytes(content[:-1])
    with pytest.raises(FormatError, match="to hold 120 bytes for shape"):
        load_npy(folder)
    path.write_bytes(b"hello")
    with pytest.raises(FormatError, match="expected a NumPy array as x in"):
        load_npy(folder)


def test_inputs_need_their_targets(save: Any) -> None:
    path = save(x=X) / "x.npy"
    said = f"load: expected the file of targets for {path}, got none; target='labels.npy' (--target labels.npy)"
    with pytest.raises(ValueError, match=f"^{re.escape(said.replace('load:', 'load_npy:'))}$"):
        load(path)
    with pytest.raises(ValueError, match=r"expected target with a \.csv or \.npy file alone, got"):
        load(path.parent, target="x.npy")
