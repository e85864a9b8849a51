"""``nnxp reproduce``: the tutorials that nnxp grew from, each beside what it published.

Every module here is one of them, written with nnxp's public names as a reader would write it, and ends in a table:
what was claimed, what was published, what came out here, and whether that holds.
"""

from importlib import import_module
from pathlib import Path

from nnxp._checks import check_choice, message

__all__ = ["NAMES", "reproduce"]

NAMES = ("xor", "digits", "two-layer", "book", "affine")


def reproduce(name: str, data: Path | None = None) -> int:
    """Run one source's system, and print its claims beside what came out.

    Parameters
    ----------
    name : {"xor", "digits", "two-layer", "book", "affine"}
        The source.
    data : path, optional
        For ``book``: a folder with MNIST as IDX files, on which it then trains as well.

    Returns
    -------
    int
        0 if every claim holds, 1 if one falls short.

    Raises
    ------
    ValueError
        If there is no such source, or it takes no data.
    FormatError
        If the folder does not hold a pair of IDX files.
    OSError
        If it cannot be read.
    """
    check_choice("reproduce", "name", name, NAMES)
    if name == "book":
        from nnxp.cli.reproduce import book

        return book.run(data)
    if data is not None:
        raise ValueError(message("reproduce", "data with book alone", name, f"nnxp reproduce {name} brings its own"))
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    return int(module.run())
