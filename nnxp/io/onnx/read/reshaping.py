"""Other shapes of the same numbers: of each sample, since the batch stays what it is."""

from typing import Any

from nnxp._checks import Shape, Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.folding import BATCH
from nnxp.io.onnx.read.reader import Reader, Ref, product
from nnxp.io.onnx.read.steps import last_step
from nnxp.layers import Flatten, Identity, Permute, PixelShuffle, PixelUnshuffle, Unflatten

__all__ = ["READERS", "reshaped"]


def reshaped(r: Reader, o: Operation, x: Ref, target: Shape) -> Ref:
    """Give each sample another shape, by the fewest layers; -1 in the target is whatever is left."""
    shape = x.shape
    if shape == target:
        return x
    if len(target) == 1:
        return r.emit(o, Flatten(), x)
    if shape is None:
        raise r.refuse(o, "a number of axes that is known", None, "give input_shape")
    first = next((i for i, (a, b) in enumerate(zip(shape, target, strict=False)) if a != b or a is None), 0)
    behind = 0
    while behind < min(len(shape), len(target)) - first and shape[-1 - behind] == target[-1 - behind] is not None:
        behind += 1
    if behind and first + behind in (len(shape), len(target)):
        behind -= 1  # what is put in or taken out is shared with a neighbour
    old, new = shape[first : len(shape) - behind], target[first : len(target) - behind]
    sizes = tuple(-1 if n is None else n for n in new)
    if len(new) == 1 and len(old) > 1:
        return r.emit(o, Flatten(first + 1, first + len(old)), x)
    if len(old) != 1 or not new:
        x, first, sizes = r.emit(o, Flatten(), x), 0, tuple(-1 if n is None else n for n in target)
    if sizes.count(-1) > 1:
        raise r.refuse(o, "sizes that are known", Words(str(target)), "give input_shape")
    return r.emit(o, Unflatten(first + 1, sizes), x)


def _reshape(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    wanted = [int(n) for n in r.constant(o, 1).reshape(-1)]
    if x.form == "sides":
        _joined_sides(r, o, x, wanted)
        return
    shape = r.shape(o, x)
    target = _sample_of(r, o, shape, wanted)
    if target is None:
        raise r.refuse(o, f"a shape that leaves the batch axis of (batch, {_spelled(shape)}) alone", wanted)
    r.put(o, reshaped(r, o, x, target))


def _spelled(shape: Shape) -> str:
    return ", ".join("?" if n is None else str(n) for n in shape)


def _sample_of(r: Reader, o: Operation, shape: Shape, wanted: list[int]) -> Shape | None:
    """Return the sample's new shape; None where the batch axis would not stay."""
    if o.attributes.get("allowzero") and 0 in wanted:
        return None
    first, *rest = wanted
    total = product(shape)
    sizes: list[int | None] = []
    for i, n in enumerate(rest):
        if n == 0 or n == BATCH - i - 1:
            sizes.append(shape[i] if i < len(shape) else 0)
        else:
            sizes.append(n if n >= -1 else 0)
    known = [n for n in sizes if n != -1]
    if 0 in known:
        return None
    made = product(tuple(known))
    if first == -1:
        return tuple(sizes) if -1 not in sizes and made is not None and made == total else None
    if first not in (0, BATCH) and first not in r.batches:
        return None
    if -1 in sizes:
        left = total // made if total is not None and made else None
        sizes[sizes.index(-1)] = left
        made = None if made is None or left is None else made * left
    return tuple(sizes) if total is None or made is None or made == total else None


def _joined_sides(r: Reader, o: Operation, x: Ref, wanted: list[int]) -> None:
    """Put the directions of a recurrent layer side by side: (steps, batch, directions, H) without its third axis."""
    size = x.shape[-1] if x.shape else None
    if len(wanted) != 3 or wanted[2] not in (-1, size):
        raise r.refuse(o, "both directions side by side", wanted)
    r.put(o, Ref(x.source, x.shape, x.swapped))


def _flatten(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    axis = o.attributes.get("axis", 1)
    axis = axis + len(r.shape(o, x)) + 1 if axis < 0 else axis
    if axis != 1:
        raise r.refuse(o, "axis 1, behind the batch's", axis)
    r.put(o, r.emit(o, Flatten(), x))


def _transpose(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    perm = tuple(o.attributes.get("perm") or ())
    if x.form == "steps" and perm == (0, 2, 1, 3):
        r.put(o, Ref(x.source, x.shape, x.swapped, "sides", x.directions))
    elif perm == (1, 0, 2) and not x.form:
        # Two of them, with a recurrent layer between them, leave the batch where it is.
        r.put(o, Ref(x.source, x.shape, not x.swapped))
    elif perm and perm[0] == 0:
        r.layer(o, Permute(perm))
    else:
        raise r.refuse(o, "a batch axis that stays the first", list(perm))


def _squeeze(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    given = r.optional(o, 1)
    axes = None if given is None else [int(i) for i in given.reshape(-1)]
    if x.form == "state":
        last_step(r, o, x, axes)
        return
    if x.form == "steps" and x.directions == 1 and axes == [1]:
        r.put(o, Ref(x.source, x.shape, x.swapped))
        return
    shape = r.shape(o, x)
    gone = [i % (len(shape) + 1) for i in axes] if axes else [i + 1 for i, n in enumerate(shape) if n == 1]
    if 0 in gone or any(shape[i - 1] not in (None, 1) for i in gone):
        raise r.refuse(o, "axes of size 1 behind the batch's", axes)
    r.put(o, reshaped(r, o, x, tuple(n for i, n in enumerate(shape, 1) if i not in gone)))


def _unsqueeze(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    shape = r.shape(o, x)
    axes = [int(i) for i in r.constant(o, 1).reshape(-1)]
    ndim = len(shape) + 1 + len(axes)
    places = {i % ndim for i in axes}
    if 0 in places:
        raise r.refuse(o, "axes behind the batch's", axes)
    rest = iter(shape)
    r.put(o, reshaped(r, o, x, tuple(1 if i in places else next(rest) for i in range(1, ndim))))


def _identity(r: Reader, o: Operation) -> None:
    r.layer(o, Identity(), swappable=True)


def _pixel_shuffle(r: Reader, o: Operation) -> None:
    if o.attributes.get("mode", "DCR") != "CRD":
        raise r.refuse(o, "mode 'CRD'", o.attributes.get("mode", "DCR"))
    r.layer(o, PixelShuffle(o.attributes["blocksize"]))


def _pixel_unshuffle(r: Reader, o: Operation) -> None:
    size = o.attributes["blocksize"]
    order = r.constant(o, 1).reshape(-1).tolist()
    channels = len(order) // size**2
    if order != [k * channels + c for c in range(channels) for k in range(size**2)]:
        raise r.refuse(o, "the places of a block behind the channels", Words("another order"))
    r.layer(o, PixelUnshuffle(size))


READERS: dict[str, Any] = {
    "DepthToSpace": _pixel_shuffle,
    "Flatten": _flatten,
    "Identity": _identity,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "nnxp:PixelUnshuffle": _pixel_unshuffle,
}
