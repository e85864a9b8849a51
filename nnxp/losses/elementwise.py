"""The losses whose terms belong to one element of the output each."""

import math
from typing import Any, ClassVar

from nnxp._backend import Array, namespace
from nnxp.losses._inputs import check_beside, check_dtype, check_output, check_shape, spread
from nnxp.losses.loss import Loss, reduced

__all__ = ["ElementwiseLoss"]


class ElementwiseLoss(Loss):
    """The base of losses with one term for each element; a member gives `terms`.

    Attributes
    ----------
    factor : float
        The slopes are this times what `terms` returns, so that a constant rides on the mean's division.
    """

    factor: ClassVar[float] = 1.0

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return each element's term and, but for `factor`, its slope: new arrays, which are written to."""
        raise NotImplementedError

    def __call__(self, output: Array, target: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to the output; see `Loss`."""
        where = type(self).__name__
        check_output(where, output)
        check_beside(where, "target", target, output)
        check_shape(where, target, tuple(output.shape))
        check_dtype(where, target, output)
        terms, dy = self.terms(output, target)
        weights = None
        if sample_weight is not None:
            weights = spread(where, sample_weight, output)
            terms *= weights
            dy *= weights
        return reduced(self.reduction, terms, dy, self._divisor(output, weights), self.factor)

    def denominator(self, output: Array, target: Array, sample_weight: Array | None = None) -> Any:
        """Return the number of elements, each counted with its sample's weight; see `Loss`."""
        del target
        weights = None if sample_weight is None else spread(type(self).__name__, sample_weight, output)
        return self._divisor(output, weights)

    def _divisor(self, output: Array, weights: Array | None) -> Any:
        if weights is None:
            return float(math.prod(output.shape))
        return namespace(output).sum(weights) * float(math.prod(output.shape[1:]))
