"""Points that a seed describes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnxp.datasets import blobs, circles, moons, spirals, xor

# name -> generator, classes, distance of each noiseless point from the curve of its class
CASES = {
    "moons": (moons, 2, lambda x, y: np.hypot(*(x - y[:, None] * [1.0, 0.5]).T) - 1.0),
    "circles": (circles, 2, lambda x, y: np.hypot(*x.T) - np.where(y == 0, 1.0, 0.5)),
    "spirals": (spirals, 2, lambda x, y: np.sin(np.arctan2(*x.T[::-1]) - 2 * np.pi * (np.hypot(*x.T) + y / 2))),
    "blobs": (blobs, 3, lambda x, y: np.hypot(*x.T) - 4.0),
    "xor": (xor, 2, lambda x, y: (x[:, 0] != x[:, 1]) - y),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_points_are_floats_with_labels_of_nearly_equal_number(case):
    draw, classes, _ = case
    x, y = draw(61)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((61, 2), np.float32, (61,), np.int64)
    counts = np.bincount(y, minlength=classes)
    assert len(counts) == classes
    assert counts.max() - counts.min() <= 1


def test_points_without_noise_lie_on_their_curve(case):
    draw, _, distance = case
    x, y = draw(60, noise=0.0)
    # float32 rounds the coordinates.
    assert np.abs(distance(x.astype(np.float64), y)).max() < 1e-5


def test_noise_has_the_deviation_that_was_asked_for(case):
    draw, _, _ = case
    difference = draw(4000, noise=0.3, seed=1)[0] - draw(4000, noise=0.0, seed=1)[0]
    assert abs(difference.std() - 0.3) < 0.01


def test_points_follow_the_seed_and_are_mixed(case):
    draw, _, _ = case
    assert np.array_equal(draw(40, seed=1)[0], draw(40, seed=1)[0])
    assert not np.array_equal(draw(40, seed=1)[0], draw(40, seed=2)[0])
    assert (np.diff(draw(40)[1]) != 0).sum() not in (1, 39)


def test_moons_halves_are_above_and_below():
    x, y = moons(100, noise=0.0)
    assert (x[y == 0, 1] >= -1e-6).all()
    assert (x[y == 1, 1] <= 0.5 + 1e-6).all()


def test_spirals_have_as_many_arms_and_turns_as_asked():
    x, y = spirals(900, arms=3, turns=2.0, noise=0.0)
    radius = np.hypot(*x.T.astype(np.float64))
    angle = 2 * np.pi * (2.0 * radius + y / 3)
    assert set(y.tolist()) == {0, 1, 2}
    np.testing.assert_allclose(x, np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), atol=1e-5)


def test_blobs_stand_where_they_are_told():
    x, y = blobs(40, centers=[[0.0, 0.0, 9.0], [5.0, 0.0, 0.0]], noise=0.0)
    assert x.shape == (40, 3)
    assert np.array_equal(x, np.array([[0, 0, 9], [5, 0, 0]], dtype=np.float32)[y])


def test_xor_by_default_is_the_textbooks():
    x, y = xor()
    assert (x.dtype, y.dtype) == (np.float32, np.float32)
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.tolist() == [[0], [1], [1], [0]]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: moons(1), "moons: expected n to be a whole number of at least 2, got 1"),
        (lambda: xor(3), "xor: expected n to be a whole number of at least 4, got 3"),
        (lambda: moons(noise=-1.0), "moons: expected noise in [0, inf), got -1.0"),
        (lambda: moons(seed=-1), "moons: expected seed to be a whole number of at least 0, got -1"),
        (lambda: circles(factor=0.0), "circles: expected factor in (0, 1], got 0.0"),
        (lambda: spirals(arms=0), "spirals: expected arms to be a whole number of at least 1, got 0"),
        (lambda: spirals(turns=0.0), "spirals: expected turns in (0, inf), got 0.0"),
        (lambda: spirals(4, arms=5), "spirals: expected n to be a whole number of at least 5, got 4"),
        (lambda: blobs(classes=0), "blobs: expected classes to be a whole number of at least 1, got 0"),
        (lambda: blobs(centers=[1.0]), "blobs: expected centers of shape (classes, features), got (1,)"),
    ],
)
def test_generators_refuse(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()
