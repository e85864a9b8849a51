"""What the templates write into: the lines of ``predict``, and what they need."""

import keyword
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnxp._checks import Shape, Words, message
from nnxp._parameters import join
from nnxp.io.plain.functions import NAMES
from nnxp.layers import Layer, Sequential
from nnxp.network import Network

__all__ = ["Template", "Writer", "literal", "quoted", "refusal", "safe"]

Host = np.ndarray[Any, Any]
# From a writer, a layer, its path, the names of its inputs, and the name that its output will have, to an expression.
Template = Callable[["Writer", Any, str, tuple[str, ...], str], str]

# What a line of the file may measure.
WIDTH = 112
_RESERVED = {
    "_", "np", "math", "sys", "base64", "Path", "Any", "Callable", "WEIGHTS", "CLASSES", "archive", "decoded", "main",
    "part", "predict", "predict_class", "predict_proba",
}  # fmt: skip


class Writer:
    """The lines of ``predict`` as they come, the functions that they call, and the arrays that they read.

    Parameters
    ----------
    net : Network
        What is written.
    templates : mapping
        From a class of layers to its template, or to why there is none.
    """

    def __init__(self, net: Network, templates: Mapping[type[Layer], "Template | str"]) -> None:
        self.arrays: dict[str, Host] = net.state_dict()
        self.dtype = net.dtype
        self.lines: list[str] = []
        self.functions: dict[Any, None] = {}
        self.used: dict[str, Host] = {}
        self.parts = False
        self.several: set[str] = set()  # the values that are tuples
        self._templates = templates
        self._taken = set(NAMES | _RESERVED)
        self._shapes: dict[str, Shape | None] = {node.path: node.out_shape for node in net.nodes}

    # -- what templates use -----------------------------------------------------------------------

    def run(self, layer: Layer, path: str, inputs: tuple[str, ...], target: str) -> str:
        """Write what a layer computes from its inputs; return the name of its output, `target` or an older one."""
        template = self._templates.get(type(layer))
        if template is None or isinstance(template, str):
            raise refusal(layer, path, template)
        start = len(self.lines)
        value = template(self, layer, path, inputs, target)
        shape = self.shape(path)
        about = f"{safe(path) or 'the model'}: {layer.display_name}{' -> ' if shape else ''}{shape}"
        if layer.children() and len(self.lines) > start:
            if path and not isinstance(layer, Sequential):
                self.lines.insert(start, f"# {about}")
            about = ""
        if value in (*inputs, target):
            return value
        self.assign(target, value, about)
        return target

    def assign(self, target: str, value: str, about: str = "") -> None:
        """Write an assignment, with a comment beside it if there is room, else above."""
        line = f"{target} = {value}"
        if about and len(line) + len(about) + 4 <= WIDTH:
            self.lines.append(f"{line}  # {about}")
            return
        self.lines += [f"# {about}"] if about else []
        self.lines += [line] if len(line) <= WIDTH else wrapped(line)

    def call(self, function: Any, *values: Any, **named: Any) -> str:
        """Return a call of one of the functions; texts are code, other values are written out, trailing None left."""
        self.functions[function] = None
        given = list(values)
        while given and given[-1] is None:
            given.pop()
        words = [v if isinstance(v, str) else literal(v) for v in given]
        words += [f"{k}={v if isinstance(v, str) else literal(v)}" for k, v in named.items() if v is not None]
        return f"{function.__name__}({', '.join(words)})"

    def array(self, path: str, name: str) -> str:
        """Return how a layer's array is read."""
        full = join(path, name)
        self.used[full] = self.arrays[full]
        return f"WEIGHTS[{quoted(full)}]"

    def maybe(self, path: str, name: str) -> str | None:
        """Return the same; None for an array that the layer has not."""
        return self.array(path, name) if join(path, name) in self.arrays else None

    def part(self, path: str) -> str:
        """Return how all arrays of a layer are read, by name."""
        prefix = f"{path}." if path else ""
        self.used |= {name: array for name, array in self.arrays.items() if name.startswith(prefix)}
        self.parts = self.parts or bool(path)
        return f"part({quoted(path)})" if path else "WEIGHTS"

    @contextmanager
    def name(self, wish: str = "a") -> Iterator[str]:
        """Give a name that no other value has, until the block ends."""
        name = self.new_name(wish)
        yield name
        self.release([name])

    def new_name(self, wish: str) -> str:
        """Return a name that no other value has, like the one wished for as far as Python lets it be."""
        base = re.sub(r"\W", "_", wish, flags=re.ASCII).strip("_") or "value"
        base = f"value_{base}" if base[0].isdigit() or keyword.iskeyword(base) or keyword.issoftkeyword(base) else base
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}{number}"
        self._taken.add(name)
        return name

    def release(self, names: Iterable[str]) -> None:
        """Let names be given again: nobody reads their values any more, but for the next line."""
        self._taken.difference_update(names)

    def shape(self, path: str) -> str:
        """Return the shape of a layer's output as far as it is known; a star is any size."""
        shape = self._shapes.get(path)
        return "" if shape is None else f"(batch{''.join(', *' if n is None else f', {n}' for n in shape)})"


def wrapped(line: str) -> list[str]:
    """Break a call that is too long for a line behind its commas."""
    head, _, rest = line.partition("(")
    arguments, end = rest[: rest.rindex(")")], rest[rest.rindex(")") :]
    words = re.split(r", (?![^(\[]*[)\]])", arguments)
    lines = [f"{head}("]
    for word in words:
        if lines[-1].startswith("    ") and len(lines[-1]) + len(word) + 3 <= WIDTH:
            lines[-1] += f" {word},"
        else:
            lines.append(f"    {word},")
    return [*lines, end]


def quoted(text: str) -> str:
    """Write a text in double quotes where it has none itself."""
    written = ascii(text)
    plain = written[0] == "'" and '"' not in written and "\\" not in written
    return f'"{written[1:-1]}"' if plain else written


def refusal(layer: Layer, path: str, why: str | None) -> ValueError:
    """Say which layer cannot be written, and why."""
    name = type(layer).__name__
    got = Words(f"{name}{f' (layer {path})' if path else ''}")
    return ValueError(message("export", "layers of nnxp, whose formulas are known", got, why or ""))


def literal(value: Any) -> str:
    """Write a number, a text, None, or a tuple of them as Python does; nothing else."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return str(value)
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if hasattr(value, "__index__"):
        return str(value.__index__())
    number = float(value)
    if math.isnan(number):
        return "np.nan"
    return repr(number) if math.isfinite(number) else "np.inf" if number > 0 else "-np.inf"


def safe(text: object) -> str:
    """Return a name without anything that could end a comment or a text: it may come from a stranger's file."""
    return "".join(c if c.isalnum() or c in "._-*() " else "?" for c in str(text))
