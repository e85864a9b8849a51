"""Find the library of an array by its type, and call that library's primitives.

The look-up is one dictionary access for every type after its first array: small networks are all
overhead, and a search over libraries for each operation would be most of it.
"""

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from nnxp._backend.library import Array, Library
from nnxp._checks import Words, message

# First word of a type's module -> our room. A closed list: nothing is imported by a name from outside.
LIBRARIES = {"numpy": "numpy", "cupy": "cupy", "torch": "torch", "array_api_strict": "strict"}
# What the libraries call their arrays; a DataLoader or a Generator of theirs is none.
_ARRAYS = {"ndarray", "generic", "Tensor", "Array"}

_by_type: dict[type, Library] = {}
_namespaces: dict[type, Any] = {}
_constants: dict[tuple[Any, ...], Array] = {}
_MOST_CONSTANTS = 256


@cache
def load_library(room: str) -> Library:
    """Import one of our rooms, and with it the library it speaks to."""
    module: ModuleType = import_module(f"nnxp._backend.{room}")
    library: Library = module.LIBRARY
    return library


def library_of(x: object) -> Library:
    """Return the library that `x` is an array of."""
    kind = type(x)
    try:
        return _by_type[kind]
    except KeyError:
        return _learn(kind)


def namespace(x: object) -> Any:
    """Return the Array API namespace of an array; NumPy's scalars count as NumPy arrays."""
    kind = type(x)
    try:
        return _namespaces[kind]
    except KeyError:
        return _learn(kind).xp


def _learn(kind: type) -> Library:
    # A subclass (numpy.memmap, torch.nn.Parameter) belongs to the library of its nearest ancestor.
    for ancestor in kind.__mro__:
        room = LIBRARIES.get(ancestor.__module__.partition(".")[0])
        if room is not None and ancestor.__name__ in _ARRAYS:
            library = load_library(room)
            _by_type[kind] = library
            _namespaces[kind] = library.xp
            return library
    raise TypeError(message("nnxp", "an array of NumPy, CuPy, PyTorch or array-api-strict", Words(kind.__name__)))


def is_array(x: object) -> bool:
    """Tell whether `x` is an array of a library that nnxp knows."""
    try:
        library_of(x)
    except TypeError:
        return False
    return True


def to_host(x: Any) -> np.ndarray[Any, Any]:
    """Copy an array of any known library, a list or a number to NumPy; NumPy arrays pass as they are.

    What lies on the host is not copied where its library shares its memory, one that only speaks DLPack among them.
    """
    if is_array(x):
        return library_of(x).get(x)
    return np.from_dlpack(x) if hasattr(x, "__dlpack__") and not hasattr(x, "__array__") else np.asarray(x)


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Return the matrix product ``a @ b``, in `out` if it is given."""
    return library_of(a).matmul(a, b, out)


def sum_rows(x: Array) -> Array:
    """Sum a matrix over its rows: (n, m) -> (m,)."""
    return library_of(x).sum_rows(x)


def erf(x: Array) -> Array:
    """Return the error function, ``2 / sqrt(pi) * integral of exp(-t^2) from 0 to x``, element by element."""
    return library_of(x).erf(x)


def random_words(like: Array, count: int, key: tuple[int, int], counter: tuple[int, int, int]) -> Array:
    """Return `count` words of 32 random bits, beside `like`: Philox4x32-10 at the given key and counter."""
    return library_of(like).random_words(like, count, key, counter)


def checked_labels(
    where: str, labels: Array, classes: int, ignore: int | None, name: str = "labels"
) -> tuple[Array, Array | None]:
    """Return labels that are safe to index with, and where they were invalid (None: nowhere).

    On the host an invalid label is an error. On a device reading it back would stall the stream, so
    it is clamped to 0 and reported in the mask, for the caller to turn into NaN. `name` is what the error calls them.
    """
    return library_of(labels).checked_labels(where, labels, classes, ignore, name)


def constant(values: tuple[Any, ...] | float, like: Array) -> Array:
    """Return the (nested tuple of) numbers as an array beside `like`, of its dtype; made once and kept."""
    library = library_of(like)
    key = (values, library.locate(like), like.dtype)
    try:
        return _constants[key]
    except KeyError:
        if len(_constants) >= _MOST_CONSTANTS:
            _constants.clear()
        host = np.asarray(values, dtype=np.float64)
        made = _constants[key] = library.xp.asarray(host.tolist(), dtype=like.dtype, device=like.device)
        return made  # another thread may have cleared them by now
