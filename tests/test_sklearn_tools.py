"""The estimators in the hands of scikit-learn's tools: clones, pipelines, searches, copies and files."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nnxp import (
    Adam,
    BatchNorm1d,
    CosineAnnealingLR,
    CrossEntropyLoss,
    Dropout,
    Layer,
    Linear,
    ReLU,
    Sequential,
    StepLR,
)
from nnxp.sklearn import NNClassifier, NNRegressor

FULL = {
    "hidden_layer_sizes": (8, 4),
    "model": Sequential(Linear(4, 8), BatchNorm1d(8), ReLU(), Dropout(0.1), Linear(8, 3)),
    "loss": CrossEntropyLoss(weight=[1.0, 2.0, 3.0], label_smoothing=0.1),
    "optimizer": Adam(lr=StepLR(0.01, step_size=30)),
    "activation": ReLU(),
    "random_state": 0,
    "max_iter": 5,
}


def iris() -> tuple[Any, Any]:
    return load_iris(return_X_y=True)


# -- parameters -----------------------------------------------------------------------------------


def test_a_clone_has_equal_parameters_and_is_not_fitted() -> None:
    model = NNClassifier(**FULL)
    model.fit(*iris())
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "network_")
    assert np.array_equal(twin.fit(*iris()).network_.theta, model.network_.theta)


def test_parameters_within_parameters_are_seen_and_set() -> None:
    model = NNClassifier(**FULL)
    seen = model.get_params()
    assert seen["optimizer__lr"] == StepLR(0.01, step_size=30)
    assert seen["optimizer__lr__step_size"] == 30
    assert seen["loss__label_smoothing"] == 0.1
    model.set_params(optimizer__lr__step_size=7, loss__label_smoothing=0.2, optimizer__eps=1e-6)
    assert model.optimizer == Adam(lr=StepLR(0.01, step_size=7), eps=1e-6)
    assert model.loss == replace(FULL["loss"], label_smoothing=0.2)
    assert "optimizer__lr" not in model.get_params(deep=False)


def test_a_field_is_set_of_what_a_name_stands_for() -> None:
    model = NNClassifier(optimizer="adam").set_params(optimizer__lr=0.5)
    assert model.optimizer == Adam(lr=0.5)
    model.set_params(optimizer="sgd", optimizer__momentum=0.9)
    assert model.optimizer.momentum == 0.9


# -- tools ----------------------------------------------------------------------------------------


def test_a_search_in_a_pipeline_finds_the_better_rate() -> None:
    x, y = iris()
    names = load_iris().target_names[y]
    frame = pd.DataFrame(x, columns=load_iris().feature_names)
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"), NNClassifier((16,), max_iter=30, random_state=0)
    )
    grid = {
        "nnclassifier__optimizer__lr": [1e-6, 0.02],
        "nnclassifier__hidden_layer_sizes": [(8,), (16,)],
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(frame, names)
    assert search.best_params_["nnclassifier__optimizer__lr"] == 0.02
    assert search.score(frame, names) > 0.9
    assert list(search.classes_) == ["setosa", "versicolor", "virginica"]
    assert list(search.best_estimator_[-1].feature_names_in_) == load_iris().feature_names


def test_cross_validation_and_scaled_targets_work() -> None:
    x, y = iris()
    model = NNClassifier(optimizer=Adam(lr=0.02), max_iter=40, random_state=0)
    assert cross_val_score(model, x, y, cv=3, scoring="roc_auc_ovr").min() > 0.9
    numbers = TransformedTargetRegressor(NNRegressor(max_iter=100, random_state=0), transformer=StandardScaler())
    assert cross_val_score(numbers, x[:, :3], 1000 + 50 * x[:, 3], cv=3, scoring="r2").shape == (3,)


def test_threads_side_by_side_find_what_one_finds() -> None:
    x, y = iris()
    search = GridSearchCV(NNClassifier(max_iter=10, random_state=0), {"dropout": [0.0, 0.2, 0.4]}, cv=2)
    alone = search.fit(x, y).cv_results_["mean_test_score"]
    with joblib.parallel_config("threading", n_jobs=3):
        together = clone(search).fit(x, y).cv_results_["mean_test_score"]
    assert np.array_equal(alone, together)


WORKERS = """
import nnxp
from joblib import cpu_count
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from nnxp.sklearn import NNClassifier

