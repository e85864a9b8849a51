"""Views that an update goes through, kept from one update to the next: to slice anew costs small networks dearly."""

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
        self._runs: Any = None
        self._theta: Array = None
        self._gradient: Array = None
        self._options: Any = None
        self._state: dict[str, Array] = {}
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
        options = weights_only, scalars
        # Told by the objects themselves, and without a call: this is asked at every update.
        same = store.known_runs is self._runs and store.theta is self._theta and store.gradient is self._gradient
        same = same and options == self._options and len(state) == len(self._state)
        for name, vector in self._state.items():
            same = same and state.get(name) is vector
        if not same:
            self._runs, self._theta, self._gradient = store.known_runs, store.theta, store.gradient
            self._options, self._state = options, dict(state)
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
