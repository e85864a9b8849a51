"""What a network is to learn: classes or numbers, and the loss and the metric that go with them."""

from dataclasses import dataclass, field
from typing import Any

import nnxp.losses
from nnxp._checks import Words, message
from nnxp.cli.choices import LossName
from nnxp.losses import Loss

__all__ = ["Goal"]

Classes = tuple[int | str, ...] | None

_SMOOTHING = 0.1


@dataclass(frozen=True)
class Goal:
    """What is learned.

    Parameters
    ----------
    classes : tuple of int or str, or None
        What labels stand for; None where numbers are predicted.
    outputs : int
        How many the network has.
    loss_name : LossName
        Not ``auto``.
    label_smoothing : float
        Of the cross-entropy.

    Attributes
    ----------
    loss : Loss
        As training and evaluation use it.
    """

    classes: Classes
    outputs: int
    loss_name: LossName
    label_smoothing: float = 0.0
    loss: Loss = field(init=False)

    def __post_init__(self) -> None:
        smoothed = {"label_smoothing": self.label_smoothing} if self.classes is not None else {}
        object.__setattr__(self, "loss", getattr(nnxp.losses, self.loss_name.name)(**smoothed))

    @classmethod
    def choose(cls, classes: Classes, outputs: int, loss: LossName, label_smoothing: float | None) -> "Goal":
        """Take what was asked for where it suits the data."""
        words = "numbers to predict" if classes is None else "classes"
        suits = LossName.MSELoss if classes is None else LossName.CrossEntropyLoss
        chosen = suits if loss is LossName.auto else loss
        if (chosen is LossName.CrossEntropyLoss) != (classes is not None):
            wanted = "mse, l1, smooth-l1 or huber" if classes is None else "cross-entropy"
            raise ValueError(message("train", f"--loss to be {wanted}, since the target is made of {words}", str(loss)))
        if classes is not None and len(classes) < 2:
            raise ValueError(message("train", "a target of at least two classes", Words(f"{classes[0]} alone")))
        if classes is None and label_smoothing is not None:
            raise ValueError(message("train", "--label-smoothing with classes alone", Words(words)))
        smoothing = 0.0 if classes is None else _SMOOTHING if label_smoothing is None else label_smoothing
        return cls(classes, outputs, chosen, smoothing)

    @property
    def metric(self) -> str:
        """The metric's name."""
        return "r2" if self.classes is None else "accuracy"

    def to_json(self) -> dict[str, Any]:
        """Return what a model's file keeps."""
        return {
            "classes": None if self.classes is None else list(self.classes),
            "outputs": self.outputs,
            "loss": str(self.loss_name),
            "label_smoothing": self.label_smoothing,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Goal":
        """Rebuild a goal; KeyError, TypeError or ValueError where something is amiss."""
        classes = kept["classes"]
        if classes is not None:
            classes = tuple(name if isinstance(name, int) else str(name) for name in classes)
        return cls(classes, int(kept["outputs"]), LossName(kept["loss"]), float(kept["label_smoothing"]))
