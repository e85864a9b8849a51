"""A data set in one shape, wherever it came from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp.datasets.csv import Classes
from nnxp.datasets.table import Table

__all__ = ["DataSet"]

HostArray = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set, ready to train on.

    Attributes
    ----------
    x_train, x_test : array of shape (n, *sample_shape)
        As stored, not scaled.
    y_train, y_test : array
        Labels of shape (n,), int64, that are positions in `classes`; or numbers of shape (n, outputs), float32.
    classes : tuple of int or str, or None
        What the labels stand for; None for regression.
    scale : {"unit", "standardize", "none"}
        What the network should do to its input: divide by 255 (images of bytes), bring each feature to mean 0 and
        standard deviation 1, or nothing, since it is in [0, 1].
    feature_names : tuple of str
        From a CSV file; empty otherwise.
    table : Table or None
        What was learned of the columns of a CSV file.
    """

    x_train: HostArray
    y_train: HostArray
    x_test: HostArray
    y_test: HostArray
    classes: Classes
    scale: str
    feature_names: tuple[str, ...] = ()
    table: Table | None = None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.x_train.shape[1:])
