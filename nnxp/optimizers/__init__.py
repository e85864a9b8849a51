"""Optimizers: values with hyperparameters that move a network's ``theta`` along its ``gradient``."""

from nnxp.optimizers.adadelta import Adadelta
from nnxp.optimizers.adagrad import Adagrad
from nnxp.optimizers.adam import Adam, AdamW
from nnxp.optimizers.adamax import Adamax
from nnxp.optimizers.clipping import clip_grad_norm, clip_grad_value
from nnxp.optimizers.lbfgs import LBFGS
from nnxp.optimizers.lion import Lion
from nnxp.optimizers.nadam import NAdam
from nnxp.optimizers.optimizer import Optimizer
from nnxp.optimizers.radam import RAdam
from nnxp.optimizers.rmsprop import RMSprop
from nnxp.optimizers.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "clip_grad_norm",
    "clip_grad_value",
]
