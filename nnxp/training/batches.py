"""Data as people have it, cut into batches: arrays, memory maps, lists, device arrays, or any iterable of batches."""

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnxp._backend import Array, library_of, namespace
from nnxp._backend.dispatch import is_array
from nnxp._checks import Words, message
from nnxp.random import generator

__all__ = ["ArrayData", "Batch", "IterableData", "as_data", "class_weights"]

Batch = tuple[tuple[Any, ...], Any, Any]  # inputs, target or None, sample weight or None


@dataclass(frozen=True)
class ArrayData:
    """Samples in arrays, of which `indices` are ours (None: all, in order).

    Parameters
    ----------
    inputs : tuple of array
        Each of shape (n, *sample), on the host, on disk or on a device.
    target, weight : array or None
        Of the same length.
    indices : array of int or None
        Host row numbers.
    """

    inputs: tuple[Any, ...]
    target: Any = None
    weight: Any = None
    indices: np.ndarray[Any, Any] | None = None

    def __len__(self) -> int:
        return len(self.indices) if self.indices is not None else int(self.inputs[0].shape[0])

    def updates(self, batch_size: int) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self) // batch_size)

    def split(self, fraction: float, seed: int) -> tuple["ArrayData", "ArrayData"]:
        """Hold a fraction of the rows out: the same rows for the same seed, however often it is asked."""
        n = len(self)
        held_out = round(n * fraction)
        if not 0 < held_out < n:
            raise ValueError(message("fit", f"validation to leave samples on both sides of a split of {n}", fraction))
        order = generator(seed, "validation").permutation(n)
        return (
            replace(self, indices=np.sort(order[held_out:])),
            replace(self, indices=np.sort(order[:held_out])),
        )

    def batches(self, batch_size: int, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """Cut into batches, the last one as short as it comes."""
        order = self.indices
        if shuffle is not None:
            order = shuffle.permutation(len(self)) if order is None else shuffle.permutation(order)
        n = len(self)
        for start in range(0, n, batch_size):
            stop = min(start + batch_size, n)
            # Without an order a slice is enough: a view, not a copy.
            rows = slice(start, stop) if order is None else order[start:stop]
            yield (
                tuple(take(x, rows) for x in self.inputs),
                None if self.target is None else take(self.target, rows),
                None if self.weight is None else take(self.weight, rows),
            )


@dataclass(frozen=True)
class IterableData:
    """Batches ``(x, y)`` or ``(x, y, weight)`` from somewhere else; `x` may be a tuple of several inputs."""

    source: Iterable[Any]

    def updates(self, batch_size: int) -> int | None:
        """Return the number of batches in an epoch, if it is known."""
        del batch_size
        return len(self.source) if isinstance(self.source, Sized) else None

    def batches(self, batch_size: int, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """Pass the batches on as they come."""
        del batch_size, shuffle
        for item in self.source:
            if not isinstance(item, (tuple, list)) or not 2 <= len(item) <= 3:
                raise TypeError(message("fit", "batches (x, y) or (x, y, weight)", Words(type(item).__name__)))
            x, y, weight = item if len(item) == 3 else (*item, None)
            yield as_inputs(x), as_array(y), None if weight is None else as_array(weight)


def as_data(where: str, x: Any, y: Any, weight: Any = None) -> ArrayData | IterableData:
    """Wrap arrays, or an iterable of batches where there is no `y`."""
    if y is None:
        if is_array(x) or not isinstance(x, Iterable):
            raise TypeError(message(where, "y, or an iterable of batches (x, y) as x", Words(type(x).__name__)))
        if weight is not None:
            raise ValueError(
                message(where, "sample_weight=None with an iterable", Words("weights"), "yield (x, y, weight)")
            )
        return IterableData(x)
    data = ArrayData(as_inputs(x), as_array(y), None if weight is None else as_array(weight))
    lengths = [int(a.shape[0]) if a.ndim else 0 for a in (*data.inputs, data.target, data.weight) if a is not None]
    if len(set(lengths)) > 1:
        raise ValueError(message(where, "x, y and sample_weight of one length", Words(", ".join(map(str, lengths)))))
    return data


def as_inputs(x: Any) -> tuple[Any, ...]:
    """Return the inputs as a tuple of arrays; a tuple means several inputs."""
    return tuple(as_array(part) for part in x) if isinstance(x, tuple) else (as_array(x),)


def as_array(x: Any) -> Any:
    """Leave arrays of any library as they are; read everything else with NumPy."""
    if is_array(x):
        return x
    array = np.asarray(x)
    if array.dtype == object:
        raise TypeError(
            message("fit", "numbers in arrays of one shape", Words(type(x).__name__), "are the rows equally long?")
        )
    return array


def take(x: Any, rows: "slice | np.ndarray[Any, Any]") -> Array:
    """Take rows: a view for a slice, a gather where `x` lies otherwise."""
    if isinstance(rows, slice):
        return x[rows, ...]
    if isinstance(x, np.ndarray):
        return x[rows]
    xp = namespace(x)
    with library_of(x).context(x.device):
        return xp.take(x, xp.asarray(rows, device=x.device), axis=0)


def class_weights(y: Any, weights: Mapping[int, float] | str, sample_weight: Any) -> np.ndarray[Any, Any]:
    """Turn weights by class into weights by sample, times `sample_weight`.

    ``"balanced"`` gives class c the weight ``n / (classes * count of c)``, as scikit-learn does.
    """
    labels = np.asarray(y)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            message("fit", "integer labels of shape (n,) with class_weight", Words(f"{labels.dtype} {labels.shape}"))
        )
    classes, positions, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if isinstance(weights, str):
        if weights != "balanced":
            raise ValueError(message("fit", "class_weight to be a mapping or 'balanced'", weights))
        values = len(labels) / (len(classes) * counts)
    else:
        values = np.array([float(weights.get(int(c), 1.0)) for c in classes])
    result: np.ndarray[Any, Any] = values[positions]
    return result if sample_weight is None else result * np.asarray(sample_weight)
