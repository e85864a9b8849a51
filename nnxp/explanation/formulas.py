"""What each layer computes, forward and backward, as its docstring states it: a formula is written once."""

import inspect
import re
from typing import NamedTuple

import nnxp.layers

__all__ = ["Formula", "formula_of", "opening_of", "with_shapes"]

# Where a docstring's first paragraphs end, and what in them points elsewhere.
_SECTION = re.compile(r"(?:^|\n)[A-Z]\w+(?: \w+)*\n-{3,}\n")
_BACKWARD = re.compile(r"[;.,]?\s*\b[Bb]ackward\b[:,]?\s+")
_ELSEWHERE = re.compile(
    r"[;,]? *(?:see|of an?|as by|else as|otherwise as) `+(\w+)(?:\(\d+\))?`+(?:, whose formulas it shares)?"
)
_GRADIENT = re.compile(r"; (?=[^;]*\bgradient|``d)")
_CITATION = re.compile(r" \[\d+\]_")

# Layers made of parts say what goes forward; what goes back follows from the parts.
_BY_PARTS = "the parts in reverse, each by its own formula; where a value has gone two ways, both gradients are added"
_ATTENTION = (
    "for each head, with the softmax ``w`` and ``dw = dy_h v^T``: ``ds = w * (dw - sum(dw * w))``, "
    "``dq = ds k / sqrt(D)``, ``dk = ds^T q / sqrt(D)``, ``dv = w^T dy_h``; then through the affine maps"
)
_SAID_HERE = {
    "MultiheadAttention": _ATTENTION,
    "TransformerEncoderLayer": _BY_PARTS,
    "TransformerDecoderLayer": _BY_PARTS,
    "TransformerEncoder": _BY_PARTS,
    "TransformerDecoder": _BY_PARTS,
    "Transformer": _BY_PARTS,
}

_DIRECTIONS = ("forward", "backward", "__call__")


class Formula(NamedTuple):
    """Both directions of a layer in words, and in formulas, which stand between double backticks."""

    forward: str
    backward: str


def formula_of(kind: type) -> Formula:
    """Return what a class of layers or losses says of its two directions."""
    for each in kind.__mro__:
        # What another class says holds as long as nothing of it was written anew.
        formula = _stated(each) if all(_shares(each, kind, name) for name in _DIRECTIONS) else Formula("", "")
        if formula.backward:
            return formula
    name = kind.__name__
    return Formula(opening_of(kind) or f"as ``{name}.forward`` has it", f"as ``{name}.backward`` has it")


def _shares(a: type, b: type, name: str) -> bool:
    return inspect.getattr_static(a, name, None) is inspect.getattr_static(b, name, None)


def opening_of(kind: type) -> str:
    """Return the first paragraphs of a class's docstring in one line; nothing where it has none of its own."""
    text = inspect.cleandoc(kind.__doc__ or "")
    if text.startswith(f"{kind.__name__}("):  # what a dataclass says of itself
        return ""
    return _CITATION.sub("", " ".join(_SECTION.split(text)[0].split()))


def _stated(kind: type) -> Formula:
    text = opening_of(kind)
    for separator in (_BACKWARD, _GRADIENT):
        forward, *backward = separator.split(text, maxsplit=1)
        if backward:
            return Formula(forward.rstrip("."), _followed(backward[0].rstrip(".")))
    elsewhere = _ELSEWHERE.search(text)
    other = getattr(nnxp.layers, elsewhere[1], None) if elsewhere else None
    if elsewhere and other is not None:
        there = formula_of(other)
        own = f"{text[: elsewhere.start()]}{text[elsewhere.end() :]}".rstrip(".")
        forward = own if "``y" in own else f"{own}. As {elsewhere[1]}: {there.forward}"
        return Formula(forward, there.backward)
    return Formula(text.rstrip("."), _SAID_HERE.get(kind.__name__, ""))


def _followed(backward: str) -> str:
    """Return a formula, or that of the layer that it is said to be like."""
    elsewhere = re.fullmatch(r"as in `(\w+)`", backward)
    return formula_of(getattr(nnxp.layers, elsewhere[1])).backward if elsewhere else backward


def with_shapes(text: str, shapes: dict[str, tuple[int, ...]]) -> str:
    """Put the shapes of this run behind the arrays in the products of a formula: ``y (5, 2) = x (5, 3) @ ...``."""

    def product(span: re.Match[str]) -> str:
        code = span[0]
        if "@" not in code and "sum of dy " not in code:
            return code
        return re.sub(r"(?<![\w.])([A-Za-z]\w*)(\.T)?(?![\w(\[.'])", with_shape, code)

    def with_shape(word: re.Match[str]) -> str:
        shape = shapes.get(word[1])
        return word[0] if shape is None else f"{word[0]} {shape[::-1] if word[2] else shape}"

    return re.sub(r"``[^`]+``", product, text)
