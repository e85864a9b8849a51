"""What cannot be fitted is refused in one sentence, and nothing is refused before `fit`."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from nnxp import SGD, Adam, Callback, CTCLoss, DeviceError, Linear, MultiLabelMarginLoss
from nnxp.sklearn import NNClassifier, NNRegressor

X = np.linspace(-1, 1, 40).reshape(20, 2)
Y = np.arange(20) % 3

PARAMETERS = [
    ({"hidden_layer_sizes": (10, 0)}, ValueError, "expected hidden_layer_sizes to be a whole number of at least 1, got 0"),
    ({"hidden_layer_sizes": "ten"}, ValueError, "expected hidden_layer_sizes to be a whole number of at least 1, got 'ten'"),
    ({"model": [Linear(2, 3)]}, TypeError, "expected model to be an nnxp layer, such as a Sequential, or None, got list"),
    ({"model": Linear(2, 4)}, ValueError, "expected a model with outputs of shape (3,), got (4,)"),
    ({"activation": "rely"}, ValueError, "expected activation to be one of 'identity', 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', 'mish', 'sigmoid', 'tanh', 'softplus', or an nnxp layer, got 'rely'; did you mean 'relu'?"),
    ({"activation": np.tanh}, TypeError, "expected activation to be a name or an nnxp layer, got ufunc"),
    ({"dropout": 2}, ValueError, "expected dropout in [0, 1], got 2"),
    ({"loss": "mse"}, ValueError, "expected loss to be one of 'cross_entropy', 'bce_with_logits', 'focal', 'multi_margin', 'soft_margin', or an nnxp loss, got 'mse'"),
    ({"loss": 3}, TypeError, "expected loss to be a name or an nnxp loss, got int"),
    ({"loss": CTCLoss()}, ValueError, "expected a loss whose targets are classes or numbers, got 'CTCLoss'"),
    ({"loss": MultiLabelMarginLoss()}, ValueError, "expected a loss whose targets are classes or numbers, got 'MultiLabelMarginLoss'"),
    ({"optimizer": "adm"}, ValueError, "expected optimizer to be one of 'adam', 'adamw', 'nadam', 'radam', 'adamax', 'sgd', 'rmsprop', 'adagrad', 'adadelta', 'lion', 'lbfgs', or an nnxp optimizer, got 'adm'; did you mean 'adam'?"),
    ({"optimizer": Adam}, TypeError, "expected optimizer to be a name or an nnxp optimizer, got Adam; call it: Adam()"),
    ({"batch_size": 0}, ValueError, "expected batch_size to be a whole number of at least 1, got 0"),
    ({"max_iter": 0}, ValueError, "expected max_iter to be a whole number of at least 1, got 0"),
    ({"shuffle": "yes"}, ValueError, "expected shuffle to be one of True, False, got 'yes'"),
    ({"early_stopping": None}, ValueError, "expected early_stopping to be one of True, False, got None"),
    ({"warm_start": 2}, ValueError, "expected warm_start to be one of True, False, got 2"),
    ({"validation_fraction": 0.0}, ValueError, "expected validation_fraction in (0, 1], got 0.0"),
    ({"validation_fraction": 1.0, "early_stopping": True}, ValueError, "expected samples to train on, beside those held out, got 20 samples; lower validation_fraction"),
    ({"n_iter_no_change": 0}, ValueError, "expected n_iter_no_change to be a whole number of at least 1, got 0"),
    ({"tol": -1.0}, ValueError, "expected tol in [0, inf), got -1.0"),
    ({"dtype": "float16"}, ValueError, "expected dtype to be one of None, 'float32', 'float64', got 'float16'"),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "kind", "sentence"), PARAMETERS, ids=[next(iter(p)) for p, _, _ in PARAMETERS])
def test_a_parameter_is_refused_when_it_is_used(parameters: dict[str, Any], kind: type, sentence: str) -> None:
    model = NNClassifier(**parameters)
    with pytest.raises(kind, match=f"^{re.escape(f'NNClassifier.fit: {sentence}')}$"):
        model.fit(X, Y)


def test_a_device_that_is_missing_says_so() -> None:
    with pytest.raises(DeviceError, match=r"^Device: expected cpu, cuda"):
        NNClassifier(device="gpx").fit(X, Y)


DATA = [
    (NNClassifier(), (X, np.zeros(20)), {}, "NNClassifier.fit: expected y of at least two classes, got 1 class, 0.0"),
    (NNClassifier(), (X, np.stack([Y, Y], axis=1)), {}, "NNClassifier.fit: expected one class a sample, or labels as 1 and 0, got several classes; wrap it: sklearn.multioutput.MultiOutputClassifier"),
    (NNClassifier(loss="cross_entropy"), (X, np.eye(3)[Y]), {}, "NNClassifier.fit: expected a loss that says yes or no to each label, got 'CrossEntropyLoss'; take loss='bce_with_logits'"),
    (NNRegressor(), (X, Y), {"sample_weight": np.zeros(20)}, "NNRegressor.fit: expected a sample_weight above zero, got zero for every sample"),
    (NNRegressor(), (X, Y), {"sample_weight": -np.ones(20)}, "NNRegressor.fit: expected sample_weight of at least 0, got -1.0"),
    (NNRegressor(), (X, Y), {"sample_weight": np.ones(19)}, "NNRegressor.fit: expected sample_weight of shape (20,), got (19,)"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "data", "weights", "sentence"), DATA)
def test_data_that_do_not_fit_are_refused(model: Any, data: Any, weights: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        model.fit(*data, **weights)


def test_a_loss_of_labels_predicts_no_numbers() -> None:
    from nnxp import CrossEntropyLoss

    with pytest.raises(
        ValueError, match=r"^NNRegressor\.fit: expected a loss that takes numbers, got 'CrossEntropyLoss'; NNC"
    ):
        NNRegressor(loss=CrossEntropyLoss()).fit(X, Y)


def test_sparse_samples_are_refused_by_their_name() -> None:
    with pytest.raises(TypeError, match=r"Sparse data was passed for X, but dense data is required.*toarray"):
        NNClassifier().fit(sparse.csr_array(X), Y)


def test_sparse_labels_are_taken() -> None:
    y = np.eye(3, dtype=int)[Y]
    dense, found = (NNClassifier(max_iter=3, random_state=0).fit(X, labels) for labels in (y, sparse.csr_array(y)))
    assert np.array_equal(dense.predict_proba(X), found.predict_proba(X))


@pytest.mark.parametrize("model", [NNClassifier(), NNRegressor()], ids=["classifier", "regressor"])
def test_training_that_explodes_says_what_to_do(model: Any) -> None:
    model = model.set_params(optimizer=SGD(lr=1e30), max_iter=50, tol=None, activation="identity")
    name = type(model).__name__
    with pytest.raises(
        ValueError, match=rf"^{name}\.fit: expected weights that stay finite, got a loss of nan; lower the"
    ):
        model.fit(1e5 * X, Y)


def test_going_on_keeps_to_what_was() -> None:
    model = NNClassifier(warm_start=True, max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match=r"^NNClassifier\.fit: expected labels among 0, 1, 2, got 3$"):
        model.fit(X, Y + 1)
    with pytest.raises(ValueError, match=r"^NNClassifier\.fit: expected the model of the fit before, got another; "):
        model.set_params(hidden_layer_sizes=(3,)).fit(X, Y)
    with pytest.raises(ValueError, match=r"X has 1 features, but NNClassifier is expecting 2 features"):
        model.fit(X[:, :1], Y)
    numbers = NNRegressor(max_iter=1).fit(X, Y)
    with pytest.raises(
        ValueError, match=r"^NNRegressor\.partial_fit: expected y of shape \(n,\), as before, got \(20, 2\)$"
    ):
        numbers.partial_fit(X, X)


def test_a_first_partial_fit_needs_the_classes() -> None:
    with pytest.raises(ValueError, match=r"^NNClassifier\.partial_fit: expected classes in the first call, got None; "):
        NNClassifier().partial_fit(X, Y)
    model = NNClassifier().partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(
        ValueError, match=r"^NNClassifier\.partial_fit: expected the classes \[0 1 2\], as before, got \[0 1\]$"
    ):
        model.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(
        ValueError, match=r"^NNClassifier\.partial_fit: expected class_weight by class, got 'balanced'; "
    ):
        model.set_params(class_weight="balanced").partial_fit(X, Y)


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^NNClassifier\.set_params: expected a field of Adam: lr, .*, got 'rl'"):
        NNClassifier().set_params(optimizer__rl=1.0)
    with pytest.raises(ValueError, match=r"^NNClassifier\.set_params: expected loss to be one of .*, got 'auto'"):
        NNClassifier().set_params(loss__label_smoothing=0.1)
    with pytest.raises(ValueError, match="Invalid parameter 'hiden' for estimator NNClassifier"):
        NNClassifier().set_params(hiden=3)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({0: 0, 1: 0, 2: 0}, "a class_weight above zero, got zero for every sample"),
        ({0: -1, 1: 1, 2: 1}, "class_weight of at least 0, got -1.0"),
    ],
)
def test_weights_of_classes_that_make_no_mean_are_refused(weights: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape('NNClassifier.fit: expected ' + sentence)}$"):
        NNClassifier(max_iter=1, class_weight=weights).fit(X, Y)


def test_after_a_fit_that_failed_no_older_network_answers_for_the_new_classes() -> None:
    class Fails(Callback):
        def on_epoch_end(self, run: Any) -> None:
            raise RuntimeError("in the middle")

    clf = NNClassifier((4,), max_iter=2).fit(X, Y)
    with pytest.raises(RuntimeError, match="in the middle"):
        clf.set_params(callbacks=[Fails()]).fit(X[Y > 0], Y[Y > 0])
    with pytest.raises(NotFittedError):
        clf.predict(X)
