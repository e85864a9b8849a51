"""``nnxp train``: the options; the work is in `nnxp.cli._train`."""

from enum import Enum
from pathlib import Path

import typer

from nnxp._checks import Words, message
from nnxp.cli import options as o
from nnxp.cli._reading import Reading
from nnxp.cli.choices import Activation, Dtype, LossName, OptimizerName
from nnxp.cli.settings import Settings, check_model, parse_hidden

__all__ = ["train"]


# What may be told together with --resume.
_AGAIN = {"data", "device", "epochs", "threads", "verbose", "report", "resume"}


def train(
    ctx: typer.Context,
    data: o.TrainingData = "digits",
    target: o.Target = None,
    missing: o.Missing = None,
    categories: o.Categories = None,
    unseen: o.Unseen = None,
    decimal: o.Decimal = None,
    size: o.Size = None,
    device: o.DeviceOption = None,
    model: o.Model = "mlp",
    hidden: o.Hidden = "128,64",
    activation: o.ActivationOption = Activation.ReLU,
    dropout: o.Dropout = 0.0,
    dtype: o.DtypeOption = Dtype.float32,
    loss: o.LossOption = LossName.auto,
    label_smoothing: o.LabelSmoothing = None,
    optimizer: o.OptimizerOption = OptimizerName.Adam,
    lr: o.Lr = None,
    weight_decay: o.WeightDecay = None,
    epochs: o.Epochs = 50,
    batch_size: o.BatchSize = 32,
    validation: o.Validation = 0.1,
    patience: o.Patience = 10,
    augment: o.Augment = None,
    seed: o.Seed = 0,
    threads: o.Threads = None,
    out: o.Out = None,
    report: o.ReportPage = False,
    resume: o.Resume = None,
    force: o.Force = False,
    verbose: o.Verbose = None,
) -> int:
    """Train a network on images or a table, and test it.

    The last line is the accuracy on samples that were not trained on, or R2 where the target is a number.

    Of a CSV file the first row is a header if it is not made of numbers, and a target of words, or of whole numbers
    with at most 100 distinct values, is made of classes. Missing cells and features made of words are refused unless
    --missing and --categories say what to do. Where the data have no test part, a fifth is set aside.
    """
    folder = out if resume is None else resume
    if report and folder is None:
        raise ValueError(message("train", "--out RUN with --report", Words("none")))
    if resume is not None:
        from nnxp.cli._resume import Told, find_settings

        told = {name for name in ctx.params if _is_told(ctx, name)}
        if unknown := sorted(told - _AGAIN):
            what = "no more than DATA, --device, --epochs, --threads, --verbose and --report with --resume"
            raise ValueError(message("train", what, f"--{unknown[0].replace('_', '-')}"))
        again = Told(
            data=data if "data" in told else None, device=device, epochs=epochs if "epochs" in told else None,
            threads=threads, verbose=verbose,
        )  # fmt: skip
        return _run(find_settings(resume, again), folder if report else None)
    settings = Settings(
        data=data, target=target, device=device, dtype=dtype, model=check_model(model),
        hidden=parse_hidden(hidden), activation=activation,
        dropout=dropout, loss=loss, label_smoothing=label_smoothing, optimizer=optimizer, lr=lr,
        weight_decay=weight_decay, epochs=epochs, batch_size=batch_size, validation=validation, patience=patience,
        seed=seed, threads=threads, out=out, force=force, verbose=verbose,
        reading=Reading(missing=missing, categories=categories, unseen=unseen, decimal=decimal, size=size),
        augment=augment,
    )  # fmt: skip
    return _run(settings, folder if report else None)


def _run(settings: Settings, reported: Path | None) -> int:
    """Train, and write the page of a run whose folder is given."""
    from nnxp.cli._train import run

    status = run(settings)
    if reported is not None:
        from nnxp.cli._report_page import report_run

        report_run(reported, None, watch=False, open_page=False, force=False)
    return status


def _is_told(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return isinstance(source, Enum) and source.name == "COMMANDLINE"
