"""Making an explanation: one pass that is listened to, and two more for every gradient that is checked."""

from typing import TYPE_CHECKING, Any

from nnxp._checks import Words, message
from nnxp.explanation.layer import explain_layer, explain_loss, name_of
from nnxp.explanation.listening import listened_to
from nnxp.explanation.page import Explanation
from nnxp.explanation.slopes import Slopes
from nnxp.network import Network

if TYPE_CHECKING:
    from nnxp.losses import LossFunction

__all__ = ["explain"]


def explain(
    net: Network, x: Any, y: Any = None, *, loss: "LossFunction | None" = None, seconds: float | None = None
) -> Explanation:
    """Go through a network layer by layer: its formulas with the shapes and numbers of this run, each gradient checked.

    Every gradient of a parameter, and that of every layer's input, is held against finite differences along a random
    direction u of length 1: ``sum(gradient * u)`` beside ``(f(t + h u) - f(t - h u)) / 2h``, where f is the loss of the
    whole network, the layer's input is moved where it comes in, and h is 1e-5, or less near a kink. Tiny layers are
    drawn too, as computational graphs with values above the edges and gradients below; Sigmoid and Linear node by node.

    Parameters
    ----------
    net : Network
        On any device. It is left as it is: all this happens on a copy in float64, in training mode, with the noise of
        the present step.
    x : array of shape (batch, *sample), or tuple of arrays
        A few samples; the fewer and the smaller, the more is shown.
    y : array, optional
        Their targets.
    loss : loss, optional
        None takes that of the last `fit`; without `y`, a random projection of the output.
    seconds : float, optional
        Give up if the checks take longer.

    Returns
    -------
    Explanation
        Prints as text, and as HTML in a notebook; ``to_html()`` gives the fragment, ``agrees`` the checks' result.

    Raises
    ------
    ValueError
        If there is a loss without `y`, or `y` and no loss is known.
    TimeoutError
        If `seconds` are over.

    Notes
    -----
    The formulas are those of the layers' docstrings; a layer of yours is explained with its own. The copy listens at
    every layer, so none is fused with its neighbours. Time: a forward and a backward, and two forwards a gradient.

    Examples
    --------
    >>> print(net.explain(x[:2], y[:2], loss=CrossEntropyLoss()))
    """
    if y is not None and loss is None:
        loss = net.loss
    if (y is None) != (loss is None):
        got = Words("y alone" if loss is None else "a loss alone")
        raise ValueError(message("explain", "y and a loss together, or neither", got))
    model, record = listened_to(net.model)
    copy = Network(model, device=net.device, dtype="float64", seed=net.seed, input_shape=net.input_shape)
    copy.load_state_dict(net.state_dict())
    copy.step = net.step
    slopes = Slopes(copy, record, x, y, loss, seconds)
    layers = tuple(explain_layer(node, slopes) for node in net.nodes)
    ends = () if loss is None else (explain_loss(loss, slopes),)
    return Explanation(_run(net, slopes, loss), (*layers, *ends))


def _run(net: Network, slopes: Slopes, loss: Any) -> str:
    """Say what was run."""
    samples = int(slopes.hosts[0].shape[0])
    batch = "1 sample" if samples == 1 else f"{samples} samples"
    what = "a random projection of the output" if loss is None else name_of(loss)
    return (
        f"A training step's forward and backward of {batch} on {net.device}, in float64, with the noise of step "
        f"{net.step}. f is {what}, here {slopes.here:.10g}."
    )
