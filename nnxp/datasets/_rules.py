"""What is to be done with cells that are no numbers, as a user says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from nnxp._checks import check_choice, check_number, did_you_mean, match_names, message

Missing = str | float | Mapping[str, str | float]
Categories = str | Mapping[str, str | Sequence[str]]

MISSING_POLICIES = ("error", "drop", "mean", "median", "most_frequent")
CODINGS = ("error", "one-hot", "ordinal")
UNSEEN = ("error", "other")
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Rules:
    """Policies by name pattern, of which the first that fits a column counts; what fits none is an error.

    Attributes
    ----------
    missing : tuple of (pattern, policy)
        For cells in which nothing is.
    categories : tuple of (pattern, policy)
        For words; a sequence of words is an order.
    unseen : str
        For words that were not there when the table was fitted.
    """

    missing: tuple[tuple[str, Any], ...] = ()
    categories: tuple[tuple[str, Any], ...] = ()
    unseen: str = "error"

    @classmethod
    def of(cls, where: str, missing: Missing, categories: Categories, unseen: str) -> "Rules":
        """Check what was asked for."""
        check_choice(where, "unseen", unseen, UNSEEN)
        absent = _pairs(missing)
        for pattern, policy in absent:
            _check_missing(where, pattern, policy)
        codings = tuple(
            (pattern, coding if isinstance(coding, str) or not isinstance(coding, Sequence) else tuple(coding))
            for pattern, coding in _pairs(categories)
        )
        for _, coding in codings:
            if not isinstance(coding, tuple):
                check_choice(where, "categories", coding, CODINGS)
            elif not coding or not all(isinstance(word, str) for word in coding) or len(set(coding)) < len(coding):
                raise ValueError(message(where, "categories to be different words in their order", coding))
        return cls(absent, codings, unseen)

    def check_names(self, where: str, names: Sequence[str]) -> None:
        """Refuse a pattern that fits no column."""
        for pattern, _ in (*self.missing, *self.categories):
            if pattern != "*" and pattern not in names:
                match_names(where, pattern, names)

    def missing_of(self, name: str) -> Any:
        """Return the policy for missing cells of a column."""
        return next((policy for pattern, policy in self.missing if _fits(name, pattern)), "error")

    def coding_of(self, name: str) -> Any:
        """Return what becomes of a column's words."""
        return next((coding for pattern, coding in self.categories if _fits(name, pattern)), "error")

    def is_named(self, name: str) -> bool:
        """Tell whether a column was asked to be of categories, be they numbers."""
        pattern = next((pattern for pattern, _ in self.categories if _fits(name, pattern)), "*")
        return pattern != "*" and self.coding_of(name) != "error"

    @property
    def takes_words(self) -> bool:
        """Whether any column may be of words."""
        return any(coding != "error" for _, coding in self.categories)


def _pairs(policy: Any) -> tuple[tuple[str, Any], ...]:
    pairs = policy.items() if isinstance(policy, Mapping) else [("*", policy)]
    return tuple((str(pattern), value) for pattern, value in pairs)


def _fits(name: str, pattern: str) -> bool:
    # A name may have brackets of its own.
    return name == pattern or fnmatchcase(name, pattern)


def _check_missing(where: str, pattern: str, policy: Any) -> None:
    if not isinstance(policy, str):
        check_number(where, "missing", policy)
        if abs(policy) > _LARGEST:
            raise ValueError(message(where, "missing to be a number that float32 can hold", policy))
    elif policy not in MISSING_POLICIES and (pattern == "*" or did_you_mean(policy, MISSING_POLICIES)):
        # A word to fill in belongs to columns that are named.
        options = ", ".join(map(repr, MISSING_POLICIES))
        hint = did_you_mean(policy, MISSING_POLICIES) or "a word for one column: missing={'colour': 'unknown'}"
        raise ValueError(message(where, f"missing to be one of {options} or a number", policy, hint))
