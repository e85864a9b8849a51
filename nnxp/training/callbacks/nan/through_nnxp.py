"""Lines that make a computation again through nnxp itself, where there is no formula in plain NumPy."""

import ast
import sys
from collections.abc import Iterator
from typing import Any

import nnxp
from nnxp.layers.layer import Layer
from nnxp.losses import Loss
from nnxp.training.callbacks.nan.finding import Subject

__all__ = ["through_nnxp"]

_LAYER = "nnxp.training.callbacks.nan.again"


def through_nnxp(doer: Any, subject: Subject) -> Iterator[dict[str, Any]]:
    """Return lines and imports for a layer, a loss or an optimizer that its ``repr`` builds again; none for others."""
    imports = _imports(doer)
    if imports is None:
        return
    settings = subject.settings
    if isinstance(doer, Layer):
        imports.append(f"from {_LAYER} import run_layer")
        lines = [
            f"layer = {doer!r}",
            f"settings = {settings!r}",
            "found = {}",
            "for name, value in run_layer(layer, inputs, weights, settings).items():",
            "    found |= named(name, value)",
        ]
    elif isinstance(doer, Loss):
        lines = [
            f"loss = {doer!r}",
            'value, dy = loss(inputs["output"], inputs["target"], inputs.get("sample_weight"))',
            'found = {"value": np.asarray(value), "dy": dy}',
        ]
    else:
        lines = [
            f"optimizer = {doer!r}",
            'theta = inputs["theta"].copy()',
            'state = {name[6:]: array.copy() for name, array in inputs.items() if name.startswith("state.")}',
            f"optimizer.begin_update(state, {settings['t']})",
            "optimizer.step_run("
            f"theta, inputs['gradient'], state, {settings['lr']!r}, {settings['t']}, {settings['weight_decay']!r})",
            'found = {"theta": theta}',
        ]
    yield {
        "lines": lines,
        "imports": imports,
        "weights": subject.parameters,
        "needs": "nnxp, for want of a plain formula",
    }


def _imports(doer: Any) -> list[str] | None:
    """Return the imports of the classes in a ``repr``; None where they are no classes that can be imported."""
    try:
        called = [node.func for node in ast.walk(ast.parse(repr(doer))) if isinstance(node, ast.Call)]
    except SyntaxError:
        return None
    imports = []
    for name in dict.fromkeys(node.id if isinstance(node, ast.Name) else "" for node in called):
        kind = _class(doer, name)
        if kind is None or kind.__module__ == "__main__":
            return None
        public = getattr(nnxp, name, None) is kind
        imports.append(f"from {'nnxp' if public else kind.__module__} import {name}")
    return imports


def _class(doer: Any, name: str) -> type | None:
    """Find the class of a name: the thing's own, that of a layer inside it, or a public one."""
    kinds = [type(doer), *(_kinds(doer) if isinstance(doer, Layer) else [])]
    found = next((kind for kind in kinds if kind.__name__ == name), getattr(nnxp, name, None) if name else None)
    if not isinstance(found, type):
        return None
    return found if getattr(sys.modules.get(found.__module__), name, None) is found else None


def _kinds(layer: Layer) -> list[type]:
    return [kind for child in layer.children().values() for kind in [type(child), *_kinds(child)]]
