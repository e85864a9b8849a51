"""The work of ``nnxp search``."""

import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from nnxp._checks import Words, check_number, message
from nnxp._files import write_atomic
from nnxp.cli._augment import augmentations
from nnxp.cli._search_space import Plans, read_plans, settings_of
from nnxp.cli._threads import use_threads
from nnxp.cli._train import _read
from nnxp.cli._trials import prepare
from nnxp.cli.settings import Settings
from nnxp.datasets import DataSet
from nnxp.search import SearchResult, Trial, TrialRow, search
from nnxp.threads import get_num_threads
from nnxp.training import EarlyStopping, TerminateOnNaN

__all__ = ["run_search"]

_TABLE, _BEST = "trials.csv", "best.toml"
_STEPS_BETWEEN_LOOKS = 50


def run_search(
    path: Path,
    data: str,
    trials: int,
    method: str,
    target: str | None,
    device: str | None,
    threads: int | None,
    seed: int,
    out: Path | None,
) -> int:
    """Search, print the table, write what was found; return the exit status."""
    use_threads(threads)
    given = {"target": target, "device": device, "seed": seed, "threads": threads}
    common = [f"--{name}={value}" for name, value in given.items() if value is not None]
    plans = read_plans(path, data, common)
    objective = _Objective(plans, data, common)
    facts = {"data": data, "target": target, "fixed": plans.fixed}
    found = search(
        objective, plans.space, trials=trials, method=method, seed=seed, folder=out, facts=facts, show=_Show(trials)
    )
    best = found.best
    print(found)
    if out is not None:
        found.to_csv(out / _TABLE)
    if best is None:
        raise ValueError(message("search", "a trial that comes to an end", Words("none"), "lower the learning rates"))
    command = shlex.join(["nnxp", "train", data, *common, *plans.arguments(best.values)])
    if out is not None:
        write_atomic(out / _BEST, tomli_w.dumps(_best(best, command, found)))
        print(f"wrote {out}: {_TABLE}, {_BEST}")
    print(f"best: {command}")
    print(f"validation loss: {best.value:.4f}")
    return 0


def _best(best: TrialRow, command: str, found: SearchResult) -> dict[str, Any]:
    result = {"trial": best.number, "val_loss": best.value, "epochs": best.epochs, "trials": len(found.trials)}
    return {"command": command, "values": best.values, "result": result | {"threads": get_num_threads()}}


class _Show:
    """Prints a line for every trial that has ended."""

    def __init__(self, trials: int) -> None:
        self.trials = trials

    def __call__(self, row: TrialRow) -> None:
        values = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.values.items())
        came = f"val_loss {row.value:.4f}" if not math.isnan(row.value) else row.outcome
        print(f"trial {row.number}/{self.trials}: {values}: {came}, {row.epochs} epochs", flush=True)


class _Objective:
    """Trains as ``nnxp train`` would; the data are read once for every way of reading them."""

    def __init__(self, plans: Plans, data: str, common: list[str]) -> None:
        self._plans = plans
        self._data = data
        self._common = common
        self._read: dict[Any, DataSet] = {}

    def __call__(self, trial: Trial) -> float:
        settings = settings_of([self._data, *self._common, *self._plans.arguments(trial)])
        check_number("search", "--validation", settings.validation, low=0.0, high=1.0, open_low=True)
        if settings.reading not in self._read:
            self._read[settings.reading] = _read(settings)
        return _least_loss(settings, self._read[settings.reading], trial)


def _least_loss(settings: Settings, data: DataSet, trial: Trial) -> float:
    """Train, and return the least validation loss: that of the weights which early stopping keeps."""
    ready = prepare(settings, data)
    plan = ready.plan
    # A trial that diverges is one of the answers, and its warnings are no news.
    with np.errstate(all="ignore"):
        history = plan.net.fit(
            ready.x, ready.y, loss=plan.goal.loss, optimizer=plan.optimizer, epochs=settings.epochs,
            batch_size=settings.batch_size, validation=settings.validation, verbose=False,
            augment=augmentations(settings.augment, data),
            callbacks=[
                TerminateOnNaN(_STEPS_BETWEEN_LOOKS), EarlyStopping(patience=settings.patience or settings.epochs),
                trial.watch("val_loss"),
            ],
        )  # fmt: skip
    if "Ctrl-C" in history.stop_reason:
        raise KeyboardInterrupt
    losses = [loss for loss in history["val_loss"] if math.isfinite(loss)]
    return min(losses, default=math.nan)
