"""Optimizers: values with hyperparameters that move a network's ``theta`` along its ``gradient``."""

from typing import TYPE_CHECKING

from nnxp._lazy import lazily

if TYPE_CHECKING:
    from nnxp.optimizers.adadelta import *
    from nnxp.optimizers.adagrad import *
    from nnxp.optimizers.adam import *
    from nnxp.optimizers.adamax import *
    from nnxp.optimizers.clipping import *
    from nnxp.optimizers.lbfgs import *
    from nnxp.optimizers.lion import *
    from nnxp.optimizers.nadam import *
    from nnxp.optimizers.optimizer import *
    from nnxp.optimizers.radam import *
    from nnxp.optimizers.rmsprop import *
    from nnxp.optimizers.sgd import *

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "adadelta": "Adadelta",
        "adagrad": "Adagrad",
        "adam": "Adam AdamW",
        "adamax": "Adamax",
        "clipping": "clip_grad_norm clip_grad_value",
        "lbfgs": "LBFGS",
        "lion": "Lion",
        "nadam": "NAdam",
        "optimizer": "Optimizer",
        "radam": "RAdam",
        "rmsprop": "RMSprop",
        "sgd": "SGD",
    },
)
