"""The digits in the package: what they are, how they are split, and that nobody changed them."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest

from nnxp.datasets import digits

DIGEST = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def test_digits_are_split_into_floats_and_labels():
    x_train, y_train, x_test, y_test = digits()
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((1438, 64), (1438,), (359, 64), (359,))
    assert {x_train.dtype, x_test.dtype} == {np.dtype("float32")}
    assert {y_train.dtype, y_test.dtype} == {np.dtype("int64")}
    assert x_train.min() == 0.0
    assert x_train.max() == 1.0
    assert set(y_test.tolist()) == set(range(10))


def test_digits_without_a_test_part_are_all_in_file_order():
    x, y, x_test, y_test = digits(test=0)
    assert x.shape == (1797, 64)
    assert x_test.shape == (0, 64)
    assert y_test.shape == (0,)
    assert y[:10].tolist() == list(range(10))
    # UCI's description counts each class in its test half.
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # The bytes that scikit-learn's load_digits() has, in its order.
    pixels = (x * 16).astype(np.uint8).tobytes() + y.astype(np.uint8).tobytes()
    assert sha256(pixels).hexdigest() == DIGEST


def test_digits_split_loses_and_repeats_nothing():
    everything, _, _, _ = digits(test=0)
    x_train, _, x_test, _ = digits(test=0.4, seed=3)
    both = np.concatenate([x_train, x_test])
    assert not np.array_equal(both, everything)
    assert np.array_equal(np.unique(both, axis=0), np.unique(everything, axis=0))
    assert len(both) == len(everything)


def test_digits_split_follows_the_seed():
    assert np.array_equal(digits(seed=1)[2], digits(seed=1)[2])
    assert not np.array_equal(digits(seed=1)[2], digits(seed=2)[2])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"test": 1.0}, "digits: expected test to leave samples on both sides of a split of 1797, got 1.0"),
        ({"test": 1e-6}, "digits: expected test to leave samples on both sides of a split of 1797, got 1e-06"),
        ({"test": -0.1}, "digits: expected test in [0, 1], got -0.1"),
        ({"seed": -1}, "digits: expected seed to be a whole number of at least 0, got -1"),
    ],
)
def test_digits_refuses(arguments, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        digits(**arguments)


def test_licence_lies_beside_the_digits():
    text = (files("nnxp.datasets") / "LICENSE-digits.txt").read_text()
    for words in ("E. Alpaydin and C. Kaynak", "https://doi.org/10.24432/C50P49", "CC BY 4.0", "test half"):
        assert words in text
