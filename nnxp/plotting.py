"""Pictures of data and of training; they need matplotlib, and leave its global state alone."""

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import to_host
from nnxp._checks import check_positive_int, message
from nnxp._files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nnxp.benchmark import StepTime, StepTimes
    from nnxp.training import History, LRFinding

__all__ = ["plot_confusion_matrix", "plot_history", "plot_images", "plot_learning_rates", "plot_step_times"]

# Okabe and Ito's colours, which the colour-blind can tell apart.
_BLUE, _VERMILION, _GREY = "#0072B2", "#D55E00", "#9AA5B1"
_COLORS = (_BLUE, _VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1F2933")
_MOST_IMAGES = 400
_DPI = 150


def plot_images(
    images: Any, labels: Sequence[Any] | None = None, *, columns: int = 10, path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw images in a grid, the largest value dark as ink.

    Parameters
    ----------
    images : array
        At most 400, of shape (n, height, width), (n, 1 or 3, height, width), or (n, pixels) if they are square.
        Colours are in [0, 1], or bytes.
    labels : sequence of length n, optional
        What to write above each.
    columns : int
        How many side by side.
    path : path, optional
        Where to save the picture; the suffix says the format (``.png``, ``.svg``, ``.pdf``).

    Returns
    -------
    matplotlib.figure.Figure
        A notebook shows it.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the shapes do not fit, there is no image, or there are too many.
    """
    pictures = _as_pictures(to_host(images))
    check_positive_int("plot_images", "columns", columns)
    if labels is not None and len(labels) != len(pictures):
        raise ValueError(message("plot_images", f"{len(pictures)} labels, one for each image", len(labels)))
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    figure = _figure("plot_images", (0.8 * columns, (0.8 if labels is None else 1.05) * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    low, high = float(pictures.min()), float(pictures.max())
    for i, axes in enumerate(grid):
        axes.set_axis_off()
        if i < len(pictures):
            axes.imshow(pictures[i], cmap="gray_r", vmin=low, vmax=high, interpolation="nearest")
            if labels is not None:
                axes.set_title(str(labels[i]), fontsize=10, pad=3)
    return _finish("plot_images", figure, path)


def plot_history(history: "History", *, path: str | os.PathLike[str] | None = None) -> "Figure":
    """Draw the loss of every batch, and of training and validation after every epoch, over the updates.

    Parameters
    ----------
    history : History
        What `fit` returned, with at least one epoch (else a ValueError).
    path : path, optional
        As for `plot_images`.

    Returns
    -------
    matplotlib.figure.Figure
        The validation's curve is there if there was a validation.
    """
    if not history.updates:
        raise ValueError(message("plot_history", "a history of at least one epoch", "none"))
    figure = _figure("plot_history", (7.5, 4.2))
    axes = figure.subplots()
    batches = np.asarray(history.batch_loss)
    axes.plot(np.arange(1, len(batches) + 1), batches, color=_GREY, linewidth=0.6, alpha=0.7, label="minibatch")
    # Dots where the curve has few points; a single one would be invisible otherwise.
    marker = "o" if len(history.updates) <= 30 else ""
    for column, label, color in (("loss", "training (epoch mean)", _BLUE), ("val_loss", "validation", _VERMILION)):
        if column in history:
            axes.plot(
                history.updates, history[column], color=color, linewidth=2, marker=marker, markersize=4, label=label
            )
    axes.set(xlabel="updates", ylabel="loss", xlim=(0, max(len(batches), history.updates[-1]) * 1.01))
    if np.nanmin(batches, initial=math.inf) >= 0:
        axes.set_ylim(bottom=0)
    axes.grid(color="#E5E8EB", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return _finish("plot_history", figure, path)


def plot_learning_rates(found: "LRFinding", *, path: str | os.PathLike[str] | None = None) -> "Figure":
    """Draw the loss over a growing learning rate, the rate that is suggested, and where the loss falls most steeply.

    Parameters
    ----------
    found : LRFinding
        From `nnxp.find_lr`.
    path : path, optional
        As for `plot_images`.

    Returns
    -------
    matplotlib.figure.Figure
        The rates' axis is logarithmic.
    """
    figure = _figure("plot_learning_rates", (7.5, 4.2))
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, color=_GREY, linewidth=0.6, alpha=0.7, label="minibatch")
    axes.plot(found.rates, found.smoothed, color=_BLUE, linewidth=2, label="smoothed")
    if not math.isnan(found.minimum):
        label = f"suggestion, {found.suggestion:.2g}"
        axes.axvline(found.suggestion, color=_VERMILION, linewidth=1.5, label=label)
        label = f"steepest, {found.steepest:.2g}"
        axes.axvline(found.steepest, color=_VERMILION, linewidth=1.2, linestyle="--", label=label)
    # Where the loss breaks out says little, and would flatten the rest.
    top, bottom = float(found.smoothed[: len(found.smoothed) // 2 + 1].max()), float(found.smoothed.min())
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    axes.set_ylim(bottom - 0.1 * (top - bottom) - 1e-12, top + 0.5 * (top - bottom) + 1e-12)
    axes.grid(color="#E5E8EB", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return _finish("plot_learning_rates", figure, path)


def plot_confusion_matrix(
    matrix: Any, class_names: Sequence[Any] | None = None, *, path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw a confusion matrix with its counts; the darker a cell, the larger its share of the row.

    Parameters
    ----------
    matrix : array of int, shape (classes, classes)
        From `nnxp.metrics.confusion_matrix`: row the true class, column the predicted one.
    class_names : sequence of length classes, optional
        For both axes; None takes 0, 1, ...
    path : path, optional
        As for `plot_images`.

    Returns
    -------
    matplotlib.figure.Figure
        With the accuracy in its title.

    Raises
    ------
    ValueError
        If the matrix is not square, or there is not one name for each class.
    """
    counts = to_host(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ValueError(message("plot_confusion_matrix", "matrix of shape (classes, classes)", counts.shape))
    n = len(counts)
    names = [str(name) for name in (range(n) if class_names is None else class_names)]
    if len(names) != n:
        raise ValueError(message("plot_confusion_matrix", f"{n} class names", len(names)))
    cell = max(0.48, 0.15 + 0.085 * len(str(counts.max())))
    figure = _figure("plot_confusion_matrix", (2.0 + cell * n, 1.8 + cell * n))
    axes = figure.subplots()
    # The square root lifts rare mistakes off the background.
    share = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15)
    for row, column in np.ndindex(n, n):
        count = int(counts[row, column])
        color = "#FFFFFF" if share[row, column] > 0.65 else "#1F2933" if count else "#B8C0C8"
        weight = "bold" if row == column else "normal"
        axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=9, fontweight=weight)
    long = max(map(len, names)) > 3
    axes.set_xticks(
        range(n), names, rotation=45 if long else 0, ha="right" if long else "center", rotation_mode="anchor"
    )
    axes.set_yticks(range(n), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    right, total = int(np.trace(counts)), int(counts.sum())
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(f"{right:,} of {total:,} correct" + (f" ({right / total:.1%})" if total else ""), fontsize=11)
    return _finish("plot_confusion_matrix", figure, path)


def plot_step_times(times: "StepTimes", *, path: str | os.PathLike[str] | None = None) -> "Figure":
    """Draw the time of a training step over the batch size, and over the width where it varies, device by device.

    Parameters
    ----------
    times : StepTimes
        From `nnxp.benchmark.time_steps`; a row of the figure for each net.
    path : path, optional
        As for `plot_images`.

    Returns
    -------
    matplotlib.figure.Figure
        Medians as lines, quartiles as bands; all axes are logarithmic.
    """
    nets: dict[str, list[StepTime]] = {}
    for step in times.steps:
        nets.setdefault(step.net, []).append(step)
    columns = 2 if any(len({step.width for step in steps}) > 1 for steps in nets.values()) else 1
    figure = _figure("plot_step_times", (0.5 + 4.5 * columns, 0.4 + 3.2 * len(nets)))
    grid = figure.subplots(len(nets), columns, squeeze=False)
    for (net, steps), row in zip(nets.items(), grid, strict=True):
        usual = [step for step in steps if step.width == steps[0].width]
        others = [step for step in steps if step.width != steps[0].width]
        width = "" if steps[0].width is None else f", width {steps[0].width}"
        _draw_steps(row[0], usual, "batch_size", times.devices, f"{net}{width}")
        if others:
            batch = others[0].batch_size
            same = [step for step in steps if step.batch_size == batch]
            _draw_steps(row[1], same, "width", times.devices, f"{net}, batch {batch}")
        elif columns > 1:
            row[1].set_axis_off()
    grid[0, 0].legend(frameon=False)
    return _finish("plot_step_times", figure, path)


def _draw_steps(axes: Any, steps: "list[StepTime]", along: str, devices: list[str], title: str) -> None:
    """Draw a line for each device, and its quartiles."""
    for i, device in enumerate(devices):
        mine = sorted((step for step in steps if step.device == device), key=lambda step: getattr(step, along) or 0)
        places = [getattr(step, along) for step in mine]
        color = _COLORS[i % len(_COLORS)]
        axes.plot(places, [1e3 * step.seconds for step in mine], color=color, marker="o", markersize=4, label=device)
        low, high = np.array([step.spread for step in mine]).reshape(-1, 2).T * 1e3
        axes.fill_between(places, low, high, color=color, alpha=0.2, linewidth=0)
    places = sorted({getattr(step, along) for step in steps})
    axes.set(xscale="log", yscale="log", xlabel=along.replace("_", " "), ylabel="ms per step", title=title)
    axes.set_xticks(places, [str(place) for place in places])
    axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    axes.grid(color="#E5E8EB", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def check_picture(where: str, path: str | os.PathLike[str]) -> None:
    """Refuse the name of a picture that could not be drawn, before the work that it is to show."""
    _check_format(where, _figure(where, (1.0, 1.0)), path)


def _as_pictures(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return (n, height, width) or (n, height, width, 3)."""
    shape, side = images.shape, math.isqrt(images.shape[1]) if images.ndim == 2 else 0
    colors = images.ndim == 4 and shape[1] in (1, 3)
    if 0 in shape or not (images.ndim == 3 or colors or (side and side**2 == shape[1])):
        expected = "images of shape (n, height, width), (n, 1 or 3, height, width), or (n, pixels) of squares"
        raise ValueError(message("plot_images", expected, shape))
    if len(images) > _MOST_IMAGES:
        raise ValueError(
            message("plot_images", f"at most {_MOST_IMAGES} images", len(images), "give a slice, images[:40]")
        )
    if side:
        return images.reshape(-1, side, side)
    if colors:
        return images[:, 0] if shape[1] == 1 else images.transpose(0, 2, 3, 1)
    return images


def _figure(where: str, size: tuple[float, float]) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f"{where}: expected matplotlib to be installed; pip install 'nnxp[plot]'") from None
    return Figure(figsize=size, layout="constrained", dpi=_DPI)


def _finish(where: str, figure: "Figure", path: str | os.PathLike[str] | None) -> "Figure":
    if path is not None:
        suffix = _check_format(where, figure, path)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=suffix)
    return figure


def _check_format(where: str, figure: "Figure", path: str | os.PathLike[str]) -> str:
    formats = figure.canvas.get_supported_filetypes()
    suffix = os.path.splitext(path)[1].lower().removeprefix(".")
    if suffix not in formats:
        raise ValueError(message(where, f"a path ending in one of {', '.join(sorted(formats))}", os.fspath(path)))
    return suffix
