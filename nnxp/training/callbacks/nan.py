"""The first value that is not finite, and the layer it came from."""

from typing import Any

import numpy as np

from nnxp._checks import check_positive_int
from nnxp._nested import leaves
from nnxp.network import Network
from nnxp.probe import probed
from nnxp.training.run import Callback, Run

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Ends a run before the update that would spoil the weights, and names the layer where it began.

    Parameters
    ----------
    every : int
        Look at every so many steps. A look reads the loss and the gradient's sum from the device; what was missed
        between two looks is found in the parameters.

    Notes
    -----
    `History.stop_reason` names the first layer, in the order of the forward pass, whose output is not finite; if
    the forward pass is clean, the loss; if that is clean too, the last layer whose gradient is not.
    """

    def __init__(self, every: int = 1) -> None:
        check_positive_int("TerminateOnNaN", "every", every)
        self.every = every

    def on_gradient(self, run: Run) -> None:
        """Look, and stop before the update."""
        net = run.net
        if net.step % self.every:
            return
        total = net.device.xp.sum(net.gradient) + run.value
        if not np.isfinite(net.device.get(total)):
            run.stop(f"{culprit(run)} at step {net.step}")


def culprit(run: Run) -> str:
    """Say where the first value that is not finite arose: replayed with the batch and the weights in hand."""
    net = run.net
    spoiled = [name for name, array in net.parameters.items() if not _finite(net, array)]
    if spoiled:
        return f"the parameter {spoiled[0]} is not finite"
    inputs = run.batch[0] if run.batch else ()
    if not all(_finite(net, x) for x in inputs):
        return "the input is not finite"
    for path, layer, y in replay(net, inputs):
        if not _finite(net, y):
            return f"the output of layer {path} ({layer}) is not finite"
    if not _finite(net, run.value):
        return f"the loss {type(run.loss).__name__} is not finite"
    bad = [name for name, array in net.gradients.items() if not _finite(net, array)]
    return f"the gradient of {bad[-1]} is not finite" if bad else "the sum of the gradient overflows"


def replay(net: Network, inputs: tuple[Any, ...]) -> list[tuple[str, str, Any]]:
    """Run the same step's forward pass again, and list every layer's path, name and output."""
    model: Any
    model, record = probed(net.model)
    # The probes add no parameters, so the network's own views and noise serve.
    model.forward(net.views, *inputs, net.mode(training=True))
    return record.outputs


def _finite(net: Network, x: Any) -> bool:
    return all(bool(np.all(np.isfinite(net.device.get(part)))) for part in leaves(x))
