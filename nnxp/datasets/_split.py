"""Setting a test part aside."""

import os
from typing import Any

import numpy as np

from nnxp._checks import check_number, check_positive_int, message
from nnxp.errors import FormatError
from nnxp.random import generator

HostArray = np.ndarray[Any, Any]
Split = tuple[HostArray, HostArray, HostArray, HostArray]  # x_train, y_train, x_test, y_test

TEST_SHARE = 0.2


def shuffled_order(where: str, n: int, test: float, seed: int) -> tuple[HostArray, HostArray]:
    """Return the rows of the training part and of the test part; a test share of 0 leaves all in order."""
    check_number(where, "test", test, low=0.0, high=1.0)
    check_positive_int(where, "seed", seed, least=0)
    if test == 0:
        return np.arange(n), np.arange(0)
    held_out = round(n * test)
    if not 0 < held_out < n:
        raise ValueError(message(where, f"test to leave samples on both sides of a split of {n}", test))
    order = generator(seed, "split").permutation(n)
    return order[held_out:], order[:held_out]


def split_tail(where: str, path: str | os.PathLike[str], x: HostArray, y: HostArray) -> Split:
    """Cut the last 20 % off, in file order; the parts are views."""
    held_out = round(len(x) * TEST_SHARE)
    if held_out == 0:
        raise FormatError(message(where, f"at least 3 samples in {os.fspath(path)}", len(x)))
    cut = len(x) - held_out
    return x[:cut], y[:cut], x[cut:], y[cut:]
