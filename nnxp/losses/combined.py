"""What all losses that are made of losses share."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import Words, check_number, message
from nnxp._nested import leaves
from nnxp.losses.calls import as_function
from nnxp.losses.loss import Loss

__all__ = ["CombinedLoss"]


@dataclass(frozen=True)
class CombinedLoss(Loss):
    """The base of losses made of losses, ``sum_i weights[i] * losses[i](...)``; a member gives two methods.

    Parameters
    ----------
    losses : tuple of loss
        All means, or all sums; any callable counts as a mean unless it has a `reduction`.
    weights : tuple of float, optional
        What each counts for; None counts all alike.
    names : tuple of str, optional
        What each is called in a history, with ``_loss`` behind it; None takes names that tell them apart.
    """

    losses: tuple[Any, ...]
    weights: tuple[float, ...] | None = None
    names: tuple[str, ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        where = type(self).__name__
        for name in ("losses", "weights", "names"):
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        if not isinstance(self.losses, tuple) or not self.present:
            raise ValueError(message(where, "a tuple of losses, and at least one", self.losses))
        for loss in self.present:
            if isinstance(loss, type) or not callable(loss):
                got = f"{loss.__name__}; call it: {loss.__name__}()" if isinstance(loss, type) else loss
                raise TypeError(message(where, "every part to be a loss such as MSELoss()", Words(got)))
        for name in ("weights", "names"):
            values = getattr(self, name)
            if values is not None and (not isinstance(values, tuple) or len(values) != len(self.losses)):
                raise ValueError(message(where, f"{len(self.losses)} {name}, one for each loss", values))
        for weight in self.weights or ():
            check_number(where, "every weight", weight)
        kinds = dict.fromkeys(_kind(loss) for loss in self.present)
        if len(kinds) > 1 or "none" in kinds:
            raise ValueError(message(where, "losses that are all means, or all sums", Words(", ".join(kinds))))

    @property
    def present(self) -> list[Any]:
        """The losses that are there."""
        return [loss for loss in self.losses if loss is not None]

    @property
    def reduction(self) -> str:  # type: ignore[override]
        """``"sum"`` where the parts are sums, else ``"mean"``."""
        return _kind(self.present[0])

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the losses that are there, as a history has them."""
        names = self.names or self.default_names()
        return tuple(f"{name}_loss" for name, loss in zip(names, self.losses, strict=True) if loss is not None)

    def default_names(self) -> tuple[str, ...]:
        """Return a name for each loss: its own, with a number where that comes twice."""
        plain = [_words(loss) for loss in self.losses]
        counts = Counter(plain)
        return tuple(f"{name}{plain[:i].count(name)}" if counts[name] > 1 else name for i, name in enumerate(plain))

    def arguments(self, output: Any, target: Any) -> list[tuple[Any, Any, Any]]:
        """Return each loss that is there, with the output and the target that it is called with."""
        raise NotImplementedError

    def gather(self, slopes: list[Any]) -> Any:
        """Return the gradient with respect to the whole output, from the weighted ones of the parts."""
        raise NotImplementedError

    def parts(self, output: Any, target: Any, sample_weight: Array | None = None) -> tuple[list[Array], Any]:
        """Return the value of each loss that is there, not weighted, and the gradient of their weighted sum."""
        values, slopes = [], []
        for weight, (loss, y, t) in zip(self._present_weights(), self.arguments(output, target), strict=True):
            value, dy = as_function(loss)(y, t) if sample_weight is None else as_function(loss)(y, t, sample_weight)
            values.append(value)
            slopes.append(tuple(_times(weight, part) for part in dy) if isinstance(dy, tuple) else _times(weight, dy))
        return values, self.gather(slopes)

    def denominators(self, output: Any, target: Any, sample_weight: Array | None = None) -> list[Any]:
        """Return what each loss that is there divides its mean by; see `Loss.denominator`."""
        return [_denominator(as_function(loss), y, t, sample_weight) for loss, y, t in self.arguments(output, target)]

    def total(self, values: Sequence[Any]) -> Any:
        """Return the weighted sum of the parts' values."""
        first, *others = (_times(w, value) for w, value in zip(self._present_weights(), values, strict=True))
        return sum(others, start=first)

    def _present_weights(self) -> list[float]:
        weights = self.weights or (1.0,) * len(self.losses)
        return [float(w) for w, loss in zip(weights, self.losses, strict=True) if loss is not None]

    def __call__(self, output: Any, target: Any, sample_weight: Array | None = None) -> tuple[Array, Any]:
        """Return the loss, and its gradient with respect to the output; see `Loss`."""
        values, dy = self.parts(output, target, sample_weight)
        return self.total(values), dy

    def denominator(self, output: Any, target: Any, sample_weight: Array | None = None) -> Any:
        """Return the number of samples, each counted with its weight.

        Means of batches average exactly by it where every part counts every sample; else each part does by its own,
        from `denominators`.
        """
        like = leaves(output)[0]
        return float(like.shape[0]) if sample_weight is None else namespace(like).sum(sample_weight)


def _kind(loss: Any) -> str:
    reduction = str(getattr(loss, "reduction", "mean"))
    return reduction if reduction in ("sum", "none") else "mean"


def _words(loss: Any) -> str:
    """Return a loss's name as words: MSELoss is mse, CrossEntropyLoss is cross_entropy."""
    name = getattr(loss, "__name__", type(loss).__name__).removesuffix("Loss")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _times(weight: float, value: Any) -> Any:
    return value if weight == 1.0 or value is None else weight * value


def _denominator(loss: Any, output: Any, target: Any, sample_weight: Array | None) -> Any:
    rule = getattr(loss, "denominator", None)
    return float(leaves(output)[0].shape[0]) if rule is None else rule(output, target, sample_weight)
