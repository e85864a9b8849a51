"""What lies around an array: its last axes are lengthened by zeros, or by its own values mirrored, repeated or wrapped.

The gradient comes back the same way: what was copied outwards is added where it came from.
"""

from nnxp._backend import Array, namespace

__all__ = ["BORDERS", "pad", "sources", "unpad"]

BORDERS = ("zeros", "reflect", "replicate", "circular")

Sizes = tuple[int, ...]


def sources(mode: str, size: int, before: int, after: int) -> dict[int, int]:
    """Tell for each place added to an axis, counted in the longer axis, which place there it copies.

    Parameters
    ----------
    mode : {"reflect", "replicate", "circular"}
        Mirrored without repeating the edge, the edge repeated, or wrapped around.
    size : int
        Of the axis before.
    before, after : int
        How many places are added; fewer than `size` where mirrored, at most `size` where wrapped.
    """
    added = [*range(-before, 0), *range(size, size + after)]
    inside = {
        "reflect": lambda i: size - 1 - abs(size - 1 - abs(i)),
        "replicate": lambda i: min(max(i, 0), size - 1),
        "circular": lambda i: i % size,
    }[mode]
    return {before + i: before + inside(i) for i in added}


def pad(x: Array, before: Sizes, after: Sizes, mode: str) -> Array:
    """Lengthen the last ``len(before)`` axes; `x` itself if there is nothing to add."""
    if not any(before) and not any(after):
        return x
    xp, lead, sizes = namespace(x), x.ndim - len(before), x.shape[x.ndim - len(before) :]
    shape = [b + n + a for b, n, a in zip(before, sizes, after, strict=True)]
    y = xp.zeros((*x.shape[:lead], *shape), dtype=x.dtype, device=x.device)
    y[(..., *interior(sizes, before))] = x
    if mode != "zeros":
        # Axis by axis over the whole extent of the others, so that corners are copies of copies.
        for axis, (n, b, a) in enumerate(zip(sizes, before, after, strict=True), lead):
            for place, source in sources(mode, n, b, a).items():
                y[at(axis, place)] = y[at(axis, source)]
    return y


def unpad(dy: Array, before: Sizes, after: Sizes, mode: str) -> Array:
    """Return the gradient of `pad`'s input, a view of `dy`, which is used up on the way."""
    if not any(before) and not any(after):
        return dy
    lead = dy.ndim - len(before)
    sizes = tuple(n - b - a for n, b, a in zip(dy.shape[lead:], before, after, strict=True))
    if mode != "zeros":
        for axis, (n, b, a) in reversed(list(enumerate(zip(sizes, before, after, strict=True), lead))):
            for place, source in sources(mode, n, b, a).items():
                dy[at(axis, source)] += dy[at(axis, place)]
    return dy[(..., *interior(sizes, before))]


def interior(sizes: Sizes, before: Sizes) -> tuple[slice, ...]:
    """Index what was there before."""
    return tuple(slice(b, b + n) for n, b in zip(sizes, before, strict=True))


def at(axis: int, place: int) -> tuple[object, ...]:
    """Index one place of an axis."""
    return (*(slice(None),) * axis, place, ...)
