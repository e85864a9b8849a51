"""Randomness that is the same on every device, and that a few integers describe completely.

What is drawn once (initial weights, shuffles, splits) comes from a NumPy generator on the host, keyed by
the seed and by names. What is drawn at every step (dropout) comes from the counter-based generator
Philox4x32-10 [1]_, evaluated where the arrays are: its key is the seed, its counter is (element // 4,
call, layer, step). Nothing is stored, and nothing depends on the order of calls.

References
----------
.. [1] Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
"""

import math
import secrets
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from nnxp._backend import Array, fused, namespace, random_words

__all__ = ["Draw", "Stream", "draw_seed", "generator"]

_WORDS = 2**32
_CALLS = 2**16

Key = tuple[int, int]
Counter = tuple[int, int, int]


def draw_seed() -> int:
    """Draw a seed of 64 bits from the operating system."""
    return secrets.randbits(64)


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the host generator of a purpose.

    Parameters
    ----------
    seed : int
        The network's seed, at least 0.
    *names : str or int
        What it is for, such as ``"shuffle", 3``. Different names give independent streams.

    Returns
    -------
    numpy.random.Generator
        PCG64, the same for the same arguments on every machine.
    """
    digest = blake2b(repr((seed, *names)).encode(), digest_size=32).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


@dataclass(slots=True)
class Draw:
    """The part of the counter that a network moves: its seed and the step whose noise is drawn."""

    seed: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """The noise of one layer.

    Parameters
    ----------
    draw : Draw
        Seed and step, shared by all layers of a network.
    layer : int
        The layer's place in the model, depth first.
    visit : int
        Which run of the layer in the same pass this is, where a container runs it several times.
    """

    draw: Draw
    layer: int
    visit: int = 0

    def keep(self, x: Array, p: float, call: int = 0) -> Array:
        """Decide element by element what dropout keeps.

        Parameters
        ----------
        x : array
            Gives shape and device of the mask.
        p : float
            The probability that an element is dropped, in [0, 1].
        call : int
            Tells several draws of the same visit apart; below 65,536.

        Returns
        -------
        array of bool, shaped as x
            True where a 32-bit word is below ``(1 - p) * 2**32``.
        """
        xp = namespace(x)
        threshold = math.ceil((1.0 - p) * _WORDS)
        if threshold >= _WORDS:
            return xp.ones_like(x, dtype=xp.bool)
        return kept(x, threshold, *self._place(call))

    def uniform(self, x: Array, low: float, high: float, call: int = 0) -> Array:
        """Draw a number of [low, high] for every element.

        Parameters
        ----------
        x : array
            Gives shape, dtype and device of the draw.
        low, high : float
            The interval, of which there are 2**32 numbers.
        call : int
            Tells several draws of the same visit apart; below 65,536.

        Returns
        -------
        array shaped as x, of its dtype
            ``low + (high - low) / 2**32`` times a 32-bit word.
        """
        drawn = namespace(x).astype(words(x, *self._place(call)), x.dtype)
        drawn *= (high - low) / _WORDS
        drawn += low
        return drawn

    def _place(self, call: int) -> tuple[Key, Counter]:
        """Return the key, and the words of the counter that are the same for all elements."""
        seed = self.draw.seed
        key = (seed % _WORDS, seed // _WORDS % _WORDS)
        return key, (call + self.visit * _CALLS, self.layer, self.draw.step)


@fused
def kept(x: Array, threshold: int, key: Key, counter: Counter) -> Array:
    """Tell for every element of `x` whether its word is below a threshold."""
    return words(x, key, counter) < threshold


def words(x: Array, key: Key, counter: Counter) -> Array:
    """Return a word of 32 random bits for every element of `x`."""
    return namespace(x).reshape(random_words(x, math.prod(x.shape), key, counter), x.shape)
