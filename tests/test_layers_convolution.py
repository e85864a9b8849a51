"""Convolutions: every option against PyTorch, chunks, memory, how they start, and the shapes that they take."""

from __future__ import annotations

import inspect
import math
import re
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnxp.layers
from nnxp._backend import threads
from nnxp._backend.kernels import FASTER, flat
from nnxp._backend.kernels import convolution as kernels
from nnxp._backend.kernels.path import numba_is_here
from nnxp.layers import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, Layer, Sequential, convolution
from nnxp.layers.borders import least_size, sources
from nnxp.network import Network
from tests import oracles_convolution as o
from tests.backends import Backend, assert_close, every_path_open

ALL = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]
every_layer = pytest.mark.parametrize("name", ALL)


# -- PyTorch -----------------------------------------------------------------------------------------


@st.composite
def drawn(draw: Any, *, transposed: bool) -> tuple[str, dict[str, Any], tuple[int, ...]]:
    """Draw the name of a layer, its options, and the shape of a batch that it takes."""
    axes, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    options: dict[str, Any] = {
        "in_channels": groups * draw(st.integers(1, 2)), "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": each(1, 3), "stride": each(1, 3), "dilation": each(1, 2), "groups": groups,
        "bias": draw(st.booleans()),
    }  # fmt: skip
    if transposed:
        bounds = zip(options["stride"], options["dilation"], strict=True)
        options |= {"padding": each(0, 1), "output_padding": tuple(draw(st.integers(0, max(b) - 1)) for b in bounds)}
    else:
        options["padding"] = draw(st.one_of(st.just("valid"), st.just("same"), st.just(each(0, 2))))
        options["padding_mode"] = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
        options["stride"] = 1 if options["padding"] == "same" else options["stride"]
    name = f"{'ConvTranspose' if transposed else 'Conv'}{axes}d"
    layer = getattr(nnxp.layers, name)(**options)
    least = layer._least_sizes() if transposed else layer.window.least_sizes()
    sizes = tuple(max(1, n) + draw(st.integers(0, 3)) for n in least)
    return name, options, (draw(st.integers(0, 3)), options["in_channels"], *sizes)


