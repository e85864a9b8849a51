"""Augmentations against naive loops, on every backend; what they draw, what they keep, and what they refuse."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnxp import augmentations
from nnxp.augmentations import (
    Augmentation,
    GaussianNoise,
    Mixup,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomShift,
)
from nnxp.random import Draw, Stream, generator
from tests.backends import Backend, assert_close, assert_on

STREAM = Stream(Draw(seed=2**40 + 7, step=11), layer=2**31 + 1)
IMAGES = np.random.default_rng(0).normal(size=(6, 2, 5, 7)).astype(np.float32)
LABELS = np.array([0, 2, 1, 1, 0, 2])


def drawn(low: float, high: float, call: int, n: int = len(IMAGES)) -> np.ndarray[Any, Any]:
    return STREAM.uniform(np.empty(n), low, high, call)


def whole(low: int, high: int, call: int) -> list[int]:
    return [math.floor(number) for number in drawn(low, high + 1, call)]


def pixel(image: Any, i: int, j: int, fill: float) -> float:
    return image[i, j] if 0 <= i < image.shape[0] and 0 <= j < image.shape[1] else fill


def moved(x: Any, place: Callable[..., tuple[int, int]], size: tuple[int, int], fill: float) -> Any:
    y = np.empty((*x.shape[:2], *size))
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j] = pixel(x[n, c], *place(n, i, j), fill)
    return y


def shift(x: Any) -> Any:
    a, b = whole(-2, 2, 0), whole(-3, 3, 1)
    return moved(x, lambda n, i, j: (i - a[n], j - b[n]), x.shape[2:], 0.5)


def crop(x: Any) -> Any:
    top, left = whole(0, 5 + 2 - 4, 0), whole(0, 7 + 4 - 6, 1)
    return moved(x, lambda n, i, j: (i + top[n] - 1, j + left[n] - 2), (4, 6), -1.0)


def flip(x: Any) -> Any:
    sideways, over = drawn(0, 1, 0) < 0.6, drawn(0, 1, 1) < 0.6
    return np.stack([a[:, :: -1 if v else 1, :: -1 if h else 1] for a, h, v in zip(x, sideways, over, strict=True)])


def rotation(x: Any) -> Any:
    y = np.empty(x.shape)
    for n, t in enumerate(drawn(math.radians(-30), math.radians(70), 0)):
        for c, i, j in np.ndindex(x.shape[1:]):
            v, u = i - 2, j - 3
            down, right = u * math.sin(t) + v * math.cos(t) + 2, u * math.cos(t) - v * math.sin(t) + 3
            top, left = math.floor(down), math.floor(right)
            y[n, c, i, j] = sum(
                pixel(x[n, c], row, column, 2.0) * (1 - abs(down - row)) * (1 - abs(right - column))
                for row in (top, top + 1)
                for column in (left, left + 1)
            )
    return y


def erasing(x: Any) -> Any:
    y = x.copy()
    chosen, area, ratio, top, left = (
        drawn(*pair, call)
        for call, pair in enumerate([(0, 1), (0.1, 0.9), (math.log(0.3), math.log(3.3)), (0, 1), (0, 1)])
    )
    for n in range(len(x)):
        h = min(max(round(math.sqrt(area[n] * 35 * math.exp(ratio[n]))), 1), 5)
        w = min(max(round(math.sqrt(area[n] * 35 / math.exp(ratio[n]))), 1), 7)
        i, j = math.floor(top[n] * (5 - h + 1)), math.floor(left[n] * (7 - w + 1))
        if chosen[n] < 0.7:
            y[n, :, i : i + h, j : j + w] = 3.0
    return y


def noise(x: Any) -> Any:
    like = np.empty(x.shape, np.float32)
    a, b = STREAM.uniform(like, 2.0**-33, 1.0, 0), STREAM.uniform(like, 0, 2 * math.pi, 1)
    return x + 0.25 * np.sqrt(-2 * np.log(a.astype(float))) * np.cos(b.astype(float))


CASES = [
    (RandomShift((2, 3), fill=0.5), shift),
    (RandomCrop((4, 6), padding=(1, 2), fill=-1.0), crop),
    (RandomFlip(vertical=True, p=0.6), flip),
    (RandomRotation((-30.0, 70.0), fill=2.0), rotation),
    (RandomErasing(p=0.7, scale=(0.1, 0.9), value=3.0), erasing),
    (GaussianNoise(0.25), noise),
]
every = pytest.mark.parametrize(("augmentation", "naive"), CASES, ids=lambda value: type(value).__name__)
every_kind = pytest.mark.parametrize("augmentation", [case[0] for case in CASES], ids=lambda a: type(a).__name__)


def apply(backend: Backend, augmentation: Augmentation, x: Any, target: Any, weight: Any = None) -> Any:
    weight = None if weight is None else backend.put(weight, "float32")
    return augmentation.apply(backend.put(x, "float32"), backend.put(target), weight, STREAM)


@every
def test_an_augmentation_is_what_a_naive_loop_computes(backend: Backend, augmentation: Any, naive: Any) -> None:
    due = naive(IMAGES)
    y, target, weight = apply(backend, augmentation, IMAGES, LABELS, np.arange(6))
    assert_on(backend, y, "float32", due.shape)
    # Cosines of float32 differ by a unit in the last place from library to library, and angles come up to 2 pi.
    assert_close(backend.get(y), due, "float32", atol=4e-6)
    assert backend.get(target).tolist() == LABELS.tolist()
    assert backend.get(weight).tolist() == list(range(6))


def test_there_is_a_naive_loop_for_each_and_all_of_them_do_something() -> None:
    assert {type(case[0]).__name__ for case in CASES} | {"Augmentation", "Mixup"} == set(augmentations.__all__)
    for augmentation, naive in CASES:
        due = naive(IMAGES)
        assert due.shape != IMAGES.shape or (due != IMAGES).any(axis=(1, 2, 3)).sum() >= 3, augmentation


@every_kind
def test_images_may_lack_channels(backend: Backend, augmentation: Any) -> None:
    with_axis = apply(backend, augmentation, IMAGES[:, :1], LABELS)[0]
    without = apply(backend, augmentation, IMAGES[:, 0], LABELS)[0]
    assert np.array_equal(backend.get(without), backend.get(with_axis)[:, 0])


@every_kind
@pytest.mark.parametrize("n", [0, 1])
def test_batches_may_be_of_one_or_of_none(backend: Backend, augmentation: Any, n: int) -> None:
    assert apply(backend, augmentation, IMAGES[:n], LABELS[:n])[0].shape[0] == n


@every_kind
def test_what_is_drawn_follows_from_seed_step_and_place(augmentation: Any) -> None:
    def run(seed: int = 7, step: int = 1, layer: int = 3, visit: int = 0) -> Any:
        return augmentation.change(IMAGES, Stream(Draw(seed, step), layer, visit)).tobytes()

    assert run() == run()
    others = [run(seed=8), run(step=2), run(layer=4), run(visit=1)]
    assert len({run(), *others}) == 5


@every_kind
def test_a_sample_gets_the_same_whatever_stands_behind_it(augmentation: Any) -> None:
    assert np.array_equal(augmentation.change(IMAGES[:2], STREAM), augmentation.change(IMAGES, STREAM)[:2])


def test_float64_stays_float64() -> None:
    for augmentation, _ in CASES:
        assert augmentation.change(IMAGES.astype(np.float64), STREAM).dtype == np.float64


def test_a_quarter_turn_is_numpys() -> None:
    square = IMAGES[..., :5]
    turned = RandomRotation((90.0, 90.0)).change(square, STREAM)
    assert_close(turned, np.rot90(square, axes=(2, 3)), "float32")


def test_no_angle_no_distance_and_no_noise_change_nothing() -> None:
    for augmentation in (
        RandomRotation(0.0),
        RandomShift(0),
        GaussianNoise(0.0),
        RandomFlip(p=0.0),
        RandomErasing(0.0),
    ):
        assert np.array_equal(augmentation.change(IMAGES, STREAM), IMAGES)


def test_a_crop_of_the_images_own_size_moves_them_by_their_border() -> None:
    y = RandomCrop((5, 7), padding=1).change(IMAGES, STREAM)
    top, left = whole(0, 2, 0), whole(0, 2, 1)
    assert np.array_equal(y, moved(IMAGES, lambda n, i, j: (i + top[n] - 1, j + left[n] - 1), (5, 7), 0.0))


def test_every_distance_is_as_likely() -> None:
    x = np.zeros((4000, 1, 1, 9))
    x[..., 4] = 1.0
    places = RandomShift((0, 2)).change(x, STREAM)[:, 0, 0].argmax(axis=1)
    counts = np.bincount(places, minlength=9)
    assert (counts[[0, 1, 7, 8]] == 0).all()
    assert (np.abs(counts[2:7] - 800) < 4 * math.sqrt(800)).all()


def test_noise_is_normal() -> None:
    y = GaussianNoise(2.0).change(np.full((200, 500), 3.0, np.float32), STREAM).ravel()
    assert y.mean() == pytest.approx(3.0, abs=4 * 2 / math.sqrt(y.size))
    assert y.std() == pytest.approx(2.0, rel=0.01)
    assert (np.abs(y - 3) < 2).mean() == pytest.approx(0.6827, abs=0.006)
    assert (np.abs(y - 3) < 4).mean() == pytest.approx(0.9545, abs=0.003)


# -- mixtures ------------------------------------------------------------------------------------


def shares(alpha: float, n: int) -> tuple[Any, Any]:
    share = generator(2**40 + 7, "mixup", 2**31 + 1, 0, 11).beta(alpha, alpha, n)
    return share, np.argsort(drawn(0, 1, 0, n))


def test_mixup_mixes_inputs_labels_and_weights_alike(backend: Backend) -> None:
    weight = np.arange(6.0)
    x, target, mixed = apply(backend, Mixup(0.4, num_classes=3), IMAGES, LABELS, weight)
    share, order = shares(0.4, 6)
    for n, (s, other) in enumerate(zip(share, order, strict=True)):
        assert_close(backend.get(x)[n], s * IMAGES[n] + (1 - s) * IMAGES[other], "float32")
        due = [s * (LABELS[n] == c) + (1 - s) * (LABELS[other] == c) for c in range(3)]
        assert_close(backend.get(target)[n], due, "float32")
        assert_close(backend.get(mixed)[n], s * weight[n] + (1 - s) * weight[other], "float32")
    assert_on(backend, target, "float32", (6, 3))
    assert sorted(order) == list(range(6))
    assert (order != np.arange(6)).any()


def test_mixup_mixes_numbers(backend: Backend) -> None:
    numbers = np.arange(12, dtype=np.float32).reshape(6, 2)
    target = apply(backend, Mixup(1.0), IMAGES, numbers)[1]
    share, order = shares(1.0, 6)
    assert_close(backend.get(target), share[:, None] * numbers + (1 - share[:, None]) * numbers[order], "float32")


def test_mixup_gives_labels_of_pixels_their_axis() -> None:
    labels = np.arange(6 * 4).reshape(6, 4) % 3
    labels[0, 0] = -100
    target = Mixup(1.0, num_classes=3).apply(IMAGES, labels, None, STREAM)[1]
    share, order = shares(1.0, 6)
    assert target.shape == (6, 3, 4)
    due = np.ones((6, 4))
    due[0, 0] -= share[0]
    due[np.nonzero(order == 0)[0][0], 0] -= 1 - share[np.nonzero(order == 0)[0][0]]
    assert_close(target.sum(axis=1), due, "float32")


# -- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RandomShift(-1), "RandomShift: expected pixels to be a whole number of at least 0, or a tuple of 2 such numbers, got -1"),
        (lambda: RandomShift(fill=math.nan), "RandomShift: expected fill in (-inf, inf), got nan"),
        (lambda: RandomFlip(p=1.5), "RandomFlip: expected p in [0, 1], got 1.5"),
        (lambda: RandomFlip(horizontal=False), "RandomFlip: expected horizontal=True or vertical=True, got neither"),
        (lambda: RandomCrop(0), "RandomCrop: expected size to be a whole number of at least 1, or a tuple of 2 such numbers, got 0"),
        (lambda: RandomCrop(3, padding=-1), "RandomCrop: expected padding to be a whole number of at least 0, or a tuple of 2 such numbers, got -1"),
        (lambda: RandomCrop(3, fill=math.inf), "RandomCrop: expected fill in (-inf, inf), got inf"),
        (lambda: RandomRotation(-5.0), "RandomRotation: expected degrees to be a number of at least 0, or a pair (low, high), got -5.0"),
        (lambda: RandomRotation(math.nan), "RandomRotation: expected degrees in (-inf, inf), got nan"),
        (lambda: RandomRotation((1.0, 2.0, 3.0)), "RandomRotation: expected degrees to be a number of at least 0, or a pair (low, high), got (1.0, 2.0, 3.0)"),
        (lambda: RandomRotation(fill="a"), "RandomRotation: expected fill in (-inf, inf), got 'a'"),
        (lambda: GaussianNoise(-1.0), "GaussianNoise: expected sigma in [0, inf), got -1.0"),
        (lambda: RandomErasing(p=2.0), "RandomErasing: expected p in [0, 1], got 2.0"),
        (lambda: RandomErasing(scale=(0.5, 0.1)), "RandomErasing: expected scale to be a pair (low, high), got (0.5, 0.1)"),
        (lambda: RandomErasing(scale=(0.0, 0.1)), "RandomErasing: expected scale in (0, 1], got 0.0"),
        (lambda: RandomErasing(ratio=(0.0, 1.0)), "RandomErasing: expected ratio in (0, inf), got 0.0"),
        (lambda: RandomErasing(value=math.nan), "RandomErasing: expected value in (-inf, inf), got nan"),
        (lambda: Mixup(0.0), "Mixup: expected alpha in (0, inf), got 0.0"),
        (lambda: Mixup(num_classes=1), "Mixup: expected num_classes to be a whole number of at least 2, got 1"),
    ],
)  # fmt: skip
def test_an_argument_out_of_range_is_refused(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        make()


HINT = "; keep pixels in rows and columns, and flatten them in the network: Flatten()"


@pytest.mark.parametrize("augmentation", [case[0] for case in CASES[:-1]], ids=lambda a: type(a).__name__)
def test_what_is_no_image_is_refused(augmentation: Any) -> None:
    name = type(augmentation).__name__
    images = "images of shape (n, height, width) or (n, channels, height, width)"
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name}: expected {images}, got (6, 64){HINT}')}$"):
        augmentation.change(np.zeros((6, 64)), STREAM)
    with pytest.raises(TypeError, match=f"^{name}: expected inputs of floating numbers, got uint8$"):
        augmentation.change(np.zeros((6, 8, 8), np.uint8), STREAM)


def test_whole_numbers_have_no_noise_and_no_mixture() -> None:
    for augmentation in (GaussianNoise(), Mixup()):
        name = type(augmentation).__name__
        with pytest.raises(TypeError, match=f"^{name}: expected inputs of floating numbers, got int64$"):
            augmentation.apply(np.zeros((2, 3), np.int64), np.zeros(2), None, STREAM)


def test_a_crop_larger_than_the_images_is_refused() -> None:
    said = "RandomCrop: expected images of at least 9 by 9 pixels with their border of 1 by 1, got 5 by 7"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        RandomCrop(9, padding=1).change(IMAGES, STREAM)


def test_labels_cannot_be_mixed_without_their_number() -> None:
    said = (
        "Mixup: expected num_classes, since the targets are labels, got None; Mixup(num_classes=10) where there are ten"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Mixup().apply(IMAGES, LABELS, None, STREAM)


def test_a_subclass_must_say_what_it_does() -> None:
    class Idle(Augmentation):
        pass

    with pytest.raises(NotImplementedError, match="^Idle: expected a subclass with change or apply, got neither$"):
        Idle().apply(IMAGES, LABELS, None, STREAM)


def test_an_augmentation_is_a_value() -> None:
    for augmentation, _ in [*CASES, (Mixup(), None)]:
        assert eval(repr(augmentation)) == augmentation
        assert hash(augmentation) == hash(replace(augmentation))
