"""The work of ``nnxp train``."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnxp._checks import Words, check_number, message
from nnxp.cli._build import build_model, build_optimizer, samples
from nnxp.cli._folder import check_new, make, write
from nnxp.cli._goal import Goal
from nnxp.cli._report import Report
from nnxp.cli._threads import use_threads
from nnxp.cli.errors import INTERRUPTED
from nnxp.cli.settings import Settings
from nnxp.datasets import DataSet, load
from nnxp.device import Device
from nnxp.layers import Dropout, Linear, Standardize
from nnxp.network import Network
from nnxp.optimizers import Optimizer
from nnxp.training import Callback, EarlyStopping, History, TerminateOnNaN
from nnxp.training.batches import ArrayData

__all__ = ["run"]

HostArray = np.ndarray[Any, Any]

# A look at the gradient makes a GPU wait.
_STEPS_BETWEEN_LOOKS = 50


@dataclass(frozen=True)
class Units:
    """Mean and standard deviation of a target of numbers, which is standardised while training."""

    mean: HostArray
    std: HostArray

    @classmethod
    def of(cls, y: HostArray) -> "Units":
        """Measure a target of shape (n, outputs)."""
        fitted = Standardize.fit(y)
        return cls(np.asarray(fitted.mean), np.asarray(fitted.std))

    def standardize(self, y: HostArray) -> HostArray:
        """Bring a target to mean 0 and standard deviation 1."""
        return (y - self.mean) / self.std

    def restore(self, net: Network) -> None:
        """Let the last layer answer in the target's own units."""
        weight, bias = list(net.layout)[-2:]
        state = net.state_dict()
        state[weight] = state[weight] * self.std[:, None]
        state[bias] = state[bias] * self.std + self.mean
        net.load_state_dict(state)


def run(settings: Settings) -> int:
    """Train, test, write; return the exit status."""
    use_threads(settings.threads)
    # What can be refused before anything is read is refused now.
    Dropout(settings.dropout)
    check_number("train", "--validation", settings.validation, low=0.0, high=1.0)
    optimizer = build_optimizer(settings)
    check_new(settings.out, settings.force)
    device = Device(settings.device)  # type: ignore[arg-type]
    data = _read(settings)
    goal = Goal.choose(data.classes, _outputs(data), settings.loss, settings.label_smoothing)
    make(settings.out)
    net, history, best_epoch = _train(settings, device, data, goal, optimizer)
    with np.errstate(all="ignore"):
        test = net.evaluate(data.x_test, data.y_test, loss=goal.loss, metrics=[goal.metric])
    report = Report(settings, data, goal, optimizer, net, history, best_epoch, test)
    written = write(report)
    _tell(report, written)
    return INTERRUPTED if "Ctrl-C" in history.stop_reason else 0


def _read(settings: Settings) -> DataSet:
    """Read the data into shapes that a network of linear layers takes."""
    data = load(settings.data, settings.target)
    changed: dict[str, Any] = {name: samples(getattr(data, name)) for name in ("x_train", "x_test")}
    if data.classes is None:
        changed |= {name: getattr(data, name).reshape(len(getattr(data, name)), -1) for name in ("y_train", "y_test")}
    return replace(data, **changed)


def _outputs(data: DataSet) -> int:
    return data.y_train.shape[1] if data.classes is None else len(data.classes)


def _train(
    settings: Settings, device: Device, data: DataSet, goal: Goal, optimizer: Optimizer
) -> tuple[Network, History, int]:
    """Return the trained network, its history, and the epoch whose weights it has."""
    x, y = data.x_train, data.y_train
    fitted: Any = slice(None)
    if settings.validation:
        # What is held out to watch must not be measured either: these are the rows that fit will train on.
        fitted = ArrayData((x,), y).split(settings.validation, settings.seed)[0].indices
    model = build_model(settings, data.scale, x[fitted] if data.scale == "standardize" else x, goal.outputs)
    net = Network(model, device=device, dtype=settings.dtype, seed=settings.seed, input_shape=x.shape[1:])
    units = Units.of(y[fitted]) if goal.classes is None else None
    if units is not None and not (isinstance(model[-1], Linear) and model[-1].bias):
        raise ValueError(message("train", "a model for numbers to end in Linear with a bias", model[-1]))
    callbacks: list[Callback] = [TerminateOnNaN(_STEPS_BETWEEN_LOOKS)]
    early = EarlyStopping(patience=settings.patience or settings.epochs)
    if settings.validation:
        callbacks.append(early)
    if settings.verbose is not False:
        _introduce(settings, data, net)
    # A run that diverges ends with one sentence, not with NumPy's warnings.
    with np.errstate(all="ignore"):
        history = net.fit(
            x, y if units is None else units.standardize(y), loss=goal.loss, optimizer=optimizer,
            epochs=settings.epochs, batch_size=settings.batch_size, validation=settings.validation or None,
            metrics=[goal.metric], callbacks=callbacks, verbose=_VERBOSE[settings.verbose],
        )  # fmt: skip
    _check_outcome(net, history)
    if units is not None:
        units.restore(net)
    return net, history, early.best_epoch or net.epoch


_VERBOSE: dict[bool | None, str | bool] = {None: "auto", True: "lines", False: False}


def _introduce(settings: Settings, data: DataSet, net: Network) -> None:
    kinds = "numbers to predict" if data.classes is None else f"{len(data.classes)} classes"
    sizes = f"{len(data.x_train):,} samples to train on, {len(data.x_test):,} to test"
    print(f"{settings.data}: {sizes}, {kinds}; {net.theta.shape[0]:,} parameters on {net.device}", flush=True)


def _check_outcome(net: Network, history: History) -> None:
    """Refuse a run that came to nothing."""
    finite = bool(np.isfinite(net.device.get(net.theta)).all())
    if finite and history.updates:
        return
    if "Ctrl-C" in history.stop_reason:
        raise KeyboardInterrupt
    reason = history.stop_reason if not history.updates or finite else "weights that are not finite"
    raise ValueError(message("train", "a loss that stays finite", Words(reason), "lower --lr"))


def _tell(report: Report, written: list[str]) -> None:
    if written:
        print(f"wrote {report.settings.out}: {', '.join(written)}")
    print(f"time per epoch: {report.seconds_per_epoch:.4f} s, {report.samples_per_second:,.0f} samples per second")
    print(f"test {report.goal.metric}: {report.test[report.goal.metric]:.4f}")
