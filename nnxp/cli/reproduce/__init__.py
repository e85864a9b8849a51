"""``nnxp reproduce``: the tutorials that nnxp grew from, each beside what it published.

Every module here is one of them, written with nnxp's public names as a reader would write it, and ends in a table:
what was claimed, what was published, what came out here, and whether that holds.
"""

from pathlib import Path
from typing import Any

from nnxp._checks import check_choice, message

__all__ = ["NAMES", "reproduce"]

NAMES = ("xor", "digits", "two-layer", "book", "affine")
_TAKES = {"data": ("xor", "book"), "pictures": ("digits", "two-layer")}


def reproduce(name: str, data: Path | None = None, pictures: Path | None = None) -> int:
    """Run one source's system, and print its claims beside what came out.

    Parameters
    ----------
    name : {"xor", "digits", "two-layer", "book", "affine"}
        The source.
    data : path, optional
        For ``xor`` and ``book``: a folder with MNIST as IDX files, on which they then train as well.
    pictures : path, optional
        For ``digits`` and ``two-layer``: a folder for the pictures that the source shows. Nothing is overwritten.

    Returns
    -------
    int
        0 if every claim holds, 1 if one falls short.

    Raises
    ------
    ValueError
        If there is no such source, or it takes no data or shows no pictures.
    FormatError
        If the folder does not hold IDX files that fit together.
    FileExistsError
        If a picture is there already.
    OSError
        If a folder cannot be read or written to.
    ImportError
        If pictures are asked for without matplotlib.
    """
    check_choice("reproduce", "name", name, NAMES)
    options: dict[str, Any] = {}
    for option, value in (("data", data), ("pictures", pictures)):
        if value is not None:
            if name not in _TAKES[option]:
                raise ValueError(message("reproduce", f"{option} with {' or '.join(_TAKES[option])} alone", name))
            options[option] = Path(value)
    # Each of them brings the whole library along, which the command line's help can do without.
    from nnxp.cli.reproduce import affine, book, digits, two_layer, xor

    source: Any = dict(zip(NAMES, (xor, digits, two_layer, book, affine), strict=True))[name]
    return int(source.run(**options))
