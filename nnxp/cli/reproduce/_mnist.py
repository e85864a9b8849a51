"""MNIST from a folder, and what is expected of those who train on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnxp import FormatError, datasets
from nnxp._checks import message

__all__ = ["CLASSES", "Images", "expectation", "load_images"]

CLASSES = 10

Host = np.ndarray[Any, Any]
Images = tuple[Host, Host, Host, Host]  # x_train, y_train, x_test, y_test


def load_images(folder: Path) -> Images:
    """Read IDX files: images of shape (n, 1, height, width), float32 from 0 to 1, and their labels, for two parts."""
    x_train, y_train, x_test, y_test = datasets.load_idx_folder(folder)
    if x_train.ndim != 3:
        raise FormatError(message("reproduce", f"images of shape (n, height, width) in {folder}", x_train.shape))
    largest = max(int(y_train.max()), int(y_test.max()))
    if largest >= CLASSES:
        raise FormatError(message("reproduce", f"labels from 0 to {CLASSES - 1} in {folder}", largest))
    x_train, x_test = (x[:, None].astype("float32") / 255 for x in (x_train, x_test))
    return x_train, y_train, x_test, y_test


def expectation(accuracy: float, images: int, least: Mapping[int, float]) -> tuple[bool | None, str]:
    """Say what so many training images let one expect, by the number of images, and whether the accuracy is that."""
    floor = next((share for number, share in least.items() if images >= number), None)
    if floor is None:
        return None, "too few images for a claim"
    return accuracy >= floor, f"at least {floor} is expected of so many images"
