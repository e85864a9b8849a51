"""Which operator is read how; a closed table, so that nothing is done that was not meant."""

from collections.abc import Callable

import numpy as np

from nnxp._checks import Words
from nnxp.errors import FormatError
from nnxp.io._json import short
from nnxp.io.architecture import REFUSALS
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read import activations, borders, convolutions, maps, norms, poolings, recurrent, reshaping, resizing
from nnxp.io.onnx.read.folding import BATCH, FOLDED, fold
from nnxp.io.onnx.read.reader import Reader

__all__ = ["READERS", "read_operation"]

FAMILIES = (activations, borders, convolutions, maps, norms, poolings, recurrent, reshaping, resizing)
READERS: dict[str, Callable[[Reader, Operation], None]] = {
    kind: read for family in FAMILIES for kind, read in family.READERS.items()
}


def read_operation(r: Reader, o: Operation) -> None:
    """Turn an operator into layers or, where it only works with constants and shapes, into a constant.

    Raises
    ------
    FormatError
        If there is no layer for it, or none that does just what it does.
    """
    try:
        if o.kind == "Shape" and o.inputs[0] in r.values:
            _shape(r, o)
        elif o.kind == "Cast" and o.inputs[0] in r.values:
            _cast(r, o)
        elif o.kind in FOLDED and all(name in r.constants for name in o.inputs if name):
            r.constants |= fold(o, [r.constants[name] if name else None for name in o.inputs])
        elif o.kind in READERS:
            READERS[o.kind](r, o)
        else:
            kind = o.kind.rpartition(":")[2] if o.kind.startswith("nnxp:") else o.kind
            hint = "give outputs=(...), the names of values before it" if o.name else ""
            raise r.refuse(o, "operators that nnxp has layers for", Words(kind), hint)
    except FormatError:
        raise
    except REFUSALS as error:
        raise r.refuse(o, "values that can be read", short(str(error))) from None


def _shape(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    shape = r.shape(o, x)
    if x.swapped or x.form:
        sizes = [BATCH - 1 if shape[0] is None else shape[0], BATCH, *(BATCH - i for i in range(2, len(shape) + 1))]
    else:
        sizes = [BATCH, *(BATCH - i if n is None else n for i, n in enumerate(shape, 1))]
    vector = np.asarray(sizes, dtype=np.int64)
    r.constants[o.outputs[0]] = vector[o.attributes.get("start", 0) : o.attributes.get("end", None)]


def _cast(r: Reader, o: Operation) -> None:
    """Hand a value on: a network has one dtype, and indices may be of any."""
    r.put(o, r.ref(o))
