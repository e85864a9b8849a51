"""The gradient of a table that rows were looked up in."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled

__all__ = ["sum_by_index"]


def sum_by_index(rows: Any, index: Any, size: int) -> Any:
    """Add every row where it belongs, one after another."""
    sums = np.zeros((size, rows.shape[1]), rows.dtype)
    # All of one kind, so that the kernel is compiled once for each dtype.
    given = rows, index.astype(np.int64, copy=False)
    _add_rows(*(x if x.flags.c_contiguous and x.flags.writeable else x.copy() for x in given), sums)
    return sums


@compiled
def _add_rows(rows: Any, index: Any, sums: Any) -> None:
    for i in range(len(rows)):
        if 0 <= index[i] < len(sums):
            row, total = rows[i], sums[index[i]]
            for j in range(row.size):
                total[j] += row[j]
