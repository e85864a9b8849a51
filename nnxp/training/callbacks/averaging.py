"""An average of the weights that a run passes through, update by update."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from nnxp._backend import Array, fused
from nnxp._checks import message
from nnxp.training.run import Callback, Run

__all__ = ["Averaging", "ExponentialMovingAverage", "check_share", "lerp"]


@fused
def lerp(average: Array, value: Array, weight: float) -> None:
    """Move an average towards a value in place, ``average += weight * (value - average)``."""
    average += weight * (value - average)


def check_share(where: str, name: str, value: object) -> None:
    """Refuse anything but a number in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < 1.0:
        raise ValueError(message(where, f"{name} in [0, 1)", value))


class Averaging(Callback):
    """What averages of the weights share: the vector, its use, and its place in a checkpoint."""

    def __init__(self, validate: bool, at_end: bool) -> None:
        self.validate, self.at_end = validate, at_end
        self.average: Array | None = None
        self.n_averaged = 0

    def on_start(self, run: Run) -> None:
        """Forget an earlier run, and offer the average to validation if that was asked for."""
        self.average, self.n_averaged = None, 0
        if self.validate:
            run.judged = lambda: self.in_place(run)

    def add(self, run: Run, weight: float) -> None:
        """Move the average towards the present weights; the first are taken as they are."""
        theta = run.net.theta
        if self.average is None:
            self.average = run.net.device.xp.asarray(theta, copy=True)
        else:
            lerp(self.average, theta, weight)
        self.n_averaged += 1

    def place(self, run: Run) -> None:
        """Put the average into the network."""
        run.net.theta = self.average

    def in_place(self, run: Run) -> AbstractContextManager[None]:
        """Give the network the average for a block."""
        return self._swapped(run)

    @contextmanager
    def _swapped(self, run: Run) -> Iterator[None]:
        if self.average is None:
            yield
            return
        own = run.net.snapshot()
        self.place(run)
        try:
            yield
        finally:
            run.net.restore(own)

    def state_dict(self) -> dict[str, Any]:
        """Return the average, and of how many weights it is."""
        return {"average": self.average, "n_averaged": self.n_averaged}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self.average, self.n_averaged = state["average"], int(state["n_averaged"])

    def on_end(self, run: Run) -> None:
        """Put the average into the network, if that was asked for."""
        if self.at_end and self.average is not None:
            self.place(run)


class ExponentialMovingAverage(Averaging):
    """Averages the weights after every update, ``average = decay * average + (1 - decay) * theta`` [1]_.

    Parameters
    ----------
    decay : float
        In [0, 1): 0.999 looks back over some thousand updates. The first weights are taken as they are.
    warmup : bool
        Use ``min(decay, (1 + n) / (10 + n))`` at the average's update n, so that a long memory begins short.
    use_buffers : bool
        Average floating-point buffers too, BatchNorm's statistics among them; else the network's own go with the
        average.
    validate : bool
        Let validation see the average, and with it whoever keeps the best weights.
    at_end : bool
        Put the average into the network when the run ends; whatever else puts weights back at the end, such as
        EarlyStopping, comes after it if it stands behind it.

    Attributes
    ----------
    average : array of shape (n,) or None
        On the network's device, as long as theta; None before the first update.
    n_averaged : int
        How many updates are in it.

    Raises
    ------
    ValueError
        If `decay` is outside of its range.

    References
    ----------
    .. [1] Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30,
       1992; with a decay as in Tarvainen and Valpola, "Mean teachers are better role models", 2017, arXiv:1703.01780.

    Examples
    --------
    >>> net.fit(x, y, loss=loss, optimizer=Adam(), callbacks=[ExponentialMovingAverage(0.99)])
    """

    def __init__(
        self,
        decay: float = 0.999,
        *,
        warmup: bool = False,
        use_buffers: bool = False,
        validate: bool = True,
        at_end: bool = True,
    ) -> None:
        check_share("ExponentialMovingAverage", "decay", decay)
        super().__init__(validate, at_end)
        self.decay, self.warmup, self.use_buffers = decay, warmup, use_buffers
        self._buffers: dict[str, Array] = {}

    def on_start(self, run: Run) -> None:
        """Begin anew."""
        super().on_start(run)
        self._buffers = {}

    def on_step(self, run: Run) -> None:
        """Average."""
        n, net = self.n_averaged, run.net
        weight = 1.0 - (min(self.decay, (1 + n) / (10 + n)) if self.warmup else self.decay)
        self.add(run, weight)
        if not self.use_buffers:
            return
        xp = net.device.xp
        for name, buffer in net.buffers.items():
            if not xp.isdtype(buffer.dtype, "real floating"):
                continue
            if name in self._buffers:
                lerp(self._buffers[name], buffer, weight)
            else:
                self._buffers[name] = xp.asarray(buffer, copy=True)

    def place(self, run: Run) -> None:
        """Put the averages into the network."""
        super().place(run)
        for name, average in self._buffers.items():
            run.net.buffers[name][...] = average

    def state_dict(self) -> dict[str, Any]:
        """Return the averages, and of how many updates they are."""
        return super().state_dict() | {"buffers": self._buffers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        super().load_state_dict(state)
        self._buffers = dict(state["buffers"])
