"""scikit-learn's MLPClassifier: epochs of ``partial_fit``, ``fit`` for a whole job, ``predict_proba``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks import networks
from benchmarks.peers import Measured, accuracy
from benchmarks.peers.common import answered, first_batches
from benchmarks.workloads import Workload, digits


class Given(MLPClassifier):
    """A classifier that starts from given weights."""

    start: Any

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Any, Any]:
        weight, bias = next(self.start)
        return np.array(weight.T, dtype=dtype), np.array(bias, dtype=dtype)


def classifier(work: Workload) -> Given:
    logistic = any(isinstance(layer, networks.Sigmoid) for layer in work.net.layers)
    made = Given(
        hidden_layer_sizes=tuple(work.net.sizes[1:-1]), activation="logistic" if logistic else "relu",
        solver=work.optimizer.lower(), alpha=0.0, momentum=0.0, batch_size=work.batch, learning_rate_init=work.lr,
        max_iter=work.epochs, tol=0.0, n_iter_no_change=work.epochs,
    )  # fmt: skip
    values = list(work.net.weights().values())
    made.start = zip(values[::2], values[1::2], strict=True)
    return made


def build(work: Workload) -> Measured:
    made = classifier(work)
    x, labels = work.data()
    warnings.simplefilter("ignore", ConvergenceWarning)  # it was told how many epochs
    if work.kind == "job":
        x_test, test_labels = digits()[2:]
        return Measured(
            lambda: accuracy(made.predict(x_test), test_labels), lambda n: [made.fit(x, labels) for _ in range(n)]
        )
    classes = np.arange(work.net.classes)
    if work.kind == "predict":
        # Only fitting makes it know its classes: one step, and the given weights again.
        made.batch_size = 10
        made.partial_fit(x[:10], labels[:10], classes=classes)
        values = list(work.net.weights().values())
        made.coefs_, made.intercepts_ = [weight.T.copy() for weight in values[::2]], values[1::2]
        return answered(lambda x: np.log(made.predict_proba(x)), x, labels)

    def loss(x: Any, labels: Any) -> float:
        return float(made.partial_fit(x, labels, classes=classes).loss_)

    first = [loss(*pair) for pair in first_batches(work)]

    def repeat(n: int) -> None:
        for _ in range(n):
            made.partial_fit(x, labels)

    return Measured(lambda: first, repeat, work.batches)
