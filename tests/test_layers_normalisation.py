"""Normalisation: every option against PyTorch, the statistics that training gathers, and errors."""

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
from nnxp.checking import check_gradients
from nnxp.io.architecture import from_config, to_config
from nnxp.layers import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    Layer,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
    Sequential,
)
from nnxp.network import Network
from tests.backends import Backend, assert_close
from tests.layer_cases import normalisation

quick = settings(max_examples=60, deadline=None, derandomize=True)
NAMES = sorted({type(case.layer).__name__ for case in normalisation.CASES})

# -- every option ------------------------------------------------------------------------------------


def options_of_channels(data: Any, kind: str, channels: int) -> dict[str, Any]:
    momentum = st.floats(0, 1) if kind == "InstanceNorm" else st.none() | st.floats(0, 1)
    options = {
        "num_features": channels,
        "eps": data.draw(st.sampled_from([1e-5, 0.3])),
        "momentum": data.draw(momentum),
        "affine": data.draw(st.booleans()),
        "track_running_stats": data.draw(st.booleans()),
    }
    return options | ({"bias": False} if data.draw(st.booleans()) else {})


def assert_equals_pytorch(name: str, options: dict[str, Any], batches: list[Any], training: bool) -> None:
    """Hold everything against ``torch.nn`` after each batch, from the same drawn state; the last batch in a mode."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    net = Network(getattr(nnxp.layers, name)(**options), dtype="float64", input_shape=batches[0].shape[1:])
    module = getattr(torch.nn, name)(**options).double()
    state = {key: rng.uniform(0.5, 2.0, value.shape) for key, value in net.state_dict().items()}
    state |= {key: np.array(3) for key in state if key == "num_batches_tracked"}
    net.load_state_dict(state)
    assert list(net.state_dict()) == list(module.state_dict())
    module.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    for i, x in enumerate(batches):
        trains = training or i < len(batches) - 1
        y, cache = net.forward(x, training=trains)
        their_x = torch.from_numpy(x).requires_grad_()
        their_y = module.train(trains)(their_x)
        dy = rng.normal(size=x.shape)
        their_y.backward(torch.from_numpy(dy))
        assert_close(y, their_y.detach().numpy(), rtol=1e-12, atol=1e-12)
        assert_close(net.backward(cache, dy), their_x.grad.numpy(), rtol=1e-10, atol=1e-10)
        for key, parameter in module.named_parameters():
            assert_close(net.gradients[key], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)
            parameter.grad = None
        for key, buffer in module.named_buffers():
            assert_close(net.buffers[key], buffer.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["BatchNorm", "InstanceNorm"])
def test_every_batch_and_instance_normalisation_equals_pytorch(kind: str) -> None:
    @quick
    @given(st.data())
    def check(data: Any) -> None:
        axes = data.draw(st.integers(1, 3))
        channels = data.draw(st.integers(1, 4))
        sizes = tuple(data.draw(st.integers(1, 3)) for _ in range(axes))
        if kind == "InstanceNorm":
            sizes = (sizes[0] + 1, *sizes[1:])
        elif axes == 1 and data.draw(st.booleans()):
            sizes = ()
        least = 1 if math.prod(sizes) > 1 else 2
        batches = [
            np.random.default_rng(i).normal(3.0, 2.0, (data.draw(st.integers(least, 4)), channels, *sizes))
            for i in range(data.draw(st.integers(1, 3)))
        ]
        options = options_of_channels(data, kind, channels)
        assert_equals_pytorch(f"{kind}{axes}d", options, batches, data.draw(st.booleans()))

    check()


@quick
@given(st.data())
def test_every_normalisation_within_a_sample_equals_pytorch(data: Any) -> None:
    sizes = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    lead = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
    options: dict[str, Any] = {"normalized_shape": sizes[0] if len(sizes) == 1 else sizes}
    options["elementwise_affine"] = data.draw(st.booleans())
    name = data.draw(st.sampled_from(["LayerNorm", "RMSNorm"]))
    if name == "LayerNorm":
        options |= {"bias": data.draw(st.booleans()), "eps": data.draw(st.sampled_from([1e-5, 0.3]))}
    else:
        options["eps"] = data.draw(st.sampled_from([None, 1e-5, 0.3]))
    x = np.random.default_rng(0).normal(3.0, 2.0, (*lead, *sizes))
    assert_equals_pytorch(name, options, [x], data.draw(st.booleans()))


@quick
@given(st.data())
def test_every_group_and_response_normalisation_equals_pytorch(data: Any) -> None:
    groups = data.draw(st.integers(1, 3))
    channels = groups * data.draw(st.integers(1, 3))
    sizes = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    # PyTorch refuses a single number in all.
    x = np.random.default_rng(0).normal(3.0, 2.0, (data.draw(st.integers(2, 3)), channels, *sizes))
    options = {"num_groups": groups, "num_channels": channels, "eps": data.draw(st.sampled_from([1e-5, 0.3]))}
    options["affine"] = data.draw(st.booleans())
    assert_equals_pytorch("GroupNorm", options, [x], data.draw(st.booleans()))
    response = {"size": data.draw(st.integers(1, 12)), "alpha": data.draw(st.floats(0, 3))}
    response |= {"beta": data.draw(st.floats(-1, 2)), "k": data.draw(st.floats(0.1, 2))}
    assert_equals_pytorch("LocalResponseNorm", response, [x], training=False)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_equal_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(room, name)).parameters for room in (nnxp.layers, torch.nn))
    omitted = {"device", "dtype"} | ({"bias"} - set(theirs))
    assert [key for key in ours if key not in omitted] == [key for key in theirs if key not in omitted]
    for key in ours.keys() - omitted:
        assert ours[key].default == theirs[key].default
        assert ours[key].kind == theirs[key].kind


@pytest.mark.parametrize("case", normalisation.CASES, ids=lambda case: case.name)
def test_architecture_comes_back_from_a_file(case: Any) -> None:
    assert from_config(to_config(case.layer)) == case.layer


@pytest.mark.parametrize(
    "layer",
    [BatchNorm2d(3), GroupNorm(1, 3), InstanceNorm2d(3, affine=True), LayerNorm((3, 2, 2)), RMSNorm(2)],
    ids=repr,
)
def test_weight_starts_at_one_bias_at_nothing_and_neither_decays(layer: Layer) -> None:
    net = Network(layer, seed=0)
    for name, parameter in net.parameters.items():
        assert (parameter == (1.0 if name == "weight" else 0.0)).all()
        assert net.layout[name].spec.kind == "norm"
    assert [run.decay for run in net.runs(weights_only=True)] == [False]


# -- statistics --------------------------------------------------------------------------------------


def images(backend: Backend, seed: int, samples: int = 4, mean: float = 3.0) -> Any:
    return backend.put(np.random.default_rng(seed).normal(mean, 2.0, (samples, 3, 2, 2)), "float32")


def test_running_statistics_move_by_the_momentum_and_take_the_unbiased_variance(backend: Backend) -> None:
    net = Network(BatchNorm2d(3, momentum=0.25), device=backend.device)
    x = images(backend, 0)
    net.forward(x, training=True)
    host = np.moveaxis(backend.get(x).astype("float64"), 1, 0).reshape(3, -1)
    state = net.state_dict()
    assert_close(state["running_mean"], 0.25 * host.mean(axis=1), "float32")
    assert_close(state["running_var"], 0.75 + 0.25 * host.var(axis=1, ddof=1), "float32")
    assert (state["num_batches_tracked"], state["num_batches_tracked"].dtype) == (1, np.int64)


def test_without_momentum_all_batches_count_alike(backend: Backend) -> None:
    net = Network(BatchNorm2d(3, momentum=None), device=backend.device)
    batches = [images(backend, i) for i in range(5)]
    for x in batches:
        net.forward(x, training=True)
    hosts = [np.moveaxis(backend.get(x).astype("float64"), 1, 0).reshape(3, -1) for x in batches]
    assert_close(net.state_dict()["running_mean"], np.mean([h.mean(axis=1) for h in hosts], axis=0), "float32")
    variances = np.mean([h.var(axis=1, ddof=1) for h in hosts], axis=0)
    assert_close(net.state_dict()["running_var"], variances, "float32")


def test_evaluation_normalises_by_the_running_statistics_and_leaves_them_alone(backend: Backend) -> None:
    net = Network(BatchNorm2d(3), device=backend.device)
    for i in range(3):
        net.forward(images(backend, i), training=True)
    before, x = net.state_dict(), images(backend, 9)
    y, cache = net.forward(x)
    mean, variance = (before[key].astype("float64").reshape(1, 3, 1, 1) for key in ("running_mean", "running_var"))
    assert_close(backend.get(y), (backend.get(x) - mean) / np.sqrt(variance + 1e-5), "float32")
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    # A batch of training in between changes nothing for the cache at hand.
    net.forward(images(backend, 10, mean=50.0), training=True)
    dx = backend.get(net.backward(cache, backend.put(np.ones(y.shape), "float32")))
    assert_close(dx, np.broadcast_to(1 / np.sqrt(variance + 1e-5), dx.shape), "float32")


def test_an_empty_batch_counts_and_leaves_mean_and_variance_alone(backend: Backend) -> None:
    for layer, counted in ((BatchNorm2d(3, momentum=None), 1), (InstanceNorm2d(3, track_running_stats=True), 0)):
        net = Network(layer, device=backend.device)
        y, cache = net.forward(images(backend, 0, samples=0), training=True)
        assert tuple(y.shape) == tuple(net.backward(cache, y).shape) == (0, 3, 2, 2)
        state = net.state_dict()
        assert state["running_mean"].tolist() == [0.0] * 3
        assert state["running_var"].tolist() == [1.0] * 3
        assert state["num_batches_tracked"] == counted


@pytest.mark.parametrize("layer", [BatchNorm1d(5, 0.0), GroupNorm(1, 5, 0.0), LayerNorm(5, 0.0)], ids=repr)
def test_variance_survives_a_mean_that_dwarfs_it(layer: Layer) -> None:
    x = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")
    # Whole numbers of 2^-9: the offset is exact, and so is what is left without it.
    x = np.round(x * 512) / 512
    plain, _ = Network(layer).forward(x, training=True)
    shifted, _ = Network(layer).forward(x + np.float32(8192.0), training=True)
    # The mean itself is rounded to 2^-11 at best.
    assert_close(shifted, plain, rtol=1e-3, atol=1e-3)


def test_gradients_are_right_while_statistics_are_gathered() -> None:
    model = Sequential(BatchNorm1d(3), LayerNorm(3), RMSNorm(3), BatchNorm1d(3, momentum=None))
    net = Network(model, seed=0)
    before = net.state_dict()
    report = check_gradients(net, np.random.default_rng(0).normal(size=(6, 3)))
    assert (report.checked, report.kinks) == (report.total, 0)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_an_inferred_size_may_stay_unknown_where_nothing_needs_it() -> None:
    net = Network(BatchNorm1d(None, affine=False, track_running_stats=False))
    assert net.forward(np.ones((2, 7), "float32"))[0].tolist() == [[0.0] * 7] * 2


# -- errors ------------------------------------------------------------------------------------------

WHOLE = "to be a whole number of at least 1"
LAST = "normalized_shape to be a whole number of at least 1 or a tuple of them"

BAD_ARGUMENTS: list[tuple[Callable[[], Any], str]] = [
    (lambda: BatchNorm1d(0), f"BatchNorm1d: expected num_features {WHOLE}, got 0"),
    (lambda: BatchNorm2d(3, -1e-5), "BatchNorm2d: expected eps in [0, inf), got -1e-05"),
    (lambda: BatchNorm3d(3, momentum=1.5), "BatchNorm3d: expected momentum in [0, 1], got 1.5"),
    (lambda: InstanceNorm1d(3, momentum=None), "InstanceNorm1d: expected momentum in [0, 1], got None"),
    (lambda: GroupNorm(0, 3), f"GroupNorm: expected num_groups {WHOLE}, got 0"),
    (lambda: GroupNorm(2, 2.5), f"GroupNorm: expected num_channels {WHOLE}, got 2.5"),
    (lambda: GroupNorm(2, 3), "GroupNorm: expected num_channels to be a multiple of num_groups=2, got 3"),
    (lambda: GroupNorm(1, 3, -1.0), "GroupNorm: expected eps in [0, inf), got -1.0"),
    (lambda: LayerNorm(()), f"LayerNorm: expected {LAST}, got ()"),
    (lambda: LayerNorm((3, 0)), f"LayerNorm: expected {LAST}, got (3, 0)"),
    (lambda: LayerNorm(3, -1.0), "LayerNorm: expected eps in [0, inf), got -1.0"),
    (lambda: RMSNorm("3"), f"RMSNorm: expected {LAST}, got '3'"),
    (lambda: RMSNorm(3, -1.0), "RMSNorm: expected eps in [0, inf), got -1.0"),
    (lambda: LocalResponseNorm(0), f"LocalResponseNorm: expected size {WHOLE}, got 0"),
    (lambda: LocalResponseNorm(2, -1.0), "LocalResponseNorm: expected alpha in [0, inf), got -1.0"),
    (lambda: LocalResponseNorm(2, beta=math.nan), "LocalResponseNorm: expected beta in (-inf, inf), got nan"),
    (lambda: LocalResponseNorm(2, k=0.0), "LocalResponseNorm: expected k in (0, inf), got 0.0"),
]  # fmt: skip

# layer, the shape of a sample, what is said when it is known, and when it comes
BAD_SHAPES: list[tuple[Layer, tuple[int, ...], str, str]] = [
    (BatchNorm1d(3), (4,), "BatchNorm1d: expected samples of shape (3,) or (3, *), got (4,)",
     "BatchNorm1d.forward: expected x of shape (batch, 3) or (batch, 3, *), got (2, 4)"),
    (BatchNorm2d(3), (3, 4), "BatchNorm2d: expected samples of shape (3, *, *), got (3, 4)",
     "BatchNorm2d.forward: expected x of shape (batch, 3, *, *), got (2, 3, 4)"),
    (BatchNorm3d(3, affine=False), (2, 4, 4, 4), "BatchNorm3d: expected samples of shape (3, *, *, *), got (2, 4, 4, 4)",
     "BatchNorm3d.forward: expected x of shape (batch, 3, *, *, *), got (2, 2, 4, 4, 4)"),
    (InstanceNorm1d(3), (3,), "InstanceNorm1d: expected samples of shape (3, *), got (3,)",
     "InstanceNorm1d.forward: expected x of shape (batch, 3, *), got (2, 3)"),
    (GroupNorm(1, 3), (4, 2), "GroupNorm: expected samples of shape (3, *), got (4, 2)",
     "GroupNorm.forward: expected x of shape (batch, 3, *), got (2, 4, 2)"),
    (GroupNorm(1, 3), (), "GroupNorm: expected samples of shape (3, *), got ()",
     "GroupNorm.forward: expected x of shape (batch, 3, *), got (2,)"),
    (LayerNorm(3), (4,), "LayerNorm: expected samples of shape (*, 3), got (4,)",
     "LayerNorm.forward: expected x of shape (*batch, 3), got (2, 4)"),
    (LayerNorm((2, 3)), (3,), "LayerNorm: expected samples of shape (*, 2, 3), got (3,)",
     "LayerNorm.forward: expected x of shape (*batch, 2, 3), got (2, 3)"),
    (RMSNorm(3), (4,), "RMSNorm: expected samples of shape (*, 3), got (4,)",
     "RMSNorm.forward: expected x of shape (*batch, 3), got (2, 4)"),
    (LocalResponseNorm(2), (3,), "LocalResponseNorm: expected samples of shape (channels, *sizes), got (3,)",
     "LocalResponseNorm.forward: expected x of shape (batch, channels, *sizes), got (2, 3)"),
]  # fmt: skip


def whole(sentence: str) -> str:
    return f"^{re.escape(sentence)}$"


@pytest.mark.parametrize(("build", "sentence"), BAD_ARGUMENTS, ids=[s for _, s in BAD_ARGUMENTS])
def test_a_bad_argument_is_refused_by_the_constructor(build: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=whole(sentence)):
        build()


@pytest.mark.parametrize(("layer", "sample", "told", "met"), BAD_SHAPES, ids=[told for _, _, told, _ in BAD_SHAPES])
def test_a_bad_shape_is_refused_when_it_is_known_and_when_it_comes(
    layer: Layer, sample: tuple[int, ...], told: str, met: str
) -> None:
    with pytest.raises(ValueError, match=whole(told)):
        Network(layer, input_shape=sample)
    with pytest.raises(ValueError, match=whole(met)):
        Network(layer).forward(np.ones((2, *sample), "float32"))


@pytest.mark.parametrize(
    "layer", [BatchNorm1d(None), BatchNorm1d(None, affine=False), InstanceNorm2d(None, affine=True)], ids=repr
)
def test_an_inferred_size_must_be_known_when_the_network_is_built(layer: Layer) -> None:
    sentence = f"{type(layer).__name__}: expected num_features to be known when the network is built, got None; give num_features, or Network(..., input_shape=...)"
    with pytest.raises(ValueError, match=whole(sentence)):
        Network(layer)


def test_an_inferred_size_is_held_against_every_batch() -> None:
    sentence = "BatchNorm1d.forward: expected x of shape (batch, 3) or (batch, 3, *), got (2, 4)"
    for layer in (BatchNorm1d(None), BatchNorm1d(None, affine=False)):
        net = Network(layer, input_shape=(3,))
        net.input_shape = None
        with pytest.raises(ValueError, match=whole(sentence)):
            net.forward(np.ones((2, 4), "float32"))


def test_one_value_per_channel_has_no_variance(backend: Backend) -> None:
    got = "got (1, 3); choose a batch_size that leaves no single sample over"
    sentence = f"BatchNorm1d.forward: expected more than 1 value per channel when training, {got}"
    one = backend.put(np.ones((1, 3)), "float32")
    net = Network(BatchNorm1d(3), device=backend.device)
    with pytest.raises(ValueError, match=whole(sentence)):
        net.forward(one, training=True)
    assert net.state_dict()["num_batches_tracked"] == 0
    net.forward(one)
    with pytest.raises(ValueError, match=whole(sentence)):
        Network(BatchNorm1d(3, track_running_stats=False), device=backend.device).forward(one)
    sentence = "InstanceNorm1d.forward: expected more than 1 spatial element when training, got (2, 3, 1)"
    with pytest.raises(ValueError, match=whole(sentence)):
        Network(InstanceNorm1d(3), device=backend.device).forward(backend.put(np.ones((2, 3, 1)), "float32"))
