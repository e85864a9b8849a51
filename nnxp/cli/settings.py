"""What ``nnxp train`` and ``nnxp bench`` were told."""

from dataclasses import dataclass, field
from pathlib import Path

from nnxp._checks import did_you_mean, message
from nnxp.cli._reading import Reading
from nnxp.cli.choices import Activation, Dtype, LossName, OptimizerName

__all__ = ["MODELS", "BenchSettings", "Settings", "check_model", "parse_hidden", "parse_names", "parse_sizes"]

MODELS = ("mlp", "lenet5", "simple-convnet", "deep-convnet", "resnet", "transformer")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of ``nnxp train`` under their own names; None leaves the choice to the data or the optimizer."""

    data: str
    target: str | None
    device: str | None
    dtype: Dtype
    model: str
    hidden: tuple[int, ...]
    activation: Activation
    dropout: float
    loss: LossName
    label_smoothing: float | None
    optimizer: OptimizerName
    lr: float | None
    weight_decay: float | None
    epochs: int
    batch_size: int
    validation: float
    patience: int
    seed: int
    threads: int | None
    out: Path | None
    force: bool
    verbose: bool | None
    reading: Reading = field(default_factory=Reading)
    augment: str | None = None
    resume: bool = False


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """The options of ``nnxp bench`` under their own names; None leaves the choice to the nets and to `quick`."""

    run: Path | None
    devices: tuple[str, ...]
    nets: tuple[str, ...] | None
    batch_sizes: tuple[int, ...] | None
    widths: tuple[int, ...] | None
    quick: bool
    threads: int | None
    json: Path | None
    plot: Path | None
    force: bool


def parse_hidden(text: str) -> tuple[int, ...]:
    """Read the widths of the hidden layers, such as ``128,64``; ``none`` for no hidden layer."""
    sizes = _sizes(text, or_none=True)
    if sizes is None:
        raise ValueError(message("train", "--hidden to be widths such as 128,64, or none", text))
    return sizes


def parse_sizes(option: str, text: str, *, or_none: bool = False) -> tuple[int, ...]:
    """Read an option of ``nnxp bench`` that is made of whole numbers."""
    sizes = _sizes(text, or_none)
    if sizes is None:
        words = "whole numbers such as 64,256" + (", or none" if or_none else "")
        raise ValueError(message("bench", f"{option} to be {words}", text))
    return sizes


def parse_names(option: str, text: str) -> tuple[str, ...]:
    """Read an option of ``nnxp bench`` that is made of names; twice the same counts once."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(names):
        raise ValueError(message("bench", f"{option} to be names with commas between them", text))
    return names


def _sizes(text: str, or_none: bool) -> tuple[int, ...] | None:
    if or_none and text.strip().lower() == "none":
        return ()
    parts = [part.strip() for part in text.split(",")]
    right = all(part.isascii() and part.isdigit() and 0 < int(part[:10]) < 10**9 for part in parts)
    return tuple(map(int, parts)) if right else None


def check_model(name: str) -> str:
    """Refuse a model that is neither known nor a TOML file."""
    if name not in MODELS and not name.endswith(".toml"):
        options = f"--model to be one of {', '.join(MODELS)}, or a .toml file"
        raise ValueError(message("train", options, name, did_you_mean(name, MODELS)))
    return name
