"""The states that a path of labels runs through, laid out for a whole batch at once."""

from typing import Any, NamedTuple

from nnxp._backend import Array, checked_labels, namespace, to_host
from nnxp._checks import Words, message
from nnxp.losses._inputs import check_beside, check_integers, check_output, check_shape

__all__ = ["Paths", "lay_out"]


class Paths(NamedTuple):
    """A sample's path is in one state at each time, and stays, goes on by one, or by two where that may be skipped.

    Attributes
    ----------
    states : array of int, shape (batch, states)
        Their classes: blank, label, blank, label, ..., blank.
    skips : array of bool, shape (batch, states + 2)
        True where a state may follow that two before it: never a blank, never a label like the one before.
    last : array of bool, shape (batch, states)
        True where a path may end.
    active : array of bool, shape (time, batch, 1)
        True within a sample's length.
    labels : array of int, shape (batch,)
        How many labels a sample has.
    invalid : array of bool, shape (batch,), or None
        Where a label or a length cannot be. None: nowhere.
    """

    states: Array
    skips: Array
    last: Array
    active: Array
    labels: Array
    invalid: Array | None


def lay_out(log_probs: Array, targets: Array, input_lengths: Any, target_lengths: Any, blank: int) -> Paths:
    """Check what the loss was called with, and lay out the states."""
    xp = namespace(log_probs)
    time, batch, classes = _check_log_probs(log_probs, blank)
    check_beside("CTCLoss", "targets", targets, log_probs)
    check_integers("CTCLoss", targets, "targets")
    targets = _padded(targets, target_lengths, batch)
    longest = targets.shape[1]
    inputs, wrong_inputs = _checked_lengths("input_lengths", input_lengths, time, log_probs)
    counts, wrong_counts = _checked_lengths("target_lengths", target_lengths, longest, log_probs)
    places = xp.arange(2 * longest + 1, dtype=xp.int64, device=log_probs.device)
    # Padding may be anything, and is taken for blanks.
    labels = xp.where(places[:longest] < counts[:, None], xp.astype(targets, xp.int64), blank)
    labels, wrong_labels = checked_labels("CTCLoss", labels, classes, None, "targets")
    invalid = wrong_inputs
    if invalid is not None:
        invalid = invalid | wrong_counts | xp.any(wrong_labels, axis=1)
    between = xp.reshape(xp.stack([xp.full_like(labels, blank), labels], axis=2), (batch, 2 * longest))
    outside = xp.full((batch, 3), blank, dtype=xp.int64, device=log_probs.device)
    padded = xp.concat([outside[:, :2], between, outside], axis=1)
    ends = 2 * counts[:, None]
    steps = xp.arange(time, dtype=xp.int64, device=log_probs.device)
    return Paths(
        states=padded[:, 2 : 2 * longest + 3],
        skips=padded[:, 2:] != padded[:, : 2 * longest + 3],
        last=(places == ends) | (places == ends - 1),
        active=(inputs > steps[:, None])[:, :, None],
        labels=counts,
        invalid=invalid,
    )


def _check_log_probs(log_probs: Array, blank: int) -> tuple[int, int, int]:
    check_output("CTCLoss", log_probs, "log_probs")
    if log_probs.ndim != 3:
        raise ValueError(message("CTCLoss", "log_probs of shape (time, batch, classes)", tuple(log_probs.shape)))
    time, batch, classes = log_probs.shape
    if blank >= classes:
        raise ValueError(message("CTCLoss", f"log_probs of more than {blank} classes, as blank is one", classes))
    return time, batch, classes


def _padded(targets: Array, target_lengths: Any, batch: int) -> Array:
    """Return targets of shape (batch, labels), from a row of all samples' labels too."""
    xp = namespace(targets)
    if targets.ndim != 1:
        if targets.ndim != 2 or targets.shape[0] != batch:
            raise ValueError(message("CTCLoss", f"targets of shape ({batch}, labels)", tuple(targets.shape)))
        return targets
    if not isinstance(target_lengths, (list, tuple)):
        hint = "or give targets of shape (batch, labels)"
        got = Words("an array")
        raise TypeError(message("CTCLoss", "target_lengths to be a list beside targets in one row", got, hint))
    _check_numbers("target_lengths", target_lengths, targets.shape[0])
    check_shape("CTCLoss", targets, (sum(target_lengths),), "targets")
    rows, start, longest = [], 0, max(target_lengths, default=0)
    for length in target_lengths:
        rest = xp.zeros((longest - length,), dtype=targets.dtype, device=targets.device)
        rows.append(xp.concat([targets[start : start + length], rest]))
        start += length
    return xp.stack(rows) if rows else xp.zeros((0, 0), dtype=targets.dtype, device=targets.device)


def _check_numbers(name: str, lengths: Any, most: int) -> None:
    """Look at a list of lengths, which is on the host wherever the arrays are."""
    host = to_host(lengths)
    if host.size:
        check_integers("CTCLoss", host, name)
        checked_labels("CTCLoss", host, most + 1, None, name)


def _checked_lengths(name: str, lengths: Any, most: int, log_probs: Array) -> tuple[Array, Array | None]:
    """Return lengths that are safe to use as an array beside `log_probs`, and where they were invalid."""
    xp = namespace(log_probs)
    if isinstance(lengths, (list, tuple)):
        _check_numbers(name, lengths, most)
        lengths = xp.asarray(lengths, dtype=xp.int64, device=log_probs.device)
    check_beside("CTCLoss", name, lengths, log_probs)
    check_integers("CTCLoss", lengths, name)
    check_shape("CTCLoss", lengths, (log_probs.shape[1],), name)
    safe, invalid = checked_labels("CTCLoss", xp.astype(lengths, xp.int64, copy=False), most + 1, None, name)
    return safe, invalid
