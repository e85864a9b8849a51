"""What the diagnostics say of each layer, and a plain word where it looks ill."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from nnxp.report.words import number, percent

__all__ = ["THRESHOLDS", "Finding", "LayerHistory", "layer_histories"]

# Shares, factors and ratios beyond which a layer is spoken of.
_DEAD = 0.25
_DEAD_SAMPLES = 128
_VANISHING = 1e-3
_EXPLODING = 100.0
_SMALL_UPDATE = 1e-5
_LARGE_UPDATE = 0.1
_CONSTANT = 1e-6

THRESHOLDS = (
    ("dead units", f"at least {_DEAD:.0%} of a layer's units gave 0 to each of the last samples that were measured, "
     f"{_DEAD_SAMPLES} or more, though the layer was given something there"),
    ("vanishing gradient", f"the norm of a layer's gradient is, at the median, below {_VANISHING:g} of the largest "
     "among the layers"),
    ("exploding gradient", f"the norm is not finite, or ends above {_EXPLODING:g} times what it began with"),
    ("updates too small", f"an update changes the layer's weights, at the median, by less than {_SMALL_UPDATE:g} of "
     "their norm"),
    ("updates too large", f"the same by more than {_LARGE_UPDATE:g}; about 0.001 is usual"),
    ("constant output", f"the standard deviation of a layer's output ends below {_CONSTANT:g}"),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something that looks ill: the word for it, and what was measured."""

    word: str
    detail: str


@dataclass
class LayerHistory:
    """One layer over the run.

    Attributes
    ----------
    path, kind : str
        Its place in the model, and what it is.
    epochs, steps : list of float
        When it was measured.
    columns : dict of str to list
        Of the diagnostics, None where a cell is empty.
    findings : list of Finding
        Empty for a layer that looks well.
    """

    path: str
    kind: str
    epochs: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    columns: dict[str, list[float | None]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def last(self, name: str) -> float | None:
        """Return the last value of a column."""
        return next((v for v in reversed(self.columns.get(name, ())) if v is not None), None)

    def median(self, name: str) -> float | None:
        """Return the median of a column's finite values."""
        return _median(self.columns.get(name, ()))


def layer_histories(table: dict[str, list[Any]]) -> list[LayerHistory]:
    """Sort the rows of the diagnostics by layer, and judge each.

    Parameters
    ----------
    table : dict of str to list
        The columns of ``diagnostics.csv``.

    Returns
    -------
    list of LayerHistory
        In the order in which they were written, which is that of the model.
    """
    layers: dict[str, LayerHistory] = {}
    measures = [name for name in table if name not in {"epoch", "step", "layer", "kind"}]
    steps = table.get("step") or [None] * len(table["layer"])
    for i, path in enumerate(table["layer"]):
        epoch = table["epoch"][i]
        step = epoch if steps[i] is None else steps[i]
        if epoch is None or not math.isfinite(epoch) or not math.isfinite(step):
            continue
        layer = layers.setdefault(path, LayerHistory(path, table["kind"][i]))
        layer.epochs.append(epoch)
        layer.steps.append(step)
        for name in measures:
            layer.columns.setdefault(name, []).append(table[name][i])
    largest = max((layer.median("gradient") or 0.0 for layer in layers.values()), default=0.0)
    for layer in layers.values():
        layer.findings = list(_judge(layer, largest))
    return list(layers.values())


def _judge(layer: LayerHistory, largest: float) -> Iterable[Finding]:
    dead, samples = layer.last("dead"), layer.last("samples") or 0
    if dead is not None and dead >= _DEAD and samples >= _DEAD_SAMPLES:
        yield Finding("dead units", f"{percent(dead)} of its units gave 0 to each of the last {samples:g} samples")
    yield from _judge_gradient(layer, largest)
    change = layer.median("update")
    if change is not None and change < _SMALL_UPDATE:
        yield Finding("updates too small", f"an update changes its weights by {number(change, 2)} of their norm")
    if change is not None and change > _LARGE_UPDATE:
        yield Finding("updates too large", f"an update changes its weights by {number(change, 2)} of their norm")
    spread = layer.last("std")
    if spread is not None and spread < _CONSTANT:
        yield Finding("constant output", f"the standard deviation of its output is {number(spread, 2)}")


def _judge_gradient(layer: LayerHistory, largest: float) -> Iterable[Finding]:
    norms = [v for v in layer.columns.get("gradient", ()) if v is not None]
    if not norms:
        return
    typical = _median(norms)
    if not math.isfinite(norms[-1]):
        yield Finding("exploding gradient", f"the norm of its gradient is {number(norms[-1])}")
    elif norms[0] > 0 and norms[-1] > _EXPLODING * norms[0]:
        grown = number(norms[-1] / norms[0], 2)
        yield Finding("exploding gradient", f"the norm of its gradient has grown {grown}-fold")
    elif typical is not None and typical < _VANISHING * largest:
        share = f"has {number(typical / largest, 2)} of the largest norm" if typical else "is 0"
        yield Finding("vanishing gradient", f"its gradient {share}")


def _median(values: Sequence[float | None]) -> float | None:
    finite = [v for v in values if v is not None and math.isfinite(v)]
    return median(finite) if finite else None
