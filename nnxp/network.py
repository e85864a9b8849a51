"""A model's life on a device: its parameters, its forward and backward, and the way to every other room."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nnxp._backend import Array, library_of, namespace, to_host
from nnxp._backend.dispatch import is_array
from nnxp._checks import Shape, Words, check_choice, check_number, fits, match_names, message
from nnxp._nested import is_gradient_of, leaves, shapes
from nnxp._parameters import NamedArrays, Node, Run, Slot, Store, walk
from nnxp._stretches import Stretch, Stretches
from nnxp.device import Device
from nnxp.initializers import Initializer
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.random import Draw, draw_seed

if TYPE_CHECKING:
    from nnxp.augmentations import Augmentation
    from nnxp.explanation import Explanation
    from nnxp.losses import LossFunction
    from nnxp.optimizers import Optimizer
    from nnxp.summary import Summary
    from nnxp.training import Callback, Checkpoint, History, Metric

__all__ = ["Cache", "Network"]


@cache
def _evaluation() -> ModuleType:
    """Import it when it is wanted; to ask for it again each time would take as long as a small network."""
    from nnxp.training import evaluation

    return evaluation


class Cache(NamedTuple):
    """What `Network.forward` keeps for `Network.backward`: the layers' caches, stamped with theta's version."""

    version: int
    output_shape: Any
    layers: Any


class Network:
    """A model on a device, with its parameters in one vector and their gradients in another.

    Parameters
    ----------
    model : Layer
        A single layer, or a container such as Sequential.
    device : str or Device, optional
        Where it lives: ``cpu``, ``cuda``, ``cuda:1``, ``auto``, ...; see `Device`. Resolved once, here.
    dtype : {"float32", "float64"}
        Of parameters and activations.
    seed : int, optional
        Of initial weights, shuffles and dropout; None draws one and keeps it in `seed`.
    input_shape : tuple of (int or None), optional
        Shape of one sample; needed only where a layer's size is None or a layer must know it. Given, every
        batch is held against it; None within it stands for any size.
    init : mapping of str to Initializer, optional
        Overrides by name pattern, such as ``{"*.bias": initializers.zeros()}``; the first that fits counts.

    Attributes
    ----------
    theta, gradient : array of shape (n,)
        All parameters, and all gradients, on the device.
    parameters, gradients, buffers : mapping of str to array
        Named views of them, and the arrays that are kept but not trained.
    optimizer_state : dict of str to array
        The optimizer's vectors.
    step, epoch : int
        Updates and epochs since the network was built.

    Raises
    ------
    TypeError
        If `model` is not a layer.
    ValueError
        If sizes do not go together, an unknown dtype is given, or a pattern in `init` fits no parameter.
    DeviceError
        If the device is missing or does not work.

    Examples
    --------
    >>> net = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)), seed=0)
    >>> net.theta.shape
    (13,)
    """

    def __init__(
        self,
        model: Layer,
        *,
        device: str | Device | None = None,
        dtype: str = "float32",
        seed: int | None = None,
        input_shape: Sequence[int | None] | None = None,
        init: Mapping[str, Initializer] | None = None,
    ) -> None:
        if not isinstance(model, Layer):
            hint = "put several layers into a Sequential" if isinstance(model, (list, tuple)) else ""
            raise TypeError(message("Network", "model to be a Layer", model, hint))
        check_choice("Network", "dtype", dtype, ["float32", "float64"])
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
            raise ValueError(message("Network", "seed to be a whole number of at least 0", seed))
        self.model = model
        self.device = Device(device)  # type: ignore[arg-type]
        self.dtype = dtype
        self.seed = draw_seed() if seed is None else int(seed)
        self.input_shape = None if input_shape is None else tuple(input_shape)
        self._nodes = list(walk(model, self.input_shape))
        self._store = Store(self._nodes, self.device, dtype)
        self._stretches = Stretches()
        self._on_host = self.device.name == "cpu"
        self._zero_first = any(node.layer.may_skip for node in self._nodes)
        self._draw = Draw(self.seed)
        self._places = {node.path: i for i, node in enumerate(self._nodes)}
        self._modes: dict[tuple[bool, ...], Mode] = {}
        self._still: set[str] = set()
        self._version = 0
        self.step = 0
        self.epoch = 0
        self.optimizer_state: dict[str, Array] = {}
        self.optimizer_name = ""
        self.optimizer_start = 0
        self.probabilities: str | None = None
        self.loss: LossFunction | None = None
        self._store.initialize(self.seed, self._override(dict(init or {})))

    def _override(self, init: dict[str, Initializer]) -> Any:
        chosen: dict[str, Initializer] = {}
        for pattern, initializer in init.items():
            for name in match_names("Network", pattern, self._store.layout):
                chosen.setdefault(name, initializer)
        return chosen.get

    def __repr__(self) -> str:
        return f"Network({self.model!r}, device={self.device.name!r}, dtype={self.dtype!r}, seed={self.seed})"

    # -- the vectors -----------------------------------------------------------------------------

    @property
    def theta(self) -> Array:
        """All parameters in one vector."""
        return self._store.theta

    @theta.setter
    def theta(self, value: Array) -> None:
        # `net.theta += d` comes here too; the views must go on seeing the same memory.
        with self.device.context():
            if value is not self._store.theta:
                self._store.theta[...] = value
        self._version += 1

    @property
    def gradient(self) -> Array:
        """All gradients in one vector, as the last `backward` left them."""
        return self._store.gradient

    @gradient.setter
    def gradient(self, value: Array) -> None:
        with self.device.context():
            if value is not self._store.gradient:
                self._store.gradient[...] = value

    @property
    def parameters(self) -> NamedArrays:
        """The parameters by name: views of `theta`; assigning to a name writes there."""
        return self._store.parameters

    @property
    def gradients(self) -> NamedArrays:
        """The gradients by name: views of `gradient`."""
        return self._store.gradients

    @property
    def buffers(self) -> NamedArrays:
        """The arrays that are kept but not trained, by name."""
        return self._store.buffers

    @property
    def layout(self) -> dict[str, Slot]:
        """Where each parameter lies in the vectors."""
        return self._store.layout

    @property
    def nodes(self) -> list[Node]:
        """The model's layers, depth first."""
        return self._nodes

    @property
    def output_shape(self) -> Shape | None:
        """Shape of one sample's output; None where it depends on an unknown input."""
        return self._nodes[0].out_shape

    @property
    def views(self) -> Views:
        """The layers' own view of parameters and buffers: ``views["0"].weight``."""
        return self._store.p

    def runs(self, *, weights_only: bool = False) -> list[Run]:
        """Return the stretches of the vectors that an optimizer moves, with their factors."""
        return self._store.runs(weights_only)

    def stretches(
        self, state: dict[str, Array], scalars: frozenset[str] = frozenset(), weights_only: bool = False
    ) -> list[Stretch]:
        """Return views of the vectors and of an optimizer's state along the runs; kept while all stay the same."""
        return self._stretches.of(self._store, state, scalars, weights_only)

    def freeze(self, pattern: str, *, statistics: bool = False) -> None:
        """Stop training the parameters whose names fit a shell pattern, such as ``"0.*"``.

        Parameters
        ----------
        pattern : str
            At least one name must fit it.
        statistics : bool
            Freeze the buffers that fit too: BatchNorm and its like run as in evaluation then, by statistics that stay.
            Else these go on moving in training, as they do in PyTorch where nobody calls ``eval()`` on the layer.
        """
        names = [*self._store.layout, *(self._store.buffers if statistics else ())]
        self._store.frozen |= set(match_names("Network.freeze", pattern, names))
        self._rebuild()

    def unfreeze(self, pattern: str = "*") -> None:
        """Train the parameters whose names fit the pattern again, and let the buffers that fit move."""
        names = [*self._store.layout, *self._store.buffers]
        # "Everything" is a pattern that may fit nothing.
        self._store.frozen -= set(names if pattern == "*" else match_names("Network.unfreeze", pattern, names))
        self._rebuild()

    def _rebuild(self) -> None:
        """Make views and modes anew for what is frozen now; a run in progress keeps its modes, so these are told."""
        self._store.rebuild()
        self._still.clear()
        self._still |= {name.rpartition(".")[0] for name in self.frozen_buffers}
        for (training, *_), mode in self._modes.items():
            mode.clear()
            mode.training = training and mode.path not in self._still

    @property
    def frozen(self) -> list[str]:
        """The names of the parameters that are not trained."""
        return [name for name in self._store.layout if name in self._store.frozen]

    @property
    def frozen_buffers(self) -> list[str]:
        """The names of the buffers that training leaves alone."""
        return [name for name in self._store.buffers if name in self._store.frozen]

    def scale_lr(self, pattern: str, factor: float) -> None:
        """Multiply the learning rate of the parameters whose names fit the pattern by a factor."""
        check_number("Network.scale_lr", "factor", factor, low=0.0)
        for name in match_names("Network.scale_lr", pattern, self._store.layout):
            self._store.lr_scales[name] = float(factor)
        self._store.rebuild()

    def advance(self, updates: int = 1) -> None:
        """Count updates of `theta`: caches from before them are refused from now on."""
        self.step += updates
        self._version += updates

    # -- forward and backward --------------------------------------------------------------------

    def forward(
        self, *inputs: Array, training: bool = False, random_step: int | None = None, **named: Any
    ) -> tuple[Any, Cache]:
        """Run the model on arrays of this device.

        Parameters
        ----------
        *inputs : array of shape (batch, *sample)
            On the network's device and of its dtype (integers where the model takes them).
        training : bool
            Dropout drops, statistics are gathered.
        random_step : int, optional
            The step whose noise is drawn; None takes `step`, so that the noise changes with every update.
        **named : array or None
            What the model takes by name, such as masks.

        Returns
        -------
        y : array, or nested tuple of arrays
            The output.
        cache : Cache
            For `backward`, as often as wanted, until `theta` moves.

        Raises
        ------
        TypeError
            If an array is on another device, or of another dtype.
        ValueError
            If a batch does not fit `input_shape`.
        """
        self._check_inputs(inputs)
        y, layers = self.run(inputs, self.mode(training=training), random_step=random_step, named=named)
        return y, Cache(self._version, shapes(y), layers)

    def mode(
        self, *, training: bool, keep_cache: bool = True, input_gradient: bool = True, consume: bool = False
    ) -> Mode:
        """Return the mode of the whole model; one of each kind is kept."""
        key = (training, keep_cache, input_gradient, consume)
        try:
            return self._modes[key]
        except KeyError:
            mode = self._modes[key] = Mode(
                "", self._places, self._draw, training=training, keep_cache=keep_cache,
                input_gradient=input_gradient, consume=consume, still=self._still,
            )  # fmt: skip
            return mode

    def run(
        self,
        inputs: tuple[Array, ...],
        mode: Mode,
        *,
        random_step: int | None = None,
        named: Mapping[str, Any] | None = None,
    ) -> tuple[Any, Any]:
        """Run the model in a mode, without checks: the inner loop's forward."""
        self._draw.step = self.step if random_step is None else random_step
        model: Any = self.model
        if self._on_host and len(inputs) == 1 and not named:
            # Nothing to enter, nothing to spread: both cost small networks dearly.
            y, cache = model.forward(self._store.p, inputs[0], mode)
            return y, cache
        with self.device.context():
            # A layer of several inputs takes them one by one, and masks by name.
            y, cache = model.forward(self._store.p, *inputs, mode, **(named or {}))
        return y, cache

    def backward(self, cache: Cache, dy: Any) -> Any:
        """Fill `gradient` from the gradient of the output.

        Parameters
        ----------
        cache : Cache
            From `forward`, with `theta` unmoved since.
        dy : array, or nested tuple of arrays
            Gradient of the loss with respect to the output, of its shape; None within a tuple means zero.

        Returns
        -------
        dx : array, tuple of arrays, or None
            The gradient with respect to the inputs.

        Raises
        ------
        RuntimeError
            If `theta` has moved since the forward.
        TypeError
            If `dy` is on another device, or of another dtype.
        ValueError
            If `dy` is not shaped as the output.
        """
        if cache.version != self._version:
            hint = "run forward again after an update"
            raise RuntimeError(
                message("Network.backward", "a cache of the present theta", Words("one from before it moved"), hint)
            )
        theta = self._store.theta
        ours = self._on_host and type(dy) is type(theta) and dy.dtype == theta.dtype
        if not ours or dy.shape != cache.output_shape:
            self._check_gradient(dy, cache.output_shape)
        return self.run_backward(cache.layers, dy)

    def run_backward(self, layers: Any, dy: Any) -> Any:
        """Run the model's backward without checks: the inner loop's."""
        store = self._store
        if self._on_host and not self._zero_first:
            return self.model.backward(store.p, store.g, layers, dy)
        with self.device.context():
            if self._zero_first:
                store.gradient[...] = self.device.xp.zeros_like(store.gradient)
            return self.model.backward(store.p, store.g, layers, dy)

    def _check_inputs(self, inputs: tuple[Array, ...]) -> None:
        for x in inputs:
            if not self._is_ours(x) and not (self.device.owns(x) and self._stays_integer(x)):
                raise TypeError(self._stranger(f"{self._first()}.forward", "x", x))
        shape = self.input_shape
        if shape is None or not inputs or inputs[0].shape[1:] == shape:
            return
        if not fits(tuple(inputs[0].shape[1:]), shape):
            wanted = ", ".join(["batch", *("*" if n is None else str(n) for n in shape)])
            raise ValueError(message(f"{self._first()}.forward", f"x of shape ({wanted})", tuple(inputs[0].shape)))

    def _check_gradient(self, dy: Any, shape: Any) -> None:
        """Hold the gradients of one or several outputs against their shapes, and against this network."""
        if not is_gradient_of(dy, shape):
            raise ValueError(message("Network.backward", f"dy of shape {shape}", shapes(dy)))
        for part in leaves(dy):
            if not self._is_ours(part):
                raise TypeError(self._stranger("Network.backward", "dy", part))

    def _is_ours(self, x: Array) -> bool:
        theta = self._store.theta
        # On the host the type says it all; asking costs small networks dearly.
        here = (self._on_host and type(x) is type(theta)) or self.device.owns(x)
        return here and x.dtype == theta.dtype

    def _stranger(self, where: str, name: str, x: Any) -> str:
        """Say why an array is not one of this device and of the network's dtype."""
        put = f"net.device.put({name}, {self.dtype!r})"
        if self.device.owns(x):
            return message(where, f"{name} of dtype {self.dtype}", x.dtype, f"cast it: {put}")
        got = Words(f"an array on {library_of(x).locate(x)}" if is_array(x) else f"a {type(x).__name__}")
        return message(where, f"{name} on {self.device.name}", got, f"move it: {put}")

    def _first(self) -> str:
        """Name the layer that meets the input first."""
        leaf = next((node for node in self._nodes if not node.layer.children()), self._nodes[0])
        return type(leaf.layer).__name__

    def _stays_integer(self, x: Array) -> bool:
        return self.model.accepts_integers and bool(namespace(x).isdtype(x.dtype, "integral"))

    def put_input(self, x: Any, index: int = 0) -> Array:
        """Bring a batch of the input `index` to the device, cast to the network's dtype unless it stays integer."""
        x = x if is_array(x) else to_host(x)
        if self._is_ours(x):
            return x
        if not self._stays_integer(x):
            return self.device.put(x, self.dtype)
        if not self.device.owns(x):
            # The last chance to look at values that are on the host; what stays there is looked at by the layer.
            self.model.check_host(x, index)
        return self.device.put(x)

    # -- state -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copy parameters and buffers to the host, under PyTorch's keys and in model order."""
        return self._store.host_arrays()

    def load_state_dict(self, mapping: Mapping[str, Any], *, strict: bool = True) -> list[str]:
        """Take parameters and buffers from arrays of any library, a PyTorch state dict among them.

        Parameters
        ----------
        mapping : mapping of str to array
            One array of the right shape for every name in `state_dict`.
        strict : bool
            False takes what fits and leaves the rest as it is.

        Returns
        -------
        list of str
            What did not fit, one phrase an entry, such as ``"missing 0.bias"``; empty when everything did.

        Raises
        ------
        ValueError
            If `strict` and entries are missing, unknown or misshapen; one message lists them all, nothing is changed.

        Examples
        --------
        Another head on a body that was trained, which is frozen at first:

        >>> other = Network(Sequential(*net.model[:-1], Linear(8, 3)))
        >>> other.load_state_dict(net.state_dict(), strict=False)
        ['3.weight of shape (4, 8) instead of (3, 8)', '3.bias of shape (4,) instead of (3,)']
        >>> other.freeze("[01].*", statistics=True)
        """
        wrong = self._store.load(mapping, strict)
        self._version += 1
        return wrong

    def snapshot(self) -> dict[str, Array]:
        """Copy parameters and buffers on the device, for `restore`."""
        xp = self.device.xp
        with self.device.context():
            arrays = {"": self.theta, **self.buffers}
            return {name: xp.asarray(array, copy=True) for name, array in arrays.items()}

    def restore(self, snapshot: Mapping[str, Array]) -> None:
        """Put what `snapshot` copied back."""
        self.theta = snapshot[""]
        with self.device.context():
            for name, buffer in self.buffers.items():
                buffer[...] = snapshot[name]

    def clone(self) -> "Network":
        """Return an independent network with the same model, arrays and training state."""
        return self.to(self.device)

    def to(self, device: str | Device, *, dtype: str | None = None) -> "Network":
        """Return a new network on another device (or of another dtype), with the same arrays and training state."""
        other = Network(
            self.model, device=device, dtype=dtype or self.dtype, seed=self.seed, input_shape=self.input_shape
        )
        other.load_state_dict(self.state_dict())
        other.optimizer_state = {
            k: other.device.put(np.array(to_host(v)), other.dtype) for k, v in self.optimizer_state.items()
        }
        for name in ("step", "epoch", "optimizer_name", "optimizer_start", "probabilities", "loss"):
            setattr(other, name, getattr(self, name))
        other._store.frozen = set(self._store.frozen)
        other._store.lr_scales = dict(self._store.lr_scales)
        other._rebuild()
        return other

    # -- the other rooms -------------------------------------------------------------------------

    def summary(self, batch_size: int = 1) -> "Summary":
        """Return a table of the layers: output shape, parameters, bytes. Prints as text, and as HTML in a notebook."""
        from nnxp.summary import summarize

        return summarize(self, batch_size)

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        loss: "LossFunction",
        optimizer: "Optimizer",
        epochs: int = 1,
        batch_size: int = 32,
        validation: float | tuple[Any, Any] | None = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | str | None = None,
        metrics: Sequence["Metric | str"] = (),
        callbacks: Iterable["Callback"] = (),
        checkpoint: "Checkpoint | str | PathLike[str] | None" = None,
        resume: bool = False,
        shuffle: bool = True,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
        augment: Iterable["Augmentation"] = (),
        verbose: str | bool = "auto",
    ) -> "History":
        """Train; see `nnxp.training.loop.fit` for every argument."""
        from nnxp.training.loop import fit

        return fit(
            self, x, y, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=batch_size, validation=validation,
            sample_weight=sample_weight, class_weight=class_weight, metrics=metrics, callbacks=callbacks,
            checkpoint=checkpoint, resume=resume, shuffle=shuffle, clip_norm=clip_norm, clip_value=clip_value,
            accumulate=accumulate, augment=augment, verbose=verbose,
        )  # fmt: skip

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        loss: "LossFunction | None" = None,
        metrics: Sequence["Metric | str"] = (),
        batch_size: int = 1024,
        sample_weight: Any = None,
    ) -> dict[str, float]:
        """Return the loss and metrics on data, in batches; see `nnxp.training.evaluation.evaluate`."""
        from nnxp.training.evaluation import evaluate

        return evaluate(self, x, y, loss=loss, metrics=metrics, batch_size=batch_size, sample_weight=sample_weight)

    def predict(self, x: Any, *, batch_size: int = 1024) -> Any:
        """Return the raw outputs as NumPy, in batches; see `nnxp.training.evaluation.predict`."""
        return _evaluation().predict(self, x, batch_size=batch_size)

    def predict_proba(self, x: Any, *, batch_size: int = 1024) -> Any:
        """Return the probabilities that the loss of the last fit implies; see `nnxp.training.evaluation`."""
        from nnxp.training.evaluation import predict_proba

        return predict_proba(self, x, batch_size=batch_size)

    def save(self, path: str | Path, *, training: bool = False) -> None:
        """Write model and arrays, and for `training` the optimizer's state, to one file; see `nnxp.io.save`."""
        from nnxp.io import save

        save(self, path, training=training)

    def export(self, path: str | Path, **options: Any) -> None:
        """Write the network for others: ``.onnx`` for ONNX runtimes, ``.py`` for NumPy alone; see `nnxp.io.export`."""
        from nnxp.io import export

        export(self, path, **options)

    def explain(self, x: Any, y: Any = None, *, loss: "LossFunction | None" = None) -> "Explanation":
        """Return every layer's formulas with this batch's shapes and numbers, checked; see `nnxp.explanation`."""
        from nnxp.explanation import explain

        return explain(self, x, y, loss=loss)
