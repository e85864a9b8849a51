"""Padding, resampling and rearranging: every option against PyTorch and naive loops, shapes and errors."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import nnxp.layers
from nnxp.io.architecture import from_config, to_config
from nnxp.layers import (
    CircularPad1d,
    ConstantPad1d,
    ConstantPad2d,
    Layer,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    ReflectionPad2d,
    ReplicationPad1d,
    Unflatten,
    Upsample,
    ZeroPad2d,
)
from nnxp.network import Network
from tests import oracles_resizing as o
from tests.backends import assert_close
from tests.layer_cases import resizing
from tests.torch_twin import assert_equals_pytorch

quick = settings(max_examples=60, deadline=None, derandomize=True)
PADS = {
    "ConstantPad": o.constant_pad, "ZeroPad": o.constant_pad, "ReflectionPad": o.reflection_pad,
    "ReplicationPad": o.replication_pad, "CircularPad": o.circular_pad,
}  # fmt: skip
NAMES = sorted({type(case.layer).__name__ for case in resizing.CASES} - {"Permute"})
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}

# -- every option ------------------------------------------------------------------------------------


def normal(data: Any, sizes: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).normal(size=(data.draw(st.integers(0, 2)), data.draw(st.integers(1, 2)), *sizes))


@pytest.mark.parametrize("family", PADS)
@pytest.mark.parametrize("oracle", ["loops", "pytorch"])
def test_every_padding_equals_its_oracle(family: str, oracle: str) -> None:
    @quick
    @given(st.data())
    def check(data: Any) -> None:
        axes = data.draw(st.integers(1, 3))
        least = -2 if family in {"ConstantPad", "ZeroPad"} else 0
        number = st.integers(least, 3)
        padding = data.draw(number | st.tuples(*[number] * (2 * axes)))
        options = {"padding": padding} | ({"value": data.draw(st.floats(-2, 2))} if family == "ConstantPad" else {})
        name, x = f"{family}{axes}d", normal(data, tuple(data.draw(st.integers(1, 5)) for _ in range(axes)))
        layer = getattr(nnxp.layers, name)(**options)
        try:
            # PyTorch refuses to cut everything off at one end, and not at the other.
            if 0 in layer.output_shape(x.shape[1:]):
                reject()
        except ValueError:
            reject()
        if oracle == "pytorch":
            assert_equals_pytorch(layer, name, options, x)
        else:
            y, _ = Network(layer, dtype="float64").forward(x)
            assert_close(y, PADS[family](layer, {}, x))

    check()


@pytest.mark.parametrize("oracle", ["loops", "pytorch"])
def test_every_upsampling_equals_its_oracle(oracle: str) -> None:
    @quick
    @given(st.data())
    def check(data: Any) -> None:
        axes = data.draw(st.integers(1, 3))
        options = {"mode": data.draw(st.sampled_from(["nearest", LINEAR[axes]]))}
        if options["mode"] != "nearest":
            options["align_corners"] = data.draw(st.sampled_from([None, False, True]))
        kind, number = data.draw(
            st.sampled_from(
                [("size", st.integers(1, 9)), ("scale_factor", st.sampled_from([0.5, 0.8, 1.0, 1.5, 2.0, 2.3, 4.0]))]
            )
        )
        options[kind] = data.draw(number | st.tuples(*[number] * axes))
        x = normal(data, tuple(data.draw(st.integers(1, 6)) for _ in range(axes)))
        layer = Upsample(**options)
        try:
            layer.output_shape(x.shape[1:])
        except ValueError:
            reject()
        if oracle == "pytorch":
            assert_equals_pytorch(layer, "Upsample", options, x)
        else:
            y, _ = Network(layer, dtype="float64").forward(x)
            assert_close(y, o.upsample(layer, {}, x))

    check()


def test_one_place_between_aligned_corners_is_the_first() -> None:
    options = {"size": 1, "mode": "linear", "align_corners": True}
    assert_equals_pytorch(Upsample(**options), "Upsample", options, np.random.default_rng(0).normal(size=(2, 1, 4)))


def test_nearest_places_are_those_of_pytorch_in_single_precision() -> None:
    torch = pytest.importorskip("torch")
    differ = 0
    for size in (1, 7, 29, 45, 57):
        for out in range(1, 130):
            x = np.arange(size, dtype="float32").reshape(1, 1, size)
            net = Network(Upsample(out))
            y, cache = net.forward(x)
            their_x = torch.from_numpy(x).requires_grad_()
            their_y = torch.nn.Upsample(out)(their_x)
            their_y.backward(torch.ones_like(their_y))
            np.testing.assert_array_equal(y, their_y.detach().numpy())
            np.testing.assert_array_equal(net.backward(cache, np.ones_like(y)), their_x.grad.numpy())
            differ += y.ravel().tolist() != [o * size // out for o in range(out)]
    # Otherwise nothing would have been shown.
    assert differ > 0


@quick
@given(st.data())
def test_pixel_shuffle_and_its_reverse_equal_pytorch(data: Any) -> None:
    r, (channels, height, width) = data.draw(st.integers(1, 3)), data.draw(st.tuples(*[st.integers(1, 3)] * 3))
    # PyTorch's own backward fails on an empty batch.
    batch = data.draw(st.integers(1, 2))
    x = np.random.default_rng(0).normal(size=(batch, channels * r * r, height, width))
    assert_equals_pytorch(PixelShuffle(r), "PixelShuffle", {"upscale_factor": r}, x)
    y, _ = Network(PixelShuffle(r), dtype="float64").forward(x)
    assert_equals_pytorch(PixelUnshuffle(r), "PixelUnshuffle", {"downscale_factor": r}, y)
    np.testing.assert_array_equal(Network(PixelUnshuffle(r), dtype="float64").forward(y)[0], x)


@quick
@given(st.data())
def test_axes_are_reordered_and_split_as_numpy_does(data: Any) -> None:
    shape = data.draw(st.lists(st.integers(0, 4), min_size=2, max_size=5).map(tuple))
    dims = (0, *data.draw(st.permutations(range(1, len(shape)))))
    x = np.random.default_rng(0).normal(size=shape)
    net = Network(Permute(dims), dtype="float64", input_shape=shape[1:])
    y, cache = net.forward(x)
    np.testing.assert_array_equal(y, np.transpose(x, dims))
    assert net.output_shape == y.shape[1:]
    np.testing.assert_array_equal(net.backward(cache, y), x)

    sizes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    dim = data.draw(st.integers(1, len(shape) - 1))
    whole = (*shape[:dim], math.prod(sizes), *shape[dim + 1 :])
    x = np.random.default_rng(0).normal(size=whole)
    split = tuple(sizes)
    if data.draw(st.booleans()):
        sizes[data.draw(st.integers(0, len(sizes) - 1))] = -1
    layer = Unflatten(data.draw(st.sampled_from([dim, dim - len(shape)])), tuple(sizes))
    net = Network(layer, dtype="float64", input_shape=whole[1:])
    y, cache = net.forward(x)
    np.testing.assert_array_equal(y, x.reshape(*shape[:dim], *split, *shape[dim + 1 :]))
    assert net.output_shape == y.shape[1:]
    np.testing.assert_array_equal(net.backward(cache, y), x)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_equal_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(room, name)).parameters for room in (nnxp.layers, torch.nn))
    left_out = ["recompute_scale_factor"] if name == "Upsample" else []
    assert [*ours, *left_out] == list(theirs)
    assert [p.default for p in ours.values()] == [theirs[key].default for key in ours]


@pytest.mark.parametrize("case", resizing.CASES, ids=lambda case: case.name)
def test_architecture_comes_back_from_a_file(case: Any) -> None:
    assert from_config(to_config(case.layer)) == case.layer


# -- shapes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "sample", "out"),
    [
        (ConstantPad2d((1, 2, -1, 0), 0.0), (3, None, 5), (3, None, 8)),
        (ReflectionPad2d(2), (None, 4, None), (None, 8, None)),
        (Upsample(scale_factor=2), (3, None, 5), (3, None, 10)),
        (Upsample(7), (3, None), (3, 7)),
        (PixelShuffle(2), (None, 3, None), (None, 6, None)),
        (PixelUnshuffle(2), (None, 4, None), (None, 2, None)),
        (Permute((0, 2, 1)), (3, None), (None, 3)),
        (Unflatten(1, (2, -1)), (None, 5), (2, None, 5)),
        (Unflatten(-1, (2, 3)), (4, None), (4, 2, 3)),
        *((layer, None, None) for layer in (ZeroPad2d(1), Upsample(2), PixelShuffle(2), PixelUnshuffle(2), Permute((0, 1)), Unflatten(1, (2,)))),
    ],
)  # fmt: skip
def test_unknown_sizes_stay_unknown(layer: Layer, sample: Any, out: Any) -> None:
    assert Network(layer, input_shape=sample).output_shape == out


def test_everything_may_be_cut_off() -> None:
    net = Network(ConstantPad1d((-1, -2), 1.0), dtype="float64")
    y, cache = net.forward(np.ones((2, 1, 3)))
    assert y.shape == (2, 1, 0)
    assert net.backward(cache, y).tolist() == [[[0.0] * 3]] * 2


def test_an_axis_whose_length_stays_is_left_alone() -> None:
    net = Network(Upsample(scale_factor=1.2, mode="linear"), dtype="float64")
    x = np.random.default_rng(0).normal(size=(1, 1, 4))
    assert net.forward(x)[0] is x


# -- errors ------------------------------------------------------------------------------------------

FOUR = "to be a whole number of at least 0, or a tuple of 4 such numbers"

BAD_ARGUMENTS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: ZeroPad2d((1, 2)), ValueError,
     "ZeroPad2d: expected padding to be a whole number, or a tuple of 4 such numbers, got (1, 2)"),
    (lambda: ConstantPad1d(0.5, 0.0), ValueError,
     "ConstantPad1d: expected padding to be a whole number, or a tuple of 2 such numbers, got 0.5"),
    (lambda: ConstantPad1d(1, "0"), TypeError, "ConstantPad1d: expected value to be a number, got '0'"),
    (lambda: ReflectionPad2d(-1), ValueError, f"ReflectionPad2d: expected padding {FOUR}, got -1"),
    (lambda: Upsample(), ValueError, "Upsample: expected one of size and scale_factor, got (None, None)"),
    (lambda: Upsample(4, 2.0), ValueError, "Upsample: expected one of size and scale_factor, got (4, 2.0)"),
    (lambda: Upsample(0), ValueError,
     "Upsample: expected size to be a whole number of at least 1, or a tuple of 1 such numbers, got 0"),
    (lambda: Upsample(scale_factor=(2.0, 0.0)), ValueError, "Upsample: expected scale_factor in (0, inf), got 0.0"),
    (lambda: Upsample(2, mode="cubic"), ValueError,
     "Upsample: expected mode to be one of 'nearest', 'linear', 'bilinear', 'trilinear', got 'cubic'"),
    (lambda: Upsample(2, align_corners=False), ValueError,
     "Upsample: expected align_corners=None in mode 'nearest', got False"),
    (lambda: PixelShuffle(0), ValueError,
     "PixelShuffle: expected upscale_factor to be a whole number of at least 1, got 0"),
    (lambda: PixelUnshuffle(1.5), ValueError,
     "PixelUnshuffle: expected downscale_factor to be a whole number of at least 1, got 1.5"),
    (lambda: Permute((0, 2, 2)), ValueError,
     "Permute: expected dims to be a tuple of all axes from 0 on, 0 first, got (0, 2, 2)"),
    (lambda: Permute((1, 0)), ValueError,
     "Permute: expected dims to be a tuple of all axes from 0 on, 0 first, got (1, 0)"),
    (lambda: Unflatten("1", (2,)), TypeError, "Unflatten: expected dim to be a whole number, got '1'"),
    (lambda: Unflatten(0, (2, 2)), ValueError, "Unflatten: expected dim to be another axis than the batch's, got 0"),
    (lambda: Unflatten(1, (-1, -1)), ValueError,
     "Unflatten: expected unflattened_size to be a tuple of sizes, at most one of them -1, got (-1, -1)"),
    (lambda: Unflatten(1, (2, 0)), ValueError,
     "Unflatten: expected every size but -1 to be a whole number of at least 1, got 0"),
]  # fmt: skip

BAD_SHAPES: list[tuple[Layer, tuple[int, ...], str, str]] = [
    (ZeroPad2d(1), (3, 4), "ZeroPad2d: expected samples of shape (*, *, *), got (3, 4)",
     "ZeroPad2d.forward: expected x of shape (batch, *, *, *), got (2, 3, 4)"),
    (ConstantPad1d((-3, -2), 0.0), (1, 4), "ConstantPad1d: expected sizes of at least (5,) for this padding, got (4,)",
     "ConstantPad1d.forward: expected sizes of at least (5,) for this padding, got (4,)"),
    (ReflectionPad2d((3, 0, 0, 1)), (1, 2, 3),
     "ReflectionPad2d: expected sizes of at least (2, 4) for this padding, got (2, 3)",
     "ReflectionPad2d.forward: expected sizes of at least (2, 4) for this padding, got (2, 3)"),
    (ReplicationPad1d(2), (1, 0), "ReplicationPad1d: expected sizes of at least (1,) for this padding, got (0,)",
     "ReplicationPad1d.forward: expected sizes of at least (1,) for this padding, got (0,)"),
    (CircularPad1d((0, 4)), (1, 3), "CircularPad1d: expected sizes of at least (4,) for this padding, got (3,)",
     "CircularPad1d.forward: expected sizes of at least (4,) for this padding, got (3,)"),
    (Upsample(2), (3,), "Upsample: expected samples of shape (*, *) or (*, *, *) or (*, *, *, *), got (3,)",
     "Upsample.forward: expected x of shape (batch, *, *) or (batch, *, *, *) or (batch, *, *, *, *), got (2, 3)"),
    (Upsample((2, 3)), (1, 4), "Upsample: expected samples of shape (*, *, *), got (1, 4)",
     "Upsample.forward: expected x of shape (batch, *, *, *), got (2, 1, 4)"),
    (Upsample((2, 3), mode="linear"), (1, 4), "Upsample: expected samples of shape that mode and sizes agree on, got (1, 4)",
     "Upsample.forward: expected x of shape that mode and sizes agree on, got (2, 1, 4)"),
    (Upsample(scale_factor=0.25), (1, 3), *["Upsample: expected an axis to be long enough for scale_factor 0.25, got 3"] * 2),
    (Upsample(2), (1, 0), *["Upsample: expected sizes of at least 1, got 0"] * 2),
    (PixelShuffle(2), (4, 3), "PixelShuffle: expected samples of shape (*, *, *), got (4, 3)",
     "PixelShuffle.forward: expected x of shape (batch, *, *, *), got (2, 4, 3)"),
    (PixelShuffle(2), (6, 3, 3), "PixelShuffle: expected channels in multiples of 4, got 6",
     "PixelShuffle.forward: expected channels in multiples of 4, got 6"),
    (PixelUnshuffle(2), (6, 4, 3), "PixelUnshuffle: expected height and width in multiples of 2, got (4, 3)",
     "PixelUnshuffle.forward: expected height and width in multiples of 2, got (4, 3)"),
    (Permute((0, 2, 1)), (3,), "Permute: expected samples with 2 axes, got (3,)",
     "Permute.forward: expected x with 3 axes, got (2, 3)"),
    (Unflatten(2, (2, 2)), (4,), "Unflatten: expected x with axis 2, which is not the batch's, got (None, 4)",
     "Unflatten.forward: expected x with axis 2, which is not the batch's, got (2, 4)"),
    (Unflatten(1, (2, 2)), (6,), "Unflatten: expected axis 1 to be 4 long, got 6",
     "Unflatten.forward: expected axis 1 to be 4 long, got 6"),
    (Unflatten(1, (4, -1)), (6,), "Unflatten: expected axis 1 to be a multiple of 4 long, got 6",
     "Unflatten.forward: expected axis 1 to be a multiple of 4 long, got 6"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "error", "sentence"), BAD_ARGUMENTS, ids=[s for _, _, s in BAD_ARGUMENTS])
def test_a_bad_argument_is_refused_by_the_constructor(
    build: Callable[[], Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        build()


@pytest.mark.parametrize(("layer", "sample", "told", "met"), BAD_SHAPES, ids=[told for _, _, told, _ in BAD_SHAPES])
def test_a_bad_shape_is_refused_when_it_is_known_and_when_it_comes(
    layer: Layer, sample: tuple[int, ...], told: str, met: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        Network(layer, input_shape=sample)
    with pytest.raises(ValueError, match=f"^{re.escape(met)}$"):
        Network(layer).forward(np.ones((2, *sample), "float32"))
