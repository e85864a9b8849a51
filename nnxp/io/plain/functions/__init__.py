"""What the layers compute, in plain NumPy: the functions whose text goes into a written file.

They are written to be read, one formula each, and call nothing but each other, NumPy and `math`. What stands here is
what runs there; each is held against its layer by the tests.
"""

from nnxp.io.plain.functions import (
    activations,
    affine,
    attention,
    convolution,
    normalisation,
    pooling,
    recurrent,
    resizing,
    shares,
    types,
)

__all__ = ["NAMES"]

_ROOMS = (activations, affine, attention, convolution, normalisation, pooling, recurrent, resizing, shares, types)

# Every name that a written file may use for a function or a type, and so for nothing else.
NAMES = frozenset(name for room in _ROOMS for name in room.__all__)
