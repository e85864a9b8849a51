"""Arrays in C's order as one line of numbers, within kernels."""

from typing import Any

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

__all__ = ["line"]


@intrinsic  # type: ignore[untyped-decorator]
def line(context: Any, array: Any) -> Any:
    """Return all numbers of an array as a vector: as ``reshape(-1)`` does, but without Numba's library behind it."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        given = context.make_array(signature.args[0])(context, builder, values[0])
        made = context.make_array(signature.return_type)(context, builder)
        populate_array(
            made, data=given.data, shape=[given.nitems], strides=[given.itemsize], itemsize=given.itemsize,
            meminfo=given.meminfo, parent=given.parent,
        )  # fmt: skip
        context.nrt.incref(builder, signature.return_type, made._getvalue())
        return made._getvalue()

    return types.Array(array.dtype, 1, "C")(array), write
