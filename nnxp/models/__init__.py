"""Networks at hand: well-known models, each from one line.

They are values like every other layer: ``Network(models.lenet5(), input_shape=(1, 28, 28))`` builds one. The shapes
of their docstrings are of one sample.
"""

from nnxp.models.attention import transformer
from nnxp.models.convolutional import deep_convnet, lenet5, simple_convnet
from nnxp.models.perceptron import mlp
from nnxp.models.residual import resnet

__all__ = ["deep_convnet", "lenet5", "mlp", "resnet", "simple_convnet", "transformer"]
