"""What a trained network does with data that it was not trained on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnxp.metrics import confusion_matrix
from nnxp.network import Network
from nnxp.report.findings import Findings, Mistake
from nnxp.report.pictures import as_pictures, data_uri, ink_is_bright
from nnxp.report.words import count, number, percent, plural

__all__ = ["look_at_classes", "look_at_numbers"]

HostArray = np.ndarray[Any, Any]

# A matrix of more could not be read.
_MOST_CLASSES = 100
_WORST = 24
_CONFUSIONS = 5
_FEATURES = 6
_OUTPUTS = 4
_POINTS = 400
_LONGEST = 32


def look_at_classes(
    net: Network, x: HostArray, y: HostArray, classes: Sequence[Any], *, pictures: bool, features: Sequence[str] = ()
) -> Findings:
    """Classify samples, and gather what goes wrong.

    Parameters
    ----------
    net : Network
        Trained; it is not changed.
    x : array of shape (n, *sample)
        The samples, as stored.
    y : array of int, shape (n,)
        Their labels, positions in `classes`.
    classes : sequence
        What the labels stand for.
    pictures : bool
        Whether samples of the right shape are pictures.
    features : sequence of str
        Names of the features of a row.
    """
    names = _short_names(classes)
    outputs = net.predict(x)
    found, share = outputs.argmax(axis=1), _probabilities(net, x, outputs)
    wrong = np.flatnonzero(found != y)
    findings = Findings(len(x), len(wrong), names)
    if len(x) == 0:
        return findings
    counts = np.asarray(confusion_matrix(outputs, y, len(names)))
    findings.confusions = _confusions(counts, names)
    if len(names) <= _MOST_CLASSES:
        findings.matrix = counts.tolist()
    else:
        findings.notes.append(f"A confusion matrix of {len(names):,} classes could not be read, so there is none.")
    # The less the truth was believed, the worse; what is not a number is worst of all.
    believed = np.nan_to_num(share[wrong, y[wrong]], nan=-1.0)
    order = wrong[np.argsort(believed, kind="stable")][:_WORST]
    details = [f"{percent(float(share[i, found[i]]))} sure" for i in order]
    words = [(names[y[i]], names[found[i]], detail) for i, detail in zip(order, details, strict=True)]
    _add_mistakes(findings, x, order, words, pictures, features)
    return findings


def look_at_numbers(
    net: Network, x: HostArray, y: HostArray, *, pictures: bool, features: Sequence[str] = ()
) -> Findings:
    """Predict numbers, and gather the largest errors; arguments as for `look_at_classes`, y of shape (n, outputs)."""
    outputs = net.predict(x)
    findings = Findings(len(x))
    if len(x) == 0:
        return findings
    error = np.nan_to_num(np.abs(outputs - y), nan=np.inf)
    # Outputs of different units are compared in their own spreads.
    spread = np.std(y, axis=0)
    order = np.argsort(-(error / np.where(spread > 0, spread, 1.0)).max(axis=1), kind="stable")[:_WORST]
    several = y.shape[1] > 1
    words = [(_values(y[i]), _values(outputs[i]), f"off by {_values(outputs[i] - y[i])}") for i in order]
    _add_mistakes(findings, x, order, words, pictures, features)
    shown = np.linspace(0, len(x) - 1, min(len(x), _POINTS)).astype(int)
    for k in range(min(y.shape[1], _OUTPUTS)):
        pairs = [(float(y[i, k]), float(outputs[i, k])) for i in shown]
        findings.points.append((f"output {k + 1}" if several else "prediction", pairs))
    if y.shape[1] > _OUTPUTS:
        findings.notes.append(f"Of {y.shape[1]} outputs the first {_OUTPUTS} are drawn.")
    return findings


def _short_names(classes: Sequence[Any]) -> list[str]:
    """Return names that fit beside a table, as long as they stay apart."""
    names = [str(name) for name in classes]
    short = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 9]}…{name[-8:]}" for name in names]
    return short if len(set(short)) == len(set(names)) else [f"{i}: {name}" for i, name in enumerate(short)]


def _probabilities(net: Network, x: HostArray, outputs: HostArray) -> HostArray:
    """Return what the loss implies, or outputs brought to a sum of 1 where it implies nothing."""
    if net.probabilities:
        return np.asarray(net.predict_proba(x), dtype=np.float64)
    with np.errstate(all="ignore"):
        raised = np.exp(outputs - outputs.max(axis=1, keepdims=True), dtype=np.float64)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _confusions(counts: HostArray, names: list[str]) -> list[str]:
    """Say which classes are taken for which others most often."""
    off = counts.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:_CONFUSIONS]
    places = [np.unravel_index(place, off.shape) for place in order if off.flat[place]]
    return [
        f"{names[a]} is taken for {names[b]} in {count(int(off[a, b]))} of its "
        f"{plural(int(counts[a].sum()), 'sample')}, {percent(float(off[a, b] / counts[a].sum()))}"
        for a, b in places
    ]


def _add_mistakes(
    findings: Findings,
    x: HostArray,
    order: HostArray,
    words: list[tuple[str, str, str]],
    pictures: bool,
    features: Sequence[str],
) -> None:
    """Add mistakes as pictures if they can be drawn, else as rows."""
    images = as_pictures(x) if pictures else None
    drawn = [""] * len(order)
    if images is not None and len(order):
        low, high, inverted = float(images.min()), float(images.max()), ink_is_bright(images)
        try:
            drawn = [data_uri(images[i], low, high, inverted=inverted) for i in order]
        except ImportError as error:
            findings.notes.append(f"The images could not be drawn ({error}), so their first numbers are shown.")
    if not any(drawn):
        width = x[0].size
        findings.features = [features[k] if k < len(features) else f"x{k + 1}" for k in range(min(width, _FEATURES))]
        if width > _FEATURES:
            findings.notes.append(f"Of {width:,} features the first {_FEATURES} are shown.")
    for i, (truth, prediction, detail), picture in zip(order, words, drawn, strict=True):
        values = [number(float(v)) for v in x[i].reshape(-1)[: len(findings.features)]]
        findings.mistakes.append(Mistake(int(i), truth, prediction, detail, picture, values))


def _values(row: HostArray) -> str:
    shown = ", ".join(number(float(v)) for v in row[:_OUTPUTS])
    return f"{shown}, …" if len(row) > _OUTPUTS else shown
