"""NNClassifier and NNRegressor: what they learn, and that it is `Network.fit` that teaches them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_multilabel_classification, make_regression
from sklearn.preprocessing import scale
from sklearn.utils import get_tags
from sklearn.utils.class_weight import compute_sample_weight

import nnxp
from nnxp import (
    SGD,
    Adam,
    BCELoss,
    BCEWithLogitsLoss,
    Callback,
    Conv2d,
    CrossEntropyLoss,
    Embedding,
    Flatten,
    Linear,
    MSELoss,
    MultiLabelSoftMarginLoss,
    Network,
    NLLLoss,
    PoissonNLLLoss,
    PReLU,
    ReLU,
    Sequential,
)
from nnxp.sklearn import NNClassifier, NNRegressor
from nnxp.sklearn.choices import ACTIVATIONS, LOSSES_OF_CLASSES, LOSSES_OF_NUMBERS, OPTIMIZERS

Host = np.ndarray[Any, Any]


def blobs(classes: int = 3, n: int = 120) -> tuple[Host, Host]:
    x, y = make_blobs(n, centers=classes, random_state=3)
    return scale(x), y


def several_labels() -> tuple[Host, Host]:
    x, y = make_multilabel_classification(150, n_features=6, n_classes=4, random_state=0)
    return scale(x), y


def numbers(targets: int = 1) -> tuple[Host, Host]:
    x, y = make_regression(100, n_features=4, n_targets=targets, random_state=0)
    return x, scale(y)


def seed_of(random_state: int) -> int:
    return int(np.random.RandomState(random_state).randint(np.iinfo(np.int32).max))


def test_the_digits_are_learnt() -> None:
    x, y, x_test, y_test = nnxp.datasets.digits(test=0.2, seed=0)
    model = NNClassifier(max_iter=30, optimizer=Adam(lr=5e-3), random_state=0).fit(x, y)
    assert model.score(x_test, y_test) > 0.95
    assert model.network_.dtype == "float32"


def test_a_fit_is_a_fit_of_the_network() -> None:
    x, y = blobs()
    model = NNClassifier((7,), optimizer=SGD(lr=0.1), batch_size=16, max_iter=4, tol=None, random_state=5).fit(x, y)
    net = Network(Sequential(Linear(2, 7), ReLU(), Linear(7, 3)), seed=seed_of(5), dtype="float64")
    history = net.fit(
        x, y, loss=CrossEntropyLoss(), optimizer=SGD(lr=0.1), batch_size=16, epochs=4, verbose=False
    )  # fmt: skip
    assert np.array_equal(model.network_.theta, net.theta)
    assert model.loss_curve_ == history["loss"]
    assert model.n_iter_ == 4
    assert np.array_equal(model.predict_proba(x), net.predict_proba(x))


def test_random_state_says_everything() -> None:
    x, y = blobs()
    theta = [NNClassifier(max_iter=2, random_state=s).fit(x, y).network_.theta for s in (0, 0, 1)]
    assert np.array_equal(theta[0], theta[1])
    assert not np.array_equal(theta[0], theta[2])
    stream = np.random.RandomState(0)
    first, second = (NNClassifier(max_iter=2, random_state=stream).fit(x, y).network_.theta for _ in range(2))
    assert np.array_equal(first, theta[0])
    assert not np.array_equal(second, first)


@pytest.mark.parametrize(("of_x", "wanted", "trained"), [
    ("float32", None, "float32"), ("float64", None, "float64"), ("int32", None, "float64"),
    ("float64", "float32", "float32"), ("float32", "float64", "float64"),
])  # fmt: skip
def test_training_and_answers_are_in_the_dtypes_that_are_told(of_x: str, wanted: str | None, trained: str) -> None:
    x, y = numbers()
    x = (10 * x).astype(of_x)
    model = NNRegressor(dtype=wanted, max_iter=2, random_state=0).fit(x, y)
    assert model.network_.dtype == trained
    assert model.predict(x).dtype == ("float32" if of_x == "float32" else "float64")


# -- losses, optimizers, activations --------------------------------------------------------------

OF_CLASSES = [*LOSSES_OF_CLASSES, NLLLoss(), BCELoss(), MSELoss(), MultiLabelSoftMarginLoss()]


@pytest.mark.parametrize("loss", OF_CLASSES, ids=str)
@pytest.mark.parametrize("classes", [2, 3])
def test_every_loss_tells_classes_apart(loss: Any, classes: int) -> None:
    x, y = blobs(classes)
    model = NNClassifier((16,), loss=loss, optimizer=Adam(lr=0.02), max_iter=60, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.9
    decision = model.decision_function(x)
    assert decision.shape == ((120,) if classes == 2 else (120, 3))
    decided = decision > 0 if classes == 2 else decision.argmax(axis=1)
    assert np.array_equal(model.classes_[np.asarray(decided, dtype=int)], model.predict(x))
    implied = loss not in ("multi_margin", MSELoss())
    assert hasattr(model, "predict_proba") == hasattr(clone(model), "predict_proba") == implied
    if implied:
        found = model.predict_proba(x)
        np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
        assert np.array_equal(model.classes_[found.argmax(axis=1)], model.predict(x))
        np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), found, rtol=1e-12)


@pytest.mark.parametrize("loss", ["auto", "bce_with_logits", "focal", "soft_margin", BCELoss(), MSELoss()], ids=str)
def test_several_labels_are_told_at_once(loss: Any) -> None:
    x, y = several_labels()
    model = NNClassifier((32,), loss=loss, optimizer=Adam(lr=0.02), max_iter=80, random_state=0).fit(x, y)
    assert (model.predict(x) == y).mean() > 0.8
    assert model.predict(x).shape == (150, 4)
    assert np.array_equal(model.decision_function(x) > 0, model.predict(x) == 1)
    if hasattr(model, "predict_proba"):
        assert np.array_equal(model.predict_proba(x) > 0.5, model.predict(x) == 1)
    assert np.array_equal(model.classes_, [0, 1, 2, 3])


def test_losses_of_classes_alone_say_that_they_take_no_labels() -> None:
    told = [get_tags(NNClassifier(loss=loss)).classifier_tags.multi_label for loss in ("auto", "focal", NLLLoss())]
    assert told == [True, True, False]


def test_a_loss_of_your_own_gets_one_number_for_each_class() -> None:
    x, y = blobs()
    seen = []

    def squared(output: Any, target: Any, sample_weight: Any = None) -> tuple[Any, Any]:
        seen.append(target)
        return MSELoss()(output, target)

    NNClassifier(loss=squared, max_iter=1, shuffle=False, random_state=0).fit(x, y)
    assert np.array_equal(seen[0], np.eye(3)[y])


@pytest.mark.parametrize("loss", LOSSES_OF_NUMBERS)
@pytest.mark.parametrize("targets", [1, 3])
def test_every_loss_predicts_numbers(loss: str, targets: int) -> None:
    x, y = numbers(targets)
    y = np.exp(y / 3) if loss == "poisson_nll" else y
    model = NNRegressor((32,), loss=loss, optimizer=Adam(lr=0.02), max_iter=150, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.9
    assert model.predict(x).shape == y.shape


def test_numbers_are_what_the_outputs_mean() -> None:
    x, y = numbers()
    share = 1 / (1 + np.exp(-y))
    model = NNRegressor((), loss=BCEWithLogitsLoss(), max_iter=3, random_state=0).fit(x, share)
    raw = model.network_.predict(x)[:, 0]
    np.testing.assert_allclose(model.predict(x), 1 / (1 + np.exp(-raw)), rtol=1e-12)
    mean = NNRegressor((), loss=PoissonNLLLoss(), max_iter=3, random_state=0).fit(x, np.exp(y))
    np.testing.assert_allclose(mean.predict(x), np.exp(mean.network_.predict(x)[:, 0]), rtol=1e-12)
    plain = NNRegressor((), loss=PoissonNLLLoss(log_input=False), max_iter=1, optimizer=SGD(lr=0.0), random_state=0)
    assert np.array_equal(plain.fit(x, share).predict(x), plain.network_.predict(x)[:, 0])


def test_a_column_of_numbers_stays_a_column() -> None:
    x, y = numbers()
    assert NNRegressor(max_iter=1).fit(x, y[:, None]).predict(x).shape == (100, 1)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_its_name(name: str) -> None:
    x, y = blobs()
    model = NNClassifier(optimizer=name, max_iter=3, random_state=0).fit(x, y)
    assert model.network_.optimizer_name.lower() == name
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_its_name(name: str) -> None:
    x, y = blobs()
    layer = NNClassifier((4,), activation=name, max_iter=1).fit(x, y).network_.model[1]
    assert type(layer).__name__.lower() == name.replace("_", "")


def test_layers_go_where_they_belong() -> None:
    x, y = blobs()
    model = NNClassifier((5, 4), activation=PReLU(init=0.1), dropout=0.3, max_iter=1).fit(x, y).network_.model
    names = ["Linear", "PReLU", "Dropout", "Linear", "PReLU", "Dropout", "Linear"]
    assert [type(layer).__name__ for layer in model] == names
    assert NNClassifier(6, max_iter=1).fit(x, y).network_.model == Sequential(Linear(2, 6), ReLU(), Linear(6, 3))


def test_an_optimizer_that_wants_all_samples_gets_them() -> None:
    x, y = blobs(n=300)
    model = NNClassifier((8,), optimizer="lbfgs", max_iter=3, random_state=0).fit(x, y)
    assert len(model.loss_curve_) == model.network_.step == model.n_iter_ <= 3
    assert model.score(x, y) > 0.9


# -- models of your own ---------------------------------------------------------------------------


def test_images_go_through_a_model_of_convolutions() -> None:
    x, y, x_test, y_test = nnxp.datasets.digits(test=0.2, seed=0)
    model = Sequential(Conv2d(1, 4, 3), ReLU(), Flatten(), Linear(4 * 36, 10))
    classifier = NNClassifier(model=model, optimizer=Adam(lr=5e-3), max_iter=6, batch_size=32, random_state=0)
    classifier.fit(x.reshape(-1, 1, 8, 8), y)
    assert classifier.score(x_test.reshape(-1, 1, 8, 8), y_test) > 0.9


def test_images_are_flattened_where_there_is_no_model() -> None:
    x, y = blobs()
    model = NNClassifier((9,), optimizer=Adam(lr=0.02), max_iter=50, random_state=0).fit(x[:, :, None], y)
    assert model.network_.model == Sequential(Flatten(), Linear(2, 9), ReLU(), Linear(9, 3))
    assert model.score(x[:, :, None], y) > 0.9


def test_whole_numbers_reach_a_model_that_takes_them() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 9, (200, 3))
    y = tokens.sum(axis=1) > 12
    model = Sequential(Embedding(9, 4), Flatten(), Linear(None, 2))
    classifier = NNClassifier(model=model, optimizer=Adam(lr=0.05), max_iter=60, random_state=0).fit(tokens, y)
    assert classifier.score(tokens, y) > 0.9
    assert classifier.predict(tokens).dtype == bool


# -- weights --------------------------------------------------------------------------------------


def test_samples_that_weigh_nothing_might_as_well_be_absent() -> None:
    x, y = blobs(n=60)
    weight = np.arange(60) % 3.0
    kept = weight > 0
    settings = {"batch_size": 7, "max_iter": 3, "random_state": 0}
    weighted = NNClassifier(**settings).fit(x, y, sample_weight=weight)
    absent = NNClassifier(**settings).fit(x[kept], y[kept], sample_weight=weight[kept])
    assert np.array_equal(weighted.network_.theta, absent.network_.theta)
    assert np.isfinite(weighted.loss_curve_).all()


@pytest.mark.parametrize("class_weight", [{"a": 3.0, "c": 0.5}, "balanced"])
def test_classes_weigh_as_if_their_samples_did(class_weight: Any) -> None:
    x, y = blobs()
    y = np.array(["a", "b", "c"])[np.minimum(y + (x[:, 0] > 0.5), 2)]
    by_class = NNClassifier(class_weight=class_weight, max_iter=3, random_state=0).fit(x, y, 1.0 + (x[:, 1] > 0))
    weight = compute_sample_weight(class_weight, y) * (1.0 + (x[:, 1] > 0))
    by_sample = NNClassifier(max_iter=3, random_state=0).fit(x, y, sample_weight=weight)
    assert np.array_equal(by_class.network_.theta, by_sample.network_.theta)


# -- names ----------------------------------------------------------------------------------------


def test_without_scikit_learn_one_sentence_says_what_to_install() -> None:
    code = "import sys; sys.modules['sklearn'] = None\ntry:\n    import nnxp.sklearn\nexcept ImportError as e:\n    print(e)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == "nnxp.sklearn: expected scikit-learn to be installed; pip install 'nnxp[sklearn]'\n"


def test_nnxp_alone_does_not_load_scikit_learn() -> None:
    code = "import sys, nnxp; nnxp.Network(nnxp.Linear(2, 2)); print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_callbacks_are_called_and_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, run: Any) -> None:
            self.epochs += 1

    x, y = blobs()
    count = Count()
    NNClassifier(max_iter=3, callbacks=[count], verbose="lines", random_state=0).fit(x, y)
    assert count.epochs == 3
    assert capsys.readouterr().out.startswith("epoch 1/3: loss ")
    NNClassifier(max_iter=1, random_state=0).fit(x, y)
    assert capsys.readouterr().out == ""
