"""The regressor."""
# ruff: noqa: N803 - scikit-learn calls samples X

from typing import Any

from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from nnxp._checks import message
from nnxp.losses import MSELoss
from nnxp.sklearn.choices import LOSSES_OF_NUMBERS
from nnxp.sklearn.estimator import NNEstimator
from nnxp.sklearn.parameters import chosen_loss
from nnxp.sklearn.samples import HostArray, Samples
from nnxp.sklearn.targets import NumberTarget, takes_indices

__all__ = ["NNRegressor"]


class NNRegressor(RegressorMixin, NNEstimator):  # type: ignore[misc]
    """A neural network that predicts numbers, one or several for each sample.

    Parameters
    ----------
    hidden_layer_sizes, model, activation, dropout, optimizer, batch_size, max_iter, shuffle : object
        As in `NNClassifier`; a model has one output for each number.
    loss : str or loss
        ``"auto"`` is the squared error. By name also ``"mse"``, ``"l1"``, ``"smooth_l1"``, ``"huber"`` and
        ``"poisson_nll"``, of which `predict` returns the mean, ``exp(output)``; or any loss of nnxp or of your own
        that takes numbers. Of a loss of logits `predict` returns the share, ``sigmoid(output)``.
    early_stopping, validation_fraction, n_iter_no_change, tol, warm_start, callbacks : object
        As in `NNClassifier`.
    device, dtype, random_state, verbose : object
        As in `NNClassifier`.

    Attributes
    ----------
    network_, n_iter_, loss_curve_, validation_loss_curve_, n_features_in_, feature_names_in_ : object
        As in `NNClassifier`.
    validation_scores_ : list of float or None
        R2 of the held-out samples, with `early_stopping`.

    Raises
    ------
    ValueError, TypeError
        In `fit`, if a parameter cannot be used, X or y is unfit, or the weights do not stay finite.
    DeviceError
        In `fit`, if the device is missing or does not work.

    Notes
    -----
    Networks learn numbers of the order of 1: wrap the regressor in a ``TransformedTargetRegressor`` for others.
    Copies and files are as in `NNClassifier`.

    Examples
    --------
    >>> reg = NNRegressor(hidden_layer_sizes=(32,), random_state=0).fit(X, y)
    >>> reg.predict(X).shape
    (100,)
    """

    _losses = LOSSES_OF_NUMBERS
    _numeric = True

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NNRegressor":
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples; of several axes where the model takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            What each sample counts for, at least 0.

        Returns
        -------
        NNRegressor
            This one.
        """
        self._learn("fit", X, y, sample_weight, go_on=self.warm_start)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NNRegressor":
        """Train for one epoch, going on from before; nothing is held out.

        Parameters
        ----------
        X, y : array-like
            As for `fit`.
        sample_weight : array-like of shape (n_samples,), optional
            As for `fit`.

        Returns
        -------
        NNRegressor
            This one.
        """
        self._learn("partial_fit", X, y, sample_weight, go_on=True, once=True)
        return self

    # -- what the base asks ----------------------------------------------------------------------

    def _target_of(self, where: str, y: HostArray, known: Any, classes: Any) -> NumberTarget:
        del classes
        loss = MSELoss() if self.loss == "auto" else chosen_loss(where, self.loss, self._losses)
        if takes_indices(loss):
            raise ValueError(message(where, "a loss that takes numbers", type(loss).__name__, "NNClassifier takes it"))
        return NumberTarget(y.shape[1:] if known is None else known.shape, loss)

    def _score(self, output: HostArray, samples: Samples) -> float:
        if len(samples.y) < 2:
            return float("nan")  # there is no variance to explain
        return float(r2_score(samples.y, self._target.predict(output), sample_weight=samples.weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
