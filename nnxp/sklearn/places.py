"""Everything follows X: where it lies, in which dtypes it may be, and how an answer gets there."""

from typing import Any

import numpy as np
from sklearn import get_config

from nnxp._backend import Array, library_of, namespace
from nnxp._backend.dispatch import is_array
from nnxp._checks import Words, message
from nnxp.device import Device
from nnxp.losses._inputs import dtype_name

__all__ = ["check_place", "dispatching", "float_dtypes", "follow", "place_of"]


def dispatching() -> bool:
    """Tell whether scikit-learn leaves arrays of other libraries as they are."""
    return bool(get_config()["array_api_dispatch"])


def place_of(x: Array) -> str:
    """Return the name of the device that holds an array."""
    return library_of(x).locate(x)


def float_dtypes(x: Any) -> list[Any]:
    """Return the dtypes that `x` may keep, the one that all others are cast to first."""
    xp = namespace(x) if dispatching() and is_array(x) else np
    return [xp.float64, xp.float32]


def check_place(where: str, x: Array, place: str) -> None:
    """Refuse an array that is not where the data of the fit was; scikit-learn's checks look for the words."""
    if dispatching() and place_of(x) != place:
        got = Words(f"one on {place_of(x)}")
        raise ValueError(message(where, f"X on {place}", got, "it must use the same namespace and device as in fit"))


def follow(values: np.ndarray[Any, Any], x: Array) -> Array:
    """Return an answer beside `x`; numbers with a fraction take its dtype, and text stays on the host."""
    if values.dtype.kind not in "biuf":
        return values
    floating = values.dtype.kind == "f" and namespace(x).isdtype(x.dtype, "real floating")
    return Device(place_of(x)).put(values, dtype_name(x) if floating else None)
