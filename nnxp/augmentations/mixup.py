"""Samples mixed in pairs, and their targets with them."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Words, check_number, check_positive_int, message
from nnxp.augmentations.augmentation import Augmentation, check_floating, draw
from nnxp.random import Stream, generator

__all__ = ["Mixup"]


@dataclass(frozen=True)
class Mixup(Augmentation):
    """Mix every sample with another one of its batch, and their targets alike [1]_.

    ``x = s x_i + (1 - s) x_j`` and ``target = s target_i + (1 - s) target_j``, with ``s`` from Beta(alpha, alpha) for
    each sample and ``j`` from a permutation of the batch. Sample weights are mixed too.

    Parameters
    ----------
    alpha : float
        Greater than 0: near 0 hardly mixes, 1 takes every share as likely.
    num_classes : int, optional
        How many classes there are, where targets are labels: they become probabilities of shape (n, num_classes), which
        CrossEntropyLoss takes.

    Raises
    ------
    ValueError
        If an argument is out of range, or targets are labels and `num_classes` is not given.
    TypeError
        If the inputs are not floating.

    Notes
    -----
    A label that is no class, such as an ``ignore_index``, has a row of zeros. The shares are drawn on the host, from
    the seed, the step and the place among the augmentations.

    References
    ----------
    .. [1] Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2017, arXiv:1710.09412, section 2.
    """

    alpha: float = 0.2
    num_classes: int | None = None

    def __post_init__(self) -> None:
        check_number("Mixup", "alpha", self.alpha, low=0.0, open_low=True)
        if self.num_classes is not None:
            check_positive_int("Mixup", "num_classes", self.num_classes, least=2)

    def apply(self, x: Array, target: Array, weight: Array | None, random: Stream) -> tuple[Array, Array, Array | None]:
        """Return the mixed batch; see `Augmentation`."""
        check_floating("Mixup", x)
        if isinstance(target, tuple):
            raise ValueError(message("Mixup", "one target", Words(f"{len(target)} targets")))
        xp = namespace(x)
        places = random.draw.seed, "mixup", random.layer, random.visit, random.draw.step
        shares = generator(*places).beta(self.alpha, self.alpha, x.shape[0])
        share = xp.asarray(shares.tolist(), dtype=x.dtype, device=x.device)
        order = xp.argsort(draw(x, random, 0.0, 1.0, 0))
        return (
            _mixed(x, share, order),
            _mixed(self._numbers(target, x), share, order),
            None if weight is None else _mixed(weight, share, order),
        )

    def _numbers(self, target: Array, x: Array) -> Array:
        """Return targets that can be mixed: labels as probabilities."""
        xp = namespace(x)
        if xp.isdtype(target.dtype, "real floating"):
            return target
        if self.num_classes is None:
            hint = "Mixup(num_classes=10) where there are ten"
            raise ValueError(message("Mixup", "num_classes, since the targets are labels", Words("None"), hint))
        classes = xp.arange(self.num_classes, dtype=target.dtype, device=target.device)
        classes = xp.reshape(classes, (-1,) + (1,) * (target.ndim - 1))
        return xp.astype(xp.expand_dims(target, axis=1) == classes, x.dtype)


def _mixed(x: Array, share: Array, order: Array) -> Array:
    xp = namespace(x)
    share = xp.reshape(share, (-1,) + (1,) * (x.ndim - 1))
    return x * share + xp.take(x, order, axis=0) * (1.0 - share)
