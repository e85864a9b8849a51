"""A network within an estimator that is copied or kept in a file: it goes as its own safetensors bytes."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nnxp._checks import Words, message
from nnxp.errors import DeviceError
from nnxp.io import load, save
from nnxp.layers import Layer
from nnxp.network import Network

__all__ = ["KeepsNetwork", "KeptNetwork"]


@dataclass(frozen=True)
class KeptNetwork:
    """The bytes of a network's file, optimizer's state and all, and what they leave to be said.

    Attributes
    ----------
    data : bytes
        As `nnxp.io.save` writes them.
    device : str
        Where the network lived.
    layers : tuple of classes
        Of its layers, your own among them.
    """

    data: bytes
    device: str
    layers: tuple[type[Layer], ...]

    @classmethod
    def of(cls, net: Network) -> "KeptNetwork":
        """Write a network down."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "network.safetensors")
            save(net, path, training=True)
            return cls(path.read_bytes(), net.device.name, tuple(dict.fromkeys(type(node.layer) for node in net.nodes)))

    def restored(self, where: str) -> Network:
        """Build the network on its device; on the CPU, with a warning, where that device is missing."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "network.safetensors")
            path.write_bytes(self.data)
            try:
                return load(path, device=self.device, layers=self.layers)
            except DeviceError as error:
                text = message(where, f"its device {self.device}", Words(f"none here ({error})"), "it is on cpu now")
                warnings.warn(text, UserWarning, stacklevel=2)
                return load(path, device="cpu", layers=self.layers)


class KeepsNetwork:
    """An estimator whose `network_` goes by its own bytes into copies and files; `_place` is where its X was."""

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return state | ({"network_": KeptNetwork.of(state["network_"])} if "network_" in state else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.get("network_")
        if isinstance(kept, KeptNetwork):
            net = kept.restored(type(self).__name__)
            place = net.device.name if state["_place"] == kept.device else state["_place"]
            state = state | {"network_": net, "_place": place}
        super().__setstate__(state)  # type: ignore[misc]
