"""One operator of a graph, as both directions see it."""

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Operation"]


@dataclass
class Operation:
    """A node of an ONNX graph.

    Attributes
    ----------
    kind, name : str
        Such as ``"Gemm"``, and what it is called.
    inputs, outputs : list of str
        Names of values; an input that is left out is ``""``.
    attributes : dict
        Numbers, strings and lists of them.
    """

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
