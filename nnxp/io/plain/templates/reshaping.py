"""The same numbers in other shapes, and other sizes."""

from nnxp import layers as nl
from nnxp.io.plain.functions import resizing as r
from nnxp.io.plain.writer import Template, Writer, literal
from nnxp.layers import Layer

__all__ = ["TEMPLATES"]

Inputs = tuple[str, ...]


def _flatten(w: Writer, layer: nl.Flatten, path: str, x: Inputs, target: str) -> str:
    return w.call(r.flatten, *x, layer.start_dim, layer.end_dim)


def _unflatten(w: Writer, layer: nl.Unflatten, path: str, x: Inputs, target: str) -> str:
    return w.call(r.unflatten, *x, layer.dim, layer.unflattened_size)


def _permute(w: Writer, layer: nl.Permute, path: str, x: Inputs, target: str) -> str:
    return f"{x[0]}.transpose{literal(layer.dims)}"


def _pixel_shuffle(w: Writer, layer: nl.PixelShuffle, path: str, x: Inputs, target: str) -> str:
    return w.call(r.pixel_shuffle, *x, layer.upscale_factor)


def _pixel_unshuffle(w: Writer, layer: nl.PixelUnshuffle, path: str, x: Inputs, target: str) -> str:
    return w.call(r.pixel_unshuffle, *x, layer.downscale_factor)


def _upsample(w: Writer, layer: nl.Upsample, path: str, x: Inputs, target: str) -> str:
    amount = {"size": layer.size, "scale": layer.scale_factor}
    if layer.mode == "nearest":
        return w.call(r.nearest_resize, *x, **amount)
    return w.call(r.linear_resize, *x, **amount, aligned=bool(layer.align_corners))


TEMPLATES: dict[type[Layer], Template | str] = {
    nl.Flatten: _flatten,
    nl.Unflatten: _unflatten,
    nl.Permute: _permute,
    nl.PixelShuffle: _pixel_shuffle,
    nl.PixelUnshuffle: _pixel_unshuffle,
    nl.Upsample: _upsample,
}
