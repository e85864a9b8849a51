"""Faster twins for NumPy's arrays: compiled by Numba where the extra ``fast`` is installed, else in blocks.

Each is a function of one name and the same arguments as the plain one that it replaces (see ``fused.py``), and
is held against it by a test. Nothing here is imported before the first array that is large enough, so that
starting stays quick. The environment's ``NNXP_FAST=0`` switches all of it off, and ``NNXP_FAST=numpy``
what is compiled.
"""

from collections.abc import Callable, Mapping
from typing import Any

from nnxp._backend.kernels.path import Path, switch

__all__ = ["FASTER", "PATHS"]

PATHS: dict[str, Path] = {
    path.name: path
    for path in (
        Path("adam", "adams", least=0, elementwise=True),
        Path("adamax", "adams", least=0, elementwise=True),
        Path("nadam", "adams", least=0, elementwise=True),
        Path("radam", "adams", least=0, elementwise=True),
        Path("adadelta", "optimizers", least=0, elementwise=True),
        Path("adagrad", "optimizers", least=0, elementwise=True),
        Path("lerp", "optimizers", least=2**13, elementwise=True),
        Path("lion", "optimizers", least=0, elementwise=True),
        Path("rmsprop", "optimizers", least=0, elementwise=True),
        Path("sgd", "optimizers", least=0, elementwise=True),
        Path("sgd_with_momentum", "optimizers", least=0, elementwise=True),
        Path("gradient_norm", "clipping", least=2**15, compiled=False),
        Path("scale_gradient", "clipping", least=2**15, compiled=False),
        Path("cut_gradient", "clipping", least=2**12, compiled=False),
        # From a small first factor on: without Numba, one product left to BLAS's threads has them spin beside ours.
        Path("matmul", "matmul", least=2**8, numpy="matmul_pieces"),
        Path("affine", "matmul", least=2**8, numpy="matmul_pieces"),
        Path("stack_forward", "stack", least=0, numpy="stack_numpy"),
        Path("stack_backward", "stack", least=0, numpy="stack_numpy"),
        Path("descend", "descent", least=0, numpy="descent_numpy"),
        Path("normalised", "normalisation", least=2**10),
        Path("norm_backward", "normalisation", least=2**10),
        Path("rms_normalised", "normalisation", least=2**10),
        Path("rms_backward", "normalisation", least=2**10),
        Path("attention_shares", "attention", least=2**12, compiled=None),
        Path("attention_mix", "attention", least=2**14, compiled=None),
        Path("attention_backward", "attention", least=2**12, compiled=None),
        *(Path(name, "activations", least=2**11) for name in ("gelu", "gelu_tanh", "sigmoid", "silu")),
        *(Path(f"{name}_backward", "activations", least=2**13) for name in ("sigmoid", "tanh")),
        *(Path(name, "activations", least=2**13, numpy="activations_numpy") for name in ("relu", "relu_backward")),
        Path("shares", "softmax", least=2**11),
        Path("shares_backward", "softmax", least=2**11),
        Path("kept", "noise", least=2**7),
        Path("masked", "noise", least=2**13),
        Path("cross_entropy", "losses", least=0, numpy="losses_numpy"),
        Path("convolve", "convolution", least=2**13, compiled=None),
        Path("input_gradient", "convolution", least=2**13, compiled=None),
        Path("weight_gradient", "convolution", least=2**13, compiled=None),
        Path("window_maxima", "pooling", least=2**13, numpy="pooling_pieces"),
        Path("route_maxima", "pooling", least=2**13, numpy="pooling_pieces"),
        Path("sum_by_index", "embedding", least=2**10),
        Path("unroll", "", least=2**9, numpy="recurrent_numpy"),
        Path("unroll_backward", "", least=2**12, numpy="recurrent_numpy"),
        Path("recur", "recurrent", least=2**12),
        Path("recur_backward", "recurrent", least=2**12),
    )
}

FASTER: Mapping[str, Callable[..., Any]] = {} if switch() == "0" else PATHS
