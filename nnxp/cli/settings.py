"""What ``nnxp train`` was told."""

from dataclasses import dataclass
from pathlib import Path

from nnxp._checks import did_you_mean, message
from nnxp.cli.choices import Activation, Dtype, LossName, OptimizerName

__all__ = ["MODELS", "Settings", "check_model", "parse_hidden"]

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
    out: Path | None
    force: bool
    verbose: bool | None


def parse_hidden(text: str) -> tuple[int, ...]:
    """Read the widths of the hidden layers, such as ``128,64``; ``none`` for no hidden layer."""
    if text.strip().lower() == "none":
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < int(part[:10]) < 10**9 for part in parts):
        raise ValueError(message("train", "--hidden to be widths such as 128,64, or none", text))
    return tuple(map(int, parts))


def check_model(name: str) -> str:
    """Refuse a model that is neither known nor a TOML file."""
    if name not in MODELS and not name.endswith(".toml"):
        options = f"--model to be one of {', '.join(MODELS)}, or a .toml file"
        raise ValueError(message("train", options, name, did_you_mean(name, MODELS)))
    return name