def threads(model, x, y):
    return nnxp.get_num_threads()

search = GridSearchCV(NNClassifier(max_iter=2), {"dropout": [0.0, 0.1]}, cv=2, n_jobs=2, refit=False, scoring=threads)
search.fit(*load_iris(return_X_y=True))
print(set(search.cv_results_["mean_test_score"]) == {max(cpu_count() // 2, 1)})
"""


@pytest.mark.slow
def test_processes_side_by_side_share_the_cores() -> None:
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    run = subprocess.run([sys.executable, "-c", WORKERS], env=free, capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"


# -- copies and files -----------------------------------------------------------------------------


def copies(model: Any, path: Path) -> list[Any]:
    joblib.dump(model, path / "model.joblib")
    return [pickle.loads(pickle.dumps(model)), copy.deepcopy(model), joblib.load(path / "model.joblib")]


@pytest.mark.parametrize(
    "model", [NNClassifier(**FULL), NNClassifier(early_stopping=True, max_iter=3)], ids=["model", "mlp"]
)
def test_a_copy_answers_and_goes_on_as_the_first_does(model: Any, tmp_path: Path) -> None:
    x, y = iris()
    model.fit(x, y)
    found = copies(model, tmp_path)
    assert all(np.array_equal(twin.predict_proba(x), model.predict_proba(x)) for twin in found)
    assert all(twin.validation_scores_ == model.validation_scores_ for twin in found)
    theta = model.partial_fit(x, y).network_.theta
    for twin in found:
        assert np.array_equal(twin.partial_fit(x, y).network_.theta, theta)


def test_an_estimator_that_is_not_fitted_is_copied_too(tmp_path: Path) -> None:
    model = NNRegressor(optimizer=Adam(lr=CosineAnnealingLR(0.1, T_max=5)))
    assert all(twin.get_params() == model.get_params() for twin in copies(model, tmp_path))


@dataclass(frozen=True)
class Double(Layer):
    """y = 2 x"""

    def forward(self, p: Any, x: Any, mode: Any) -> tuple[Any, None]:
        return 2 * x, None

    def backward(self, p: Any, g: Any, cache: None, dy: Any) -> Any:
        return 2 * dy


def test_layers_of_your_own_come_along(tmp_path: Path) -> None:
    x, y = iris()
    model = NNClassifier(model=Sequential(Double(), Linear(4, 3)), max_iter=2, random_state=0).fit(x, y)
    assert all(twin.network_.model == model.model for twin in copies(model, tmp_path))


def test_a_copy_lives_on_the_same_device() -> None:
    x, y = iris()
    model = NNClassifier(device="strict", max_iter=2, random_state=0).fit(x, y)
    twin = pickle.loads(pickle.dumps(model))
    assert twin.network_.device.name == "strict:device1"
    assert np.array_equal(twin.predict_proba(x), model.predict_proba(x))


def test_a_copy_falls_back_to_the_cpu_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = iris()
    data = pickle.dumps(NNClassifier(device="strict", max_iter=2, random_state=0).fit(x, y))
    monkeypatch.setattr("nnxp.device.find_spec", lambda name: None if "strict" in name else name)
    sentence = (
        r"^NNClassifier: expected its device strict:device1, got none here \(.*is not installed.*\); it is on cpu now$"
    )
    with pytest.warns(UserWarning, match=sentence):
        twin = pickle.loads(data)
    assert twin.network_.device.name == "cpu"
    assert twin.predict(x).shape == (150,)
