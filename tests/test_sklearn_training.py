"""How the estimators' training begins, ends, and goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_blobs, make_multilabel_classification, make_regression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import scale

from nnxp import SGD, Adam, Callback
from nnxp.sklearn import NNClassifier, NNRegressor
from nnxp.sklearn.samples import Samples, hold_out

Host = np.ndarray[Any, Any]


def classes() -> tuple[Host, Host]:
    x, y = make_blobs(200, centers=4, cluster_std=3.0, random_state=1)
    return scale(x), np.array(["east", "north", "south", "west"])[y]


def numbers() -> tuple[Host, Host]:
    x, y = make_regression(200, n_features=5, noise=20.0, random_state=0)
    return x, scale(y)


class Weights(Callback):
    """Keeps theta after every epoch."""

    def __init__(self) -> None:
        self.thetas: list[Host] = []

    def on_epoch_end(self, run: Any) -> None:
        self.thetas.append(run.net.theta.copy())


# -- early stopping -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [NNClassifier, NNRegressor])
def test_what_is_held_out_ends_the_run_and_the_best_weights_come_back(kind: Any) -> None:
    x, y = classes() if kind is NNClassifier else numbers()
    weights = Weights()
    model = kind(
        (64,), optimizer=Adam(lr=0.03), early_stopping=True, validation_fraction=0.25, n_iter_no_change=4, tol=0.0,
        callbacks=[weights], random_state=0,
    ).fit(x, y)  # fmt: skip
    best = int(np.argmin(model.validation_loss_curve_))
    assert model.n_iter_ == best + 1 + 4 < 200
    assert len(model.loss_curve_) == len(model.validation_loss_curve_) == len(model.validation_scores_) == model.n_iter_
    assert np.array_equal(model.network_.theta, weights.thetas[best])


@pytest.mark.parametrize("kind", [NNClassifier, NNRegressor])
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_the_samples_held_out(kind: Any, weighted: bool) -> None:
    x, y = classes() if kind is NNClassifier else numbers()
    weight = np.linspace(1, 2, 200) if weighted else None
    model = kind(early_stopping=True, max_iter=3, tol=0.0, random_state=0).fit(x, y, sample_weight=weight)
    strata = y if kind is NNClassifier else None
    _, held_out = hold_out("here", Samples(x, y, y, weight), 0.1, strata, model.network_.seed)
    score = accuracy_score if kind is NNClassifier else r2_score
    best = int(np.argmin(model.validation_loss_curve_))
    expected = score(held_out.y, model.predict(held_out.x), sample_weight=held_out.weight)
    assert model.validation_scores_[best] == pytest.approx(expected, rel=1e-12)
    assert len(held_out.y) == 20
    if kind is NNClassifier:
        assert list(np.unique(held_out.y, return_counts=True)[1]) == [5, 5, 5, 5]


def test_scores_of_several_labels_count_the_samples_that_are_right_altogether() -> None:
    x, y = make_multilabel_classification(200, n_features=6, n_classes=4, random_state=0)
    model = NNClassifier(optimizer=Adam(lr=0.01), early_stopping=True, max_iter=30, random_state=0).fit(x, y)
    _, held_out = hold_out("here", Samples(x, y, y), 0.1, None, model.network_.seed)
    score = model.score(held_out.x, held_out.y)
    assert 0.0 < score == model.validation_scores_[np.argmin(model.validation_loss_curve_)] < 1.0


def test_held_out_samples_are_not_trained_on() -> None:
    x, y = numbers()
    settings = {"early_stopping": True, "max_iter": 2, "tol": 0.0, "random_state": 0}
    theta = NNRegressor(**settings).fit(x, y).network_.theta
    model = NNRegressor(**settings)
    _, held_out = hold_out(
        "here",
        Samples(np.arange(200), y, y),
        0.1,
        None,
        NNRegressor(max_iter=1, random_state=0).fit(x, y).network_.seed,
    )
    spoiled = y.copy()
    spoiled[held_out.x] += 0.01
    assert np.array_equal(model.fit(x, spoiled).network_.theta, theta)


def test_a_class_too_small_to_be_held_out_in_proportion_is_no_obstacle() -> None:
    x, y = classes()
    y = y.astype("<U7")
    y[0] = "nowhere"
    model = NNClassifier(early_stopping=True, max_iter=2, random_state=0).fit(x, y)
    assert list(model.classes_) == ["east", "north", "nowhere", "south", "west"]


def test_the_training_loss_ends_a_run_that_holds_nothing_out() -> None:
    x, y = classes()
    weights = Weights()
    model = NNClassifier(n_iter_no_change=3, tol=100.0, callbacks=[weights], random_state=0).fit(x, y)
    assert model.n_iter_ == 4
    assert model.validation_scores_ is model.validation_loss_curve_ is None
    # The last weights stay, though by that measure the first were the best.
    assert np.array_equal(model.network_.theta, weights.thetas[-1])
    assert NNClassifier(optimizer=SGD(lr=0.0), tol=None, max_iter=30, random_state=0).fit(x, y).n_iter_ == 30


# -- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_warm_start_goes_on_bit_for_bit(dropout: float) -> None:
    x, y = classes()
    settings = {"dropout": dropout, "batch_size": 32, "tol": None, "random_state": 0}
    whole = NNClassifier(max_iter=6, **settings).fit(x, y)
    halves = NNClassifier(max_iter=3, warm_start=True, **settings).fit(x, y).fit(x, y)
    assert np.array_equal(whole.network_.theta, halves.network_.theta)
    assert whole.loss_curve_ == halves.loss_curve_
    assert halves.n_iter_ == 6
    cold = NNClassifier(max_iter=3, **settings).fit(x, y).fit(x, y)
    assert cold.n_iter_ == len(cold.loss_curve_) == 3


@pytest.mark.parametrize("kind", [NNClassifier, NNRegressor])
def test_partial_fits_are_epochs(kind: Any) -> None:
    x, y = classes() if kind is NNClassifier else numbers()
    settings = {"batch_size": 32, "tol": None, "random_state": 0}
    whole = kind(max_iter=4, **settings).fit(x, y)
    parts = kind(**settings)
    for _ in range(4):
        parts.partial_fit(x, y, **({"classes": np.unique(y)} if kind is NNClassifier else {}))
    assert np.array_equal(whole.network_.theta, parts.network_.theta)
    assert parts.n_iter_ == len(parts.loss_curve_) == 4


def test_partial_fits_may_see_few_classes_at_a_time() -> None:
    x, y = classes()
    model = NNClassifier(optimizer=Adam(lr=0.02), random_state=0)
    for _ in range(40):
        for name in np.unique(y):
            model.partial_fit(x[y == name], y[y == name], classes=np.unique(y))
    assert model.score(x, y) > 0.5
    assert list(model.classes_) == ["east", "north", "south", "west"]


def test_what_was_held_out_before_stays_on_record() -> None:
    x, y = classes()
    model = NNClassifier(early_stopping=True, max_iter=3, warm_start=True, random_state=0).fit(x, y).fit(x, y)
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == len(model.loss_curve_) == 6
    model.partial_fit(x, y)
    assert len(model.validation_loss_curve_) == 6
    assert model.n_iter_ == len(model.loss_curve_) == 7


def test_weights_of_some_classes_hold_for_parts_of_the_data_too() -> None:
    x, y = classes()
    weights = {"east": 2.0, "north": 3.0}
    part = y != "north"
    told = NNClassifier((8,), random_state=0, class_weight=weights)
    told.partial_fit(x[part], y[part], classes=np.unique(y))
    same = NNClassifier((8,), random_state=0)
    same.partial_fit(x[part], y[part], np.unique(y), np.where(y[part] == "east", 2.0, 1.0))
    np.testing.assert_array_equal(told.predict_proba(x), same.predict_proba(x))
    with pytest.raises(ValueError, match="not in class_weight"):
        NNClassifier((8,), class_weight={"eats": 2.0}).fit(x, y)
