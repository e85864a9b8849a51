"""Several operators that are one layer, and how they are found.

A pattern is a tree: ``("Mul", "x", ("Sigmoid", "x"))`` is a product of something with its own sigmoid. A word stands
for any value, the same wherever it stands; one that begins with ``$`` for a constant; a number for a constant of that
size. ``"Split:1"`` is an operator's second output.
"""

from itertools import permutations
from typing import Any

import numpy as np

from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.file import Contents

__all__ = ["PREFIX", "join_patterns"]

# What joined operators are called by: no operator of a file can have such a name.
PREFIX = "nnxp:"

Pattern = Any
EITHER_ORDER = {"Add", "Mul"}

ROOT_OF_2, STEEPNESS, CUBIC = 2**0.5, (2 / np.pi) ** 0.5, 0.044715
_ERFS = [("Erf", ("Div", "x", ROOT_OF_2)), ("Erf", ("Mul", "x", 1 / ROOT_OF_2))]
_CUBES = [("Pow", "x", 3.0), ("Mul", "x", ("Mul", "x", "x"))]
_TANHS = [("Tanh", ("Mul", ("Add", "x", ("Mul", cube, CUBIC)), STEEPNESS)) for cube in _CUBES]


def _halves(share: Pattern) -> list[Pattern]:
    """Return the ways to write ``x * (1 + share) / 2``."""
    more = ("Add", share, 1.0)
    return [("Mul", ("Mul", "x", more), 0.5), ("Mul", ("Mul", "x", 0.5), more), ("Mul", "x", ("Mul", more, 0.5))]


_CENTRED = ("Sub", "x", ("ReduceMean", "x", "$axes"))
_SQUARES = [("Pow", _CENTRED, 2.0), ("Mul", _CENTRED, _CENTRED)]
_NORMS = [("Div", _CENTRED, ("Sqrt", ("Add", ("ReduceMean", s, "$axes"), "$eps"))) for s in _SQUARES]
_RMS = ("Div", "x", ("Sqrt", ("Add", ("ReduceMean", ("Mul", "x", "x"), "$axes"), "$eps")))
_GROUPS = ("Reshape", ("InstanceNormalization", ("Reshape", "x", "$groups"), "$ones", "$zeros"), "shape")

# Larger ones first: what is found first is taken.
PATTERNS: list[tuple[str, Pattern]] = [
    *(("GELU", half) for erf in _ERFS for half in _halves(erf)),
    *(("GELUTanh", half) for tanh in _TANHS for half in _halves(tanh)),
    *(("LayerNorm", ("Add", ("Mul", norm, "$weight"), "$bias")) for norm in _NORMS),
    *(("LayerNorm", ("Mul", norm, "$weight")) for norm in _NORMS),
    ("RMSNorm", ("Mul", _RMS, "$weight")),
    ("GroupNorm", ("Add", ("Mul", _GROUPS, "$weight"), "$bias")),
    ("SiLU", ("Mul", "x", ("Sigmoid", "x"))),
    ("Mish", ("Mul", "x", ("Tanh", ("Softplus", "x")))),
    ("Hardswish", ("Mul", "x", ("HardSigmoid", "x"))),
    ("Hardswish", ("Div", ("Mul", "x", ("Clip", ("Add", "x", 3.0), 0.0, 6.0)), 6.0)),
    ("Hardswish", ("Mul", "x", ("Div", ("Clip", ("Add", "x", 3.0), 0.0, 6.0), 6.0))),
    ("LogSigmoid", ("Neg", ("Softplus", ("Neg", "x")))),
    ("LogSigmoid", ("Log", ("Sigmoid", "x"))),
    ("GLU", ("Mul", ("Split:0", "x"), ("Sigmoid", ("Split:1", "x")))),
    ("Softsign", ("Div", "x", ("Add", ("Abs", "x"), 1.0))),
    ("Tanhshrink", ("Sub", "x", ("Tanh", "x"))),
    ("Softmin", ("Softmax", ("Neg", "x"))),
    ("PixelUnshuffle", ("Gather", ("SpaceToDepth", "x"), "$order")),
    ("GlobalAvgPool", ("Flatten", ("GlobalAveragePool", "x"))),
    ("GlobalMaxPool", ("Flatten", ("GlobalMaxPool", "x"))),
    ("Threshold", ("Where", ("LessOrEqual", "x", "$threshold"), "$value", "x")),
    ("Softplus", ("Div", ("Softplus", ("Mul", "x", "$beta")), "$beta")),
    ("Linear", ("Add", ("MatMul", "x", "$weight"), "$bias")),
    ("Standardize", ("Div", ("Sub", "x", "$mean"), "$std")),
]


