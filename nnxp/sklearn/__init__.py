"""Networks as scikit-learn estimators: in pipelines, searches and cross-validation; needs scikit-learn."""

try:
    import sklearn as _library
except ImportError:
    raise ImportError("nnxp.sklearn: expected scikit-learn to be installed; pip install 'nnxp[sklearn]'") from None

from nnxp.sklearn.classifier import NNClassifier
from nnxp.sklearn.regressor import NNRegressor

__all__ = ["NNClassifier", "NNRegressor"]
