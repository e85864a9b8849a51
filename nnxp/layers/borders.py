"""What lies around an array: its last axes lengthened by zeros, or by its own values mirrored, repeated or wrapped.

The gradient comes back the same way: what was copied outwards is added where it came from.
"""

from nnxp._backend import Array, namespace

__all__ = ["BORDERS", "least_size", "pad", "sources", "unpad"]

BORDERS = ("zeros", "reflect", "replicate", "circular")

Sizes = tuple[int, ...]
Index = tuple[object, ...]


def least_size(mode: str, before: int, after: int) -> int:
    """Return how long an axis must be for so many places to be added to it."""
    longest = max(before, after)
    return {"zeros": 0, "reflect": longest and longest + 1, "replicate": min(longest, 1), "circular": longest}[mode]


def sources(mode: str, size: int, before: int, after: int) -> dict[int, int]:
    """Tell of each place that is added to an axis which place it copies, both counted in the longer axis.

    Parameters
    ----------
    mode : {"reflect", "replicate", "circular"}
        Mirrored at the edge, which is not repeated; the edge repeated; or wrapped around.
    size : int
        Of the axis before, at least `least_size`.
    before, after : int
        How many places are added at its two ends.
    """
    places: dict[int, int] = {}
    for i in (*range(-before, 0), *range(size, size + after)):
        if mode == "reflect":
            inside = size - 1 - abs(size - 1 - abs(i))
        elif mode == "replicate":
            inside = min(max(i, 0), size - 1)
        else:
            inside = i % size
        places[before + i] = before + inside
    return places


def pad(x: Array, before: Sizes, after: Sizes, mode: str) -> Array:
    """Lengthen the last ``len(before)`` axes; return `x` itself if there is nothing to add."""
    if not any(before) and not any(after):
        return x
    lead = x.ndim - len(before)
    sizes = tuple(b + n + a for b, n, a in zip(before, x.shape[lead:], after, strict=True))
    y = namespace(x).zeros((*x.shape[:lead], *sizes), dtype=x.dtype, device=x.device)
    y[interior(y, before, after)] = x
    if mode != "zeros":
        # Axis by axis, over the whole extent of the others: corners are copies of copies.
        for axis, (b, a) in enumerate(zip(before, after, strict=True), lead):
            for place, source in sources(mode, x.shape[axis], b, a).items():
                y[at(axis, place)] = y[at(axis, source)]
    return y


def unpad(dy: Array, before: Sizes, after: Sizes, mode: str) -> Array:
    """Return the gradient of what `pad` was given: a view of `dy`, which is used up on the way."""
    if not any(before) and not any(after):
        return dy
    if mode != "zeros":
        last = dy.ndim - 1
        for axis, (b, a) in enumerate(zip(reversed(before), reversed(after), strict=True)):
            for place, source in sources(mode, dy.shape[last - axis] - b - a, b, a).items():
                inside = dy[at(last - axis, source)]
                inside += dy[at(last - axis, place)]
    return dy[interior(dy, before, after)]


def interior(padded: Array, before: Sizes, after: Sizes) -> Index:
    """Index what was there before something was added."""
    sizes = padded.shape[padded.ndim - len(before) :]
    return (..., *(slice(b, n - a) for b, n, a in zip(before, sizes, after, strict=True)))


def at(axis: int, place: int) -> Index:
    """Index one place of an axis."""
    return (*(slice(None),) * axis, place, ...)
