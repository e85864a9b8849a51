"""Updates that a library makes in one call, many at a time: of stacks, by the commonest losses and optimizers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nnxp._backend import Array, library_of
from nnxp.layers.sequential import Sequential, flattened
from nnxp.layers.stack import Plan
from nnxp.losses.cross_entropy import CrossEntropyLoss
from nnxp.losses.regression import MSELoss
from nnxp.optimizers.adam import Adam, AdamW
from nnxp.optimizers.sgd import SGD
from nnxp.training.batches import Chosen

if TYPE_CHECKING:
    from nnxp.network import Network
    from nnxp.optimizers import Optimizer
    from nnxp.training.passes import Passes

__all__ = ["Descent", "Updates"]

# Of these very classes, as one derived from them may do something else.
_OPTIMIZERS = (SGD, Adam, AdamW)
_LOSSES = (CrossEntropyLoss, MSELoss)

# The most batches in one call, the most bytes of their inputs, and the most multiply-adds: about a hundredth of a
# second, after which somebody may want to stop.
_MOST, _BYTES, _WORK = 64, 2**20, 2**31


class Updates(NamedTuple):
    """What a library is told of updates that it is to make one after the other, each of `batch_size` rows.

    Attributes
    ----------
    theta, gradient : array of shape (n,)
        The network's vectors; when all is done `gradient` is that of the last update.
    vectors : list of array of shape (n,)
        The optimizer's state: of SGD none or its momentum, of Adam its two or three averages.
    plan : Plan
        The stack.
    numbers : list of tuple of float
        For each update, what the optimizer's fused function takes behind the vectors.
    smoothing : float or None
        Of the labels, with cross-entropy; None: the loss is the mean of squares.
    batch_size : int
        Rows an update; the last may have fewer.
    kept : dict
        What the library likes to keep from one call to the next: it is this network's, and this training's.
    rows : array of int64, optional
        Which rows of the input are meant, in order; None: all.
    """

    theta: Array
    gradient: Array
    vectors: list[Array]
    plan: Plan
    numbers: list[tuple[float, ...]]
    smoothing: float | None
    batch_size: int
    kept: dict[Any, Any]
    rows: Array | None = None


@dataclass(frozen=True)
class Descent:
    """A network's way down a loss, in strides of several updates.

    Parameters
    ----------
    net : Network
        A stack of Linear layers and activations.
    plan : Plan
        Of that stack.
    smoothing : float or None
        See `Updates`.
    function : callable
        The library's ``descend(x, target, updates)``: the losses and the outputs, or ``NotImplemented``.
    """

    net: "Network"
    plan: Plan
    smoothing: float | None
    function: Callable[[Array, Array, Updates], Any]
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, net: "Network", loss: Any) -> "Descent | None":
        """Return the way, if the network's library has one for this model and this loss."""
        library, plan = library_of(net.theta), net.model.plan if type(net.model) is Sequential else None
        known = type(loss) in _LOSSES and loss.reduction == "mean" and getattr(loss, "weight", None) is None
        if not known or plan is None:
            return None
        if "descend" not in library.faster:
            return None
        if isinstance(loss, CrossEntropyLoss) and loss.ignore_index >= 0:
            return None  # it may be a class
        return cls(net, plan, getattr(loss, "label_smoothing", None), library.faster["descend"])

    def together(self, passes: "Passes") -> int:
        """Return how many batches are to come in one."""
        bytes_each = passes.batch_bytes()
        if bytes_each is None:
            return 1
        # The outputs are kept, and what they are compared with.
        bytes_each += 2 * passes.batch_size * self.plan.out_features * self.net.theta.itemsize
        work = 3 * self.net.theta.shape[0] * passes.batch_size
        return int(max(1, min(_BYTES // max(bytes_each, 1), _WORK // max(work, 1), _MOST)))

    def __call__(self, x: Array | Chosen, target: Any, batch_size: int, optimizer: "Optimizer") -> Any:
        """Make the updates of all batches; return their losses and the outputs, or None if the plain way is needed."""
        net = self.net
        updates = self._updates(-(-x.shape[0] // batch_size), batch_size, optimizer)
        if updates is None:
            return None
        whole, rows = (x.whole, x.rows) if isinstance(x, Chosen) else (x, None)
        if self.plan.flattens and whole.ndim > 2:
            whole = flattened(whole)
        made = self.function(whole, target, updates._replace(rows=rows))
        if made is NotImplemented:
            return None
        net.advance(len(updates.numbers))
        return made

    def _updates(self, count: int, batch_size: int, optimizer: Any) -> Updates | None:
        """Write down the updates to come; None where parameters are not all treated alike."""
        net = self.net
        if type(optimizer) not in _OPTIMIZERS:
            return None
        runs = net.runs(weights_only=optimizer.decay == "weights")
        run = runs[0] if len(runs) == 1 else None
        if run is None or run.stop - run.start != net.theta.shape[0]:
            return None
        state = optimizer.claim(net)
        decay, t = optimizer.weight_decay if run.decay else 0.0, net.step - net.optimizer_start + 1
        numbers = [optimizer.numbers(optimizer.rate(net, i) * run.lr_scale, t + i, decay) for i in range(count)]
        return Updates(
            net.theta, net.gradient, list(state.values()), self.plan, numbers, self.smoothing,
            batch_size, self.kept,
        )  # fmt: skip
