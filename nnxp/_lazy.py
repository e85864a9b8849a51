"""Packages whose names are found when they are first used, so that a program loads no more than it needs."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, files: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return a package's ``__getattr__``, ``__dir__`` and ``__all__``.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    files : mapping of str to str
        For each of its modules the public names that it lends, with spaces between them.
    """
    homes = {name: file for file, names in files.items() for name in names.split()}

    def find(name: str) -> Any:
        if name in files:
            return import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # the second look does not come here
        return value

    names = sorted(homes)
    return find, lambda: names, names
