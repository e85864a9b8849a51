"""The seam: everything nnxp needs that the Array API standard lacks, or that libraries do badly.

The charter:

- Layers, losses and optimizers are written in standard Array API code on the namespace of their
  arrays. What the standard cannot say goes through the functions named here, and nothing else does.
- Each primitive has an agnostic twin in ``agnostic.py``, written in the standard alone. The twin is
  the specification; a library's own version is held against it by a test.
- Only this package names an array library other than NumPy, and it imports one only when a device
  or an array of that library arrives.
- At most about fifteen primitives. Today: `matmul`, `sum_rows`, `erf`, `random_words`,
  `checked_labels`, `constant`.

Beside the primitives there are whole functions that a library may do in fewer passes: marked `fused` where they
stand, in standard code, which is their specification too. NumPy's twins are in ``kernels/``.

``library.py`` is what a library must provide; ``numpy.py``, ``cupy.py``, ``torch.py`` and
``strict.py`` provide it; ``dispatch.py`` finds the library of an array.
"""

from nnxp._backend.dispatch import (
    LIBRARIES,
    checked_labels,
    constant,
    erf,
    library_of,
    load_library,
    matmul,
    namespace,
    random_words,
    sum_rows,
    to_host,
)
from nnxp._backend.fused import fused
from nnxp._backend.library import Array, Library

__all__ = [
    "LIBRARIES",
    "Array",
    "Library",
    "checked_labels",
    "constant",
    "erf",
    "fused",
    "library_of",
    "load_library",
    "matmul",
    "namespace",
    "random_words",
    "sum_rows",
    "to_host",
]
