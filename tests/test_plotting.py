"""Pictures: what is drawn, read off the figure; and that matplotlib's global state is left alone."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from nnxp.benchmark import StepTime, StepTimes
from nnxp.plotting import plot_confusion_matrix, plot_history, plot_images, plot_step_times
from nnxp.training import History

pytest.importorskip("matplotlib")

IMAGES = np.arange(12 * 64, dtype=np.float32).reshape(12, 64)


def history(*epochs: dict[str, float]) -> History:
    table = History()
    for i, row in enumerate(epochs):
        table.record({"epoch": i + 1, **row}, np.linspace(2.0, 1.0, 4) / (i + 1))
    return table


TWO_EPOCHS = history({"loss": 1.5, "val_loss": 1.6}, {"loss": 0.7, "val_loss": 0.9})


def test_images_are_drawn_in_a_grid_with_their_labels():
    figure = plot_images(IMAGES, labels=list("abcdefghijkl"))
    assert len(figure.axes) == 20
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == list("abcdefghijkl")
    for axes, image in zip(drawn, IMAGES, strict=True):
        assert np.array_equal(axes.images[0].get_array(), image.reshape(8, 8))
        assert axes.images[0].get_clim() == (0.0, 767.0)


@pytest.mark.parametrize(
    ("shape", "drawn"), [((3, 9), (3, 3)), ((3, 4, 5), (4, 5)), ((3, 1, 4, 5), (4, 5)), ((3, 3, 4, 5), (4, 5, 3))]
)
def test_images_may_have_channels(shape, drawn):
    images = np.random.default_rng(0).random(shape)
    figure = plot_images(images, columns=2)
    assert [axes.images[0].get_array().shape for axes in figure.axes if axes.images] == [drawn] * 3
    if len(drawn) == 3:
        assert np.array_equal(figure.axes[0].images[0].get_array()[..., 2], images[0, 2])


def test_images_come_from_any_device(backend):
    figure = plot_images(backend.put(IMAGES))
    assert np.array_equal(figure.axes[1].images[0].get_array(), IMAGES[1].reshape(8, 8))


def test_history_is_drawn_over_the_updates():
    [axes] = plot_history(TWO_EPOCHS).axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert list(lines) == ["minibatch", "training (epoch mean)", "validation"]
    assert lines["minibatch"] == [[i + 1.0, loss] for i, loss in enumerate(TWO_EPOCHS.batch_loss)]
    assert lines["training (epoch mean)"] == [[4, 1.5], [8, 0.7]]
    assert lines["validation"] == [[4, 1.6], [8, 0.9]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("updates", "loss")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(lines)
    assert axes.get_ylim()[0] == 0


def test_history_without_validation_has_no_curve_for_it():
    [axes] = plot_history(history({"loss": -1.0})).axes
    assert [line.get_label() for line in axes.lines] == ["minibatch", "training (epoch mean)"]


def test_a_loss_below_zero_stays_in_the_picture():
    table = History()
    table.record({"loss": -1.0}, np.array([-0.5, -1.5, np.nan]))
    [axes] = plot_history(table).axes
    assert axes.get_ylim()[0] < -1.5


def test_a_confusion_matrix_has_counts_and_names():
    matrix = np.array([[50, 0, 0], [0, 47, 3], [0, 2, 48]])
    [axes] = plot_confusion_matrix(matrix, ["setosa", "versicolor", "virginica"]).axes
    counts = {text.get_position(): text.get_text() for text in axes.texts}
    assert counts == {(c, r): str(matrix[r, c]) for r in range(3) for c in range(3)}
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["setosa", "versicolor", "virginica"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert axes.get_title() == "145 of 150 correct (96.7%)"


def test_a_confusion_matrix_may_be_empty_and_unnamed():
    [axes] = plot_confusion_matrix(np.zeros((2, 2), int)).axes
    assert axes.get_title() == "0 of 0 correct"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1"]


TIMES = StepTimes(
    tuple(
        StepTime(net, width, batch, device, (seconds, 2 * seconds, 4 * seconds), None)
        for net, width, batch in [("mlp", 8, 64), ("mlp", 8, 32), ("mlp", 16, 32), ("lenet5", None, 32)]
        for device, seconds in [("cpu", batch / 32e3), ("cuda:0", 1e-3)]
    )
)


def test_times_are_drawn_over_batch_and_width_device_by_device():
    by_batch, by_width, lenet, nothing = plot_step_times(TIMES).axes
    for axes, title, along, cpu in [
        (by_batch, "mlp, width 8", "batch size", [[32, 2], [64, 4]]),
        (by_width, "mlp, batch 32", "width", [[8, 2], [16, 2]]),
        (lenet, "lenet5", "batch size", [[32, 2]]),
    ]:
        assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == (title, along, "ms per step")
        assert {line.get_label(): line.get_xydata().tolist() for line in axes.lines} == {
            "cpu": cpu,
            "cuda:0": [[place, 2] for place, _ in cpu],
        }
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert [tick.get_text() for tick in axes.get_xticklabels()] == [str(place) for place, _ in cpu]
    assert not nothing.axison
    assert [text.get_text() for text in by_batch.get_legend().get_texts()] == ["cpu", "cuda:0"]
    quartiles = by_batch.collections[0].get_paths()[0].vertices
    assert (quartiles[:, 1].min(), quartiles[:, 1].max()) == (1.5, 6.0)


def test_times_without_widths_have_one_column():
    [axes] = plot_step_times(StepTimes(TIMES.steps[-2:])).axes
    assert axes.get_title() == "lenet5"


DRAW = [
    lambda path: plot_images(IMAGES, path=path),
    lambda path: plot_history(TWO_EPOCHS, path=path),
    lambda path: plot_confusion_matrix(np.eye(3, dtype=int), path=path),
    lambda path: plot_step_times(TIMES, path=path),
]


@pytest.mark.parametrize("draw", DRAW)
@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
def test_pictures_are_saved_in_the_format_of_their_name(tmp_path, draw, suffix, magic):
    path = tmp_path / f"picture.{suffix}"
    draw(path)
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: plot_images(np.zeros((2, 7))),
            "plot_images: expected images of shape (n, height, width), (n, 1 or 3, height, width), or (n, pixels) of "
            "squares, got (2, 7)",
        ),
        (
            lambda: plot_images(np.zeros((0, 4, 4))),
            "plot_images: expected images of shape (n, height, width), (n, 1 or 3, height, width), or (n, pixels) of "
            "squares, got (0, 4, 4)",
        ),
        (
            lambda: plot_images(np.zeros((2, 4, 4, 3))),
            "plot_images: expected images of shape (n, height, width), (n, 1 or 3, height, width), or (n, pixels) of "
            "squares, got (2, 4, 4, 3)",
        ),
        (
            lambda: plot_images(np.zeros((401, 4, 4))),
            "plot_images: expected at most 400 images, got 401; give a slice, images[:40]",
        ),
        (lambda: plot_images(IMAGES, [1]), "plot_images: expected 12 labels, one for each image, got 1"),
        (
            lambda: plot_images(IMAGES, columns=0),
            "plot_images: expected columns to be a whole number of at least 1, got 0",
        ),
        (lambda: plot_history(History()), "plot_history: expected a history of at least one epoch, got 'none'"),
        (
            lambda: plot_confusion_matrix(np.zeros((2, 3))),
            "plot_confusion_matrix: expected matrix of shape (classes, classes), got (2, 3)",
        ),
        (
            lambda: plot_confusion_matrix(np.eye(2), ["a"]),
            "plot_confusion_matrix: expected 2 class names, got 1",
        ),
    ],
)
def test_pictures_refuse(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match=r"^plot_images: expected a path ending in one of .*png.*, got 'a\.xyz'$"):
        plot_images(IMAGES, path="a.xyz")


@pytest.mark.parametrize("draw", DRAW)
def test_without_matplotlib_the_error_says_how_to_get_it(monkeypatch, draw):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    sentence = r"^plot_\w+: expected matplotlib to be installed; pip install 'nnxp\[plot\]'$"
    with pytest.raises(ImportError, match=sentence):
        draw(None)


def test_neither_pyplot_nor_a_window_is_touched():
    code = (
        "import sys, numpy, nnxp.plotting as p; assert 'matplotlib' not in sys.modules; "
        "p.plot_images(numpy.zeros((1, 4, 4))); assert 'matplotlib.pyplot' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
