"""Augmentations in training: where they are applied and where not, the same on every device, and in resumed runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import Adam, Callback, CrossEntropyLoss, Dropout, Flatten, Linear, MSELoss, Network, ReLU, Sequential
from nnxp.augmentations import (
    Augmentation,
    GaussianNoise,
    Mixup,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomShift,
)
from nnxp.datasets import digits
from nnxp.training import Run
from tests.backends import Backend, assert_close

X, Y = (part[:48] for part in digits(test=0)[:2])
X = X.reshape(-1, 1, 8, 8)
ALL = [
    RandomShift(1),
    RandomFlip(),
    RandomCrop(8, padding=1),
    RandomRotation(15.0),
    RandomErasing(),
    GaussianNoise(0.05),
    Mixup(0.4, num_classes=10),
]


def network(device: Any = "cpu") -> Network:
    return Network(Sequential(Flatten(), Linear(64, 16), ReLU(), Dropout(0.2), Linear(16, 10)), device=device, seed=3)


def train(net: Network, augment: Any = ALL, epochs: int = 3, x: Any = X, y: Any = Y, **options: Any) -> Any:
    settings = {"loss": CrossEntropyLoss(), "optimizer": Adam(lr=0.01), "batch_size": 16, "verbose": False}
    return net.fit(x, y, epochs=epochs, augment=augment, **(settings | options))


@dataclass(frozen=True)
class Plus(Augmentation):
    """Adds a number, and writes down what it was given."""

    number: float = 1.0
    given: Any = None

    def change(self, x: Any, random: Any) -> Any:
        if self.given is not None:
            self.given.append((random.draw.seed, random.draw.step, random.layer))
        return x + self.number


class Batches(Callback):
    """Keeps what is trained on."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_step(self, run: Run) -> None:
        assert run.batch is not None
        self.seen.append(
            [None if part is None else run.net.device.get(part) for part in (run.batch[0][0], *run.batch[1:])]
        )


def test_batches_are_changed_in_order_and_the_data_are_not() -> None:
    x, seen = X.copy(), Batches()
    train(network(), [Plus(1.0), RandomFlip(p=1.0), Plus(2.0)], epochs=1, x=x, shuffle=False, callbacks=[seen])
    assert np.array_equal(x, X)
    assert np.array_equal(np.concatenate([batch[0] for batch in seen.seen]), X[..., ::-1] + 3)
    assert np.concatenate([batch[1] for batch in seen.seen]).tolist() == Y.tolist()


def test_nothing_is_changed_but_what_is_trained_on() -> None:
    net, given = network(), []
    history = train(net, [Plus(100.0, given)], epochs=1, validation=(X, Y))
    assert len(given) == 3
    assert history["val_loss"][0] == pytest.approx(net.evaluate(X, Y)["loss"], rel=1e-6)
    net.predict(X)
    assert len(given) == 3


def test_every_step_and_every_augmentation_has_its_own_noise() -> None:
    net, first, second = network(), [], []
    train(net, [Plus(0.0, first), Plus(0.0, second)], epochs=2)
    assert first == [(3, step, 2**31) for step in range(6)]
    assert second == [(3, step, 2**31 + 1) for step in range(6)]


def test_several_batches_of_an_update_have_their_own_noise() -> None:
    given: list[Any] = []
    train(network(), [Plus(0.0, given)], epochs=1, accumulate=2)
    assert len(set(given)) == 3
    assert [step for _, step, _ in given[::2]] == [0, 1]


def test_the_same_noise_is_drawn_on_every_device(backend: Backend) -> None:
    net, due = network(backend.device), network()
    train(net, ALL, epochs=2)
    train(due, ALL, epochs=2)
    # Adam divides by small numbers: a rounding here is more than one there.
    assert_close(net.device.get(net.theta), due.theta, "float32", rtol=2e-4, atol=2e-4)


def test_two_runs_of_one_seed_are_one() -> None:
    nets = [network() for _ in range(2)]
    for net in nets:
        train(net)
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()
    plain = network()
    train(plain, [])
    assert plain.theta.tobytes() != nets[0].theta.tobytes()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_that_was_resumed_is_the_run(tmp_path: Path, accumulate: int) -> None:
    whole, first, second = network(), network(), network()
    train(whole, epochs=4, accumulate=accumulate)
    train(first, epochs=2, accumulate=accumulate, checkpoint=tmp_path)
    train(second, epochs=4, accumulate=accumulate, checkpoint=tmp_path, resume=True)
    assert second.theta.tobytes() == whole.theta.tobytes()


class StopAt(Callback):
    """Ends a run in the midst of an epoch."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, run: Run) -> None:
        if run.net.step == self.step:
            run.stop("far enough")


@pytest.mark.parametrize("step", [1, 4, 5])
def test_a_run_that_was_resumed_in_the_midst_of_an_epoch_is_the_run(tmp_path: Path, step: int) -> None:
    whole, first, second = network(), network(), network()
    train(whole)
    train(first, callbacks=[StopAt(step)], checkpoint=tmp_path)
    assert first.step == step
    train(second, checkpoint=tmp_path, resume=True)
    assert second.theta.tobytes() == whole.theta.tobytes()


def test_a_run_is_not_resumed_with_other_augmentations(tmp_path: Path) -> None:
    train(network(), epochs=1, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="augment"):
        train(network(), ALL[:-1], epochs=2, checkpoint=tmp_path, resume=True)


def test_weights_go_with_their_samples() -> None:
    seen = Batches()
    weight = np.arange(48, dtype=np.float32)
    train(network(), ALL[:-1], epochs=1, sample_weight=weight, shuffle=False, callbacks=[seen])
    assert np.concatenate([batch[2] for batch in seen.seen]).tolist() == weight.tolist()


def test_mixed_labels_are_learned_and_measured() -> None:
    history = train(network(), [Mixup(0.2, num_classes=10)], epochs=40, metrics=["accuracy"], class_weight="balanced")
    assert history["accuracy"][-1] > 0.6
    assert history["accuracy"][-1] > history["accuracy"][0] + 0.3


def test_mixed_numbers_are_learned() -> None:
    net = Network(Linear(2, 1), seed=0)
    x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    y = x @ np.array([[2.0], [-1.0]], dtype=np.float32) + 0.5
    net.fit(x, y, loss=MSELoss(), optimizer=Adam(lr=0.05), epochs=100, augment=[Mixup(1.0)], verbose=False)
    assert_close(net.predict(x), y, atol=0.02)


def test_iterables_of_batches_are_augmented_too() -> None:
    given: list[Any] = []
    train(network(), [Plus(0.0, given)], epochs=1, x=[(X[:16], Y[:16]), (X[16:], Y[16:])], y=None)
    assert len(given) == 2


@pytest.mark.parametrize(
    ("augment", "sentence"),
    [
        (RandomShift(1), "augment to be a list of augmentations, got RandomShift; put one into a list"),
        (RandomShift, "augment to be a list of augmentations, got RandomShift"),
        (3, "augment to be a list of augmentations, got int"),
        ([RandomShift], "every entry of augment to be an Augmentation, got RandomShift; call it: RandomShift()"),
        (["shift"], "every entry of augment to be an Augmentation, got str"),
        ([lambda x: x], "every entry of augment to be an Augmentation, got function"),
    ],
)
def test_what_is_no_augmentation_is_refused(augment: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(f'fit: expected {sentence}')}$"):
        train(network(), augment)


def test_several_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="^fit: expected one input with augment, got 2 inputs$"):
        train(network(), x=(X, X))
