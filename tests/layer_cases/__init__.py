"""The layers under contract, one line each; an option that changes the formula has a line of its own.

A file holds the cases of one family; a new family is named here.
"""

from __future__ import annotations

from tests.layer_cases import basic
from tests.layer_cases.case import Case

CASES: list[Case] = [*basic.CASES]

__all__ = ["CASES", "Case"]
