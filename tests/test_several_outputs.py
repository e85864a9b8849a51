"""Losses made of losses, losses of several outputs, and networks that have them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nnxp import (
    SGD,
    Adam,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    CTCLoss,
    GaussianNLLLoss,
    Graph,
    Layer,
    Linear,
    LogSoftmax,
    MarginRankingLoss,
    MSELoss,
    Network,
    PerOutput,
    Sequential,
    Softplus,
    Tanh,
    TripletMarginLoss,
    WeightedSum,
    check_gradients,
)
from nnxp import losses as rooms
from nnxp.metrics import Accuracy, OnOutput
from tests.backends import Backend, assert_close
from tests.loss_cases import LOSS_CASES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)).astype(np.float32)
LABELS = RNG.integers(0, 3, 30)
PLACES = RNG.normal(size=(30, 2)).astype(np.float32)
WEIGHT = RNG.uniform(0.1, 2.0, 30).astype(np.float32)
TWO_HEADS = Graph(
    inputs=("x",),
    nodes=(("h", Sequential(Linear(4, 6), Tanh()), "x"), ("a", Linear(6, 3), "h"), ("b", Linear(6, 2), "h")),
    outputs=("a", "b"),
)
BOTH = PerOutput((CrossEntropyLoss(), MSELoss()), (1.0, 0.25))


def heads(device: Any = "cpu", dtype: str = "float64") -> Network:
    return Network(TWO_HEADS, device=device, dtype=dtype, seed=0)


@dataclass(frozen=True)
class TimeFirst(Layer):
    """Puts time before the batch, as CTC has it."""

    def forward(self, p: Any, x: Any, mode: Any) -> Any:
        return np.swapaxes(x, 0, 1), None

    def backward(self, p: Any, g: Any, cache: Any, dy: Any) -> Any:
        return np.swapaxes(dy, 0, 1)


def siamese(branches: int, outputs: int = 3) -> Graph:
    names = tuple(f"x{i}" for i in range(branches))
    nodes = [("y0", Linear(4, outputs), "x0"), *((f"y{i}", "y0", f"x{i}") for i in range(1, branches))]
    return Graph(inputs=names, nodes=tuple(nodes), outputs=tuple(f"y{i}" for i in range(branches)))


def train(net: Network, x: Any, y: Any, loss: Any, **options: Any) -> Any:
    settings: dict[str, Any] = {"optimizer": SGD(lr=0.1), "epochs": 2, "batch_size": 8, "verbose": False}
    return net.fit(x, y, loss=loss, **{**settings, **options})


def sentence(text: str) -> str:
    return f"^{re.escape(text)}$"


# -- a loss for each output --------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_two_heads_train_as_in_the_open(backend: Backend, weight: Any) -> None:
    net, other = heads(backend.device), heads(backend.device)
    train(net, X, (LABELS, PLACES), BOTH, epochs=2, batch_size=30, shuffle=False, sample_weight=weight)
    x, labels, places = other.device.put(X, "float64"), other.device.put(LABELS), other.device.put(PLACES, "float64")
    w = None if weight is None else other.device.put(weight, "float64")
    for _ in range(2):
        (a, b), cache = other.forward(x, training=True)
        _, da = CrossEntropyLoss()(a, labels, w)
        _, db = MSELoss()(b, places, w)
        other.backward(cache, (da, db * 0.25))
        SGD(lr=0.1).update(other)
    assert_close(backend.get(net.theta), backend.get(other.theta))


def test_the_history_has_a_column_for_each_part() -> None:
    net = heads()
    loss = PerOutput(BOTH.losses, (1.0, 0.25), names=("class", "place"))
    history = train(net, X, (LABELS, PLACES), loss, validation=0.2)
    assert list(history)[1:7] == [
        "loss", "val_loss", "class_loss", "val_class_loss", "place_loss", "val_place_loss",
    ]  # fmt: skip
    for prefix in ("", "val_"):
        total = np.array(history[f"{prefix}class_loss"]) + 0.25 * np.array(history[f"{prefix}place_loss"])
        np.testing.assert_allclose(history[f"{prefix}loss"], total, rtol=1e-12)


def test_evaluation_is_exact_part_by_part() -> None:
    net, some = heads(), np.where(np.arange(30) % 4 == 0, -100, LABELS)
    found = net.evaluate(X, (some, PLACES), loss=BOTH, batch_size=7, sample_weight=WEIGHT)
    a, b = net.predict(X)
    labels, places = (float(part[0]) for part in (
        CrossEntropyLoss()(a, some, WEIGHT), MSELoss()(b, PLACES.astype(float), WEIGHT)
    ))  # fmt: skip
    assert list(found) == ["loss", "output0_loss", "output1_loss"]
    np.testing.assert_allclose(list(found.values()), [labels + 0.25 * places, labels, places], rtol=1e-12)


def test_an_output_may_go_without_a_loss() -> None:
    net = heads()
    before = net.state_dict()
    history = train(net, X, (PLACES,), PerOutput((None, MSELoss())))
    assert list(history)[1:3] == ["loss", "output1_loss"]
    np.testing.assert_array_equal(net.parameters["a.weight"], before["a.weight"])
    assert (net.parameters["b.weight"] != before["b.weight"]).any()


def test_gradients_through_two_heads_are_right() -> None:
    assert check_gradients(heads(), X[:4], (LABELS[:4], PLACES[:4].astype(float)), BOTH)


def test_batches_together_are_one_large_batch_for_two_heads() -> None:
    one, several = heads(), heads()
    whole = train(one, X, (LABELS, PLACES), BOTH, batch_size=8, sample_weight=WEIGHT)
    parts = train(several, X, (LABELS, PLACES), BOTH, batch_size=2, accumulate=4, sample_weight=WEIGHT)
    assert_close(several.theta, one.theta)
    assert_close(parts["loss"], whole["loss"])


def test_iterables_yield_tuples_of_targets() -> None:
    net, other = heads(), heads()
    batches = [(X[i : i + 8], (LABELS[i : i + 8], PLACES[i : i + 8])) for i in range(0, 30, 8)]
    train(net, batches, None, BOTH)
    train(other, X, (LABELS, PLACES), BOTH, shuffle=False)
    np.testing.assert_array_equal(net.theta, other.theta)


def test_metrics_say_which_output() -> None:
    net = heads()
    metrics = [OnOutput(0, "accuracy"), OnOutput(1, "mse"), OnOutput(0, Accuracy(), target=0)]
    history = train(net, X, (LABELS, PLACES), BOTH, metrics=metrics[:2], validation=0.2)
    assert {"output0_accuracy", "val_output0_accuracy", "output1_mse", "val_output1_mse"} <= set(history)
    found = net.evaluate(X, (LABELS, PLACES), metrics=metrics)
    outputs = net.predict(X)
    assert found["output0_accuracy"] == np.mean(outputs[0].argmax(axis=1) == LABELS)
    assert found["output0_accuracy"] == OnOutput(0, "accuracy")(outputs, (LABELS, PLACES))
    np.testing.assert_allclose(found["output1_mse"], np.mean((outputs[1] - PLACES) ** 2), rtol=1e-6)


def test_logits_of_a_part_decide_at_zero() -> None:
    model = Graph(inputs=("x",), nodes=(("a", Linear(4, 3), "x"), ("b", Linear(4, 1), "x")), outputs=("a", "b"))
    net, yes = Network(model, seed=0), (PLACES[:, :1] > 0).astype(np.float32)
    loss = PerOutput((CrossEntropyLoss(), BCEWithLogitsLoss()))
    found = net.evaluate(X, (LABELS, yes), loss=loss, metrics=[OnOutput(1, "accuracy")])
    logits = net.predict(X)[1]
    assert ((logits > 0) != (logits > 0.5)).any()
    assert found["output1_accuracy"] == np.mean((logits > 0) == (yes > 0))


# -- losses of several outputs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "branches", "y"),
    [
        (TripletMarginLoss(), 3, ()),
        (CosineEmbeddingLoss(0.2), 2, np.where(LABELS == 0, -1.0, 1.0)),
        (MarginRankingLoss(0.5), 2, np.where(PLACES[:, :1] > 0, -1.0, 1.0) * np.ones((1, 3))),
    ],
    ids=["triplet", "cosine", "ranking"],
)
def test_a_loss_of_several_outputs_trains(backend: Backend, loss: Any, branches: int, y: Any) -> None:
    inputs = tuple(RNG.normal(size=(30, 4)).astype(np.float32) for _ in range(branches))
    net = Network(siamese(branches), device=backend.device, seed=0)
    history = train(net, inputs, y, loss, epochs=15, validation=(inputs, y), optimizer=Adam(lr=0.02))
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    outputs = tuple(part.astype(np.float32) for part in net.predict(inputs))
    targets = () if isinstance(y, tuple) else (y.astype(np.float32),)
    value, _ = loss(*outputs, *targets)
    np.testing.assert_allclose(net.evaluate(inputs, y, batch_size=7)["loss"], float(value), rtol=1e-5)


def test_a_mean_and_its_variance_are_two_outputs() -> None:
    model = Graph(
        inputs=("x",),
        nodes=(("mean", Linear(4, 2), "x"), ("v", Sequential(Linear(4, 2), Softplus()), "x")),
        outputs=("mean", "v"),
    )
    net = Network(model, seed=0)
    history = train(net, X, PLACES, GaussianNLLLoss(), epochs=10, metrics=[OnOutput(0, "mse")])
    assert history["loss"][-1] < history["loss"][0]


def test_labels_with_their_lengths_are_three_targets() -> None:
    x = RNG.normal(size=(6, 5, 4)).astype(np.float32)
    model = Sequential(Linear(4, 3), LogSoftmax(-1), TimeFirst())
    y = (np.array([[1, 2]] * 6), np.full(6, 5), np.array([2, 1, 2, 1, 2, 1]))
    net = Network(model, seed=0)
    history = train(net, x, y, CTCLoss(), epochs=20, batch_size=3, optimizer=Adam(lr=0.05))
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def test_what_a_loss_says_of_its_arrays_is_so() -> None:
    for case in LOSS_CASES:
        assert case.loss.outputs == case.at
        assert sorted(case.loss.outputs + case.loss.targets) == list(range(len(case.arrays)))


# -- sums of losses ----------------------------------------------------------------------------------------


def test_a_weighted_sum_trains_and_shows_its_parts() -> None:
    net = Network(Linear(4, 2), dtype="float64", seed=0)
    loss = WeightedSum((MSELoss(), rooms.L1Loss(), rooms.L1Loss()), (1.0, 0.5, 0.0))
    history = train(net, X, PLACES, loss, validation=0.2)
    assert [c for c in history if c.endswith("loss") and not c.startswith("val_")] == [
        "loss", "mse_loss", "l10_loss", "l11_loss",
    ]  # fmt: skip
    np.testing.assert_allclose(
        history["loss"], np.array(history["mse_loss"]) + 0.5 * np.array(history["l10_loss"]), rtol=1e-12
    )


def test_a_sum_implies_the_probabilities_that_its_parts_agree_on() -> None:
    assert WeightedSum((CrossEntropyLoss(), rooms.MultiMarginLoss())).probabilities == "softmax"
    assert WeightedSum((MSELoss(), BCEWithLogitsLoss())).probabilities == "sigmoid"
    assert WeightedSum((CrossEntropyLoss(), BCEWithLogitsLoss())).probabilities is None
    assert WeightedSum((CrossEntropyLoss(),)).accepts_indices


def test_sums_nest_and_take_losses_of_several_outputs() -> None:
    net = Network(siamese(2), seed=0)
    target = np.where(LABELS == 0, -1.0, 1.0)
    loss = WeightedSum((CosineEmbeddingLoss(), CosineEmbeddingLoss(0.5)), (1.0, 2.0))
    history = train(net, (X, X[::-1].copy()), target, loss, epochs=1, batch_size=30)
    a, b = (RNG.normal(size=(5, 3)) for _ in range(2))
    value, (da, db) = loss((a, b), target[:5])
    one, two = CosineEmbeddingLoss()(a, b, target[:5]), CosineEmbeddingLoss(0.5)(a, b, target[:5])
    np.testing.assert_allclose(value, one[0] + 2 * two[0])
    np.testing.assert_allclose(da, one[1][0] + 2 * two[1][0])
    np.testing.assert_allclose(db, one[1][1] + 2 * two[1][1])
    assert "cosine_embedding0_loss" in history
    inner = PerOutput((WeightedSum((MSELoss(), rooms.L1Loss())), None))
    assert inner((a, b), (b,))[0] == MSELoss()(a, b)[0] + rooms.L1Loss()(a, b)[0]


def pytorch_loss(torch: Any, a: Any, b: Any) -> Any:
    return torch.nn.CrossEntropyLoss()(a, torch.tensor(LABELS)) + 0.25 * torch.nn.MSELoss()(b, torch.tensor(PLACES))


def test_two_heads_equal_pytorch() -> None:
    torch = pytest.importorskip("torch")
    net = heads(dtype="float32")
    tensors = {name: torch.tensor(np.array(value), requires_grad=True) for name, value in net.state_dict().items()}
    x = torch.tensor(X)
    h = torch.tanh(x @ tensors["h.0.weight"].T + tensors["h.0.bias"])
    a, b = (h @ tensors[f"{n}.weight"].T + tensors[f"{n}.bias"] for n in "ab")
    value = pytorch_loss(torch, a, b)
    value.backward()
    y, cache = net.forward(X, training=True)
    ours, dy = BOTH(y, (LABELS, PLACES))
    net.backward(cache, dy)
    np.testing.assert_allclose(ours, value.detach(), rtol=1e-6)
    for name, tensor in tensors.items():
        assert_close(net.gradients[name], tensor.grad, "float32")


# -- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: WeightedSum(()), ValueError, "WeightedSum: expected a tuple of losses, and at least one, got ()"),
        (
            lambda: PerOutput((None,)),
            ValueError,
            "PerOutput: expected a tuple of losses, and at least one, got (None,)",
        ),
        (
            lambda: WeightedSum((MSELoss,)),
            TypeError,
            "WeightedSum: expected every part to be a loss such as MSELoss(), got MSELoss; call it: MSELoss()",
        ),
        (
            lambda: WeightedSum((MSELoss(), None)),
            TypeError,
            "WeightedSum: expected every part to be a loss such as MSELoss(), got None",
        ),
        (
            lambda: WeightedSum((MSELoss(),), (1.0, 2.0)),
            ValueError,
            "WeightedSum: expected 1 weights, one for each loss, got (1.0, 2.0)",
        ),
        (
            lambda: WeightedSum((MSELoss(),), names=("a", "b")),
            ValueError,
            "WeightedSum: expected 1 names, one for each loss, got ('a', 'b')",
        ),
        (
            lambda: WeightedSum((MSELoss(), MSELoss(reduction="sum"))),
            ValueError,
            "WeightedSum: expected losses that are all means, or all sums, got mean, sum",
        ),
        (
            lambda: PerOutput((MSELoss(reduction="none"),)),
            ValueError,
            "PerOutput: expected losses that are all means, or all sums, got none",
        ),
        (
            lambda: WeightedSum((MSELoss(),), (float("nan"),)),
            ValueError,
            "WeightedSum: expected every weight in (-inf, inf), got nan",
        ),
        (
            lambda: train(heads(), X, LABELS, BOTH),
            ValueError,
            "PerOutput: expected a tuple of 2 targets, one for each loss, got an array",
        ),
        (
            lambda: train(heads(), X, (LABELS,), BOTH),
            ValueError,
            "PerOutput: expected a tuple of 2 targets, one for each loss, got 1",
        ),
        (
            lambda: train(Network(Linear(4, 3)), X, (LABELS, PLACES), BOTH),
            ValueError,
            "PerOutput: expected 2 outputs, one for each loss, got one",
        ),
        (
            lambda: train(heads(), X, X[:, :3], MSELoss()),
            TypeError,
            "MSELoss: expected output to be one array, got 2 of them; PerOutput((loss, None)) judges the first",
        ),
        (
            lambda: train(heads(), X, LABELS, TripletMarginLoss()),
            ValueError,
            "TripletMarginLoss: expected as many outputs as it takes, 3, got 2",
        ),
        (
            lambda: train(Network(siamese(3)), (X, X, X), LABELS, TripletMarginLoss()),
            ValueError,
            "TripletMarginLoss: expected as many targets as it takes, 0, got 1",
        ),
        (
            lambda: train(heads(), X, (LABELS, PLACES), (CrossEntropyLoss(), MSELoss())),
            TypeError,
            "fit: expected one loss, got a tuple; of several outputs: PerOutput((CrossEntropyLoss(), MSELoss()))",
        ),
        (
            lambda: train(heads(), X, (LABELS, PLACES), BOTH, metrics=["accuracy"]),
            TypeError,
            "fit: expected metrics of several outputs to say which, got 'accuracy'; OnOutput(0, 'accuracy')",
        ),
        (
            lambda: train(heads(), X, (LABELS, PLACES), BOTH, metrics=[OnOutput(2, "mse")]),
            ValueError,
            "PerOutput: expected one of the outputs 0 to 1, got 2",
        ),
        (
            lambda: train(heads(), X, (LABELS, PLACES), BOTH, class_weight="balanced"),
            ValueError,
            "fit: expected class_weight=None with several targets, got 'balanced'; give sample_weight",
        ),
        (
            lambda: train(heads(), X, (LABELS, PLACES[:5]), BOTH),
            ValueError,
            "fit: expected x, y and sample_weight of one length, got 30, 30, 5",
        ),
        (
            lambda: train(heads(), X, (LABELS + 9, PLACES), BOTH),
            ValueError,
            "CrossEntropyLoss: expected labels in [0, 2], got 11",
        ),
        (
            lambda: Network(Linear(4, 3)).evaluate(X, LABELS, metrics=[OnOutput(0, "accuracy")]),
            TypeError,
            "OnOutput: expected a network of several outputs, got one output",
        ),
        (
            lambda: OnOutput(-1, "mse"),
            ValueError,
            "OnOutput: expected output to be a whole number of at least 0, got -1",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(make: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=sentence(text)):
        make()
