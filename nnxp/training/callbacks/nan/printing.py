"""What a replaying script says: plain functions, whose text goes into it."""

from typing import Any

import numpy as np

from nnxp.io.plain.functions.types import Array

__all__ = ["compare", "first_bad", "named", "summary"]


def named(name: str, value: Any) -> dict[str, Array]:
    """Return an array under a name; of a nested tuple each array, its place behind the name."""
    if value is None:
        return {}
    if not isinstance(value, tuple):
        return {name: np.asarray(value)}
    parts = [named(f"{name}{i}" if name[-1:].isalpha() else f"{name}_{i}", part) for i, part in enumerate(value)]
    return {key: array for part in parts for key, array in part.items()}


def first_bad(array: Array) -> tuple[int, ...] | None:
    """Return the place of the first number that is not finite, in C order; None if all are."""
    bad = np.flatnonzero(~np.isfinite(array))
    return tuple(int(i) for i in np.unravel_index(bad[0], array.shape)) if len(bad) else None


def summary(name: str, array: Array) -> str:
    """Describe an array in a line: shape, dtype, the ends of what is finite, and how much is not."""
    good = array[np.isfinite(array)]
    ends = f"from {good.min():.6g} to {good.max():.6g}" if good.size else "nothing finite"
    bad = array.size - good.size
    rest = f", {bad} of {array.size} not finite" if bad else ""
    return f"{name:16} {array.shape!s:18} {array.dtype}  {ends}{rest}"


def compare(name: str, array: Array, recorded: Array, size: int, rows: Array | None) -> bool:
    """Say where an output is not finite, and whether that is where it was; tell whether it is."""
    print(summary(name, array))
    place, before = first_bad(array), first_bad(recorded)
    if place is not None:
        print(f"    first not finite: {name}[{', '.join(map(str, place))}] = {array[place]}")
        bad = ~np.isfinite(array)
        if array.ndim and len(array) == size:
            where = np.flatnonzero(bad.reshape(size, -1).any(axis=1))
            print(f"    rows of the batch: {' '.join(map(str, where))}")
            if rows is not None:
                print(f"    rows of the data:  {' '.join(str(rows[row]) for row in where)}")
        if array.ndim == 2:
            print(f"    units:             {' '.join(map(str, np.flatnonzero(bad.any(axis=0))))}")
    same = place == before
    print("    as it was in training" if same else f"    in training the first was {before}")
    return same
