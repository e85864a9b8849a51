"""The layers under contract, one line each; an option that changes the formula has a line of its own.

A file holds the cases of one family; a new family is named here.
"""

from __future__ import annotations

from tests.layer_cases import (
    activations,
    attention,
    basic,
    convolution,
    graph,
    normalisation,
    pooling,
    recurrent,
    resizing,
    weight_norm,
)
from tests.layer_cases.case import Case

CASES: list[Case] = [
    *basic.CASES,
    *activations.CASES,
    *attention.CASES,
    *graph.CASES,
    *normalisation.CASES,
    *recurrent.CASES,
    *convolution.CASES,
    *pooling.CASES,
    *resizing.CASES,
    *weight_norm.CASES,
]

__all__ = ["CASES", "Case"]
