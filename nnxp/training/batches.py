"""Data as people have it, cut into batches: arrays, memory maps, lists, device arrays, or any iterable of batches."""

import math
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import length_hint
from typing import Any

import numpy as np

from nnxp._backend import Array, library_of, namespace, to_host
from nnxp._backend.dispatch import is_array
from nnxp._checks import Words, message
from nnxp._nested import leaves
from nnxp.random import generator
from nnxp.training.frames import from_frame, is_frame
from nnxp.training.memory_maps import map_behind, row_reader
from nnxp.training.prefetch import Prefetch, own

__all__ = ["ArrayData", "Batch", "Chosen", "IterableData", "as_data", "as_source", "class_weights", "part"]

Batch = tuple[tuple[Any, ...], Any, Any]  # inputs, target or None, sample weight or None

# From so many rows on, their numbers are held in half the memory.
_MANY = 2**20
# How many bytes of small batches are read from a memory map at a time, and the most batches.
_GROUP, _MOST = 2**19, 64


@dataclass(frozen=True)
class Chosen:
    """Rows of an array that are gathered when they are asked for.

    Parameters
    ----------
    whole : NumPy array
        Which has more rows.
    rows : NumPy array of int64
        The numbers of ours.
    """

    whole: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all our rows."""
        return (len(self.rows), *self.whole.shape[1:])

    def __getitem__(self, index: Any) -> np.ndarray[Any, Any]:
        """Gather some of our rows: ``[start:stop, ...]``."""
        rows, *_ = index
        gathered: np.ndarray[Any, Any] = self.whole.take(self.rows[rows], axis=0)
        return gathered


@dataclass(frozen=True)
class ArrayData:
    """Samples in arrays, of which `indices` are ours (None: all, in order).

    Parameters
    ----------
    inputs : tuple of array
        Each of shape (n, *sample), on the host, on disk or on a device.
    target : array, tuple of arrays (several targets) or None
    weight : array or None
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

    def group(self, batch_size: int) -> int:
        """Return how many batches are to be read ahead at a time, of large memory maps; 0 of what is in memory."""
        arrays = leaves((*self.inputs, self.target, self.weight))
        if all(map_behind(x) is None for x in arrays):
            return 0
        size = batch_size * sum(math.prod(x.shape[1:]) * x.dtype.itemsize for x in arrays)
        return int(min(max(_GROUP // max(size, 1), 1), _MOST))

    def head(self) -> Batch:
        """Return the first row, if there is one, as a batch of views."""
        return part((self.inputs, self.target, self.weight), slice(1))

    def batches(
        self,
        batch_size: int,
        shuffle: np.random.Generator | None = None,
        skip: int = 0,
        together: int = 1,
        later: bool = False,
    ) -> Generator[Batch, None, None]:
        """Cut into batches, the last one as short as it comes; the first `skip` of them are left out.

        They come so many `together`, one behind the other in arrays that hold them all; `later`: inputs are not
        gathered, but `Chosen`.
        """
        n = len(self)
        order = self.order(shuffle)
        later = later and order is not None
        inputs = [chooser(x, order) if later else cutter(x, order) for x in self.inputs]
        target, weight = cutter(self.target, order), cutter(self.weight, order)
        for start in range(skip * batch_size, n, together * batch_size):
            rows = slice(start, min(start + together * batch_size, n))
            yield tuple([cut(rows) for cut in inputs]), target(rows), weight(rows)

    def order(self, shuffle: np.random.Generator | None = None) -> np.ndarray[Any, Any] | None:
        """Return the order of our rows, drawn if there is who draws; how its numbers are held has no say in it."""
        if shuffle is None:
            return self.indices
        kind = np.int32 if _MANY <= self.inputs[0].shape[0] < 2**31 else np.int64
        order = np.arange(len(self), dtype=kind) if self.indices is None else self.indices.astype(kind)
        shuffle.shuffle(order)
        return order


@dataclass(frozen=True)
class IterableData:
    """Batches ``(x, y)`` or ``(x, y, weight)`` from somewhere else; `x` may be a tuple of several inputs.

    Parameters
    ----------
    source : iterable
        Of batches.
    ahead : bool
        Whether it is to be read ahead, as a `Prefetch` wants it.
    """

    source: Iterable[Any]
    ahead: bool = False

    def group(self, batch_size: int) -> int:
        """Return how many batches are to be read ahead at a time."""
        del batch_size
        return int(self.ahead)

    def updates(self, batch_size: int) -> int | None:
        """Return the number of batches in an epoch, if it is known."""
        del batch_size
        return length_hint(self.source) or None

    def batches(
        self, batch_size: int, shuffle: np.random.Generator | None = None, skip: int = 0, together: int = 1
    ) -> Generator[Batch, None, None]:
        """Pass the batches on as they come, those without samples left out, and the first `skip` of the others."""
        del batch_size, shuffle, together
        for item in map(own, self.source) if self.ahead else self.source:
            if not isinstance(item, (tuple, list)) or not 2 <= len(item) <= 3:
                raise TypeError(message("fit", "batches (x, y) or (x, y, weight)", Words(type(item).__name__)))
            x, y, weight = (several(part) for part in (item if len(item) == 3 else (*item, None)))
            batch = as_data("fit", x, y, weight)
            if len(batch) and skip:
                skip -= 1
            elif len(batch):
                yield batch.inputs, batch.target, batch.weight


def part(batch: Batch, rows: slice) -> Batch:
    """Return views of some rows of a batch."""
    inputs, target, weight = batch
    return tuple([cutter(x)(rows) for x in inputs]), cutter(target)(rows), cutter(weight)(rows)


def as_data(where: str, x: Any, y: Any, weight: Any = None) -> ArrayData:
    """Wrap arrays of one length."""
    target = as_inputs(where, y) if isinstance(y, tuple) else as_array(where, y)
    data = ArrayData(as_inputs(where, x), target, None if weight is None else as_array(where, weight))
    lengths = [int(a.shape[0]) for a in leaves((*data.inputs, data.target, data.weight))]
    if len(set(lengths)) > 1:
        hint = "several inputs are a tuple" if isinstance(x, list) else ""
        got = Words(", ".join(map(str, lengths)))
        raise ValueError(message(where, "x, y and sample_weight of one length", got, hint))
    return data


def as_source(where: str, x: Any, y: Any, weight: Any = None) -> ArrayData | IterableData:
    """Wrap arrays, or an iterable of batches where there is no `y`."""
    if y is not None:
        return as_data(where, x, y, weight)
    if is_array(x) or hasattr(x, "shape") or not isinstance(x, Iterable):
        raise TypeError(message(where, "y, or an iterable of batches (x, y) as x", Words(type(x).__name__)))
    if weight is not None:
        hint = "yield (x, y, weight)"
        raise ValueError(message(where, "sample_weight=None with an iterable", Words("weights"), hint))
    return IterableData(x.source, ahead=True) if isinstance(x, Prefetch) else IterableData(x)


def several(part: Any) -> Any:
    """Return a list of PyTorch's tensors, as a DataLoader makes one of each tuple, as a tuple again."""
    tensors = isinstance(part, list) and all(is_array(x) and not isinstance(x, np.ndarray) for x in part)
    return tuple(part) if tensors and part else part


def as_inputs(where: str, x: Any) -> tuple[Any, ...]:
    """Return the inputs as a tuple of arrays; a tuple means several inputs."""
    return tuple(as_array(where, part) for part in x) if isinstance(x, tuple) else (as_array(where, x),)


def as_array(where: str, x: Any) -> Any:
    """Leave arrays of other libraries as they are; view or read everything else as a plain NumPy array."""
    if not is_array(x) or isinstance(x, np.ndarray):
        x = from_frame(where, x) if is_frame(x) else to_host(x)
        if x.dtype.kind not in "biuf":
            hint = "number the classes: np.unique(y, return_inverse=True)[1]" if x.dtype.kind in "SUT" else ""
            raise TypeError(message(where, "arrays of numbers", Words(f"dtype {x.dtype}"), hint))
    if not x.ndim:
        raise ValueError(message(where, "arrays of shape (n, ...)", Words("a number")))
    return x


def cutter(x: Any, order: np.ndarray[Any, Any] | None = None) -> Callable[[slice], Any]:
    """Return what cuts a batch out of an array: a view, or a gather where `x` lies if there is an order.

    The gather is one copy, and every batch has memory of its own, which caches and callbacks may keep: to use the
    same memory again would save nothing that could be measured. What lies in a large memory map is read here.
    """
    if x is None:
        return lambda rows: None
    if isinstance(x, tuple):
        cuts = [cutter(part, order) for part in x]
        return lambda rows: tuple([cut(rows) for cut in cuts])
    mapped = map_behind(x)
    if order is None:
        return lambda rows: x[rows, ...] if mapped is None else np.array(x[rows])
    if mapped is not None:
        read = row_reader(x, mapped)
        return lambda rows: read(order[rows])
    if isinstance(x, np.ndarray):
        return lambda rows: x.take(order[rows], axis=0)
    xp, library = namespace(x), library_of(x)
    with library.context(x.device):
        there = xp.asarray(order, device=x.device)  # the order travels once an epoch

    def gather(rows: slice) -> Array:
        with library.context(x.device):
            return xp.take(x, there[rows], axis=0)

    return gather


def chooser(x: np.ndarray[Any, Any], order: Any) -> Callable[[slice], Any]:
    """Return what chooses a batch's rows."""
    return lambda rows: Chosen(x, order[rows].astype(np.int64, copy=False))


def class_weights(
    y: Any, weights: Mapping[int, float] | str, sample_weight: Any, rows: Any = None
) -> np.ndarray[Any, Any]:
    """Turn weights by class into weights by sample, times `sample_weight`.

    ``"balanced"`` gives class c the weight ``n / (classes * count of c)``, as scikit-learn does, counted in the rows
    that are trained on.
    """
    if isinstance(y, tuple):
        raise ValueError(message("fit", "class_weight=None with several targets", weights, "give sample_weight"))
    labels = to_host(y)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            message("fit", "integer labels of shape (n,) with class_weight", Words(f"{labels.dtype} {labels.shape}"))
        )
    classes, positions = np.unique(labels, return_inverse=True)
    if weights == "balanced":
        ours = positions if rows is None else positions[rows]
        counts = np.bincount(ours, minlength=len(classes))
        values = len(ours) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    elif isinstance(weights, Mapping):
        values = np.array([float(weights.get(int(c), 1.0)) for c in classes])
    else:
        raise ValueError(message("fit", "class_weight to be a mapping or 'balanced'", weights))
    result: np.ndarray[Any, Any] = values[positions]
    return result if sample_weight is None else result * to_host(sample_weight)
