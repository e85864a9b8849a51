"""A run's folder as ``nnxp train --resume`` finds it: how far the run is, and what it was told."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nnxp._backend import threads
from nnxp._checks import Words, message
from nnxp.cli._reading import Reading
from nnxp.cli.choices import Activation, Dtype, LossName, OptimizerName
from nnxp.cli.settings import Settings, parse_hidden
from nnxp.errors import FormatError

__all__ = ["Told", "find_settings", "finished"]

_CONFIG = "config.toml"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What may be told again when a run goes on; None where it was not."""

    data: str | None
    device: str | None
    epochs: int | None
    threads: int | None
    verbose: bool | None


def find_settings(folder: Path, told: Told) -> Settings:
    """Return the settings that a run was begun with, and those that were told again.

    Raises
    ------
    FileNotFoundError
        If it is no folder of a run.
    FormatError
        If its configuration is not as it was written.
    """
    config = _read(folder)
    try:
        o, source = config["options"], str(config["data"]["source"])
        return Settings(
            data=source if told.data is None else told.data,
            target=None if "target" not in o else str(o["target"]),
            device=str(o["device"]) if told.device is None else told.device,
            dtype=Dtype(o["dtype"]),
            model=str(o["model"]),
            hidden=parse_hidden(str(o.get("hidden", "none"))),
            activation=Activation(o.get("activation", "relu")),
            dropout=float(o.get("dropout", 0.0)),
            loss=LossName(o["loss"]),
            label_smoothing=float(o["label-smoothing"]) if "label-smoothing" in o else None,
            optimizer=OptimizerName(o["optimizer"]),
            lr=float(o["lr"]),
            weight_decay=float(o["weight-decay"]),
            epochs=int(o["epochs"]) if told.epochs is None else told.epochs,
            batch_size=int(o["batch-size"]),
            validation=float(o["validation"]),
            patience=int(o["patience"]),
            seed=int(o["seed"]),
            threads=_threads(int(o["threads"])) if told.threads is None else told.threads,
            out=folder,
            force=False,
            verbose=told.verbose,
            reading=Reading.from_json({f.name: o[f.name] for f in fields(Reading) if f.name in o}),
            augment=None if "augment" not in o else str(o["augment"]),
            resume=True,
        )
    except (KeyError, TypeError, ValueError) as error:
        got = Words(f"{type(error).__name__}: {error}")
        raise FormatError(message("train", f"{folder / _CONFIG} as nnxp train wrote it", got)) from None


def finished(folder: Path, epochs: int) -> str:
    """Return why a run has ended; empty if there is something left to do."""
    result = _read(folder).get("result")
    if not isinstance(result, dict) or "Ctrl-C" in str(result.get("stop_reason")):
        return ""
    reason, done = str(result.get("stop_reason")), result.get("epochs")
    if reason == "all epochs are done":
        enough = isinstance(done, int) and done >= epochs
        return f"all {done} epochs are done; --epochs goes further" if enough else ""
    return f"stopped after epoch {done}: {reason}"


def _threads(recorded: int) -> int | None:
    """Return the number of threads of before, if this machine has so many; that it has not is said by `fit`."""
    return recorded if 1 <= recorded <= threads.cores() else None


def _read(folder: Path) -> dict[str, Any]:
    path = folder / _CONFIG
    if not path.is_file():
        hint = f"nnxp train --out {folder} begins one"
        raise FileNotFoundError(message("train", f"a run, which is a folder with {_CONFIG}", str(folder), hint))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(message("train", f"{path} in TOML", Words(f"a mistake ({error})"))) from None
