"""The text of functions, with that of everything they call, as it goes into a written file."""

import ast
import inspect
import sys
from collections.abc import Iterable
from types import FunctionType, ModuleType

from nnxp.io.plain.functions import types

__all__ = ["Sources"]

_IMPORTED = {"Any": "from typing import Any", "Callable": "from collections.abc import Callable"}


class Sources:
    """The functions that a file needs.

    Parameters
    ----------
    wanted : iterable of function
        Of `nnxp.io.plain.functions`; what they call comes with them.

    Attributes
    ----------
    functions : list of str
        Their text, each after those that it calls.
    types : list of str
        The lines that name the types in it.
    imports : set of str
        ``"import math"`` and its like.
    """

    def __init__(self, wanted: Iterable[FunctionType]) -> None:
        self.functions: list[str] = []
        self.imports = {"import numpy as np"}
        self._seen: set[FunctionType] = set()
        self._words = {"Array"}
        for function in wanted:
            self._add(function)
        self.types = self._used_types()

    def _add(self, function: FunctionType) -> None:
        if function in self._seen:
            return
        self._seen.add(function)
        text = inspect.getsource(function).rstrip()
        module = sys.modules[function.__module__]
        for name in names_in(text):
            self._words.add(name)
            value = getattr(module, name, None)
            if isinstance(value, FunctionType):
                self._add(value)
            elif isinstance(value, ModuleType) and name == value.__name__:
                self.imports.add(f"import {name}")
            elif name in _IMPORTED:
                self.imports.add(_IMPORTED[name])
        self.functions.append(text)

    def _used_types(self) -> list[str]:
        """Return the types' lines in their order, those that others need among them."""
        lines = []
        for line in reversed(inspect.getsource(types).splitlines()):
            name, equals, value = line.partition(" = ")
            if equals and name in self._words and name != "__all__":
                words = names_in(value)
                self._words.update(words)
                self.imports.update(_IMPORTED[word] for word in words if word in _IMPORTED)
                lines.append(line)
        return ["Array = np.ndarray", *reversed(lines)]


def names_in(code: str) -> list[str]:
    """List the names in a piece of code, once each, in their order."""
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in found))
