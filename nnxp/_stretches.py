"""Views that an update goes through, kept from one update to the next: to slice anew costs small networks dearly."""

from operator import is_
from typing import Any, NamedTuple

from nnxp._backend import Array
from nnxp._parameters import Store

__all__ = ["Stretch", "Stretches"]


class Stretch(NamedTuple):
    """One run of the vectors, with an optimizer's state along it, and the run's factors."""

    theta: Array
    gradient: Array
    state: dict[str, Array]
    lr_scale: float
    decay: bool


class Stretches:
    """The stretches of one network, for the arrays and runs that it had last."""

    def __init__(self) -> None:
        self._names: tuple[Any, ...] = ()
        self._sources: tuple[Any, ...] = ()
        self._kept: list[Stretch] = []

    def of(self, store: Store, state: dict[str, Array], scalars: frozenset[str], weights_only: bool) -> list[Stretch]:
        """Return the views of all runs: those from before, unless anything that they are made of is another object.

        Parameters
        ----------
        store : Store
            The network's vectors and runs.
        state : dict of str to array
            An optimizer's vectors, by name.
        scalars : frozenset of str
            What in the state is one number for all runs.
        weights_only : bool
            Whether weight decay leaves biases and normalisations alone.
        """
        names = (weights_only, scalars, *state)
        sources = (store.known_runs, store.theta, store.gradient, *state.values())
        if names != self._names or not all(map(is_, sources, self._sources)):
            self._names, self._sources = names, sources
            self._kept = [
                Stretch(
                    store.theta[start:stop],
                    store.gradient[start:stop],
                    {name: v if name in scalars else v[start:stop] for name, v in state.items()},
                    lr_scale,
                    decay,
                )
                for start, stop, lr_scale, decay in store.runs(weights_only)
            ]
        return self._kept
