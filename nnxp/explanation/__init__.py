"""Explaining a network: every layer's formulas with the shapes and numbers of a run, each gradient checked."""

from nnxp.explanation.explaining import explain
from nnxp.explanation.page import Explanation, LayerExplanation
from nnxp.explanation.slopes import Slope

__all__ = ["Explanation", "LayerExplanation", "Slope", "explain"]
