"""Pooling: every option against PyTorch and naive loops, ties and NaN, indices, both ways to go through the windows."""

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
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    GlobalAvgPool,
    GlobalMaxPool,
    Layer,
    LPPool2d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    Sequential,
)
from nnxp.layers.pooling.axis import Axis
from nnxp.layers.pooling.boxes import Boxes
from nnxp.layers.pooling.grid import Grid
from nnxp.network import Network
from tests import oracles_pooling as o
from tests.backends import Backend, assert_close, assert_on
from tests.layer_cases import pooling
from tests.torch_twin import assert_equals_pytorch

quick = settings(max_examples=60, deadline=None, derandomize=True)
NAMES = sorted({type(case.layer).__name__ for case in pooling.CASES} - {"GlobalAvgPool", "GlobalMaxPool"})
ORACLES = {
    "MaxPool": o.max_pool, "AvgPool": o.avg_pool, "LPPool": o.lp_pool,
    "AdaptiveAvgPool": o.adaptive_avg_pool, "AdaptiveMaxPool": o.adaptive_max_pool,
}  # fmt: skip


# -- every option ------------------------------------------------------------------------------------


@st.composite
def drawn(draw: Any, family: str) -> tuple[str, dict[str, Any], Any]:
    """Draw the name of a layer, its options, and a batch that it takes."""
    axes = draw(st.integers(1, 3))
    name, sizes = f"{family}{axes}d", tuple(draw(st.integers(1, 7)) for _ in range(axes))

    def each(numbers: Any) -> Any:
        return tuple(draw(numbers) for _ in range(axes))

    options: dict[str, Any] = {}
    if family.startswith("Adaptive"):
        options["output_size"] = each(st.integers(1, 7) if axes == 1 else st.none() | st.integers(1, 7))
    else:
        kernel = options["kernel_size"] = each(st.integers(1, 4))
        options |= {"stride": draw(st.none() | st.just(each(st.integers(1, 4)))), "ceil_mode": draw(st.booleans())}
    if family in {"MaxPool", "AvgPool"}:
        dilation = each(st.integers(1, 3 if family == "MaxPool" else 1))
        options |= {"dilation": dilation} if family == "MaxPool" else {}
        spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        options["padding"] = tuple(draw(st.integers(0, span // 2)) for span in spans)
    if family == "AvgPool":
        options["count_include_pad"] = draw(st.booleans())
        options |= {} if axes == 1 else {"divisor_override": draw(st.none() | st.integers(1, 5))}
    if family == "LPPool":
        options["norm_type"] = draw(st.sampled_from([1, 2, 3.0, 1.5]))
    if not family.startswith("Adaptive"):
        # Every window must see something, and there must be one.
        along = o.sliding(getattr(nnxp.layers, name)(**options), np.zeros((1, 1, *sizes)))
        for windows, size in zip(along, sizes, strict=True):
            if not windows or not all(any(0 <= i < size for i in window) for window in windows):
                reject()
    x = np.random.default_rng(draw(st.integers(0, 9))).normal(
        size=(draw(st.integers(0, 2)), draw(st.integers(1, 2)), *sizes)
    )
    # Whole numbers tie.
    x = np.round(x) if draw(st.booleans()) else x
    return name, options, np.abs(x) + 0.1 if family == "LPPool" else x


def too_strict(name: str, options: dict[str, Any], x: Any) -> bool:
    """Tell whether PyTorch refuses what it takes elsewhere.

    A mean over a window larger than a volume, in `ceil_mode`; and, but for some inputs of two dimensions, padding of
    half the dilated kernel.
    """
    kernel, padding = options.get("kernel_size", ()), options.get("padding", ())
    if name in {"AvgPool3d", "LPPool3d"}:
        return any(n < k for n, k in zip(x.shape[2:], kernel, strict=True))
    return name.startswith("MaxPool") and any(2 * p > k for p, k in zip(padding, kernel, strict=True))


@pytest.mark.parametrize("family", ORACLES)
def test_every_option_equals_naive_loops(family: str) -> None:
    @quick
    @given(drawn(family))
    def check(sample: tuple[str, dict[str, Any], Any]) -> None:
        name, options, x = sample
        layer = getattr(nnxp.layers, name)(**options)
        net = Network(layer, dtype="float64", input_shape=x.shape[1:])
        y, _ = net.forward(x)
        assert_close(y, ORACLES[family](layer, {}, x))
        assert net.output_shape == y.shape[1:]
        assert_close(net.predict(x), y)

    check()


@pytest.mark.parametrize("family", ORACLES)
def test_every_option_equals_pytorch(family: str) -> None:
    @quick
    @given(drawn(family))
    def check(sample: tuple[str, dict[str, Any], Any]) -> None:
        name, options, x = sample
        if too_strict(name, options, x):
            reject()
        scalars = {"LPPool1d", "AdaptiveMaxPool1d"}
        theirs = {k: v[0] if name in scalars and isinstance(v, tuple) else v for k, v in options.items()}
        assert_equals_pytorch(getattr(nnxp.layers, name)(**options), name, theirs, x)

    check()


@pytest.mark.parametrize("family", ["MaxPool", "AdaptiveMaxPool"])
def test_indices_ties_and_what_is_not_finite_equal_pytorch(family: str) -> None:
    @quick
    @given(drawn(family), st.sampled_from([math.nan, math.inf, -math.inf]), st.floats(0.0, 1.0))
    def check(sample: tuple[str, dict[str, Any], Any], odd: float, share: float) -> None:
        name, options, x = sample
        if too_strict(name, options, x):
            reject()
        x = np.where(np.random.default_rng(0).random(x.shape) < share, odd, np.round(x))
        options = options | {"return_indices": True}
        assert_equals_pytorch(getattr(nnxp.layers, name)(**options), name, options, x)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_equal_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(room, name)).parameters for room in (nnxp.layers, torch.nn))
    assert list(ours) == list(theirs)
    assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]


