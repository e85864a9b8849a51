"""One step of a sequence, such as the last one of a recurrent layer's output."""

import numpy as np

from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.reader import Reader, Ref
from nnxp.layers import Flatten, Permute, ZeroPad1d

__all__ = ["last_step", "one_step"]


def one_step(r: Reader, o: Operation) -> None:
    """Read a Gather that takes one step of a sequence (batch, steps, features)."""
    x, index, axis = r.ref(o), r.constant(o, 1), o.attributes.get("axis", 0)
    if x.form == "state" and index.size == 1 and axis == 0 and index.ndim == 0:
        last_step(r, o, x, [0])
        return
    if index.ndim or axis != (0 if x.swapped else 1) or x.form or len(r.shape(o, x)) != 2:
        raise r.refuse(o, "rows of a table, or one step of a sequence", Words(f"axis {axis}"))
    _cut_out(r, o, x, int(np.asarray(index)))


def last_step(r: Reader, o: Operation, state: Ref, axes: list[int] | None) -> None:
    """Read what takes the final state of one layer in one direction: the last step of its output."""
    if state.steps is None or axes != [0]:
        raise r.refuse(o, "the final h of one layer that reads forward, the batch first", Words("another state"))
    _cut_out(r, o, state.steps, -1)


def _cut_out(r: Reader, o: Operation, x: Ref, index: int) -> None:
    """Put the steps last, and cut off all others."""
    steps = r.shape(o, x)[0]
    if steps is None:
        raise r.refuse(o, "a number of steps that is known", None, "give input_shape")
    index %= steps
    last = r.emit(o, Permute((0, 2, 1)), Ref(x.source, x.shape))
    one = r.emit(o, ZeroPad1d((-index, index + 1 - steps)), last)
    r.put(o, r.emit(o, Flatten(), one))
