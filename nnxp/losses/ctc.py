"""Labels of a sequence without knowing where they are: connectionist temporal classification."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp._checks import Shape, check_positive_int
from nnxp.losses._ctc_paths import Paths, lay_out
from nnxp.losses._inputs import spread
from nnxp.losses.counted_loss import CountedLoss
from nnxp.losses.loss import check_reduction, reduced

__all__ = ["CTCLoss"]

# The logarithm of what cannot be: finite, so that sums of it are no NaN, in float32 over 10**7 steps too.
_NEVER = -1e30


@dataclass(frozen=True)
class CTCLoss(CountedLoss):
    """Negative logarithm of the probability of all paths that spell the labels, with repeats and blanks between [1]_.

    Called as ``value, dx = loss(log_probs, targets, input_lengths, target_lengths)``.
    Backward: ``dx[t, n, c]`` is minus the probability, given the labels, that a path is at class ``c`` at time ``t``.

    Parameters
    ----------
    blank : int
        The class that stands for no label.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms, one for each sample; ``"mean"`` divides each by its number of labels (or 1), and
        their sum by the number of samples.
    zero_infinity : bool
        Let samples with more labels than fit their length count nothing; their loss is infinite otherwise.

    Raises
    ------
    ValueError
        If shapes do not go together or, on the host, a label is no class or a length is out of range. On a device
        such a label or length makes the value NaN.
    TypeError
        If an array is on another device, or targets or lengths are not of integers.

    Notes
    -----
    `log_probs` is of shape (time, batch, classes): logarithms of probabilities, from LogSoftmax. `targets` are integers
    of shape (batch, labels), whatever stands behind a sample's length; or, where `target_lengths` is a list or tuple,
    all samples' labels one after the other. Lengths are lists or tuples of numbers, or integer arrays of shape (batch,)
    beside `log_probs`: on a device they are not read back. `sample_weight` is of shape (batch,).

    The gradient is the derivative of the value. PyTorch's own has ``exp(log_probs)`` added, which the backward of
    LogSoftmax takes away again: behind it both are the same. A sample that does not fit has the gradient 0.
    Forward and backward variables are kept as logarithms; memory is four arrays of time by batch by states.

    References
    ----------
    .. [1] Graves et al., "Connectionist Temporal Classification", ICML 2006, eq. 6 to 15.
    """

    blank: int = 0
    reduction: str = "mean"
    zero_infinity: bool = False

    accepts_indices: ClassVar[bool] = True
    targets: ClassVar[tuple[int, ...]] = (1, 2, 3)

    def __post_init__(self) -> None:
        check_reduction(self)
        check_positive_int("CTCLoss", "blank", self.blank, least=0)

    def terms_shape(self, output: Array) -> tuple[int, ...]:
        """Return the number of samples, which are on the second axis."""
        return (output.shape[1],)

    def __call__(  # type: ignore[override]
        self,
        log_probs: Array,
        targets: Array,
        input_lengths: Array | Sequence[int],
        target_lengths: Array | Sequence[int],
        sample_weight: Array | None = None,
    ) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to `log_probs`; see `Loss`."""
        xp = namespace(log_probs)
        paths = lay_out(log_probs, targets, input_lengths, target_lengths, self.blank)
        likelihood, occupied = _forward_backward(log_probs, paths)
        possible = likelihood > 0.5 * _NEVER
        terms = xp.where(possible, -likelihood, 0.0 if self.zero_infinity else math.inf)
        if paths.invalid is not None:
            terms = xp.where(paths.invalid, math.nan, terms)
        share = -xp.astype(possible, log_probs.dtype)
        if self.reduction == "mean":
            labels = xp.astype(xp.maximum(paths.labels, xp.ones_like(paths.labels)), log_probs.dtype)
            terms /= labels
            share /= labels
        if sample_weight is not None:
            weights = spread("CTCLoss", sample_weight, terms)
            terms *= weights
            share *= weights
        occupied *= share[:, None, None]
        # A sum over the states of each class, without writing to one place twice.
        classes = xp.arange(log_probs.shape[2], dtype=xp.int64, device=log_probs.device)
        hot = xp.astype(paths.states[:, :, None] == classes, log_probs.dtype)
        dx = xp.permute_dims(xp.matmul(occupied, hot), (1, 0, 2))
        return reduced(self.reduction, terms, dx, self._count(self.terms_shape(log_probs), terms, sample_weight))

    def denominator(  # type: ignore[override]
        self,
        log_probs: Array,
        targets: Array,
        input_lengths: Array | Sequence[int],
        target_lengths: Array | Sequence[int],
        sample_weight: Array | None = None,
    ) -> Any:
        """Return the number of samples, each counted with its weight; takes what the call takes."""
        del targets, input_lengths, target_lengths
        samples_first = namespace(log_probs).permute_dims(log_probs, (1, 0, 2))
        return self._count(self.terms_shape(log_probs), samples_first, sample_weight)

    def check_labels(self, labels: Array, output_shape: Shape | None) -> None:
        """Check nothing: how many labels of a row count is known with the lengths alone."""