@pytest.mark.parametrize("case", pooling.CASES, ids=lambda case: case.name)
def test_architecture_comes_back_from_a_file(case: Any) -> None:
    assert from_config(to_config(case.layer)) == case.layer


@pytest.mark.parametrize(
    ("name", "options", "size", "out"),
    [
        # Two of three windows start before the padding on the right.
        ("MaxPool1d", {"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}, 3, 2),
        ("AvgPool1d", {"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}, 3, 2),
        # More windows could start in the padding than there are.
        ("MaxPool1d", {"kernel_size": 5, "stride": 1, "padding": 2, "return_indices": True}, 1, 1),
        # The first window starts between two places of the dilated kernel.
        ("MaxPool1d", {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2, "return_indices": True}, 4, 2),
        # The one window is cut off.
        ("MaxPool1d", {"kernel_size": 4, "stride": 4, "ceil_mode": True}, 2, 1),
    ],
)
def test_windows_at_the_edges_are_those_of_pytorch(name: str, options: dict[str, Any], size: int, out: int) -> None:
    layer = getattr(nnxp.layers, name)(**options)
    assert layer.output_shape((1, size)) == (1, out)
    assert_equals_pytorch(layer, name, options, np.random.default_rng(0).normal(size=(2, 1, size)))
    if name == "MaxPool1d":
        # Nothing is greater than the padding: the first place within the axis counts.
        assert_equals_pytorch(layer, name, options, np.full((2, 1, size), -math.inf))


def test_a_sum_of_powers_of_zero_has_no_gradient() -> None:
    options = {"norm_type": 2.0, "kernel_size": 2}
    x = np.random.default_rng(0).normal(size=(2, 1, 4, 4))
    x[:, :, :2, :2] = 0.0
    assert_equals_pytorch(LPPool2d(**options), "LPPool2d", options, x)


# -- maxima ------------------------------------------------------------------------------------------

# A small kernel goes place by place, a large one window by window: both must choose alike.
BOTH_WAYS = [MaxPool2d(2, return_indices=True), MaxPool2d((2, 10), (2, 10), return_indices=True)]


@pytest.mark.parametrize("pool", BOTH_WAYS, ids=["grid", "boxes"])
@pytest.mark.parametrize(
    ("numbers", "winner"),
    [
        ((1, 3, 3, 3), 1),
        ((-math.inf, -math.inf, -math.inf, -math.inf), 0),
        ((math.nan, 5, math.nan, math.inf), 2),
        ((1, math.nan, 7, 2), 1),
    ],
    ids=["first", "nothing", "last_nan", "nan"],
)
def test_the_first_maximum_counts_and_the_last_nan(
    pool: MaxPool2d, numbers: tuple[float, ...], winner: int, backend: Backend
) -> None:
    width = 2 if pool.kernel_size == 2 else 10
    x = np.full((1, 1, 2, width), -math.inf)
    x[0, 0, :, :2] = np.reshape(numbers, (2, 2))
    net = Network(pool, device=backend.device)
    (y, indices), cache = net.forward(backend.put(x, "float32"))
    place = divmod(winner, 2)
    np.testing.assert_array_equal(backend.get(y)[0, 0, 0, 0], x[(0, 0, *place)])
    assert backend.get(indices).tolist() == [[[[place[0] * width + place[1]]]]]
    dx = backend.get(net.backward(cache, (backend.put(np.full((1, 1, 1, 1), 2.0), "float32"), None)))
    expected = np.zeros_like(dx)
    expected[(0, 0, *place)] = 2.0
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("layer", [MaxPool2d(2, return_indices=True), AdaptiveMaxPool2d(3, return_indices=True)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_indices_point_at_the_maxima_and_take_no_gradient(layer: Layer, dtype: str, backend: Backend) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(dtype)
    net = Network(layer, device=backend.device, dtype=dtype, input_shape=(3, 4, 5))
    (y, indices), cache = net.forward(backend.put(x))
    assert_on(backend, indices, "int64", y.shape)
    flat = backend.get(indices).reshape(2, 3, -1)
    found = np.take_along_axis(x.reshape(2, 3, 20), flat, axis=2)
    np.testing.assert_array_equal(found.reshape(y.shape), backend.get(y))
    assert net.output_shape == tuple(y.shape[1:])
    for nothing in ((None, None), (None, y)):
        dx = net.backward(cache, nothing)
        assert_on(backend, dx, dtype, x.shape)
        assert not np.any(backend.get(dx))


def test_indices_need_no_cache() -> None:
    x = np.arange(8.0).reshape(1, 1, 8)
    y, indices = Network(MaxPool1d(4, return_indices=True), dtype="float64").predict(x)
    assert y.tolist() == [[[3.0, 7.0]]]
    assert indices.tolist() == [[[3, 7]]]


def test_a_kernel_of_many_places_names_each_of_them() -> None:
    x = np.zeros((1, 1, 330))
    x[0, 0, 200] = 1.0
    net = Network(MaxPool1d(150, 1, return_indices=True), dtype="float64")
    (y, indices), cache = net.forward(x)
    assert indices[0, 0, y[0, 0] == 1.0].tolist() == [200] * 130
    assert net.backward(cache, (np.ones_like(y), None))[0, 0, 200] == 130.0


# -- both ways to go through the windows ---------------------------------------------------------------


@st.composite
def drawn_axis(draw: Any) -> Axis:
    kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    padding = draw(st.integers(0, (dilation * (kernel - 1) + 1) // 2))
    axis = Axis(draw(st.integers(1, 8)), kernel, draw(st.integers(1, 4)), padding, dilation, draw(st.booleans()))
    return axis if axis.fits else reject()


@quick
@given(st.lists(drawn_axis(), min_size=1, max_size=2).map(tuple))
def test_windows_one_by_one_give_what_places_one_by_one_give(axes: tuple[Axis, ...]) -> None:
    grid, boxes = Grid(axes), Boxes(tuple(axis.size for axis in axes), tuple(axis.spans for axis in axes))
    x = np.round(np.random.default_rng(0).normal(size=(2, 1, *grid.sizes)))
    dy = np.random.default_rng(1).normal(size=(2, 1, *grid.out))
    assert_close(grid.total(x), boxes.total(x))
    assert_close(grid.spread(dy), boxes.spread(dy))
    (y, winner), (other_y, other_winner) = grid.maxima(x, True), boxes.maxima(x, True)
    np.testing.assert_array_equal(y, other_y)
    np.testing.assert_array_equal(grid.indices(winner), boxes.indices(other_winner))
    assert_close(grid.route(winner, dy), boxes.route(other_winner, dy))
    # The transpose: <total(x), dy> = <x, spread(dy)>.
    assert_close(np.sum(grid.total(x) * dy), np.sum(x * grid.spread(dy)))


def test_windows_in_the_padding_tile_nothing() -> None:
    assert Axis(4, 4, 4).tiles
    assert not Axis(4, 4, 4, padding=1).tiles


# -- shapes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 2, 3, 2)])
def test_global_pooling_takes_any_number_of_axes(shape: tuple[int, ...], backend: Backend) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    axes = tuple(range(2, len(shape)))
    for layer, expected in ((GlobalAvgPool(), x.mean(axis=axes)), (GlobalMaxPool(), x.max(axis=axes))):
        net = Network(layer, device=backend.device, dtype="float64")
        y, cache = net.forward(backend.put(x))
        assert_close(backend.get(y), expected)
        assert_close(backend.get(net.backward(cache, y)).sum(axis=axes), expected)


@pytest.mark.parametrize(
    ("layer", "sample", "out"),
    [
        (MaxPool2d(2), (3, None, 5), (3, None, 2)),
        (AvgPool2d(2), (None, 4, None), (None, 2, None)),
        (AdaptiveAvgPool2d((2, None)), (3, None, None), (3, 2, None)),
        (AdaptiveMaxPool1d(2), (None, 9), (None, 2)),
        (GlobalAvgPool(), (3, None, None), (3,)),
        (GlobalMaxPool(), None, (None,)),
        (MaxPool2d(2), None, None),
    ],
)
def test_unknown_sizes_stay_unknown(layer: Layer, sample: Any, out: Any) -> None:
    assert Network(layer, input_shape=sample).output_shape == out


def test_windows_of_one_sample_size_are_laid_once_for_every_batch() -> None:
    net = Network(Sequential(MaxPool2d(2), AvgPool2d(2)), dtype="float64")
    for sizes in ((8, 8), (4, 12), (8, 8)):
        x = np.random.default_rng(0).normal(size=(2, 1, *sizes))
        y, cache = net.forward(x)
        assert y.shape == (2, 1, sizes[0] // 4, sizes[1] // 4)
        assert net.backward(cache, y).shape == x.shape


# -- errors ------------------------------------------------------------------------------------------

PAIR = "to be a whole number of at least {}, or a tuple of 2 such numbers"

BAD_ARGUMENTS: list[tuple[Callable[[], Any], str]] = [
    (lambda: MaxPool2d(0), f"MaxPool2d: expected kernel_size {PAIR.format(1)}, got 0"),
    (lambda: MaxPool2d((2, 2, 2)), f"MaxPool2d: expected kernel_size {PAIR.format(1)}, got (2, 2, 2)"),
    (lambda: MaxPool2d(2, 0), f"MaxPool2d: expected stride {PAIR.format(1)}, got 0"),
    (lambda: MaxPool2d(2, padding=-1), f"MaxPool2d: expected padding {PAIR.format(0)}, got -1"),
    (lambda: MaxPool2d(2, dilation=0.5), f"MaxPool2d: expected dilation {PAIR.format(1)}, got 0.5"),
    (lambda: MaxPool2d((3, 2), padding=2, dilation=2),
     "MaxPool2d: expected padding of at most half the window, whose size is (5, 3), got 2"),
    (lambda: AvgPool1d(3, padding=2), "AvgPool1d: expected padding of at most half the window, whose size is (3,), got 2"),
    (lambda: AvgPool2d(2, divisor_override=0),
     "AvgPool2d: expected divisor_override to be a whole number of at least 1, got 0"),
    (lambda: LPPool2d(0, 2), "LPPool2d: expected norm_type in (0, inf), got 0"),
    (lambda: LPPool2d(math.inf, 2), "LPPool2d: expected norm_type in (0, inf), got inf"),
    (lambda: LPPool2d(2, True), f"LPPool2d: expected kernel_size {PAIR.format(1)}, got True"),
    (lambda: AdaptiveAvgPool2d((1, 2, 3)),
     "AdaptiveAvgPool2d: expected output_size to be a number, None, or a tuple of 2 of them, got (1, 2, 3)"),
    (lambda: AdaptiveMaxPool2d((0, None)),
     "AdaptiveMaxPool2d: expected output_size to be a whole number of at least 1, got 0"),
]  # fmt: skip

BAD_SHAPES: list[tuple[Layer, tuple[int, ...], str, str]] = [
    (MaxPool2d(2), (3, 8), "MaxPool2d: expected samples of shape (*, *, *), got (3, 8)",
     "MaxPool2d.forward: expected x of shape (batch, *, *, *), got (2, 3, 8)"),
    (MaxPool3d(2), (3, 8, 8), "MaxPool3d: expected samples of shape (*, *, *, *), got (3, 8, 8)",
     "MaxPool3d.forward: expected x of shape (batch, *, *, *, *), got (2, 3, 8, 8)"),
    (MaxPool2d(2, dilation=3), (1, 5, 3), *["MaxPool2d: expected axis 3 to be long enough for a window of 4, got 3"] * 2),
    # Every place of the one window is outside.
    (MaxPool2d(2, padding=(1, 0), dilation=(2, 1)), (1, 1, 2),
     *["MaxPool2d: expected axis 2 to be long enough for a window of 3, got 1"] * 2),
    (AvgPool2d(2, padding=1), (1, 4, 0), *["AvgPool2d: expected axis 3 to be long enough for a window of 2, got 0"] * 2),
    (AdaptiveAvgPool2d(2), (1, 0, 4), *["AdaptiveAvgPool2d: expected axis 2 not to be empty, got 0"] * 2),
    (GlobalAvgPool(), (3,), "GlobalAvgPool: expected samples of shape (C, *sizes), none of the sizes 0, got (3,)",
     "GlobalAvgPool.forward: expected x of shape (batch, C, *sizes), none of the sizes 0, got (2, 3)"),
    (GlobalMaxPool(), (3, 0), "GlobalMaxPool: expected samples of shape (C, *sizes), none of the sizes 0, got (3, 0)",
     "GlobalMaxPool.forward: expected x of shape (batch, C, *sizes), none of the sizes 0, got (2, 3, 0)"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "sentence"), BAD_ARGUMENTS, ids=[s for _, s in BAD_ARGUMENTS])
def test_a_bad_argument_is_refused_by_the_constructor(build: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        build()


@pytest.mark.parametrize(("layer", "sample", "told", "met"), BAD_SHAPES, ids=[told for _, _, told, _ in BAD_SHAPES])
def test_a_bad_shape_is_refused_when_it_is_known_and_when_it_comes(
    layer: Layer, sample: tuple[int, ...], told: str, met: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        Network(layer, input_shape=sample)
    with pytest.raises(ValueError, match=f"^{re.escape(met)}$"):
        Network(layer).forward(np.ones((2, *sample), "float32"))
