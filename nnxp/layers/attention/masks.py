"""The masks of attention, brought to one boolean and one additive mask."""

from functools import reduce
from operator import add, or_
from typing import NamedTuple

from nnxp._backend import Array, namespace
from nnxp._checks import message
from nnxp.layers.beside import check_beside

__all__ = ["Extent", "merge_masks"]


class Extent(NamedTuple):
    """How much there is to mask: samples, heads, queries, keys, and keys of the layer's own behind those."""

    samples: int
    heads: int
    queries: int
    keys: int
    extra: int = 0


def merge_masks(
    where: str,
    extent: Extent,
    like: Array,
    *,
    attn_mask: Array | None = None,
    key_padding_mask: Array | None = None,
    is_causal: bool = False,
) -> tuple[Array | None, Array | None]:
    """Return what is forbidden (bool) and what is added to the scores, each broadcasting to (N, H, L, S), or None.

    Parameters
    ----------
    where : str
        Begins the sentence of every error.
    extent : Extent
        The sizes.
    like : array
        Gives device and dtype.
    attn_mask : array of shape (L, S) or (N * H, L, S), optional
        Boolean (True: not allowed) or of the dtype of `like` (added to the scores).
    key_padding_mask : array of shape (N, S), optional
        The same for keys, whatever the query.
    is_causal : bool
        Forbid each query the keys behind its own place.
    """
    n, heads, queries, keys, _ = extent
    masks = []
    if attn_mask is not None:
        check_beside(where, "attn_mask", attn_mask, like, booleans=True)
        if tuple(attn_mask.shape) not in ((queries, keys), (n * heads, queries, keys)):
            wanted = f"attn_mask of shape ({queries}, {keys}) or ({n * heads}, {queries}, {keys})"
            raise ValueError(message(where, wanted, tuple(attn_mask.shape)))
        batch = (1, 1) if attn_mask.ndim == 2 else (n, heads)
        masks.append(namespace(like).reshape(attn_mask, (*batch, queries, keys)))
    if key_padding_mask is not None:
        check_beside(where, "key_padding_mask", key_padding_mask, like, booleans=True)
        if tuple(key_padding_mask.shape) != (n, keys):
            raise ValueError(message(where, f"key_padding_mask of shape ({n}, {keys})", tuple(key_padding_mask.shape)))
        masks.append(namespace(like).reshape(key_padding_mask, (n, 1, 1, keys)))
    if is_causal:
        masks.append(causal_mask(queries, keys, like))
    forbidden = [mask for mask in masks if mask.dtype != like.dtype]
    added = [mask for mask in masks if mask.dtype == like.dtype]
    return (
        widened(reduce(or_, forbidden), extent.extra) if forbidden else None,
        widened(reduce(add, added), extent.extra) if added else None,
    )


def causal_mask(queries: int, keys: int, like: Array) -> Array:
    """Return the boolean (L, S) that is true where a key is behind its query."""
    xp = namespace(like)
    place = xp.arange(max(queries, keys), device=like.device)
    return place[:queries, None] < place[None, :keys]


def widened(mask: Array, extra: int) -> Array:
    """Allow further keys to all."""
    if extra == 0:
        return mask
    xp = namespace(mask)
    allowed = xp.zeros((*mask.shape[:-1], extra), dtype=mask.dtype, device=mask.device)
    return xp.concat([mask, allowed], axis=-1)
