"""The rest of the activations: kinks, far out, options against PyTorch, noise, two inputs, and errors."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnxp.layers
from nnxp.io.architecture import from_config, to_config
from nnxp.layers import (
    CELU,
    GLU,
    AlphaDropout,
    Bilinear,
    CosineSimilarity,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    Graph,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Layer,
    LogSigmoid,
    Maxout,
    Mish,
    PReLU,
    ReLU6,
    RReLU,
    Softmax2d,
    Softmin,
    Softshrink,
    Softsign,
    Tanhshrink,
    Threshold,
)
from nnxp.network import Network
from tests.backends import Backend, assert_close
from tests.layer_cases import activations

quick = settings(max_examples=60, deadline=None, derandomize=True)
LAYERS = [getattr(case.layer, "layer", case.layer) for case in activations.CASES]
NAMES = sorted({type(layer).__name__ for layer in LAYERS} - {"Maxout"})


def value_and_slope(layer: Layer, backend: Backend, x: Any, dtype: str) -> tuple[Any, Any]:
    net = Network(layer, device=backend.device, dtype=dtype, seed=0)
    y, cache = net.forward(backend.put(x, dtype))
    return backend.get(y), backend.get(net.backward(cache, backend.put(np.ones(y.shape), dtype)))


# layer -> y(-1e4), y(1e4), slope(-1e4), slope(1e4)
FAR_OUT: list[tuple[Layer, list[float]]] = [
    (Hardtanh(), [-1.0, 1.0, 0.0, 0.0]),
    (ReLU6(), [0.0, 6.0, 0.0, 0.0]),
    (Hardsigmoid(), [0.0, 1.0, 0.0, 0.0]),
    (Hardswish(), [0.0, 1e4, 0.0, 1.0]),
    (Threshold(0.0, -2.0), [-2.0, 1e4, 0.0, 1.0]),
    (Hardshrink(), [-1e4, 1e4, 1.0, 1.0]),
    (Softshrink(), [-1e4 + 0.5, 1e4 - 0.5, 1.0, 1.0]),
    (Tanhshrink(), [-1e4 + 1.0, 1e4 - 1.0, 1.0, 1.0]),
    (CELU(2.0), [-2.0, 1e4, 0.0, 1.0]),
    (Mish(), [0.0, 1e4, 0.0, 1.0]),
    (LogSigmoid(), [-1e4, 0.0, 1.0, 0.0]),
    (Softsign(), [-1e4 / 10001, 1e4 / 10001, 10001**-2, 10001**-2]),
    (PReLU(), [-2500.0, 1e4, 0.25, 1.0]),
    (RReLU(0.1, 0.3), [-2000.0, 1e4, 0.2, 1.0]),
]


@pytest.mark.parametrize(
    ("layer", "expected"), FAR_OUT, ids=lambda value: repr(value) if isinstance(value, Layer) else ""
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_slope_are_right_far_out(layer: Layer, expected: list[float], backend: Backend, dtype: str) -> None:
    y, slope = value_and_slope(layer, backend, [-1e4, 1e4], dtype)
    assert_close([*y, *slope], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("layer", [layer for layer, _ in FAR_OUT], ids=repr)
def test_nan_comes_through_and_stays_alone(layer: Layer, backend: Backend) -> None:
    y, _ = value_and_slope(layer, backend, [1.0, math.nan, -1.0], "float32")
    np.testing.assert_array_equal(np.isnan(y), [False, True, False])


def test_shares_and_gates_are_right_far_out(backend: Backend) -> None:
    x = [[1e4, -1e4, 0.0, 1.0]]
    y, slope = value_and_slope(Softmin(), backend, x, "float32")
    assert_close([y, slope], [[[0, 1, 0, 0]], [[0, 0, 0, 0]]])
    y, slope = value_and_slope(GLU(), backend, [[2.0, 3.0, 1e4, -1e4]], "float32")
    assert_close([*y[0], *slope[0]], [2, 0, 1, 0, 0, 0])


def test_small_shares_of_mish_keep_their_relative_precision(backend: Backend) -> None:
    y, _ = value_and_slope(Mish(), backend, [-80.0, -20.0], "float32")
    assert_close(y / np.exp([-80.0, -20.0]), [-80.0, -20.0], rtol=1e-6, atol=0.0)


# -- PyTorch -----------------------------------------------------------------------------------------

# layer, its name and arguments in PyTorch, and where its slope jumps
KINKS: list[tuple[Layer, tuple[Any, ...], list[float]]] = [
    (Hardtanh(), (), [-1.0, 1.0]),
    (ReLU6(), (), [0.0, 6.0]),
    (Hardswish(), (), [-3.0, 3.0]),
    (Threshold(0.5, 2.0), (0.5, 2.0), [0.5]),
    (Hardshrink(), (), [-0.5, 0.0, 0.5]),
    (Softshrink(), (), [-0.5, 0.0, 0.5]),
    (Softshrink(0.0), (0.0,), [0.0]),
    (CELU(2.0), (2.0,), [0.0]),
    (PReLU(), (), [0.0]),
]


@pytest.mark.parametrize(
    ("layer", "arguments", "kinks"), KINKS, ids=lambda value: repr(value) if isinstance(value, Layer) else ""
)
def test_slope_at_kinks_is_that_of_pytorch(layer: Layer, arguments: Any, kinks: list[float], backend: Backend) -> None:
    torch = pytest.importorskip("torch")
    y, slope = value_and_slope(layer, backend, kinks, "float64")
    x = torch.tensor(kinks, dtype=torch.float64, requires_grad=True)
    their_y = getattr(torch.nn, type(layer).__name__)(*arguments).double()(x)
    their_y.sum().backward()
    assert_close(y, their_y.detach().numpy())
    assert_close(slope, x.grad.numpy())


@pytest.mark.parametrize(
    ("layer", "arguments"), [(Hardsigmoid(), ()), (CELU(0.4), (0.4,)), (CELU(3.0), (3.0,))], ids=repr
)
def test_what_pytorch_rounds_in_its_gradient_is_equal_to_that(layer: Layer, arguments: Any, backend: Backend) -> None:
    torch = pytest.importorskip("torch")
    # Hardsigmoid's bounds among them, where the slope is 0.
    x = np.linspace(-4, 4, 33)
    y, slope = value_and_slope(layer, backend, x, "float64")
    their_x = torch.from_numpy(x).requires_grad_()
    their_y = getattr(torch.nn, type(layer).__name__)(*arguments)(their_x)
    their_y.sum().backward()
    assert_close(y, their_y.detach().numpy())
    # A constant in float32, whatever the dtype: half of 2^-23.
    assert_close(slope, their_x.grad.numpy(), rtol=6e-8, atol=6e-8)


def assert_equals_pytorch(layer: Layer, module: Any, *xs: Any) -> None:
    """Hold outputs, the gradients of all inputs and of all parameters against a module, from its own parameters."""
    torch = pytest.importorskip("torch")
    module = module.double()
    net = Network(layer, dtype="float64")
    assert list(net.state_dict()) == list(module.state_dict())
    net.load_state_dict({name: value.numpy() for name, value in module.state_dict().items()})
    y, cache = net.forward(*xs)
    theirs = [torch.from_numpy(x).requires_grad_() for x in xs]
    their_y = module(*theirs)
    dy = np.random.default_rng(1).normal(size=y.shape)
    their_y.backward(torch.from_numpy(dy))
    assert_close(y, their_y.detach().numpy(), rtol=1e-12, atol=1e-12)
    dx = net.backward(cache, dy)
    for ours, x in zip(dx if isinstance(dx, tuple) else (dx,), theirs, strict=True):
        assert_close(ours, x.grad.numpy(), rtol=1e-10, atol=1e-10)
    for name, parameter in module.named_parameters():
        assert_close(net.gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)


def drawn_options(data: Any, name: str) -> dict[str, Any]:
    number, positive = st.floats(-2, 2), st.floats(0, 2)
    low = data.draw(number)
    return {
        "Hardtanh": lambda: {"min_val": low, "max_val": low + data.draw(st.floats(0.1, 3))},
        "Threshold": lambda: {"threshold": low, "value": data.draw(number)},
        "Hardshrink": lambda: {"lambd": data.draw(positive)},
        "Softshrink": lambda: {"lambd": data.draw(positive)},
        "CELU": lambda: {"alpha": data.draw(st.sampled_from([0.25, 0.5, 1.0, 2.0]))},
        "PReLU": lambda: {"num_parameters": data.draw(st.sampled_from([1, 4])), "init": low},
        "Softmin": lambda: {"dim": data.draw(st.integers(-2, 1))},
        "GLU": lambda: {"dim": data.draw(st.sampled_from([-1, 1]))},
    }.get(name, dict)()


@pytest.mark.parametrize("name", ["Hardtanh", "Threshold", "Hardshrink", "Softshrink", "CELU", "PReLU", "Softmin", "GLU", "ReLU6",
                                  "Hardswish", "Tanhshrink", "Mish", "LogSigmoid", "Softsign"])  # fmt: skip
def test_every_option_equals_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")

    @quick
    @given(st.data())
    def check(data: Any) -> None:
        options = drawn_options(data, name)
        sizes = data.draw(st.lists(st.just(4) | st.just(2), max_size=2))
        x = np.random.default_rng(data.draw(st.integers(0, 99))).normal(
            size=(data.draw(st.integers(0, 3)), 4, *sizes), scale=3
        )
        assert_equals_pytorch(getattr(nnxp.layers, name)(**options), getattr(torch.nn, name)(**options), x)

    check()


@quick
@given(st.data())
def test_every_bilinear_map_equals_pytorch(data: Any) -> None:
    torch = pytest.importorskip("torch")
    a, b, out = (data.draw(st.integers(1, 4)) for _ in range(3))
    lead = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    bias, rng = data.draw(st.booleans()), np.random.default_rng(0)
    xs = rng.normal(size=(*lead, a)), rng.normal(size=(*lead, b))
    assert_equals_pytorch(Bilinear(a, b, out, bias), torch.nn.Bilinear(a, b, out, bias), *xs)


@quick
@given(st.data())
def test_every_cosine_similarity_equals_pytorch(data: Any) -> None:
    torch = pytest.importorskip("torch")
    shape = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    dim = data.draw(st.sampled_from([d for d in range(-len(shape), len(shape)) if d % len(shape)]))
    xs = [np.random.default_rng(seed).normal(size=shape) for seed in (0, 1)]
    assert_equals_pytorch(CosineSimilarity(dim, 1e-6), torch.nn.CosineSimilarity(dim, 1e-6), *xs)


def test_similarity_of_nothing_is_nothing_and_its_slope_the_other_input(backend: Backend) -> None:
    net = Network(CosineSimilarity(eps=0.5), device=backend.device)
    x1, x2 = backend.put(np.zeros((1, 2)), "float32"), backend.put([[3.0, 4.0]], "float32")
    y, cache = net.forward(x1, x2)
    dx1, dx2 = net.backward(cache, backend.put([1.0], "float32"))
    assert_close(backend.get(y), [0.0])
    assert_close(backend.get(dx1), [[1.2, 1.6]], "float32")
    assert_close(backend.get(dx2), [[0.0, 0.0]])


def test_bilinear_starts_as_pytorch_does() -> None:
    torch = pytest.importorskip("torch")
    net, module = Network(Bilinear(9, 40, 30), seed=0), torch.nn.Bilinear(9, 40, 30)
    for name, parameter in module.named_parameters():
        for ours in (net.parameters[name], parameter.detach().numpy()):
            assert np.abs(ours).max() <= 1 / 3
            assert abs(ours.std() * math.sqrt(3) * 3 - 1) < (0.02 if name == "weight" else 0.4)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_equal_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(room, name)).parameters for room in (nnxp.layers, torch.nn))
    omitted = {"device", "dtype", "inplace", "min_value", "max_value", "args", "kwargs"}
    assert list(ours) == [key for key in theirs if key not in omitted]
    for key in ours:
        if (name, key) != ("Softmin", "dim"):  # which PyTorch guesses, with a warning
            assert ours[key].default == theirs[key].default


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_architecture_comes_back_from_a_file(layer: Layer) -> None:
    assert from_config(to_config(layer)) == layer


def test_slopes_that_are_learned_do_not_decay() -> None:
    net = Network(PReLU(3, 0.1))
    assert net.parameters["weight"].tolist() == np.full(3, 0.1, "float32").tolist()
    assert [run.decay for run in net.runs(weights_only=True)] == [False]


# -- groups ------------------------------------------------------------------------------------------


def test_first_of_the_largest_has_the_gradient(backend: Backend) -> None:
    y, slope = value_and_slope(Maxout(3), backend, [[1.0, 2.0, 2.0, 0.0, 0.0, 0.0]], "float32")
    assert y.tolist() == [[2.0, 0.0]]
    assert slope.tolist() == [[0, 1, 0, 1, 0, 0]]


def test_nan_is_the_largest_of_its_group(backend: Backend) -> None:
    y, slope = value_and_slope(Maxout(2), backend, [[1.0, math.nan, 3.0, 2.0]], "float32")
    assert_close(y, [[math.nan, 3.0]])
    assert slope.tolist() == [[0, 1, 1, 0]]


@pytest.mark.parametrize(
    ("layer", "sample", "out"),
    [
        (GLU(), (3, 4), (3, 2)), (GLU(1), (None, 4), (None, 4)), (GLU(), None, None), (Maxout(3), (6,), (2,)),
        (Maxout(2, 1), (4, None), (2, None)), (Bilinear(2, 3, 4), (5, None), (5, 4)), (Bilinear(2, 3, 4), None, (4,)),
        (CosineSimilarity(), (3, None), (None,)), (CosineSimilarity(-1), (3, 4), (3,)), (CosineSimilarity(), None, None),
    ],
)  # fmt: skip
def test_output_shape_is_known(layer: Layer, sample: Any, out: Any) -> None:
    assert Network(layer, input_shape=sample).output_shape == out


# -- noise -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layer", "axes"), [(Dropout1d(0.2), 1), (Dropout2d(0.2), 2), (Dropout3d(0.2), 3)])
def test_whole_channels_are_dropped_and_the_mean_is_kept(layer: Layer, axes: int, backend: Backend) -> None:
    net, shape = Network(layer, device=backend.device, seed=0), (200, 50, *(2,) * axes)
    x = backend.put(np.ones(shape), "float32")
    y, cache = net.forward(x, training=True)
    channels = backend.get(y).reshape(200, 50, -1)
    assert (channels == channels[:, :, :1]).all()
    np.testing.assert_allclose(np.unique(channels), [0.0, 1.25])
    assert abs(channels.mean() - 1) < 0.02  # four standard deviations of 10,000 draws
    assert tuple(cache.layers.shape) == (200, 50, *(1,) * axes)
    np.testing.assert_array_equal(backend.get(net.backward(cache, x)), backend.get(y))


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_mean_and_variance_are_kept_around_selu(p: float, backend: Backend) -> None:
    net = Network(AlphaDropout(p), device=backend.device, seed=0)
    x = np.random.default_rng(0).normal(size=(200, 100))
    y = backend.get(net.forward(backend.put(x, "float32"), training=True)[0])
    assert abs(y.mean()) < 0.03  # four standard deviations of 20,000 draws
    assert abs(y.std() - 1) < 0.03


@pytest.mark.parametrize("layer", [Dropout2d(), AlphaDropout()], ids=repr)
def test_nothing_is_copied_where_nothing_is_dropped(layer: Layer, backend: Backend) -> None:
    x = backend.put(np.ones((2, 3, 2, 2)), "float32")
    for same, training in ((layer, False), (type(layer)(0.0), True)):
        net = Network(same, device=backend.device)
        y, cache = net.forward(x, training=training)
        assert y is x
        assert cache.layers is None
        assert net.backward(cache, x) is x


def test_channels_without_places_pass(backend: Backend) -> None:
    x = backend.put(np.ones((2, 3, 0, 2)), "float32")
    assert Network(Dropout2d(), device=backend.device).forward(x, training=True)[0] is x


def test_slopes_on_the_left_are_spread_evenly_and_change_with_every_update(backend: Backend) -> None:
    net = Network(RReLU(0.2, 0.6), device=backend.device, seed=0)
    x = backend.put(np.full((200, 50), -1.0), "float32")
    y, cache = net.forward(x, training=True)
    slopes = -backend.get(y)
    assert 0.2 <= slopes.min() < 0.201 < 0.599 < slopes.max() <= np.float32(0.6)
    assert abs(slopes.mean() - 0.4) < 0.005  # four standard deviations of 10,000 draws
    np.testing.assert_array_equal(backend.get(net.backward(cache, x)), backend.get(y))
    net.advance()
    assert (backend.get(net.forward(x, training=True)[0]) != backend.get(y)).any()


# -- errors ------------------------------------------------------------------------------------------

WHOLE = "to be a whole number of at least 1"
OTHER = "dim to be another axis than the batch's, got 0"

BAD_ARGUMENTS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Hardtanh(math.nan), ValueError, "Hardtanh: expected min_val in (-inf, inf), got nan"),
    (lambda: Hardtanh(0.0, math.inf), ValueError, "Hardtanh: expected max_val in (-inf, inf), got inf"),
    (lambda: Hardtanh(1.0, 1.0), ValueError, "Hardtanh: expected max_val to be greater than min_val=1.0, got 1.0"),
    (lambda: Threshold("0", 1.0), ValueError, "Threshold: expected threshold in (-inf, inf), got '0'"),
    (lambda: Threshold(0.0, math.inf), ValueError, "Threshold: expected value in (-inf, inf), got inf"),
    (lambda: Hardshrink(-0.1), ValueError, "Hardshrink: expected lambd in [0, inf), got -0.1"),
    (lambda: Softshrink(-0.1), ValueError, "Softshrink: expected lambd in [0, inf), got -0.1"),
    (lambda: CELU(0.0), ValueError, "CELU: expected alpha in (0, inf), got 0.0"),
    (lambda: PReLU(0), ValueError, f"PReLU: expected num_parameters {WHOLE}, got 0"),
    (lambda: PReLU(1, math.nan), ValueError, "PReLU: expected init in (-inf, inf), got nan"),
    (lambda: RReLU(math.nan), ValueError, "RReLU: expected lower in (-inf, inf), got nan"),
    (lambda: RReLU(0.5, 0.2), ValueError, "RReLU: expected upper in [0.5, inf), got 0.2"),
    (lambda: Softmin(None), TypeError, "Softmin: expected dim to be a whole number, got None"),
    (lambda: GLU("1"), TypeError, "GLU: expected dim to be a whole number, got '1'"),
    (lambda: GLU(0), ValueError, f"GLU: expected {OTHER}"),
    (lambda: Maxout(0), ValueError, f"Maxout: expected pieces {WHOLE}, got 0"),
    (lambda: Maxout(2, 0), ValueError, f"Maxout: expected {OTHER}"),
    (lambda: Dropout1d(1.5), ValueError, "Dropout1d: expected p in [0, 1], got 1.5"),
    (lambda: Dropout2d(-0.5), ValueError, "Dropout2d: expected p in [0, 1], got -0.5"),
    (lambda: AlphaDropout(2), ValueError, "AlphaDropout: expected p in [0, 1], got 2"),
    (lambda: Bilinear(0, 2, 3), ValueError, f"Bilinear: expected in1_features {WHOLE}, got 0"),
    (lambda: Bilinear(2, None, 3), ValueError, f"Bilinear: expected in2_features {WHOLE}, got None"),
    (lambda: Bilinear(2, 2, 0.5), ValueError, f"Bilinear: expected out_features {WHOLE}, got 0.5"),
    (lambda: CosineSimilarity(0), ValueError, f"CosineSimilarity: expected {OTHER}"),
    (lambda: CosineSimilarity(1, 0.0), ValueError, "CosineSimilarity: expected eps in (0, inf), got 0.0"),
]  # fmt: skip

# layer, the shape of a sample, what is said when it is known, and when it comes
BAD_SHAPES: list[tuple[Layer, tuple[int, ...], str, str]] = [
    (PReLU(3), (4,), "PReLU: expected samples of shape (3, *), got (4,)",
     "PReLU.forward: expected x of shape (batch, 3, *), got (2, 4)"),
    (PReLU(3), (), "PReLU: expected samples of shape (3, *), got ()",
     "PReLU.forward: expected x of shape (batch, 3, *), got (2,)"),
    (Softmin(2), (4,), "Softmin: expected x with an axis 2, got (None, 4)",
     "Softmin.forward: expected x with an axis 2, got (2, 4)"),
    (Softmax2d(), (3, 4), "Softmax2d: expected samples of shape (*, *, *), got (3, 4)",
     "Softmax2d.forward: expected x of shape (batch, *, *, *), got (2, 3, 4)"),
    (GLU(), (3,), "GLU: expected axis -1 to be a multiple of 2 long, got 3",
     "GLU.forward: expected axis -1 to be a multiple of 2 long, got 3"),
    (GLU(-2), (4,), "GLU: expected x with axis -2, which is not the batch's, got (None, 4)",
     "GLU.forward: expected x with axis -2, which is not the batch's, got (2, 4)"),
    (Maxout(3), (4,), "Maxout: expected axis -1 to be a multiple of 3 long, got 4",
     "Maxout.forward: expected axis -1 to be a multiple of 3 long, got 4"),
    (Dropout1d(), (3,), "Dropout1d: expected samples of shape (*, *), got (3,)",
     "Dropout1d.forward: expected x of shape (batch, *, *), got (2, 3)"),
    (Dropout2d(), (3, 4), "Dropout2d: expected samples of shape (*, *, *), got (3, 4)",
     "Dropout2d.forward: expected x of shape (batch, *, *, *), got (2, 3, 4)"),
]  # fmt: skip


def whole(sentence: str) -> str:
    return f"^{re.escape(sentence)}$"


@pytest.mark.parametrize(("build", "error", "sentence"), BAD_ARGUMENTS, ids=[s for _, _, s in BAD_ARGUMENTS])
def test_a_bad_argument_is_refused_by_the_constructor(
    build: Callable[[], Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=whole(sentence)):
        build()


@pytest.mark.parametrize(("layer", "sample", "told", "met"), BAD_SHAPES, ids=[told for _, _, told, _ in BAD_SHAPES])
def test_a_bad_shape_is_refused_when_it_is_known_and_when_it_comes(
    layer: Layer, sample: tuple[int, ...], told: str, met: str
) -> None:
    with pytest.raises(ValueError, match=whole(told)):
        Network(layer, input_shape=sample)
    with pytest.raises(ValueError, match=whole(met)):
        Network(layer).forward(np.ones((2, *sample), "float32"))


# layer, the shapes of two inputs, what is said when they are known, and when they come
BAD_PAIRS: list[tuple[Layer, tuple[int, ...], tuple[int, ...], str, str]] = [
    (Bilinear(2, 3, 4), (5,), (3,), "Bilinear: expected samples x1 of shape (*, 2), got (5,)",
     "Bilinear.forward: expected x of shape (*batch, 2), got (2, 5)"),
    (Bilinear(2, 3, 4), (2,), (5,), "Bilinear: expected samples x2 of shape (*, 3), got (5,)",
     "Bilinear.forward: expected x2 of shape (2, 3), got (2, 5)"),
    (CosineSimilarity(), (3,), (4,), "CosineSimilarity: expected inputs of one shape, got [(3,), (4,)]",
     "CosineSimilarity.forward: expected x2 of shape (2, 3), got (2, 4)"),
    (CosineSimilarity(2), (3,), (3,),
     "CosineSimilarity: expected x with axis 2, which is not the batch's, got (None, 3)",
     "CosineSimilarity.forward: expected x with axis 2, which is not the batch's, got (2, 3)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "first", "second", "told", "met"), BAD_PAIRS, ids=[told for *_, told, _ in BAD_PAIRS]
)
def test_two_inputs_that_do_not_go_together_are_refused(
    layer: Layer, first: tuple[int, ...], second: tuple[int, ...], told: str, met: str
) -> None:
    with pytest.raises(ValueError, match=whole(met)):
        Network(layer).forward(*(np.ones((2, *shape), "float32") for shape in (first, second)))
    nodes = (
        ("a", nnxp.layers.Linear(1, *first), "x"),
        ("b", nnxp.layers.Linear(1, *second), "x"),
        ("y", layer, ("a", "b")),
    )
    with pytest.raises(ValueError, match=re.escape(told)):
        Network(Graph(("x",), nodes, ("y",)), input_shape=(1,))