def _forward_backward(log_probs: Array, paths: Paths) -> tuple[Array, Array]:
    """Return each sample's log-likelihood (batch,), and each state's probability at each time (batch, time, states)."""
    xp = namespace(log_probs)
    shape = (log_probs.shape[0], *paths.states.shape)
    emitted = xp.take_along_axis(log_probs, xp.broadcast_to(paths.states[None, ...], shape), axis=2)
    # Flooring them once keeps every sum below finite.
    emitted = xp.maximum(emitted, constant(_NEVER, like=emitted))
    forward = _forward(emitted, paths)
    ends = xp.where(paths.last, forward[shape[0], :, 2:], _NEVER)
    top = xp.max(ends, axis=1, keepdims=True)
    likelihood = xp.log(xp.sum(xp.exp(ends - top), axis=1, keepdims=True)) + top
    total = xp.where(likelihood > 0.5 * _NEVER, likelihood, 0.0)
    return likelihood[:, 0], _occupied(emitted, paths, forward, total)


def _forward(emitted: Array, paths: Paths) -> Array:
    """Return the table of ``[t, n, 2 + s]``: all beginnings before time t that end in state s."""
    xp = namespace(emitted)
    time, batch, count = emitted.shape
    # The two columns in front are states that are never reached, so that every state has two before it.
    table = xp.full((time + 1, batch, count + 2), _NEVER, dtype=emitted.dtype, device=emitted.device)
    table[0, :, 2] = 0.0
    for t in range(time):
        old = table[t, ...]
        skipped = xp.where(paths.skips[:, :count], old[:, :count], _NEVER)
        new = _log_sum(old[:, 2:], old[:, 1 : count + 1], skipped) + emitted[t, ...]
        table[t + 1, :, 2:] = xp.where(paths.active[t, ...], new, old[:, 2:])
    return table


def _occupied(emitted: Array, paths: Paths, forward: Array, total: Array) -> Array:
    """Return how probable each state is at each time, from all endings that leave from it."""
    xp = namespace(emitted)
    time, batch, count = emitted.shape
    occupied = xp.zeros((batch, time, count), dtype=emitted.dtype, device=emitted.device)
    endings = xp.where(paths.last, 0.0, constant(_NEVER, like=emitted))
    # The two columns behind are states that are never reached.
    onward = xp.full((batch, count + 2), _NEVER, dtype=emitted.dtype, device=emitted.device)
    for t in reversed(range(time)):
        weight = xp.exp(forward[t + 1, :, 2:] + endings - total)
        occupied[:, t, :] = xp.where(paths.active[t, ...], weight, 0.0)
        onward[:, :count] = endings + emitted[t, ...]
        skipped = xp.where(paths.skips[:, 2:], onward[:, 2:], _NEVER)
        new = _log_sum(onward[:, :count], onward[:, 1 : count + 1], skipped)
        endings = xp.where(paths.active[t, ...], new, endings)
    return occupied


def _log_sum(a: Array, b: Array, c: Array) -> Array:
    """Return ``log(exp(a) + exp(b) + exp(c))``, of finite numbers."""
    xp = namespace(a)
    top = xp.maximum(xp.maximum(a, b), c)
    return xp.log(xp.exp(a - top) + xp.exp(b - top) + xp.exp(c - top)) + top
