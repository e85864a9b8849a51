"""What a network is asked to learn: labels and numbers as its loss wants them, and its outputs read back."""

from math import prod
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from nnxp._checks import Words, message
from nnxp.losses import PoissonNLLLoss, SoftMarginLoss

__all__ = ["ClassTarget", "LabelTarget", "NumberTarget", "class_target", "label_target", "takes_indices"]

HostArray = np.ndarray[Any, Any]


def takes_indices(loss: Any) -> bool:
    """Tell whether a loss takes the number of a class, rather than one number for each output."""
    return bool(getattr(loss, "accepts_indices", False))


def threshold(loss: Any) -> float:
    """Return the output above which the answer is yes: 0 of logits and margins, 1/2 of what is drawn to 0 or 1."""
    return 0.0 if getattr(loss, "probabilities", None) == "sigmoid" else 0.5


def as_answers(yes: HostArray, loss: Any) -> HostArray:
    """Return yes and no as the loss counts them: 1 and 0, or 1 and -1."""
    answers = yes.astype(np.float64)
    return 2.0 * answers - 1.0 if isinstance(loss, SoftMarginLoss) else answers


class ClassTarget:
    """One class of several for each sample.

    Parameters
    ----------
    classes : array of shape (n_classes,)
        In ascending order.
    loss : loss
        One that takes the numbers of classes has an output for each; any other has one for each, too, which is to say
        yes or no, but for two classes a single one.

    Attributes
    ----------
    outputs : int
        How many the network must have.
    """

    def __init__(self, classes: HostArray, loss: Any) -> None:
        self.classes = classes
        self.loss = loss
        self.outputs = 1 if len(classes) == 2 and not takes_indices(loss) else len(classes)

    def numbers(self, where: str, y: HostArray) -> HostArray:
        """Return the number of each label's class; refuse a label that is none."""
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            wanted = f"labels among {', '.join(map(str, self.classes))}"
            raise ValueError(message(where, wanted, Words(", ".join(map(str, unknown)))))
        return np.searchsorted(self.classes, y).astype(np.int64)

    def encode(self, where: str, y: HostArray) -> HostArray:
        """Return the targets of the loss: (n,) whole numbers, or (n, outputs) numbers."""
        numbers = self.numbers(where, y)
        if takes_indices(self.loss):
            return numbers
        columns = np.arange(len(self.classes))[-self.outputs :]
        return as_answers(numbers[:, None] == columns, self.loss)

    def scores(self, output: HostArray) -> HostArray:
        """Return how strongly each class is wanted; of two classes, how much more strongly the second: 0 decides."""
        if len(self.classes) > 2:
            return output
        if self.outputs == 2:
            difference: HostArray = output[:, 1] - output[:, 0]
            return difference
        return output[:, 0] - threshold(self.loss)

    def predict(self, output: HostArray) -> HostArray:
        """Return each sample's label."""
        scores = self.scores(output)
        found: HostArray = self.classes[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)]
        return found

    def probabilities(self, found: HostArray) -> HostArray:
        """Return (n, n_classes) probabilities from what the loss implies; rows are made to sum to 1."""
        if takes_indices(self.loss):
            return found
        if self.outputs == 1:
            return np.concatenate([1.0 - found, found], axis=1)
        total = found.sum(axis=1, keepdims=True)
        # Every answer may be a no that leaves nothing to a float.
        shares: HostArray = np.where(total > 0, found / np.where(total > 0, total, 1.0), 1.0 / self.outputs)
        return shares


def class_target(where: str, y: HostArray, loss: Any, known: Any, classes: Any) -> ClassTarget:
    """Return what is learned from one label a sample: the classes known from before, those told, or those found."""
    told = None if classes is None else np.unique(np.asarray(classes))
    if known is not None:
        if told is not None and not np.array_equal(told, known.classes):
            raise ValueError(message(where, f"the classes {known.classes}, as before", told))
        return ClassTarget(known.classes, loss)
    if told is None and where.endswith(".partial_fit"):
        raise ValueError(message(where, "classes in the first call", None, "classes=np.unique(all_labels)"))
    found = np.unique(y) if told is None else told
    if len(found) < 2:
        raise ValueError(message(where, "y of at least two classes", Words(f"1 class, {found[0]}")))
    return ClassTarget(found, loss)


class LabelTarget:
    """Any number of labels for each sample: yes or no for each.

    Parameters
    ----------
    labels : int
        How many there are.
    loss : loss
        With one number for each output.

    Attributes
    ----------
    classes : array of shape (labels,)
        Their numbers.
    outputs : int
        How many the network must have.
    """

    def __init__(self, labels: int, loss: Any) -> None:
        self.classes: HostArray = np.arange(labels)
        self.loss = loss
        self.outputs = labels

    def encode(self, where: str, y: HostArray) -> HostArray:
        """Return the targets of the loss, (n, labels) numbers."""
        if y.ndim != 2 or y.shape[1] != self.outputs:
            raise ValueError(message(where, f"y of shape (n, {self.outputs}), as before", tuple(y.shape)))
        return as_answers(y != 0, self.loss)

    def scores(self, output: HostArray) -> HostArray:
        """Return how strongly each label is wanted: 0 decides."""
        scores: HostArray = output - threshold(self.loss)
        return scores

    def predict(self, output: HostArray) -> HostArray:
        """Return 1 for each label that a sample has, and 0 for all others."""
        return (self.scores(output) > 0).astype(np.int64)

    def probabilities(self, found: HostArray) -> HostArray:
        """Return the probability of each label, as the loss implies it."""
        return found


def label_target(where: str, y: HostArray, loss: Any) -> LabelTarget:
    """Return what is learned from 1 and 0 for each of several labels."""
    if type_of_target(y) != "multilabel-indicator":
        hint = "wrap it: sklearn.multioutput.MultiOutputClassifier"
        raise ValueError(message(where, "one class a sample, or labels as 1 and 0", Words("several classes"), hint))
    if takes_indices(loss):
        hint = "take loss='bce_with_logits'"
        raise ValueError(message(where, "a loss that says yes or no to each label", type(loss).__name__, hint))
    return LabelTarget(y.shape[1], loss)


class NumberTarget:
    """One number or several for each sample.

    Parameters
    ----------
    shape : tuple of int
        Of one sample's numbers: empty for a single one, or how many there are.
    loss : loss
        With one number for each output.

    Attributes
    ----------
    outputs : int
        How many the network must have.
    """

    def __init__(self, shape: tuple[int, ...], loss: Any) -> None:
        self.shape = shape
        self.outputs = prod(shape)
        self.loss = loss

    def encode(self, where: str, y: HostArray) -> HostArray:
        """Return the targets of the loss, (n, outputs) numbers."""
        if y.shape[1:] != self.shape:
            wanted = ", ".join(["n", *map(str, self.shape)]) + ("" if self.shape else ",")
            raise ValueError(message(where, f"y of shape ({wanted}), as before", tuple(y.shape)))
        targets: HostArray = y.reshape(len(y), self.outputs)
        return targets

    def predict(self, output: HostArray) -> HostArray:
        """Return what the outputs mean: of a logarithm or a logit the number itself."""
        if isinstance(self.loss, PoissonNLLLoss) and self.loss.log_input:
            output = np.exp(output)
        elif getattr(self.loss, "probabilities", None) == "sigmoid":
            output = 0.5 + 0.5 * np.tanh(0.5 * output)
        found: HostArray = output.reshape(len(output), *self.shape)
        return found
