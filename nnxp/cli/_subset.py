"""Some rows of an array, read as they are asked for: the array may be larger than the memory."""

from typing import Any

import numpy as np

__all__ = ["Subset"]


class Subset:
    """Rows of an array, in an order of their own.

    Parameters
    ----------
    x : array of shape (n, *sample)
        In memory or on the disk.
    rows : array of int
        Which of them.
    """

    def __init__(self, x: Any, rows: np.ndarray[Any, Any]) -> None:
        self._x, self._rows = x, rows
        self.shape = (len(rows), *x.shape[1:])

    def __getitem__(self, key: tuple[slice, Any]) -> Any:
        return self._x[self._rows[key[0]]]
