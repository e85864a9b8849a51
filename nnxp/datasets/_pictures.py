"""One image file: a look at its header first, and its pixels once it is known to be harmless."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnxp._checks import Words, message
from nnxp.errors import FormatError

# A closed list: of what else Pillow could open, some formats run other programs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")

_MOST_PIXELS = 2**26
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "La", "RGBa", "RGBX", "HSV", "LAB")
_GREY = ("1", "L", "LA", "La")
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)


class Look(NamedTuple):
    """What a header says: pixels up and across, as the image is meant to be seen, and whether it is grey."""

    size: tuple[int, int]
    grey: bool


def look_at(where: str, path: Path) -> Look:
    """Read a header; FormatError where the file is no image, or one that would not be safe to decode."""
    with _opened(where, path) as image:
        width, height = image.size
        if width * height > _MOST_PIXELS:
            raise _bomb(where, path, f"{width} by {height}")
        if image.mode not in _MODES:
            hint = "save it with 8 bits a channel"
            raise FormatError(message(where, f"8 bits a channel in {path}", f"mode {image.mode}", hint))
        if getattr(image, "is_animated", False):
            raise FormatError(message(where, f"one image in {path}", Words("several")))
        sideways = image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
        return Look((width, height) if sideways else (height, width), image.mode in _GREY)


def decode(where: str, path: Path, size: tuple[int, int], channels: int) -> np.ndarray[Any, Any]:
    """Return the pixels of a file that was looked at, uint8 of shape (channels, *size)."""
    from PIL import Image, ImageOps

    with _opened(where, path) as image:
        upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
        if upright.size != size[::-1]:
            upright = upright.resize(size[::-1], Image.Resampling.BILINEAR)
        return np.asarray(upright, dtype=np.uint8).reshape(*size, channels).transpose(2, 0, 1)


def need_pillow(where: str) -> None:
    """Say how to install what is missing."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        hint = "pip install 'nnxp[images]'"
        raise ImportError(message(where, "Pillow to be installed", Words("no such package"), hint)) from None


@contextmanager
def _opened(where: str, path: Path) -> Iterator[Any]:
    """Open an image; whatever goes wrong with it is the file's fault, and is said so."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Of images that are large: we have a limit of our own. Of odd metadata: nobody reads them.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                yield image
    except (FormatError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise _bomb(where, path, "far more") from None
    except Exception as error:
        # A decoder that is fed garbage raises nearly anything; what has a file's name is the system's refusal.
        if isinstance(error, OSError) and error.filename is not None:
            raise
        reason = str(error).replace(repr(os.fspath(path)), "it").replace(os.fspath(path), "it") or type(error).__name__
        raise FormatError(message(where, f"a sound image in {path}", Words(f"a damaged one ({reason})"))) from None


def _bomb(where: str, path: Path, got: str) -> FormatError:
    hint = "such a file may be made to exhaust the memory"
    return FormatError(message(where, f"at most {_MOST_PIXELS} pixels in {path}", Words(got), hint))
