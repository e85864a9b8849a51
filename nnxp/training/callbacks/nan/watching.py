"""A network's forward and backward, layer by layer, up to the first value that is not finite."""

from dataclasses import dataclass
from typing import Any

from nnxp._parameters import join
from nnxp.layers.layer import Views
from nnxp.network import Network
from nnxp.probe import Probe, Record
from nnxp.training.callbacks.nan.state import finite

__all__ = ["Found", "Watch"]


@dataclass(eq=False)
class Found(Exception):  # noqa: N818  # what is looked for, not an error
    """A layer whose output, or whose gradients, are the first that are not finite.

    Attributes
    ----------
    path : str
        The layer's.
    p : Views
        Its arrays.
    inputs, named : tuple, dict
        What its forward took, the mode left out; None in a backward.
    cache : object
        What its forward kept.
    mode : Mode or None
        How it ran.
    dy : array or None
        What came back to it; None in a forward.
    outputs : dict of str to (nested tuple of) array
        What came out: ``y``, or ``dx`` and ``dweight`` and so on.
    """

    path: str
    p: Views
    inputs: tuple[Any, ...]
    named: dict[str, Any]
    cache: Any
    mode: Any
    dy: Any
    outputs: dict[str, Any]


class Watch(Record):
    """Raises `Found` at the first layer that makes something that is not finite.

    Parameters
    ----------
    net : Network
        Whose layers are watched.
    """

    def __init__(self, net: Network) -> None:
        super().__init__()
        self._net = net
        self._ran: dict[str, list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]]] = {}

    def forward_done(
        self, probe: Probe, p: Views, inputs: tuple[Any, ...], named: dict[str, Any], y: Any, cache: Any
    ) -> None:
        """Look at an output; remember what went in, until the cache comes back with the gradient."""
        *given, mode = inputs
        if not finite(self._net, y):
            raise Found(probe.path, p, tuple(given), named, cache, mode, None, {"y": y})
        self._ran.setdefault(probe.path, []).append((cache, tuple(given), named, mode))

    def backward_done(self, probe: Probe, p: Views, g: Views, cache: Any, dy: Any, dx: Any) -> None:
        """Look at the gradients; those of frozen parameters do not count."""
        trained = {n: a for n, a in g.arrays.items() if join(probe.path, n) in self._trained}
        outputs = {"dx": dx, **{f"d{name}": array for name, array in trained.items()}}
        if not finite(self._net, tuple(outputs.values())):
            visits = self._ran.get(probe.path, [])
            # A layer that runs several times in one pass has a cache for each.
            given, named, mode = next((rest for kept, *rest in visits if kept is cache), ((), {}, None))
            raise Found(probe.path, p, given, named, cache, mode, dy, outputs)

    @property
    def _trained(self) -> set[str]:
        return self._net.layout.keys() - set(self._net.frozen)