@contextmanager
def gone_by(way: str) -> Iterator[None]:
    """Let convolutions on NumPy go one of their ways, however small they are."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        if way != "plain" and FASTER:
            stack.enter_context(every_path_open())
            patch.setattr(threads._team, "count", 2)
        if way == "pieces":
            patch.setattr(kernels, "numba_is_here", lambda: False)
        yield


def check_against_pytorch(
    name: str, options: dict[str, Any], shape: tuple[int, ...], column_bytes: int, way: str = "plain"
) -> None:
    torch = pytest.importorskip("torch")
    net = Network(getattr(nnxp.layers, name)(**options), dtype="float64", seed=0, input_shape=shape[1:])
    x = np.random.default_rng(0).normal(size=shape)
    dy = np.random.default_rng(1).normal(size=(shape[0], *net.output_shape))
    with pytest.MonkeyPatch.context() as patch, gone_by(way):
        patch.setattr(convolution, "COLUMN_BYTES", column_bytes)
        patch.setattr(flat, "_COLUMN_BYTES", column_bytes)
        y, cache = net.forward(x)
        dx = net.backward(cache, dy)
    module = getattr(torch.nn, name)(**options).double()
    module.load_state_dict({key: torch.from_numpy(value) for key, value in net.state_dict().items()})
    their_x = torch.from_numpy(x).requires_grad_()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths", UserWarning)
        their_y = module(their_x)
    their_y.backward(torch.from_numpy(dy))
    assert_close(y, their_y.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert_close(dx, their_x.grad.numpy(), rtol=1e-10, atol=1e-10)
    for key, parameter in module.named_parameters():
        gradient = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()
        assert_close(net.gradients[key], gradient, rtol=1e-10, atol=1e-10)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(drawn(transposed=False), st.sampled_from([1, 500, 10**6]))
def test_convolution_equals_pytorch_whatever_the_options(
    what: tuple[str, dict[str, Any], tuple[int, ...]], column_bytes: int
) -> None:
    check_against_pytorch(*what, column_bytes)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(drawn(transposed=True), st.sampled_from([1, 500, 10**6]))
def test_transposed_convolution_equals_pytorch_whatever_the_options(
    what: tuple[str, dict[str, Any], tuple[int, ...]], column_bytes: int
) -> None:
    check_against_pytorch(*what, column_bytes)


@every_layer
def test_arguments_their_order_and_their_defaults_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours = [(p.name, p.default) for p in inspect.signature(getattr(nnxp.layers, name)).parameters.values()]
    theirs = [(p.name, p.default) for p in inspect.signature(getattr(torch.nn, name)).parameters.values()]
    assert ours == theirs[: len(ours)]
    assert set(dict(theirs[len(ours) :])) <= {"padding_mode", "device", "dtype"}


@pytest.mark.parametrize("way", ["tiles", "pieces"])
@pytest.mark.parametrize("transposed", [False, True])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([1, 500, 10**6]))
def test_every_way_equals_pytorch(way: str, transposed: bool, data: Any, column_bytes: int) -> None:
    check_against_pytorch(*data.draw(drawn(transposed=transposed)), column_bytes, way)


@pytest.mark.parametrize("way", ["plain", "tiles", "pieces"])
def test_what_is_not_finite_reaches_no_other_weight(way: str) -> None:
    net = Network(Conv2d(1, 1, (1, 2)), seed=0, input_shape=(1, 2, 20))
    x = np.ones((2, 1, 2, 20), "float32")
    x[..., 0, -1] = np.inf
    with gone_by(way):
        _, cache = net.forward(x)
        net.backward(cache, np.ones((2, 1, 2, 19), "float32"))
    np.testing.assert_array_equal(net.gradients["weight"].reshape(-1), [76.0, np.inf])


def test_the_way_is_told_by_shape() -> None:
    assert kernels.way((26, 26), 28, 4) == ("tiles" if numba_is_here() else "pieces")
    assert kernels.way((1, 1), 5, 4) == "pieces"


# -- how they start ----------------------------------------------------------------------------------

STARTS = [("Conv1d", (8, 500, 2)), ("Conv2d", (8, 500, 2, 1, 0, 1, 2)), ("Conv3d", (2, 500, 2)),
          ("ConvTranspose1d", (500, 8, 2)), ("ConvTranspose2d", (500, 4, 2)),
          ("ConvTranspose3d", (500, 4, 2, 1, 0, 0, 2))]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), STARTS)
def test_weight_starts_uniform_within_one_over_the_root_of_fan_in(name: str, arguments: tuple[int, ...]) -> None:
    values = Network(getattr(nnxp.layers, name)(*arguments), seed=0).parameters["weight"]
    assert math.prod(values.shape[1:]) == 16
    assert 0.249 < np.abs(values).max() <= 0.25
    assert abs(values.mean()) < 4 * 0.25 / math.sqrt(3 * values.size)
    assert math.isclose(values.std(), 0.25 / math.sqrt(3), rel_tol=0.02)


@pytest.mark.parametrize("key", ["weight", "bias"])
@pytest.mark.parametrize(("name", "size"), [("Conv2d", (4, 500, 2)), ("ConvTranspose2d", (5, 400, 2))])
def test_bounds_of_the_start_are_those_of_pytorch(name: str, size: tuple[int, ...], key: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = getattr(getattr(torch.nn, name)(*size), key).detach().numpy()
    ours = Network(getattr(nnxp.layers, name)(*size), seed=0).parameters[key]
    assert math.isclose(np.abs(ours).max(), np.abs(theirs).max(), rel_tol=0.02)


# -- chunks and memory -------------------------------------------------------------------------------

CHUNKS = [
    # batch, out, columns of one place, bytes -> (first sample, last, stretches of rows)
    (5, (2, 3), 4 * 4, 10**6, [(0, 5, [(0, 2)])]),
    (5, (2, 3), 4 * 4, 2 * 6 * 4 * 4, [(0, 2, [(0, 2)]), (2, 4, [(0, 2)]), (4, 5, [(0, 2)])]),
    (2, (5, 3), 4 * 4, 2 * 3 * 4 * 4, [(0, 1, [(0, 2), (2, 4), (4, 5)]), (1, 2, [(0, 2), (2, 4), (4, 5)])]),
    (2, (2,), 4 * 4, 1, [(0, 1, [(0, 2)]), (1, 2, [(0, 2)])]),
    (0, (2, 3), 4 * 4, 1, []),
]


@pytest.mark.parametrize(("batch", "out", "place", "limit", "expected"), CHUNKS)
def test_chunks_are_whole_samples_or_rows_of_one(
    batch: int, out: tuple[int, ...], place: int, limit: int, expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution, "COLUMN_BYTES", limit)
    weight = np.zeros((1, place // 4), "float32")
    assert list(convolution.chunks(batch, weight, 1, out)) == expected


@pytest.mark.parametrize(
    ("layer", "oracle"),
    [(Conv2d(2, 1, 3, padding=1, padding_mode="reflect"), o.convolution), (Conv2d(2, 2, 1, groups=2), o.convolution),
     (ConvTranspose2d(2, 1, 3, 2, 1, 1), o.transposed_convolution)],
)  # fmt: skip
def test_small_chunks_make_no_difference(
    layer: Layer, oracle: Any, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    nets = [Network(layer, device=backend.device, seed=0) for _ in range(2)]
    x = np.random.default_rng(0).normal(size=(3, 2, 9, 8)).astype("float32")
    y, cache = nets[0].forward(backend.put(x))
    dx = nets[0].backward(cache, y)
    monkeypatch.setattr(convolution, "COLUMN_BYTES", 1)
    other, cache = nets[1].forward(backend.put(x))
    other_dx = nets[1].backward(cache, y)
    arrays = {key: value.astype("float64") for key, value in nets[0].state_dict().items()}
    assert_close(backend.get(other), oracle(layer, arrays, x.astype("float64")), "float32")
    # Two float32 sums over the same numbers in another order.
    assert_close(backend.get(other_dx), backend.get(dx), rtol=4e-6, atol=4e-6)
    assert_close(backend.get(nets[1].gradient), backend.get(nets[0].gradient), rtol=4e-6, atol=4e-6)


LARGE = [
    (Conv2d(16, 16, 5, padding=2), (16, 48, 48)),
    (Conv2d(16, 16, 3, padding=1, padding_mode="circular"), (16, 48, 48)),
    (Conv2d(32, 32, 3, padding="same", groups=32), (32, 48, 48)),
    (Conv2d(32, 32, 1), (32, 48, 48)),
    (ConvTranspose2d(16, 16, 4, 2, 1), (16, 24, 24)),
]


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padded_places_show_what_padding_puts_there(mode: str) -> None:
    window = Conv1d(1, 1, 3, padding=2, padding_mode=mode).window
    padded = window.pad(np.arange(1.0, 5.0).reshape(1, 1, 4)).reshape(-1)
    assert [0.0 if i < 0 else i + 1.0 for i in window.seen(0, 4)] == padded.tolist()


def peak(layer: Layer, sample: tuple[int, ...], batch: int) -> tuple[int, int]:
    """Return the bytes of output and input gradient, and the peak of what forward and backward allocate beyond."""
    net = Network(layer, seed=0)
    x = np.ones((batch, *sample), "float32")
    dy = np.ones((batch, *net.forward(x[:1])[0].shape[1:]), "float32")
    tracemalloc.start()
    try:
        y, cache = net.forward(x)
        dx = net.backward(cache, dy)
        return y.nbytes + dx.nbytes, tracemalloc.get_traced_memory()[1] - y.nbytes - dx.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("layer", "sample"), LARGE, ids=[repr(layer) for layer, _ in LARGE])
@pytest.mark.parametrize("way", ["plain", "tiles", "pieces"])
def test_workspace_does_not_grow_with_the_batch(
    layer: Layer, sample: tuple[int, ...], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "plain":
        for name in {"convolve", "input_gradient", "weight_gradient"} & set(FASTER):
            monkeypatch.setattr(FASTER[name], "least", 2**60)
    with gone_by(way):
        peak(layer, sample, 2)  # modules are loaded
        results, workspace = peak(layer, sample, 16)
        more_results, workspace_of_more = peak(layer, sample, 64)
    assert more_results == 4 * results
    # Two threads have their peaks together or not; what grew with the batch would be four times as much.
    assert workspace_of_more < (1 if way == "plain" else 3) * workspace + 2**15
    # The columns of a chunk, their products, and the chunk's input with its borders, for each of two threads.
    assert workspace < 2 * 4 * convolution.COLUMN_BYTES


def test_kernel_of_one_place_needs_no_columns_but_the_sample_itself() -> None:
    x, window = np.ones((1, 3, 4, 5), "float32"), Conv2d(3, 2, 1).window
    assert np.shares_memory(window.columns(window.pad(x), (1, 3), (4, 5)), x)


# -- borders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(size=st.integers(1, 5), before=st.integers(0, 4), after=st.integers(0, 4))
def test_borders_copy_what_numpy_would(mode: str, size: int, before: int, after: int) -> None:
    size = max(size, least_size(mode, before, after))
    padded = np.pad(np.arange(size), (before, after), {"replicate": "edge", "circular": "wrap"}.get(mode, mode))
    found = sources(mode, size, before, after)
    assert sorted(found) == [*range(before), *range(before + size, before + size + after)]
    assert all(padded[place] == source - before for place, source in found.items())


# -- shapes ------------------------------------------------------------------------------------------


def test_sizes_that_are_unknown_stay_so() -> None:
    assert Network(Conv2d(3, 8, 3)).output_shape == (8, None, None)
    assert Network(ConvTranspose1d(3, 8, 3)).output_shape == (8, None)
    assert Network(Conv2d(3, 8, 3, 2), input_shape=(3, None, 9)).output_shape == (8, None, 4)
    assert Network(ConvTranspose2d(3, 8, 3, 2), input_shape=(None, 4, None)).output_shape == (8, 9, None)


def test_unknown_channels_are_taken_from_the_layer_before() -> None:
    net = Network(Sequential(Conv1d(None, 4, 3), ConvTranspose1d(None, 2, 3)), input_shape=(3, None))
    assert {name: p.shape for name, p in net.parameters.items()} == {
        "0.weight": (4, 3, 3), "0.bias": (4,), "1.weight": (4, 2, 3), "1.bias": (2,),
    }  # fmt: skip


@pytest.mark.parametrize("layer", [Conv2d(2, 3, 2), ConvTranspose2d(2, 3, 2)], ids=["Conv2d", "ConvTranspose2d"])
def test_input_gradient_is_left_out_where_nobody_wants_it(layer: Layer, backend: Backend) -> None:
    net = Network(layer, device=backend.device, seed=0)
    y, cache = net.run((backend.put(np.ones((2, 2, 3, 3)), "float32"),), net.mode(training=True, input_gradient=False))
    assert net.run_backward(cache, y) is None
    assert np.all(backend.get(net.gradients["weight"]) != 0)


# -- errors ------------------------------------------------------------------------------------------

WHOLE = "to be a whole number of at least"

BAD_ARGUMENTS: list[tuple[Callable[[], Any], str]] = [
    (lambda: Conv2d(0, 3, 3), f"Conv2d: expected in_channels {WHOLE} 1, got 0"),
    (lambda: Conv2d(3, None, 3), f"Conv2d: expected out_channels {WHOLE} 1, got None"),
    (lambda: Conv2d(4, 6, 3, groups=0), f"Conv2d: expected groups {WHOLE} 1, got 0"),
    (lambda: Conv2d(4, 6, 3, groups=4), "Conv2d: expected out_channels to be a multiple of groups=4, got 6"),
    (lambda: Conv2d(4, 6, 3, groups=3), "Conv2d: expected in_channels to be a multiple of groups=3, got 4"),
    (lambda: Conv2d(1, 1, 0),
     f"Conv2d: expected kernel_size {WHOLE} 1, or a tuple of 2 such numbers, got 0"),
    (lambda: Conv2d(1, 1, True),
     f"Conv2d: expected kernel_size {WHOLE} 1, or a tuple of 2 such numbers, got True"),
    (lambda: Conv2d(1, 1, (3, 3, 3)),
     f"Conv2d: expected kernel_size {WHOLE} 1, or a tuple of 2 such numbers, got (3, 3, 3)"),
    (lambda: Conv3d(1, 1, 3, stride=(1, 1, 0)),
     f"Conv3d: expected stride {WHOLE} 1, or a tuple of 3 such numbers, got (1, 1, 0)"),
    (lambda: Conv1d(1, 1, 3, dilation=1.5),
     f"Conv1d: expected dilation {WHOLE} 1, or a tuple of 1 such numbers, got 1.5"),
    (lambda: Conv2d(1, 1, 3, padding=-1),
     f"Conv2d: expected padding {WHOLE} 0, or a tuple of 2 such numbers, got -1"),
    (lambda: Conv2d(1, 1, 3, padding="full"), "Conv2d: expected padding to be one of 'valid', 'same', got 'full'"),
    (lambda: Conv2d(1, 1, 3, 2, "same"),
     "Conv2d: expected stride 1 with padding 'same', got 2; give padding as numbers"),
    (lambda: Conv2d(1, 1, 3, padding_mode="constant"),
     "Conv2d: expected padding_mode to be one of 'zeros', 'reflect', 'replicate', 'circular', got 'constant'"),
    (lambda: ConvTranspose2d(4, 6, 3, groups=4),
     "ConvTranspose2d: expected out_channels to be a multiple of groups=4, got 6"),
    (lambda: ConvTranspose2d(1, 1, 3, padding="same"),
     f"ConvTranspose2d: expected padding {WHOLE} 0, or a tuple of 2 such numbers, got 'same'"),
    (lambda: ConvTranspose2d(1, 1, 3, 2, 0, (1, -1)),
     f"ConvTranspose2d: expected output_padding {WHOLE} 0, or a tuple of 2 such numbers, got (1, -1)"),
    (lambda: ConvTranspose2d(1, 1, 3, (1, 2), 0, 1, dilation=(1, 3)),
     "ConvTranspose2d: expected output_padding below (1, 3), the larger of stride and dilation, got 1"),
]  # fmt: skip

TOO_SMALL = "expected sizes of at least"

BAD_SAMPLES: list[tuple[Layer, tuple[int | None, ...] | None, str]] = [
    (Conv2d(3, 8, 3), (1, 28, 28), "Conv2d: expected samples of shape (3, *, *), got (1, 28, 28)"),
    (Conv2d(None, 8, 3), (28, 28), "Conv2d: expected samples of shape (*, *, *), got (28, 28)"),
    (Conv2d(1, 8, 3), (784,), "Conv2d: expected samples of shape (1, *, *), got (784,)"),
    (Conv2d(None, 8, 3), None, "Conv2d: expected in_channels to be known when the network is built, got None; "
     "give in_channels, or Network(..., input_shape=...)"),
    (Conv2d(None, 8, 3, groups=4), (6, 9, 9), "Conv2d: expected in_channels to be a multiple of groups=4, got 6"),
    (Conv2d(1, 8, 5, padding=(1, 0)), (1, None, 4),
     f"Conv2d: {TOO_SMALL} (3, 5) for this kernel and padding, got (None, 4)"),
    (Conv1d(1, 8, 3, padding=4, padding_mode="reflect"), (1, 4),
     f"Conv1d: {TOO_SMALL} (5,) for this kernel and padding, got (4,)"),
    (Conv1d(1, 8, 3, padding=4, padding_mode="circular"), (1, 3),
     f"Conv1d: {TOO_SMALL} (4,) for this kernel and padding, got (3,)"),
    (Conv1d(1, 8, 3, padding=4, padding_mode="replicate"), (1, 0),
     f"Conv1d: {TOO_SMALL} (1,) for this kernel and padding, got (0,)"),
    (ConvTranspose2d(3, 8, 3), (1, 28, 28), "ConvTranspose2d: expected samples of shape (3, *, *), got (1, 28, 28)"),
    (ConvTranspose1d(3, 8, 1, 2, 3), (3, 3),
     f"ConvTranspose1d: {TOO_SMALL} (4,) for this kernel and padding, got (3,)"),
]  # fmt: skip

BAD_BATCHES: list[tuple[Layer, tuple[int, ...], str]] = [
    (Conv2d(3, 8, 3), (2, 1, 5, 5), "Conv2d.forward: expected x of shape (batch, 3, *, *), got (2, 1, 5, 5)"),
    (Conv2d(3, 8, 3), (3, 5, 5), "Conv2d.forward: expected x of shape (batch, 3, *, *), got (3, 5, 5)"),
    (Conv2d(4, 8, 3, groups=2), (2, 2, 5, 5), "Conv2d.forward: expected x of shape (batch, 4, *, *), got (2, 2, 5, 5)"),
    (Conv2d(1, 8, 5, padding=1), (2, 1, 2, 9),
     f"Conv2d.forward: {TOO_SMALL} (3, 3) for this kernel and padding, got (2, 9)"),
    (ConvTranspose1d(3, 8, 3), (2, 1, 5), "ConvTranspose1d.forward: expected x of shape (batch, 3, *), got (2, 1, 5)"),
    (ConvTranspose1d(3, 8, 1, 2, 3), (2, 3, 3),
     f"ConvTranspose1d.forward: {TOO_SMALL} (4,) for this kernel and padding, got (3,)"),
]  # fmt: skip


def whole(sentence: str) -> str:
    return f"^{re.escape(sentence)}$"


@pytest.mark.parametrize(("build", "sentence"), BAD_ARGUMENTS, ids=[s for _, s in BAD_ARGUMENTS])
def test_bad_argument_is_refused_by_the_constructor(build: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=whole(sentence)):
        build()


@pytest.mark.parametrize(("layer", "sample", "sentence"), BAD_SAMPLES, ids=[s for _, _, s in BAD_SAMPLES])
def test_bad_sample_shape_is_refused_when_the_network_is_built(layer: Layer, sample: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=whole(sentence)):
        Network(layer, input_shape=sample)


@pytest.mark.parametrize(("layer", "shape", "sentence"), BAD_BATCHES, ids=[s for _, _, s in BAD_BATCHES])
def test_bad_batch_is_refused_by_forward(layer: Layer, shape: tuple[int, ...], sentence: str, backend: Backend) -> None:
    net = Network(layer, device=backend.device, seed=0)
    with pytest.raises(ValueError, match=whole(sentence)):
        net.forward(backend.put(np.ones(shape), "float32"))
