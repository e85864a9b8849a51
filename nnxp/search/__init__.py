"""Search for hyperparameters, at random or by successive halving; needs Optuna."""

from nnxp.search.result import SearchResult, TrialRow
from nnxp.search.space import Choices, Range, as_space
from nnxp.search.study import search
from nnxp.search.trial import Trial

__all__ = ["Choices", "Range", "SearchResult", "Trial", "TrialRow", "as_space", "search"]
