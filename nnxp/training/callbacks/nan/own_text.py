"""The text of a layer of one's own, as it goes into a script."""

import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import FunctionType, ModuleType
from typing import Any

from nnxp._backend import namespace
from nnxp.io.plain.sources import names_in
from nnxp.layers.layer import Layer
from nnxp.training.callbacks.nan.finding import Subject

__all__ = ["own_text"]

_NAMESPACE = '''def namespace(*arrays):
    """Return the library of arrays: here it is NumPy."""
    return np'''


def own_text(layer: Layer, subject: Subject, gradient: bool) -> Iterator[dict[str, Any]]:
    """Return lines, imports and blocks that run the layer's own ``forward`` (and ``backward``) on NumPy.

    Only of layers from elsewhere: their formulas stand nowhere else. What they use of their module comes along, as
    far as it is modules, functions, numbers and texts.
    """
    kind = type(layer)
    if kind.__module__.partition(".")[0] == "nnxp" or not is_dataclass(layer) or layer.children():
        return
    methods = [kind.forward, *([kind.backward] if gradient else [])]
    imports, blocks = {"from types import SimpleNamespace": None}, dict[str, None]()
    for method in methods:
        if not isinstance(method, FunctionType) or not _add(method, imports, blocks):
            return
    values = {item.name: getattr(layer, item.name) for item in fields(layer)}
    if not all(value is None or isinstance(value, (bool, int, float, str, tuple)) for value in values.values()):
        return
    given = ", ".join(f"inputs[{name!r}]" for name in subject.inputs if name.startswith("x"))
    lines = [
        f"self = SimpleNamespace(**{values!r})",
        "p, mode = SimpleNamespace(**weights), SimpleNamespace(training=True, keep_cache=True, input_gradient=True)",
        f"y, cache = forward(self, p, {given}, mode)",
    ]
    if gradient:
        lines += [
            "g = SimpleNamespace(**{name: np.empty_like(array) for name, array in weights.items()})",
            'found = named("dx", backward(self, p, g, cache, inputs["dy"]))',
            'found |= {f"d{name}": array for name, array in vars(g).items()}',
        ]
    else:
        lines.append('found = named("y", y)')
    yield {"lines": lines, "imports": list(imports), "blocks": list(blocks), "weights": subject.parameters}


def _add(function: FunctionType, imports: dict[str, None], blocks: dict[str, None]) -> bool:
    """Add a function's text after that of what it uses; tell whether it can be had."""
    try:
        text = textwrap.dedent(inspect.getsource(function)).rstrip()
        names = names_in(text)
    except (OSError, SyntaxError, TypeError):
        return False
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            imports[f"import {value.__name__} as {name}"] = None
        elif value is namespace:
            blocks[_NAMESPACE] = None
        elif isinstance(value, FunctionType) and value is not function and value.__module__ == function.__module__:
            if not _add(value, imports, blocks):
                return False
        elif isinstance(value, (bool, int, float, str)) and not name.startswith("__"):
            blocks[f"{name} = {value!r}"] = None
    blocks[text] = None
    return True
