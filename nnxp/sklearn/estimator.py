"""What classifier and regressor have in common: parameters, the way of data through a fit, and the way back."""
# ruff: noqa: N803, N806 - scikit-learn calls samples X

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from nnxp._backend import Array, to_host
from nnxp._backend.dispatch import is_array
from nnxp._checks import Words, message
from nnxp.device import Device
from nnxp.layers import Layer
from nnxp.network import Network
from nnxp.optimizers import Optimizer
from nnxp.sklearn.kept import KeepsNetwork
from nnxp.sklearn.learning import Plan, Scores, perceptron, train
from nnxp.sklearn.parameters import NestedParameters, chosen_activation, hidden_sizes, plan_of
from nnxp.sklearn.places import check_place, dispatching, float_dtypes, follow, place_of
from nnxp.sklearn.samples import HostArray, Samples, checked_weights, hold_out
from nnxp.training import Callback

__all__ = ["NNEstimator"]


class NNEstimator(KeepsNetwork, NestedParameters):
    """The base of `NNClassifier` and `NNRegressor`, which document what it takes."""

    _target: Any

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
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.model = model
        self.activation = activation
        self.dropout = dropout
        self.loss = loss
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    # -- training --------------------------------------------------------------------------------

    def _learn(
        self, method: str, X: Any, y: Any, sample_weight: Any, *, go_on: bool, once: bool = False, classes: Any = None
    ) -> "NNEstimator":
        """Train the network, a new one unless `go_on` and there is one, for all epochs or `once`."""
        where = f"{type(self).__name__}.{method}"
        go_on = go_on and hasattr(self, "network_")
        X, y = validate_data(self, X, y, reset=not go_on, multi_output=True, y_numeric=self._numeric, **self._wanted(X))
        y = self._host_target(y)
        target = self._target_of(where, y, self._target if go_on else None, classes)
        plan = plan_of(where, self, target.loss)
        weight = checked_weights(where, sample_weight, len(y))
        net = self._network(where, X, target, go_on)
        samples = Samples(net.put_input(X), y, target.encode(where, y), weight).counted()
        samples = self._weighed(where, target, samples)
        if not go_on:
            # A fit that ends with an error must not leave an older network beside the new classes.
            self.__dict__.pop("network_", None)
        self._target, self._place = target, place_of(X)
        self._train(where, net, samples, replace(plan, epochs=1, patience=None) if once else plan, go_on)
        return self

    def _train(self, where: str, net: Network, samples: Samples, plan: Plan, go_on: bool) -> None:
        held_out = scores = None
        if self.early_stopping and plan.patience is not None:
            samples, held_out = hold_out(where, samples, self.validation_fraction, self._strata(samples), net.seed)
            scores = Scores(held_out, self._score)
        history = train(where, net, samples, held_out, scores, plan)
        found = {
            "loss_curve_": history["loss"],
            "validation_loss_curve_": history.get("val_loss"),
            "validation_scores_": None if scores is None else scores.values,
        }
        for name, curve in found.items():
            before = getattr(self, name) if go_on else None
            setattr(self, name, before if curve is None else [*(before or []), *curve])
        self.network_ = net
        self.n_iter_ = net.epoch

    def _network(self, where: str, X: Array, target: Any, go_on: bool) -> Network:
        """Return the network that is to be trained."""
        sample = tuple(X.shape[1:])
        model = self.model
        if model is None:
            hidden = hidden_sizes(where, self.hidden_layer_sizes)
            activation = chosen_activation(where, self.activation)
            model = perceptron(sample, hidden, activation, self.dropout, target.outputs, target.loss)
        if go_on:
            if self.network_.model != model:
                raise ValueError(
                    message(where, "the model of the fit before", Words("another"), "set warm_start=False")
                )
            return self.network_
        device = place_of(X) if self.device is None and dispatching() and place_of(X) != "cpu" else self.device
        dtype = self.dtype or ("float32" if str(X.dtype).endswith("float32") else "float64")
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        net = Network(model, device=device, dtype=dtype, seed=seed, input_shape=sample)
        if net.output_shape not in (None, (target.outputs,)):
            raise ValueError(message(where, f"a model with outputs of shape ({target.outputs},)", net.output_shape))
        return net

    def _wanted(self, X: Any) -> dict[str, Any]:
        """Return what X is held against: whole numbers stay whole where the model takes them."""
        whole = isinstance(self.model, Layer) and self.model.accepts_integers
        return {"dtype": "numeric" if whole else float_dtypes(X), "allow_nd": True}

    # -- what a kind of estimator says -----------------------------------------------------------

    _numeric = False

    def _host_target(self, y: Any) -> HostArray:
        """Return validated answers on the host."""
        return to_host(y) if is_array(y) else np.asarray(y.toarray())

    def _target_of(self, where: str, y: HostArray, known: Any, classes: Any) -> Any:
        raise NotImplementedError

    def _score(self, output: HostArray, samples: Samples) -> float:
        raise NotImplementedError

    def _strata(self, samples: Samples) -> HostArray | None:
        """Return the classes that held-out samples shall show in proportion."""
        return None

    def _weighed(self, where: str, target: Any, samples: Samples) -> Samples:
        """Weigh the samples by their classes, too."""
        del where, target
        return samples

    # -- at work ---------------------------------------------------------------------------------

    def _outputs(self, method: str, X: Any, *, probabilities: bool = False) -> tuple[Array, HostArray]:
        """Return X as it was checked, and the network's outputs, or what the loss makes of them."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **self._wanted(X))
        check_place(f"{type(self).__name__}.{method}()", X, self._place)
        return X, self.network_.predict_proba(X) if probabilities else self.network_.predict(X)

    def predict(self, X: Any) -> Any:
        """Return the predictions for samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples as in `fit`.

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs)
            Labels or numbers.
        """
        X, output = self._outputs("predict", X)
        return follow(self._target.predict(output), X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        tags.input_tags.three_d_array = True
        return tags
