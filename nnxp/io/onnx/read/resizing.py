"""Images of another size."""

from typing import Any

from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.borders import axes_of
from nnxp.io.onnx.read.convolutions import plain
from nnxp.io.onnx.read.reader import Reader
from nnxp.layers import Upsample

__all__ = ["READERS"]

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _resize(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    axes, mode = axes_of(r, o, x), o.attributes.get("mode", "nearest")
    corners = o.attributes.get("coordinate_transformation_mode", "half_pixel")
    rounding = o.attributes.get("nearest_mode", "round_prefer_floor")
    options: dict[str, Any]
    if (mode, corners, rounding) == ("nearest", "asymmetric", "floor"):
        options = {"mode": "nearest"}
    elif mode == "linear" and corners in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        options = {"mode": LINEAR[axes], "align_corners": corners == "align_corners"}
    else:
        what = "the nearest place by floor, or linear mode with half pixels or aligned corners"
        raise r.refuse(o, what, Words(f"{mode}, {corners}, {rounding}"))
    if o.attributes.get("antialias") or o.attributes.get("exclude_outside"):
        raise r.refuse(o, "no smoothing", Words("antialias"))
    scales, sizes = r.optional(o, 2), r.optional(o, 3)
    chosen = o.attributes.get("axes")
    if scales is not None and scales.size:
        options["scale_factor"] = plain(_behind(r, o, axes, chosen, [float(str(n)) for n in scales], (1.0,)))
    elif sizes is not None:
        # The batch and the channels keep their sizes, whatever these are.
        options["size"] = plain(_behind(r, o, axes, chosen, [int(n) for n in sizes], None))
    layer = Upsample(**options)
    _check_ends(r, o, layer, corners)
    r.layer(o, layer)


def _check_ends(r: Reader, o: Operation, layer: Upsample, corners: str) -> None:
    """Refuse where ONNX and PyTorch disagree on where the last place is."""
    shape = r.shape(o, r.ref(o))
    if corners == "align_corners" and layer.scale_factor is not None:
        lengths = [(1 if n is None else n) * layer._factor(i) for i, n in enumerate(shape[1:])]
        if any(length != round(length) for length in lengths):
            raise r.refuse(o, "aligned corners with sizes that are whole numbers", Words(str(lengths)), "give sizes")
    if corners == "pytorch_half_pixel" and 1 in (layer.output_shape(shape) or ())[1:]:
        raise r.refuse(o, "an output of more than one place, with pytorch_half_pixel", 1)


def _behind(r: Reader, o: Operation, axes: int, chosen: Any, given: list[Any], ones: tuple[float, ...] | None) -> Any:
    """Return what is said of the axes behind the channels."""
    places = list(range(axes + 2)) if chosen is None else [int(i) % (axes + 2) for i in chosen]
    said = dict(zip(places, given, strict=False))
    if any(i not in said for i in range(2, axes + 2)) or (ones and any(said.get(i, 1.0) not in ones for i in (0, 1))):
        raise r.refuse(o, "all axes behind the channels, and these alone", Words(str(given)))
    return tuple(said[i] for i in range(2, axes + 2))


READERS: dict[str, Any] = {"Resize": _resize}
