"""The work of ``nnxp train``."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnxp._checks import Words, check_number, message
from nnxp._files import write_atomic
from nnxp.cli._augment import augmentations
from nnxp.cli._build import build_model, build_optimizer, samples
from nnxp.cli._folder import CONFIG, DIAGNOSTICS, HISTORY, LOG, check_new, make, write
from nnxp.cli._goal import Goal
from nnxp.cli._log import Log, LogLines, Note
from nnxp.cli._report import Plan, Report
from nnxp.cli._resume import finished
from nnxp.cli._subset import Subset
from nnxp.cli._threads import use_threads
from nnxp.cli.errors import INTERRUPTED
from nnxp.cli.settings import Settings
from nnxp.datasets import DataSet, load
from nnxp.device import Device
from nnxp.io import load as load_network
from nnxp.layers import Dropout, Linear, Standardize
from nnxp.network import Network
from nnxp.optimizers import Optimizer
from nnxp.training import Callback, Checkpoint, CSVLog, Diagnostics, EarlyStopping, History, TerminateOnNaN
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
    out = settings.out
    if not settings.resume:
        check_new(out, settings.force)
    elif out is not None and (end := finished(out, settings.epochs)):
        print(f"{out}: {end}")
        return 0
    device = Device(settings.device)  # type: ignore[arg-type]
    data = _read(settings)
    goal = Goal.choose(data.classes, _outputs(data), settings.loss, settings.label_smoothing)
    augmentations(settings.augment, data)
    if out is not None:
        make(out, settings.resume)
    plan = _plan(settings, device, data, goal, optimizer)
    log = Log(None if out is None else out / LOG)
    if out is not None and not settings.resume:
        write_atomic(out / CONFIG, plan.to_toml())
    history, best_epoch = _train(plan, log)
    with np.errstate(all="ignore"):
        test = plan.net.evaluate(data.x_test, data.y_test, loss=goal.loss, metrics=[goal.metric])
    report = Report(plan, history, best_epoch, test)
    _tell(report, write(report), log)
    return INTERRUPTED if "Ctrl-C" in history.stop_reason else 0


def _read(settings: Settings) -> DataSet:
    """Read the data into shapes that a network of linear layers takes."""
    data = load(settings.data, settings.target, **settings.reading.options())
    changed: dict[str, Any] = {name: samples(getattr(data, name)) for name in ("x_train", "x_test")}
    if data.classes is None:
        changed |= {name: getattr(data, name).reshape(len(getattr(data, name)), -1) for name in ("y_train", "y_test")}
    return replace(data, **changed)


def _outputs(data: DataSet) -> int:
    return data.y_train.shape[1] if data.classes is None else len(data.classes)


def _fitted(settings: Settings, data: DataSet) -> Any:
    """Return the rows that are trained on: what is held out to watch must not be measured either."""
    if not settings.validation:
        return slice(None)
    return ArrayData((data.x_train,), data.y_train).split(settings.validation, settings.seed)[0].indices


def _plan(settings: Settings, device: Device, data: DataSet, goal: Goal, optimizer: Optimizer) -> Plan:
    """Build the network, or take that of the run that goes on."""
    x, out = data.x_train, settings.out
    if settings.resume and out is not None and (last := Checkpoint(out).last).exists():
        return Plan(settings, data, goal, optimizer, load_network(last, device=device))
    fitted = _fitted(settings, data)
    model = build_model(settings, data.scale, x if isinstance(fitted, slice) else Subset(x, fitted), goal.outputs)
    net = Network(model, device=device, dtype=settings.dtype, seed=settings.seed, input_shape=x.shape[1:])
    if goal.classes is None and not (isinstance(model[-1], Linear) and model[-1].bias):
        raise ValueError(message("train", "a model for numbers to end in Linear with a bias", model[-1]))
    return Plan(settings, data, goal, optimizer, net)


def _train(plan: Plan, log: Log) -> tuple[History, int]:
    """Train; return the history, and the epoch whose weights the network has."""
    settings, data, goal, net, out = plan.settings, plan.data, plan.goal, plan.net, plan.settings.out
    x, y = data.x_train, data.y_train
    units = Units.of(y[_fitted(settings, data)]) if goal.classes is None else None
    callbacks: list[Callback] = [TerminateOnNaN(_STEPS_BETWEEN_LOOKS, folder=out)]
    early = EarlyStopping(patience=settings.patience or settings.epochs)
    if settings.validation:
        callbacks.append(early)
    if out is not None:
        note = Note(out / CONFIG, plan.to_toml())
        callbacks += [note, CSVLog(out / HISTORY), LogLines(out / LOG), Diagnostics(out / DIAGNOSTICS)]
    if settings.verbose is not False:
        _introduce(plan, log)
    # A run that diverges ends with one sentence, not with NumPy's warnings.
    with np.errstate(all="ignore"), _warnings_to(log):
        history = net.fit(
            x, y if units is None else units.standardize(y), loss=goal.loss, optimizer=plan.optimizer,
            epochs=settings.epochs, batch_size=settings.batch_size, validation=settings.validation or None,
            metrics=[goal.metric], callbacks=callbacks, verbose=_VERBOSE[settings.verbose],
            augment=augmentations(settings.augment, data), checkpoint=out, resume=settings.resume,
        )  # fmt: skip
    _check_outcome(net, history)
    if units is not None:
        units.restore(net)
    return history, early.best_epoch or net.epoch


@contextmanager
def _warnings_to(log: Log) -> Iterator[None]:
    """Say what `fit` warns of in a line."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda text, *_, **__: log.say(f"note: {text}")
        yield


_VERBOSE: dict[bool | None, str | bool] = {None: "auto", True: "lines", False: False}


def _introduce(plan: Plan, log: Log) -> None:
    data, net = plan.data, plan.net
    kinds = "numbers to predict" if data.classes is None else f"{len(data.classes)} classes"
    sizes = f"{len(data.x_train):,} samples to train on, {len(data.x_test):,} to test"
    log.say(f"{plan.settings.data}: {sizes}, {kinds}; {net.theta.shape[0]:,} parameters on {net.device}")


def _check_outcome(net: Network, history: History) -> None:
    """Refuse a run that came to nothing."""
    finite = bool(np.isfinite(net.device.get(net.theta)).all())
    if finite and np.isfinite(history["loss"]).any():
        return
    if "Ctrl-C" in history.stop_reason:
        raise KeyboardInterrupt
    reason = history.stop_reason if not history.updates or finite else "weights that are not finite"
    raise ValueError(message("train", "a loss that stays finite", Words(reason), "lower --lr"))


def _tell(report: Report, written: list[str], log: Log) -> None:
    settings, metric = report.plan.settings, report.plan.goal.metric
    if written:
        log.say(f"wrote {settings.out}: {', '.join(written)}")
        if "Ctrl-C" in report.history.stop_reason:
            log.say(f"nnxp train --resume {settings.out} goes on")
    log.say(f"time per epoch: {report.seconds_per_epoch:.4f} s, {report.samples_per_second:,.0f} samples per second")
    log.say(f"test {metric}: {report.test[metric]:.4f}")
