"""What a loss may be called with: an output, a target beside it, and a weight for each sample."""

from functools import cache
from typing import Any

from nnxp._backend import Array, library_of, namespace
from nnxp._backend.dispatch import is_array
from nnxp._checks import Words, message

__all__ = [
    "check_beside",
    "check_dtype",
    "check_integers",
    "check_output",
    "check_shape",
    "dtype_name",
    "is_integral",
    "spread",
    "squeeze_hint",
]


def check_output(where: str, output: Array, name: str = "output") -> None:
    """Refuse an output that is no batch of floating-point numbers."""
    try:
        axes = output.ndim
    except AttributeError:
        got = f"{len(output)} of them" if isinstance(output, tuple) else f"a {type(output).__name__}"
        hint = "PerOutput((loss, None)) judges the first" if isinstance(output, tuple) else ""
        raise TypeError(message(where, f"{name} to be one array", Words(got), hint)) from None
    if axes == 0:
        raise ValueError(message(where, f"{name} of shape (batch, ...)", ()))
    if _kind(namespace(output), output.dtype) != "real floating":
        raise TypeError(message(where, f"{name} of a real floating dtype", dtype_name(output)))


def check_beside(where: str, name: str, x: Array, output: Array) -> None:
    """Refuse an array that is not where the output is."""
    if not is_array(x) or namespace(x) is not namespace(output) or x.device != output.device:
        got = f"an array on {library_of(x).locate(x)}" if is_array(x) else f"a {type(x).__name__}"
        hint = f"move it: net.device.put({name})"
        raise TypeError(message(where, f"{name} on {library_of(output).locate(output)}", Words(got), hint))


def check_dtype(where: str, target: Array, output: Array, name: str = "target") -> None:
    """Refuse a target of another dtype than the output's: a promotion would change the gradient's."""
    if target.dtype != output.dtype:
        wanted = dtype_name(output)
        hint = f"cast it: net.device.put({name}, '{wanted}')"
        raise TypeError(message(where, f"{name} of dtype {wanted}", dtype_name(target), hint))


def check_integers(where: str, target: Array, name: str = "target") -> None:
    """Refuse a target that cannot be labels."""
    if not is_integral(target):
        what = f"{name} of integer labels" if name == "target" else f"{name} of integers"
        raise TypeError(message(where, what, dtype_name(target), "cast them to int64"))


def check_shape(where: str, target: Array, shape: tuple[int, ...], name: str = "target") -> None:
    """Refuse a target of another shape: broadcasting (n, 1) against (n,) would compare all pairs."""
    if tuple(target.shape) != shape:
        actual = tuple(target.shape)
        raise ValueError(message(where, f"{name} of shape {shape}", actual, squeeze_hint(actual, shape, name)))


def squeeze_hint(actual: tuple[Any, ...], desired: tuple[Any, ...], name: str = "target") -> str:
    """Name the remedy where two shapes differ by a last axis of length one."""
    if (*actual, 1) == desired:
        return f"add an axis: {name}[..., None]"
    return f"drop the last axis: {name}[..., 0]" if actual == (*desired, 1) else ""


def spread(where: str, sample_weight: Array, output: Array) -> Array:
    """Return the weights of the samples as (batch, 1, ..., 1), of the output's dtype."""
    check_beside(where, "sample_weight", sample_weight, output)
    batch = output.shape[0]
    if tuple(sample_weight.shape) != (batch,):
        raise ValueError(message(where, f"sample_weight of shape ({batch},)", tuple(sample_weight.shape)))
    xp = namespace(output)
    return xp.reshape(xp.astype(sample_weight, output.dtype, copy=False), (batch, *(1,) * (output.ndim - 1)))


def is_integral(x: Array) -> bool:
    """Tell whether an array holds integers."""
    return _kind(namespace(x), x.dtype) == "integral"


def dtype_name(x: Array) -> Words:
    """Return a dtype's name without its library's."""
    return Words(str(x.dtype).rpartition(".")[2])


@cache
def _kind(xp: Any, dtype: Any) -> str:
    # Kept, since asking costs more than a whole operation on a small batch.
    return next((kind for kind in ("real floating", "integral") if xp.isdtype(dtype, kind)), "other")
