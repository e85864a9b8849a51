"""The arguments and options that commands share, and those of ``train``."""

from pathlib import Path
from typing import Annotated

import typer

from nnxp.cli.choices import Activation, Dtype, LossName, OptimizerName

__all__ = [
    "ActivationOption",
    "Augment",
    "BatchSize",
    "Categories",
    "Data",
    "Decimal",
    "DeviceOption",
    "Dropout",
    "DtypeOption",
    "Epochs",
    "Force",
    "Hidden",
    "LabelSmoothing",
    "LossOption",
    "Lr",
    "Missing",
    "Model",
    "OptimizerOption",
    "Out",
    "Patience",
    "Resume",
    "RunFolder",
    "Seed",
    "Size",
    "Target",
    "Threads",
    "TrainingData",
    "Unseen",
    "Validation",
    "Verbose",
    "WeightDecay",
]

_KINDS = (
    "digits, a .csv file, a .npz file (x_train, y_train, x_test, y_test; or x, y), a .npy file, "
    "or a folder of .npy files so named, of IDX files, or of images in a folder for each class"
)
_DATA, _NETWORK, _TRAINING, _OUTPUT = "Data", "Network", "Training", "Output"

Data = Annotated[str, typer.Argument(metavar="DATA", help=f"{_KINDS[0].upper()}{_KINDS[1:]}.")]
TrainingData = Annotated[str, typer.Argument(metavar="DATA", help=f"{_KINDS[0].upper()}{_KINDS[1:]}.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that nnxp train --out made.")]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="cpu, cuda, cuda:1, auto (a GPU that works, else the CPU), torch:cpu, ...; see nnxp devices. "
        "Without it NNXP_DEVICE counts, else cpu.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="Of a CSV file: the target's name or place; else the last column. Of a .npy file: that of the targets.",
    ),
]
Missing = Annotated[
    str | None,
    typer.Option(
        "--missing",
        metavar="POLICY",
        help="Of a CSV file, for cells in which nothing is: error, drop (the row), mean, median, most_frequent or a "
        "number; column by column as age=median,city=most_frequent,drop. Learned from the training rows.",
        rich_help_panel=_DATA,
    ),
]
Categories = Annotated[
    str | None,
    typer.Option(
        "--categories",
        metavar="CODING",
        help="Of a CSV file, for words: error, one-hot or ordinal; column by column as size=ordinal,one-hot.",
        rich_help_panel=_DATA,
    ),
]
Unseen = Annotated[
    str | None,
    typer.Option(
        "--unseen",
        metavar="error|other",
        help="What evaluate and predict do with words that were not there in training.",
        rich_help_panel=_DATA,
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        "--decimal",
        metavar="MARK",
        help="Of a CSV file: what stands before the fractions, a point or a comma.",
        rich_help_panel=_DATA,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="PIXELS",
        help="Of a folder of images: what they are scaled to, such as 32 or 32x48.",
        rich_help_panel=_DATA,
    ),
]
Augment = Annotated[
    str | None,
    typer.Option(
        "--augment",
        metavar="NAMES",
        help="Of images, in training: shift, crop, flip, rotate, noise, erase and mixup with commas between them; "
        "a strength as rotate=20.",
        rich_help_panel=_TRAINING,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=1024,
        help="Threads that work on the CPU, BLAS's among them. Without it OMP_NUM_THREADS, OPENBLAS_NUM_THREADS or "
        "MKL_NUM_THREADS counts, else every core.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]

Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="mlp, or for images lenet5, simple-convnet, deep-convnet, resnet, or for images and sequences "
        "transformer; or a .toml file with a table [[layers]] for each layer.",
        rich_help_panel=_NETWORK,
    ),
]
Hidden = Annotated[
    str,
    typer.Option(
        "--hidden", metavar="WIDTHS", help="Of mlp: widths of the hidden layers, or none.", rich_help_panel=_NETWORK
    ),
]
ActivationOption = Annotated[
    Activation, typer.Option("--activation", help="Of mlp: after each hidden layer.", rich_help_panel=_NETWORK)
]
Dropout = Annotated[
    float,
    typer.Option(
        "--dropout", help="Of mlp: share of each hidden layer that training switches off.", rich_help_panel=_NETWORK
    ),
]
DtypeOption = Annotated[Dtype, typer.Option("--dtype", help="Of parameters and activations.", rich_help_panel=_NETWORK)]
LossOption = Annotated[
    LossName,
    typer.Option(
        "--loss",
        help="auto is cross-entropy for classes and mse for numbers, which are standardised while training.",
        rich_help_panel=_TRAINING,
    ),
]
LabelSmoothing = Annotated[
    float | None,
    typer.Option(
        "--label-smoothing",
        help="Share of each label that goes to all classes; 0.1 for classes unless told.",
        rich_help_panel=_TRAINING,
    ),
]
OptimizerOption = Annotated[
    OptimizerName, typer.Option("--optimizer", help="What moves the weights.", rich_help_panel=_TRAINING)
]
Lr = Annotated[
    float | None,
    typer.Option(
        "--lr",
        help="Learning rate; unless told 0.001, but 0.05 for sgd, 0.01 for adagrad, 1 for adadelta, "
        "0.002 for adamax and nadam, 0.0003 for lion.",
        rich_help_panel=_TRAINING,
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option(
        "--weight-decay",
        help="How strongly weights are drawn to 0; 0 unless told, but 0.01 for adamw.",
        rich_help_panel=_TRAINING,
    ),
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="At most so many.", rich_help_panel=_TRAINING)]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Samples a step.", rich_help_panel=_TRAINING)]
Validation = Annotated[
    float,
    typer.Option(
        "--validation", help="Share of the training samples held out to watch; 0 for none.", rich_help_panel=_TRAINING
    ),
]
Patience = Annotated[
    int,
    typer.Option(
        "--patience",
        min=0,
        help="Stop after so many epochs without a better validation loss, and keep the best weights; 0 never stops.",
        rich_help_panel=_TRAINING,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        max=2**63 - 1,
        help="Of weights, shuffles, dropout and validation; the test samples are the same for every seed.",
        rich_help_panel=_TRAINING,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="RUN",
        help="Folder for model.safetensors, the states to resume from, history.csv, config.toml, log.txt, "
        "diagnostics.csv and the pictures; nothing is written without it.",
        rich_help_panel=_OUTPUT,
    ),
]
ReportPage = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Write report.html into the run's folder at the end, as nnxp report does.",
        rich_help_panel=_OUTPUT,
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        help="Go on with the run in this folder as if it had never stopped; --epochs may take it further. Beside it "
        "DATA, --device, --threads, --verbose and --report may be told again, and all else is the run's.",
        rich_help_panel=_OUTPUT,
    ),
]
Verbose = Annotated[
    bool | None,
    typer.Option(
        "--verbose/--quiet",
        help="A line for every epoch, or the result alone; unless told, a bar on a terminal and lines elsewhere.",
        rich_help_panel=_OUTPUT,
    ),
]
