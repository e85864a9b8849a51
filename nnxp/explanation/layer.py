"""One layer of an explanation: its formulas with shapes, its arrays, its checks, its picture."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnxp._nested import shapes
from nnxp._parameters import Node, join
from nnxp.explanation.formulas import Formula, formula_of, with_shapes
from nnxp.explanation.graphs import draw
from nnxp.explanation.listening import Visit
from nnxp.explanation.numbers import numbers_text, shape_text
from nnxp.explanation.page import LayerExplanation
from nnxp.explanation.slopes import Slope, Slopes
from nnxp.losses import Loss

__all__ = ["explain_layer", "explain_loss", "name_of"]

Host = np.ndarray[Any, Any]
Arrays = dict[str, Host]


def explain_layer(node: Node, slopes: Slopes) -> LayerExplanation:
    """Explain a layer by what passed it in each of its runs."""
    runs = [(number, visit) for number, visit in enumerate(slopes.visits) if visit.path == node.path]
    names = list(node.layer.parameters(node.in_shape))
    weights = {name: slopes.parameters[join(node.path, name)] for name in names}
    arrays = _in_order(runs, weights, {f"d{name}": slopes.found[join(node.path, name)] for name in names})
    known = {name: tuple(a.shape) for name, a in arrays.items()}
    formula = Formula(*(with_shapes(text, known) for text in formula_of(type(node.layer))))
    drawing = ""
    if len(runs) == 1 and not node.layer.children():
        drawing = draw(node.layer, {name: a for name, a in arrays.items() if name in {"x", "y", "dx", "dy", *names}})
    shape = f"{shape_text(shapes(runs[0][1].inputs))} -> {shape_text(shapes(runs[0][1].y))}" if runs else ""
    return LayerExplanation(
        path=node.path,
        name=node.layer.display_name,
        shapes=shape,
        formula=formula,
        arrays=tuple((name, str(tuple(a.shape)), numbers_text(a)) for name, a in arrays.items()),
        slopes=tuple(_slopes(node, runs, names, slopes)),
        drawing=drawing,
    )


def explain_loss(loss: Any, slopes: Slopes) -> LayerExplanation:
    """Explain the loss, from which all gradients come, by what it was given and gives back."""
    formula = formula_of(type(loss)) if isinstance(loss, Loss) else Formula("a function of yours", "its second value")
    model = next(visit for visit in slopes.visits if not visit.path)
    arrays = dict(_named("output", model.y)) | dict(_named("target", slopes.goal)) | dict(_named("dy", model.dy))
    return LayerExplanation(
        path="f",
        name=name_of(loss),
        shapes=shape_text(shapes(model.y)),
        formula=formula,
        arrays=tuple((name, str(tuple(a.shape)), numbers_text(a)) for name, a in arrays.items()),
        slopes=(),
        drawing="",
    )


def name_of(loss: Any) -> str:
    """Return what a loss is called, a function among them."""
    return str(getattr(loss, "__name__", type(loss).__name__))


def _in_order(runs: list[tuple[int, Visit]], weights: Arrays, gradients: Arrays) -> Arrays:
    """Name everything that takes part, in the order in which it comes up."""
    found: Arrays = {}
    for word, own in (("x", weights), ("y", {}), ("dy", gradients), ("dx", {})):
        for i, (_, visit) in enumerate(runs):
            value = visit.inputs if word == "x" else getattr(visit, word)
            if word in ("x", "dx") and isinstance(value, tuple) and len(value) == 1:
                value = value[0]
            suffix = f" of run {i + 1}" if len(runs) > 1 else ""
            found |= {f"{name}{suffix}": a for name, a in _named(word, value)}
        found |= own
    return found


def _named(word: str, value: Any) -> Iterator[tuple[str, Host]]:
    """Yield an array under its name, those of a tuple with numbers behind it."""
    if isinstance(value, tuple):
        for i, part in enumerate(value, start=1):
            yield from _named(f"{word}{i}", part)
    elif value is not None:
        yield word, value


def _slopes(node: Node, runs: list[tuple[int, Visit]], names: list[str], slopes: Slopes) -> Iterator[Slope]:
    """Check the gradients of the parameters, and of the inputs where they come in."""
    for name in names:
        yield slopes.of_array(node.path, name, join(node.path, name))
    if node.layer.children():
        keys = () if node.path else tuple(key for key in slopes.places if key in slopes.found)
        yield from (slopes.of_array(node.path, f"the {key}", key) for key in keys)
        return
    for i, (number, visit) in enumerate(runs):
        gradients = visit.dx if isinstance(visit.dx, tuple) else (visit.dx,)
        suffix = f" of run {i + 1}" if len(runs) > 1 else ""
        for place, (x, dx) in enumerate(zip(visit.inputs, gradients, strict=False)):
            if dx is not None and x.dtype.kind == "f":
                which = f"x{place + 1}" if len(visit.inputs) > 1 else "x"
                yield slopes.of_input(node.path, f"{which}{suffix}", number, place, dx)
