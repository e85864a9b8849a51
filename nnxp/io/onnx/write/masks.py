"""The masks of attention, as far as they were asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnxp.io.onnx.write.shapes import size_of
from nnxp.io.onnx.write.writer import Place, Value

__all__ = ["Masks", "masks_of", "prepared"]


@dataclass(frozen=True)
class Masks:
    """What a layer was given by name.

    Parameters
    ----------
    attn_mask, key_padding_mask : Value, optional
        (L, S), and (N, S).
    causal, need_weights, average : bool
        As for `MultiheadAttention`.
    """

    attn_mask: Value | None = None
    key_padding_mask: Value | None = None
    causal: bool = False
    need_weights: bool = False
    average: bool = True


def masks_of(named: Mapping[str, Any], prefix: str = "", mask: str = "attn_mask", *, weights: bool = False) -> Masks:
    """Find masks and flags under their names: with a prefix, and `mask` for `attn_mask`."""
    return Masks(
        named.get(f"{prefix}{mask}"),
        named.get(f"{prefix}key_padding_mask"),
        bool(named.get(f"{prefix}is_causal", False)),
        weights and bool(named.get("need_weights", True)),
        bool(named.get("average_attn_weights", True)),
    )


def prepared(at: Place, masks: Masks, q: Value, k: Value, extra: int) -> tuple[list[Value], list[Value]]:
    """Return what is forbidden (bool) and what is added to the scores, each going with (N, H, L, S + extra).

    Parameters
    ----------
    at, masks
        As everywhere.
    q, k : Value
        (N, H, L, D) and (N, H, S, D).
    extra : int
        How many further keys all are allowed to look at.
    """
    found = []
    if masks.attn_mask is not None:
        found.append(_longer(at, masks.attn_mask, extra))
    if masks.key_padding_mask is not None:
        longer = _longer(at, masks.key_padding_mask, extra)
        found.append(at.op("Unsqueeze", longer, at.integers(1, 2), shape=(None, 1, 1, None)))
    if masks.causal:
        found.append(_longer(at, _behind(at, q, k), extra))
    return [mask for mask in found if mask.dtype == "bool"], [mask for mask in found if mask.dtype != "bool"]


def _longer(at: Place, mask: Value, extra: int) -> Value:
    if not extra:
        return mask
    return at.op("Pad", mask, at.integers(0, 0, 0, extra), shape=(mask.shape[0], None))


def _behind(at: Place, q: Value, k: Value) -> Value:
    """Return the boolean (L, S) that is true where a key is behind its query."""
    first = at.integers(0)
    zero, one = (at.op("Squeeze", at.integers(n), first, shape=()) for n in (0, 1))
    places = []
    for x, axis in ((q, 1), (k, 0)):
        length = at.op("Squeeze", size_of(at, x, 2), first, shape=())
        numbers = at.op("Range", zero, length, one, shape=(None,))
        places.append(at.op("Unsqueeze", numbers, at.integers(axis), shape=(None, None)))
    return at.op("Less", *places, dtype="bool")