def join_patterns(contents: Contents) -> None:
    """Put one operator in the place of each group that fits a pattern."""
    finder = _Finder(contents)
    for operation in reversed(contents.operations):
        if id(operation) not in finder.gone:
            finder.try_all(operation)
    contents.operations = [o for o in contents.operations if id(o) not in finder.gone]


def _words(pattern: Pattern) -> list[str]:
    """List a pattern's words in its own order, each once."""
    if isinstance(pattern, tuple):
        return list(dict.fromkeys(word for part in pattern[1:] for word in _words(part)))
    return [pattern] if isinstance(pattern, str) else []


class _Finder:
    """The search through one graph."""

    def __init__(self, contents: Contents) -> None:
        self.constants = contents.constants
        self.uses = contents.uses()
        self.maker = {name: (o, i) for o in contents.operations for i, name in enumerate(o.outputs) if name}
        self.gone: set[int] = set()

    def try_all(self, operation: Operation) -> None:
        for name, pattern in PATTERNS:
            bound: dict[str, str] = {}
            met: list[Operation] = []
            if pattern[0] == operation.kind and self._fits(pattern, operation.outputs[0], bound, met):
                inside = [o for o in {id(o): o for o in met}.values() if o is not operation]
                if self._closed(inside, [*inside, operation]):
                    self._join(name, operation, inside, {word: bound[word] for word in _words(pattern)})
                    return

    def _closed(self, inside: list[Operation], group: list[Operation]) -> bool:
        """Tell whether nobody else wants what is made on the way."""
        within = [name for operation in group for name in operation.inputs]
        return all(self.uses[name] == within.count(name) for o in inside for name in o.outputs if name)

    def _join(self, name: str, root: Operation, inside: list[Operation], bound: dict[str, str]) -> None:
        self.gone |= {id(operation) for operation in inside}
        options: dict[str, Any] = {}
        for operation in (*inside, root):
            options |= operation.attributes
        options["bound"] = {word.removeprefix("$"): value for word, value in bound.items()}
        root.kind, root.attributes = f"{PREFIX}{name}", options
        root.inputs = [bound["x"], *(value for word, value in bound.items() if word.startswith("$"))]

    def _fits(self, pattern: Pattern, value: str, bound: dict[str, str], met: list[Operation]) -> bool:
        if isinstance(pattern, float):
            array = self.constants.get(value)
            return array is not None and array.size == 1 and bool(np.allclose(array, pattern, rtol=1e-4, atol=0))
        if isinstance(pattern, str):
            if pattern.startswith("$") and value not in self.constants:
                return False
            return self._are_same(bound.setdefault(pattern, value), value)
        return value in self.maker and self._made_so(pattern, *self.maker[value], bound, met)

    def _are_same(self, one: str, other: str) -> bool:
        """Tell whether two values are one, or equal constants."""
        if one == other:
            return True
        known = one in self.constants and other in self.constants
        return known and bool(np.array_equal(self.constants[one], self.constants[other]))

    def _made_so(
        self, pattern: Pattern, operation: Operation, index: int, bound: dict[str, str], met: list[Operation]
    ) -> bool:
        kind, _, number = pattern[0].partition(":")
        parts, inputs = pattern[1:], operation.inputs
        if (
            operation.kind != kind
            or index != int(number or 0)
            or len(inputs) != len(parts)
            or id(operation) in self.gone
        ):
            return False
        orders = permutations(parts) if kind in EITHER_ORDER else [parts]
        for order in orders:
            trial, seen = dict(bound), [*met, operation]
            if all(self._fits(part, name, trial, seen) for part, name in zip(order, inputs, strict=True)):
                bound.update(trial)
                met[:] = seen
                return True
        return False
