"""Initializers: every one against its formula, and against PyTorch's rules."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnxp import initializers as init
from nnxp.layers import Linear, Sequential
from nnxp.network import Network

SHAPE = (300, 200)  # fan_out, fan_in

# initializer -> standard deviation over (300, 200), and the bound of uniform ones in standard deviations
SPREADS: list[tuple[init.Initializer, float, float | None]] = [
    (init.normal(0.3), 0.3, None),
    (init.uniform(-0.6, 0.6), 0.6 / math.sqrt(3), math.sqrt(3)),
    (init.kaiming_uniform(), math.sqrt(2 / 200), math.sqrt(3)),
    (init.kaiming_uniform(math.sqrt(5)), math.sqrt(2 / 6 / 200), math.sqrt(3)),
    (init.kaiming_uniform(mode="fan_out"), math.sqrt(2 / 300), math.sqrt(3)),
    (init.kaiming_normal(), math.sqrt(2 / 200), None),
    (init.kaiming_normal(nonlinearity="tanh"), 5 / 3 / math.sqrt(200), None),
    (init.kaiming_normal(mode="fan_out", nonlinearity="linear"), 1 / math.sqrt(300), None),
    (init.xavier_uniform(), math.sqrt(2 / 500), math.sqrt(3)),
    (init.xavier_uniform(2.0), 2 * math.sqrt(2 / 500), math.sqrt(3)),
    (init.xavier_normal(), math.sqrt(2 / 500), None),
    (init.lecun_uniform(), 1 / math.sqrt(200), math.sqrt(3)),
    (init.lecun_normal(), 1 / math.sqrt(200), None),
]


def draw(initializer: init.Initializer, shape: tuple[int, ...] = SHAPE) -> Any:
    return initializer(np.random.default_rng(0), shape)


@pytest.mark.parametrize(("initializer", "std", "bound"), SPREADS, ids=repr)
def test_mean_spread_and_bounds_are_those_of_the_formula(
    initializer: init.Initializer, std: float, bound: float | None
) -> None:
    values = draw(initializer) / std
    assert values.dtype == "float64"
    assert abs(values.mean()) < 4 / math.sqrt(values.size)
    assert math.isclose(values.std(), 1.0, rel_tol=0.015)
    if bound is None:
        assert np.abs(values).max() > 3.5  # normal tails
    else:
        assert 0.999 * bound < np.abs(values).max() <= bound


def test_constants_are_what_they_say() -> None:
    assert (draw(init.zeros(), (2, 3)) == 0).all()
    assert (draw(init.ones(), (3,)) == 1).all()
    assert (draw(init.constant(0.25), (2, 3)) == 0.25).all()
    assert draw(init.constant(2)).dtype == "float64"
    assert abs(draw(init.normal(0.1, mean=3.0)).mean() - 3.0) < 0.01
    assert draw(init.uniform(2.0, 2.5)).min() >= 2.0


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (4, 2, 3)])
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_orthogonal_rows_or_columns_are_orthonormal(shape: tuple[int, ...], gain: float) -> None:
    values = draw(init.orthogonal(gain), shape)
    assert values.shape == shape
    matrix = values.reshape(shape[0], -1) / gain
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_orthogonal_draws_have_no_preferred_sign() -> None:
    corners = [init.orthogonal()(np.random.default_rng(seed), (3, 3))[0, 0] for seed in range(400)]
    assert abs(np.mean(np.sign(corners))) < 0.2


@pytest.mark.parametrize(
    ("nonlinearity", "slope"),
    [
        ("linear", 0.01),
        ("conv", 0.01),
        ("sigmoid", 0.01),
        ("tanh", 0.01),
        ("relu", 0.01),
        ("selu", 0.01),
        ("leaky_relu", 0.3),
    ],
)
def test_gains_are_those_of_pytorch(nonlinearity: str, slope: float) -> None:
    torch = pytest.importorskip("torch")
    theirs = "conv2d" if nonlinearity == "conv" else nonlinearity
    expected = torch.nn.init.calculate_gain(theirs, slope if nonlinearity == "leaky_relu" else None)
    assert math.isclose(init.calculate_gain(nonlinearity, slope), expected)
    assert math.isclose(init.calculate_gain("leaky_relu"), torch.nn.init.calculate_gain("leaky_relu"))


PAIRS: list[tuple[init.Initializer, str, dict[str, Any]]] = [
    (init.kaiming_uniform(), "kaiming_uniform_", {}),
    (init.kaiming_uniform(0.5, "fan_out"), "kaiming_uniform_", {"a": 0.5, "mode": "fan_out"}),
    (init.kaiming_normal(nonlinearity="relu"), "kaiming_normal_", {"nonlinearity": "relu"}),
    (init.xavier_uniform(1.5), "xavier_uniform_", {"gain": 1.5}),
    (init.xavier_normal(), "xavier_normal_", {}),
]


@pytest.mark.parametrize(("initializer", "name", "arguments"), PAIRS, ids=repr)
@pytest.mark.parametrize("shape", [(300, 200), (40, 20, 5, 5)])
def test_fans_are_counted_as_pytorch_does(
    initializer: init.Initializer, name: str, arguments: dict[str, Any], shape: tuple[int, ...]
) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.empty(*shape), **arguments).numpy()
    ours = draw(initializer, shape)
    assert math.isclose(ours.std(), theirs.std(), rel_tol=0.03)
    if "uniform" in name:
        assert math.isclose(np.abs(ours).max(), np.abs(theirs).max(), rel_tol=0.01)


@pytest.mark.parametrize(
    "initializer", [i for i, *_ in SPREADS] + [init.zeros(), init.constant(2.0), init.orthogonal()], ids=repr
)
def test_repr_rebuilds_the_rule(initializer: init.Initializer) -> None:
    rebuilt = eval(repr(initializer), vars(init).copy())
    np.testing.assert_array_equal(draw(rebuilt, (5, 4)), draw(initializer, (5, 4)))


def test_pattern_chooses_what_it_fits_and_the_first_counts() -> None:
    model = Sequential(Linear(3, 2), Linear(2, 2))
    net = Network(model, seed=0, init={"0.weight": init.ones(), "*.weight": init.constant(5.0), "*.bias": init.zeros()})
    assert {name: np.unique(p).tolist() for name, p in net.parameters.items()} == {
        "0.weight": [1.0], "0.bias": [0.0], "1.weight": [5.0], "1.bias": [0.0],
    }  # fmt: skip


def test_what_no_pattern_fits_starts_as_ever() -> None:
    plain, other = Network(Linear(3, 2), seed=0), Network(Linear(3, 2), seed=0, init={"bias": init.zeros()})
    np.testing.assert_array_equal(plain.parameters["weight"], other.parameters["weight"])


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: init.normal(-1.0), "normal: expected std in [0, inf), got -1.0"),
    (lambda: init.uniform(1.0, 0.0), "uniform: expected low <= high, got (1.0, 0.0)"),
    (lambda: init.calculate_gain("softmax"),
     "calculate_gain: expected nonlinearity to be one of 'linear', 'conv', 'sigmoid', "
     "'tanh', 'relu', 'selu', 'leaky_relu', got 'softmax'"),
    (lambda: init.kaiming_normal(mode="fan"),
     "kaiming_normal(0.0, 'fan', 'leaky_relu'): expected mode to be one of "
     "'fan_in', 'fan_out', 'fan_mean', got 'fan'"),
    (lambda: draw(init.xavier_normal(), (3,)),
     "xavier_normal(1.0): expected a parameter of at least two axes, got (3,); "
     "use zeros() or uniform() for biases"),
    (lambda: draw(init.orthogonal(), (3,)),
     "orthogonal(1.0): expected a parameter of at least two axes, got (3,); "
     "use zeros() or uniform() for biases"),
    (lambda: Network(Linear(2, 1), init={"*.wieght": init.zeros()}),
     "Network: expected a pattern that fits one of weight, bias, got '*.wieght'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "sentence"), MISTAKES, ids=[sentence for _, sentence in MISTAKES])
def test_mistake_is_answered_by_one_sentence(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        make()
