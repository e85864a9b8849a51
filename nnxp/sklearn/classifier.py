"""The classifier."""
# ruff: noqa: N803, N806 - scikit-learn calls samples X

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from nnxp._backend import namespace
from nnxp._checks import Words, message
from nnxp.device import Device
from nnxp.layers import Layer
from nnxp.losses import BCEWithLogitsLoss, CrossEntropyLoss
from nnxp.optimizers import Optimizer
from nnxp.sklearn.choices import LOSSES_OF_CLASSES
from nnxp.sklearn.estimator import NNEstimator
from nnxp.sklearn.parameters import chosen_loss
from nnxp.sklearn.places import follow
from nnxp.sklearn.samples import HostArray, Samples
from nnxp.sklearn.targets import ClassTarget, LabelTarget, class_target, label_target, takes_indices
from nnxp.training import Callback

__all__ = ["NNClassifier"]


def _implies_probabilities(estimator: "NNClassifier") -> bool:
    loss = estimator._target.loss if hasattr(estimator, "_target") else estimator.loss
    if isinstance(loss, str):
        return loss == "auto" or getattr(LOSSES_OF_CLASSES.get(loss), "probabilities", None) is not None
    return getattr(loss, "probabilities", None) is not None


class NNClassifier(ClassifierMixin, NNEstimator):  # type: ignore[misc]
    """A neural network that tells classes, or labels, apart.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Widths of the hidden layers.
    model : Layer, optional
        A whole network instead, with one output for each class (or label); `hidden_layer_sizes`, `activation` and
        `dropout` are then not looked at. Samples may have several axes, such as images.
    activation : str or Layer
        After each hidden layer: ``"relu"``, ``"leaky_relu"``, ``"elu"``, ``"selu"``, ``"gelu"``, ``"silu"``,
        ``"mish"``, ``"sigmoid"``, ``"tanh"``, ``"softplus"``, ``"identity"``, or a layer.
    dropout : float
        After each activation.
    loss : str or loss
        ``"auto"`` is the cross-entropy, binary for each label where samples have several. By name also
        ``"cross_entropy"``, ``"bce_with_logits"``, ``"focal"``, ``"multi_margin"``, ``"soft_margin"``; or any loss of
        nnxp or of your own. One that does not take the numbers of classes gets one number for each class, 1 or 0, and
        for two classes a single one.
    optimizer : str or Optimizer
        By name, in lower case, with its own defaults; or a value, such as ``Adam(lr=1e-2)``. ``optimizer__lr`` sets
        the rate of either.
    batch_size : int or "auto"
        "auto" is 200, or all samples where there are fewer or the optimizer wants them all.
    max_iter : int
        The most epochs.
    shuffle : bool
        Whether every epoch has its own order.
    early_stopping : bool
        Whether to hold samples out, in the proportions of the classes, and end when their loss has not improved by
        more than `tol` for `n_iter_no_change` epochs; the best epoch's weights are put back. Without it the loss of
        the training samples decides, and the last weights stay.
    validation_fraction : float
        How much is held out.
    n_iter_no_change : int
        Patience, in epochs.
    tol : float or None
        What counts as an improvement; None never ends early without `early_stopping`.
    warm_start : bool
        Whether a further `fit` goes on with the network, and its optimizer's state, from the fit before.
    callbacks : sequence of Callback
        Called while training, these very objects; see `nnxp.Callback`.
    device : str or Device, optional
        Where the network lives, such as ``"cuda"`` or ``"torch:cpu"``. None is where X is, under scikit-learn's
        ``array_api_dispatch``; else as for `Network`.
    dtype : {None, "float32", "float64"}
        Of training. None follows X: float32 stays, everything else is float64, as all over scikit-learn. "float32" is
        about twice as fast. Probabilities are returned in X's dtype.
    random_state : int, RandomState or None
        Draws initial weights, orders, dropout and held-out samples.
    verbose : bool, "auto", "bar" or "lines"
        Whether to show the progress.
    class_weight : mapping of label to float, "balanced" or None
        What samples of each class count for, in training and in the loss of those held out.

    Attributes
    ----------
    classes_ : numpy.ndarray of shape (n_classes,)
        The labels, in order, on the host; of multi-label targets the numbers of the columns.
    network_ : Network
        What was trained.
    n_iter_ : int
        Epochs.
    loss_curve_ : list of float
        The training loss, epoch by epoch.
    validation_loss_curve_, validation_scores_ : list of float or None
        Loss and accuracy of the held-out samples, with `early_stopping`.
    n_features_in_, feature_names_in_ : int, array of str
        What X was like.

    Raises
    ------
    ValueError, TypeError
        In `fit`, if a parameter cannot be used, X or y is unfit, or the weights do not stay finite.
    DeviceError
        In `fit`, if the device is missing or does not work.

    Notes
    -----
    A fitted estimator may be copied and kept like any other of scikit-learn's: the network goes along as the bytes of
    its own file, and lives on the same device again, or on the CPU, with a warning, where that is missing. Layers made
    of a function (`Activation`) have no file. As everywhere, load no such file from a stranger.

    A fit with integer weights equals one with repeated samples exactly (but for rounding) where a batch holds all of
    them. `predict_proba` exists for losses that imply probabilities. With a loss that answers for each class alone,
    they are divided by their sum.

    Examples
    --------
    >>> clf = NNClassifier(hidden_layer_sizes=(32,), random_state=0).fit(X, y)
    >>> clf.predict(X[:2])
    array([0, 1])
    """

    _losses = LOSSES_OF_CLASSES

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        model: Layer | None = None,
        activation: str | Layer = "relu",
        dropout: float = 0.0,
        loss: Any = "auto",
        optimizer: str | Optimizer = "adam",
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = 1e-4,
        warm_start: bool = False,
        callbacks: Sequence[Callback] = (),
        device: str | Device | None = None,
        dtype: str | None = None,
        random_state: Any = None,
        verbose: str | bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes, model=model, activation=activation, dropout=dropout, loss=loss, optimizer=optimizer,
            batch_size=batch_size, max_iter=max_iter, shuffle=shuffle, early_stopping=early_stopping,
            validation_fraction=validation_fraction, n_iter_no_change=n_iter_no_change, tol=tol, warm_start=warm_start,
            callbacks=callbacks, device=device, dtype=dtype, random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.class_weight = class_weight

    @property
    def classes_(self) -> HostArray:
        """The labels, in order."""
        classes: HostArray = self._target.classes
        return classes

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NNClassifier":
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples; of several axes where the model takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels of any kind; or 1 and 0 for several labels at once.
        sample_weight : array-like of shape (n_samples,), optional
            What each sample counts for, at least 0.

        Returns
        -------
        NNClassifier
            This one.
        """
        self._learn("fit", X, y, sample_weight, go_on=self.warm_start)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "NNClassifier":
        """Train for one epoch, going on from before; nothing is held out.

        Parameters
        ----------
        X, y : array-like
            As for `fit`; not every class need be there.
        classes : array-like of shape (n_classes,), optional
            All classes; needed in the first call, except for several labels at once.
        sample_weight : array-like of shape (n_samples,), optional
            As for `fit`.

        Returns
        -------
        NNClassifier
            This one.
        """
        if isinstance(self.class_weight, str):
            where = "NNClassifier.partial_fit"
            hint = "compute it of all labels with sklearn.utils.class_weight.compute_class_weight"
            raise ValueError(message(where, "class_weight by class", self.class_weight, hint))
        self._learn("partial_fit", X, y, sample_weight, go_on=True, once=True, classes=classes)
        return self

    def decision_function(self, X: Any) -> Any:
        """Return how strongly each class is wanted: of two classes and of labels, above 0 is yes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples as in `fit`.

        Returns
        -------
        array of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Outputs of the network; of two classes the second's lead over the first.
        """
        X, output = self._outputs("decision_function", X)
        return follow(self._target.scores(output), X)

    @available_if(_implies_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples as in `fit`.

        Returns
        -------
        array of shape (n_samples, n_classes) or (n_samples, n_labels)
            In the order of `classes_`.
        """
        X, found = self._outputs("predict_proba", X, probabilities=True)
        return follow(self._target.probabilities(found), X)

    @available_if(_implies_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples as in `fit`.

        Returns
        -------
        array of shape (n_samples, n_classes) or (n_samples, n_labels)
            In the order of `classes_`.
        """
        X, found = self._outputs("predict_log_proba", X, probabilities=True)
        probabilities = follow(self._target.probabilities(found), X)
        with np.errstate(divide="ignore"):
            return namespace(probabilities).log(probabilities)

    # -- what the base asks ----------------------------------------------------------------------

    def _host_target(self, y: Any) -> HostArray:
        host = super()._host_target(y)
        return column_or_1d(host, warn=True) if host.ndim == 2 and host.shape[1] == 1 else host

    def _target_of(self, where: str, y: HostArray, known: Any, classes: Any) -> ClassTarget | LabelTarget:
        check_classification_targets(y)
        several = y.ndim == 2
        suits = BCEWithLogitsLoss if several else CrossEntropyLoss
        loss = suits() if self.loss == "auto" else chosen_loss(where, self.loss, self._losses)
        return label_target(where, y, loss) if several else class_target(where, y, loss, known, classes)

    def _score(self, output: HostArray, samples: Samples) -> float:
        right = self._target.predict(output) == samples.y
        # As accuracy_score counts, which looks at the kind of its arrays for longer than an epoch may take.
        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=samples.weight))

    def _strata(self, samples: Samples) -> HostArray | None:
        return samples.y if samples.y.ndim == 1 else None

    def _weighed(self, where: str, target: Any, samples: Samples) -> Samples:
        by_class = self.class_weight
        if by_class is None:
            return samples
        if isinstance(by_class, Mapping) and samples.y.ndim == 1:
            # Of a part of the data, scikit-learn would take what is not there for an error.
            absent = set(np.setdiff1d(target.classes, samples.y).tolist())
            by_class = {label: weight for label, weight in by_class.items() if label not in absent}
        weight = compute_sample_weight(by_class, samples.y)
        if not (np.isfinite(weight) & (weight >= 0)).all():
            raise ValueError(message(where, "class_weight of at least 0", weight.min()))
        weighed = replace(samples, weight=weight if samples.weight is None else weight * samples.weight).counted()
        if not len(weighed.y):
            raise ValueError(message(where, "a class_weight above zero", Words("zero for every sample")))
        return weighed

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        loss = LOSSES_OF_CLASSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        tags.classifier_tags.multi_label = not takes_indices(loss)
        return tags
