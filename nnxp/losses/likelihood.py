"""Negative logarithms of likelihoods: of counts, and of measurements whose error is predicted too."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp._checks import check_number, message
from nnxp.losses._inputs import check_beside, check_dtype
from nnxp.losses.counted_loss import SeveralInputsLoss
from nnxp.losses.elementwise import ElementwiseLoss
from nnxp.losses.loss import check_reduction

__all__ = ["GaussianNLLLoss", "PoissonNLLLoss"]


@dataclass(frozen=True)
class PoissonNLLLoss(ElementwiseLoss):
    """Of a count under a Poisson distribution: ``exp(x) - t x`` with ``x`` the output, the logarithm of the mean.

    Backward: ``dy = exp(x) - t``, divided as the value is. Where the output is the mean itself (`log_input` False),
    ``x - t log(x + eps)`` and ``dy = 1 - t / (x + eps)``.

    Parameters
    ----------
    log_input : bool
        Whether the output is the logarithm of the mean.
    full : bool
        Add Stirling's approximation of ``log t!``, ``t log t - t + log(2 pi t) / 2``, where ``t > 1``.
    eps : float
        Keeps the logarithm finite where the mean is 0.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the target is not shaped as the output.

    Notes
    -----
    Without `log_input`, an output below ``-eps`` makes the loss NaN.
    """

    log_input: bool = True
    full: bool = False
    _: KW_ONLY
    eps: float = 1e-8
    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("PoissonNLLLoss", "eps", self.eps, low=0.0)

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the terms and slopes."""
        xp = namespace(output)
        if self.log_input:
            mean = xp.exp(output)
            terms, slopes = mean - target * output, mean - target
        else:
            mean = output + self.eps
            terms, slopes = output - target * xp.log(mean), 1.0 - target / mean
        if self.full:
            several = target > 1.0
            count = xp.where(several, target, 1.0)
            stirling = (count + 0.5) * xp.log(count) - count + 0.5 * math.log(2.0 * math.pi)
            terms += xp.where(several, stirling, 0.0)
        return terms, slopes


@dataclass(frozen=True)
class GaussianNLLLoss(SeveralInputsLoss):
    """Of a measurement under a normal distribution: ``(log v + (x - t)**2 / v) / 2`` with ``v = max(var, eps)`` [1]_.

    Called as ``value, (dx, dvar) = loss(x, target, var)``.
    Backward: ``dx = (x - t) / v`` and ``dvar = (1 - (x - t)**2 / v) / (2 v)``, divided as the value is; `dvar` is not
    cut off below `eps`, so that a variance which got there comes back.

    Parameters
    ----------
    full : bool
        Add the constant ``log(2 pi) / 2``.
    eps : float
        The least variance; above 0.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, the target is not shaped as ``x``, or `var` does not fit it.
    TypeError
        If an array is on another device, or of another dtype.

    Notes
    -----
    ``x`` is of shape (batch, ...), and so is `var`; or it lacks the last axis, or has axes of length 1, where elements
    share a variance. The order of arguments is PyTorch's. Negative variances count as `eps`.

    References
    ----------
    .. [1] Nix and Weigend, "Estimating the mean and variance of the target probability distribution", ICNN 1994,
       eq. 4.
    """

    _: KW_ONLY
    full: bool = False
    eps: float = 1e-6
    reduction: str = "mean"

    outputs: ClassVar[tuple[int, ...]] = (0, 2)

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("GaussianNLLLoss", "eps", self.eps, low=0.0, open_low=True)

    def terms_shape(self, output: Array) -> tuple[int, ...]:
        """Return the shape of the output: every element has a term."""
        return tuple(output.shape)

    def __call__(  # type: ignore[override]
        self, output: Array, target: Array, var: Array, sample_weight: Array | None = None
    ) -> tuple[Array, tuple[Array, Array]]:
        """Return the loss, and its gradients with respect to the output and to its variance; see `Loss`."""
        xp = namespace(output)
        self._check("output", output, target=target)
        wide = self._wide_variance(output, var)
        variance = xp.maximum(wide, constant(float(self.eps), like=output))
        difference = output - target
        dx = difference / variance
        ratio = difference * dx
        terms = xp.log(variance) + ratio
        terms *= 0.5
        if self.full:
            terms += 0.5 * math.log(2.0 * math.pi)
        dvar = (0.5 - 0.5 * ratio) / variance
        value, (dx, dvar) = self._weighted(terms, (dx, dvar), sample_weight)
        shared = tuple(i for i in range(output.ndim) if wide.shape[i] != output.shape[i])
        if shared:
            dvar = xp.sum(dvar, axis=shared, keepdims=True)
        return value, (dx, dvar if var.ndim == dvar.ndim else xp.reshape(dvar, tuple(var.shape)))

    def _wide_variance(self, output: Array, var: Array) -> Array:
        """Give the variance as many axes as the output, so that it broadcasts."""
        where = "GaussianNLLLoss"
        check_beside(where, "var", var, output)
        check_dtype(where, var, output, "var")
        shape, wanted = tuple(var.shape), tuple(output.shape)
        if shape == wanted[:-1]:
            return var[..., None]
        if len(shape) != len(wanted) or any(n not in (1, m) for n, m in zip(shape, wanted, strict=True)):
            what = f"var of shape {wanted}, or {wanted[:-1]}, or with axes of length 1"
            raise ValueError(message(where, what, shape))
        return var
