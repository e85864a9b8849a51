"""The losses whose mean is over terms that all count alike, however many elements and inputs a term is made of."""

import math
from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import Shape
from nnxp.losses._inputs import check_beside, check_dtype, check_output, check_shape, spread
from nnxp.losses.loss import Loss, reduced

__all__ = ["CountedLoss", "SeveralInputsLoss"]


class CountedLoss(Loss):
    """The base of losses whose terms have fewer axes than the output: one for each sample, say."""

    def terms_shape(self, output: Array) -> tuple[int, ...]:
        """Return the shape of the terms, the batch axis first."""
        return (output.shape[0],)

    def denominator(self, output: Array, target: Array, sample_weight: Array | None = None) -> Any:
        """Return the number of terms, each counted with its sample's weight; see `Loss`."""
        del target
        return self._count(self.terms_shape(output), output, sample_weight)

    def _count(self, shape: tuple[int, ...], like: Array, sample_weight: Array | None) -> Any:
        if sample_weight is None:
            return float(math.prod(shape))
        return namespace(like).sum(spread(type(self).__name__, sample_weight, like)) * float(math.prod(shape[1:]))

    def _weighted(self, terms: Array, dy: Any, sample_weight: Array | None) -> tuple[Array, Any]:
        """Weigh and reduce terms and the gradient of their sum (or several): new arrays, which are written to."""
        if sample_weight is not None:
            for array in (terms, *(dy if isinstance(dy, tuple) else (dy,))):
                array *= spread(type(self).__name__, sample_weight, array)
        return reduced(self.reduction, terms, dy, self._count(tuple(terms.shape), terms, sample_weight))


class SeveralInputsLoss(CountedLoss):
    """The base of losses of three arrays, which return a tuple of gradients: one for each array but the target."""

    def denominator(  # type: ignore[override]
        self, first: Array, second: Array, third: Array, sample_weight: Array | None = None
    ) -> Any:
        """Return the number of terms, each counted with its sample's weight; takes what the call takes."""
        del third
        return super().denominator(first, second, sample_weight)

    def check_labels(self, labels: Array, output_shape: Shape | None) -> None:
        """Check nothing: one output's shape says little where there are several."""

    def _check(self, name: str, first: Array, **others: Array) -> None:
        """Refuse a first array that is no batch, and others that are not beside it, shaped and typed as it is."""
        where = type(self).__name__
        check_output(where, first, name)
        for other, x in others.items():
            check_beside(where, other, x, first)
            check_shape(where, x, tuple(first.shape), other)
            check_dtype(where, x, first, other)
