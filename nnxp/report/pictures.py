"""Samples as pictures within the page."""

import base64
import io
import math
from typing import Any

import numpy as np

__all__ = ["as_pictures", "data_uri", "ink_is_bright"]

HostArray = np.ndarray[Any, Any]

# Drawings on an empty ground have most of their pixels at the bottom of the range.
_EMPTY = 0.15


def as_pictures(x: HostArray) -> HostArray | None:
    """View samples as pictures.

    Parameters
    ----------
    x : array of shape (n, *sample)
        Samples of shape (height, width), (1 or 3, height, width), or (pixels,) of a square.

    Returns
    -------
    array of shape (n, height, width) or (n, height, width, 3), or None
        None where the samples have another shape.
    """
    shape = x.shape[1:]
    if len(shape) == 1 and shape[0] > 1 and math.isqrt(shape[0]) ** 2 == shape[0]:
        return x.reshape(-1, math.isqrt(shape[0]), math.isqrt(shape[0]))
    if len(shape) == 2:
        return x
    if len(shape) == 3 and shape[0] in (1, 3):
        return x[:, 0] if shape[0] == 1 else x.transpose(0, 2, 3, 1)
    return None


def ink_is_bright(pictures: HostArray) -> bool:
    """Tell whether pictures are bright drawings on an empty ground, which paper shows the other way round."""
    low, high = float(pictures.min()), float(pictures.max())
    return pictures.ndim == 3 and float(np.median(pictures)) <= low + _EMPTY * (high - low)


def data_uri(picture: HostArray, low: float, high: float, *, inverted: bool) -> str:
    """Encode a picture as PNG within a URI, its values brought from [low, high] to bytes.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("report: expected Pillow to be installed; pip install 'nnxp[images]'") from None
    share = np.nan_to_num(np.clip((picture - low) / ((high - low) or 1.0), 0.0, 1.0))
    pixels = np.round(255 * (1.0 - share if inverted else share)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
