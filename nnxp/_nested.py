"""Several inputs or outputs: tuples of arrays, nested as PyTorch nests them, with None for what is not there."""

from typing import Any

Array = Any


def shapes(y: Any) -> Any:
    """Return an array's shape; of a tuple of arrays, the tuple of shapes, nested alike."""
    return tuple(shapes(part) for part in y) if isinstance(y, tuple) else y if y is None else tuple(y.shape)


def leaves(y: Any) -> list[Array]:
    """List the arrays of a nested tuple; an array is its own, None is nothing."""
    return [leaf for part in y for leaf in leaves(part)] if isinstance(y, tuple) else [] if y is None else [y]


def is_gradient_of(dy: Any, shape: Any) -> bool:
    """Tell whether `dy` is shaped as an output; None within a tuple is of any shape, also of one that is None."""
    if isinstance(dy, tuple):
        return len(dy) == len(shape) and all(
            part is s is None or (isinstance(s, tuple) and (part is None or is_gradient_of(part, s)))
            for part, s in zip(dy, shape, strict=True)
        )
    return bool(shapes(dy) == shape)
