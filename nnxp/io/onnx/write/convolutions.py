"""Convolutions and transposed convolutions."""

from typing import Any

from nnxp.io.onnx.write.borders import pad
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

__all__ = ["EXPORTERS"]


def _options(layer: Any) -> dict[str, Any]:
    window = layer.window
    options = {"kernel_shape": window.kernel, "strides": window.stride, "dilations": window.dilation}
    return {name: list(value) for name, value in options.items()} | {"group": layer.groups}


def _conv(at: Place, layer: Any, x: Value) -> Value:
    before, after = layer.window.before, layer.window.after
    if layer.padding_mode != "zeros":
        x = pad(at, x, before, after, layer.padding_mode)
        before = after = (0,) * layer.axes
    bias = at.weight("bias") if layer.bias else None
    return at.op("Conv", x, at.weight("weight"), bias, pads=[*before, *after], **_options(layer))


def _transposed(at: Place, layer: Any, x: Value) -> Value:
    padding, extra = layer.window.before, layer.extra
    bias = at.weight("bias") if layer.bias else None
    if all(n < s for n, s in zip(extra, layer.window.stride, strict=True)):
        options = _options(layer) | {"pads": [*padding, *padding], "output_padding": list(extra)}
        return at.op("ConvTranspose", x, at.weight("weight"), bias, **options)
    # Runtimes want an output padding below the stride, where PyTorch wants it below the stride or the dilation.
    y = at.op("ConvTranspose", x, at.weight("weight"), **_options(layer))
    y = pad(at, y, tuple(-n for n in padding), tuple(e - n for n, e in zip(padding, extra, strict=True)), "zeros")
    if bias is None:
        return y
    return at.op("Add", y, at.op("Unsqueeze", bias, at.integers(*range(1, layer.axes + 1))))


EXPORTERS: dict[type, Any] = {
    **dict.fromkeys((Conv1d, Conv2d, Conv3d), _conv),
    **dict.fromkeys((ConvTranspose1d, ConvTranspose2d, ConvTranspose3d), _transposed),
}
