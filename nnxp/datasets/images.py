"""Images in a folder for each class."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import Words, as_sizes, check_choice, check_positive_int, message
from nnxp.datasets._pictures import SUFFIXES, decode, look_at, need_pillow
from nnxp.datasets._reading import MAX_BYTES
from nnxp.datasets._split import TEST_SHARE, Split, shuffled_order
from nnxp.errors import FormatError

__all__ = ["load_images"]

HostArray = np.ndarray[Any, Any]


def load_images(
    folder: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> tuple[Split, tuple[str, ...]]:
    """Read images from a folder in which each class has a folder of its own, named after it.

    Parameters
    ----------
    folder : path
        Such as ``pets`` with ``pets/cat/1.png`` and ``pets/dog/x.jpg``; or with such folders in ``pets/train`` and
        ``pets/test``. PNG, JPEG, BMP, GIF, WebP, TIFF, PPM and PGM are read; other files, and hidden ones, are not
        looked at.
    size : int or tuple (height, width), optional
        What images are scaled to, one number for a square; None where all have one size.
    channels : {1, 3}, optional
        1 makes them grey, 3 red, green and blue; None makes them grey if all of them are.
    seed : int
        Without ``train`` and ``test``, 20 % are drawn for the test part.
    max_bytes : int
        What all of them may take up once decoded: a byte a pixel and channel.

    Returns
    -------
    (x_train, y_train, x_test, y_test) : tuple of array
        Images of shape (n, channels, height, width), uint8; labels of shape (n,), int64.
    classes : tuple of str
        The folders' names in alphabetical order, which the labels count.

    Raises
    ------
    ImportError
        If Pillow is not installed: ``pip install 'nnxp[images]'``.
    FormatError
        If a file is damaged, animated, of more than 8 bits a channel or of more than 2**26 pixels; if sizes differ and
        `size` is not given; if all take up too much, a class has no image, or a test image is of a class that was not
        trained on. The message names the file.
    OSError
        If a folder or a file cannot be opened.

    Notes
    -----
    Headers are read first: what is too large is refused before a pixel is decoded. Photographs are turned upright as
    they say they should be; transparency is left out.

    Examples
    --------
    >>> (x_train, y_train, x_test, y_test), classes = load_images("pets", size=32)
    """
    files = find_images("load_images", folder)
    classes = tuple(sorted(files["train"]))
    train = _listed(files["train"], classes)
    test = _listed(files["test"], classes) if "test" in files else []
    x = read_images("load_images", folder, [path for path, _ in train + test], size, channels, max_bytes)
    y = np.array([label for _, label in train + test], dtype=np.int64)
    if test:
        n = len(train)
        return (x[:n], y[:n], x[n:], y[n:]), classes
    if round(len(y) * TEST_SHARE) == 0:
        raise FormatError(message("load_images", f"at least 3 images in {os.fspath(folder)}", len(y)))
    rows, held_out = shuffled_order("load_images", len(y), TEST_SHARE, seed)
    return (x[rows], y[rows], x[held_out], y[held_out]), classes


def find_images(where: str, folder: str | os.PathLike[str]) -> dict[str, dict[str, list[Path]]]:
    """Return the files of each class for ``train``, and for ``test`` where there is such a folder."""
    root = Path(folder)
    parts = {name: root / name for name in ("train", "test")}
    if all(path.is_dir() for path in parts.values()):
        found = {name: _classes_in(where, path) for name, path in parts.items()}
    else:
        found = {"train": _classes_in(where, root)}
    for name in found.get("test", {}):
        if name not in found["train"]:
            some = ", ".join(sorted(found["train"])[:10])
            raise FormatError(message(where, f"only the classes {some}, as for training, in {parts['test']}", name))
    return found


def read_images(
    where: str,
    folder: str | os.PathLike[str],
    paths: list[Path],
    size: int | tuple[int, int] | None,
    channels: int | None,
    max_bytes: int,
) -> HostArray:
    """Decode files into one array of bytes, of shape (n, channels, height, width)."""
    check_choice(where, "channels", channels, [None, 1, 3])
    check_positive_int(where, "max_bytes", max_bytes)
    wanted = None if size is None else as_sizes(where, "size", size, 2)
    need_pillow(where)
    looks = [look_at(where, path) for path in paths]
    for path, look in zip(paths, looks, strict=True):
        if wanted is None and look.size != looks[0].size:
            expected = f"images of one size in {os.fspath(folder)}, that of {paths[0].name}, {_by(looks[0].size)}"
            hint = "size=32 scales all of them (--size 32)"
            raise FormatError(message(where, expected, Words(f"{_by(look.size)} in {path}"), hint))
    height, width = wanted or looks[0].size
    depth = channels or (1 if all(look.grey for look in looks) else 3)
    needed = len(paths) * depth * height * width
    if needed > max_bytes:
        hint = "make size smaller, or give max_bytes"
        expected = f"the images in {os.fspath(folder)} to take up at most {max_bytes} bytes"
        raise FormatError(message(where, expected, needed, hint))
    x = np.empty((len(paths), depth, height, width), dtype=np.uint8)
    for i, path in enumerate(paths):
        x[i] = decode(where, path, (height, width), depth)
    return x


def images_in(folder: Path) -> list[Path]:
    """List the image files of a folder, by name."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in files if path.is_file())


def _classes_in(where: str, folder: Path) -> dict[str, list[Path]]:
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise FormatError(message(where, f"a folder of images for each class in {folder}", Words("none")))
    found = {path.name: images_in(path) for path in folders}
    empty = next((name for name, files in found.items() if not files), None)
    if empty is not None:
        raise FormatError(message(where, f"images ({', '.join(SUFFIXES)}) in {folder / empty}", Words("none")))
    return found


def _listed(files: dict[str, list[Path]], classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    labels = {name: label for label, name in enumerate(classes)}
    return [(path, labels[name]) for name, paths in sorted(files.items()) for path in paths]


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} by {size[1]}"
