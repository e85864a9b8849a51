"""The parameters that both estimators have: held against what they may be, when an estimator is fitted."""

from collections.abc import Iterable
from typing import Any

from sklearn.base import BaseEstimator

from nnxp._checks import Words, check_choice, check_number, check_positive_int, message
from nnxp.layers import Layer
from nnxp.losses import CTCLoss, HingeEmbeddingLoss, MultiLabelMarginLoss
from nnxp.optimizers import Optimizer
from nnxp.sklearn.choices import ACTIVATIONS, OPTIMIZERS, chosen
from nnxp.sklearn.learning import Plan
from nnxp.sklearn.nested import changed, within
from nnxp.training.arguments import check_callbacks, check_loss

__all__ = ["NestedParameters", "chosen_activation", "chosen_loss", "chosen_optimizer", "hidden_sizes", "plan_of"]

# Their targets are neither classes nor numbers, one for each output.
_UNFIT = (CTCLoss, HingeEmbeddingLoss, MultiLabelMarginLoss)
# Whose fields are parameters too, as in optimizer__lr.
_NESTING = ("loss", "optimizer", "activation")
_SWITCHES = ("shuffle", "early_stopping", "warm_start")


def chosen_optimizer(where: str, value: Any) -> Optimizer:
    """Return the optimizer that a parameter stands for."""
    optimizer: Optimizer = chosen(
        where, "optimizer", value, OPTIMIZERS, lambda v: isinstance(v, Optimizer), "an nnxp optimizer"
    )
    return optimizer


def chosen_activation(where: str, value: Any) -> Layer:
    """Return the layer that a parameter stands for."""
    layer: Layer = chosen(where, "activation", value, ACTIVATIONS, lambda v: isinstance(v, Layer), "an nnxp layer")
    return layer


def chosen_loss(where: str, value: Any, words: dict[str, type]) -> Any:
    """Return the loss that a parameter stands for."""
    loss = chosen(where, "loss", value, words, callable, "an nnxp loss")
    if isinstance(loss, _UNFIT):
        raise ValueError(message(where, "a loss whose targets are classes or numbers", type(loss).__name__))
    check_loss(where, loss)
    return loss


def hidden_sizes(where: str, value: Any) -> tuple[int, ...]:
    """Return the widths of the hidden layers; one number is one layer."""
    sizes = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    for size in sizes:
        check_positive_int(where, "hidden_layer_sizes", size)
    return sizes


def plan_of(where: str, estimator: Any, loss: Any) -> Plan:
    """Return how an estimator's network is to be trained; refuse what it cannot be."""
    if estimator.model is not None and not isinstance(estimator.model, Layer):
        raise TypeError(
            message(
                where, "model to be an nnxp layer, such as a Sequential, or None", Words(type(estimator.model).__name__)
            )
        )
    if estimator.batch_size != "auto":
        check_positive_int(where, "batch_size", estimator.batch_size)
    for name in ("max_iter", "n_iter_no_change"):
        check_positive_int(where, name, getattr(estimator, name))
    for name in _SWITCHES:
        check_choice(where, name, getattr(estimator, name), (True, False))
    check_number(where, "dropout", estimator.dropout, low=0.0, high=1.0)
    check_number(where, "validation_fraction", estimator.validation_fraction, low=0.0, high=1.0, open_low=True)
    if estimator.tol is not None:
        check_number(where, "tol", estimator.tol, low=0.0)
    check_choice(where, "dtype", estimator.dtype, (None, "float32", "float64"))
    verbose = estimator.verbose if isinstance(estimator.verbose, str) else bool(estimator.verbose)
    return Plan(
        loss=loss,
        optimizer=chosen_optimizer(where, estimator.optimizer),
        epochs=estimator.max_iter,
        batch_size=estimator.batch_size,
        shuffle=estimator.shuffle,
        callbacks=check_callbacks(estimator.callbacks),
        verbose=verbose,
        patience=estimator.n_iter_no_change if estimator.early_stopping or estimator.tol is not None else None,
        min_delta=estimator.tol or 0.0,
    )


class NestedParameters(BaseEstimator):  # type: ignore[misc]
    """An estimator whose loss, optimizer and activation have fields that are parameters too."""

    _losses: dict[str, type]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; for `deep` also the fields of loss, optimizer and activation.

        Parameters
        ----------
        deep : bool
            Adds ``optimizer__lr`` and the like.

        Returns
        -------
        dict
            By name.
        """
        found: dict[str, Any] = super().get_params(deep=deep)
        if deep:
            for name in _NESTING:
                found |= within(name, getattr(self, name))
        return found

    def set_params(self, **params: Any) -> "NestedParameters":
        """Set parameters; ``optimizer__lr=0.01`` sets a field of an optimizer, be it given by name or as a value.

        Parameters
        ----------
        **params : object
            By name.

        Returns
        -------
        object
            This one.
        """
        nested = {name for name in params if name.partition("__")[0] in _NESTING and "__" in name}
        super().set_params(**{name: value for name, value in params.items() if name not in nested})
        where = f"{type(self).__name__}.set_params"
        for name in nested:
            outer, _, path = name.partition("__")
            setattr(self, outer, changed(where, self._meant(where, outer), path, params[name]))
        return self

    def _meant(self, where: str, name: str) -> Any:
        """Return the value that a parameter stands for, were it given by name."""
        value = getattr(self, name)
        if name == "optimizer":
            return chosen_optimizer(where, value)
        return chosen_activation(where, value) if name == "activation" else chosen_loss(where, value, self._losses)
