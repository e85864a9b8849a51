"""The commands and their help."""

from pathlib import Path
from typing import Annotated

import typer

from nnxp import __version__
from nnxp.cli import options as o
from nnxp.cli.bench import bench
from nnxp.cli.choices import Claim
from nnxp.cli.errors import Commands
from nnxp.cli.find_lr import find_lr
from nnxp.cli.report import compare, report
from nnxp.cli.search import search
from nnxp.cli.train import train

__all__ = ["app"]

app = typer.Typer(cls=Commands, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")
app.command()(train)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"nnxp {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def nnxp(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """Train neural networks on a CPU or a GPU, and prove their gradients.

    Begin with `nnxp train`: it trains on 1,797 images of digits that come with the package.
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def evaluate(
    run: o.RunFolder,
    data: o.Data,
    target: o.Target = None,
    device: o.DeviceOption = None,
    threads: o.Threads = None,
) -> int:
    """Measure a trained network on all rows of DATA: its loss, and accuracy or R2."""
    from nnxp.cli._evaluate import evaluate_run

    return evaluate_run(run, data, target, device, threads)


@app.command()
def predict(
    run: o.RunFolder,
    data: o.Data,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The CSV file to write; else standard output.")
    ] = None,
    target: o.Target = None,
    device: o.DeviceOption = None,
    threads: o.Threads = None,
    force: o.Force = False,
) -> int:
    """Predict every row of DATA, which may come without a target, as CSV.

    There is a column `prediction`, and for classes one column each with its probability.
    """
    from nnxp.cli._predict import predict_run

    return predict_run(run, data, out, target, device, threads, force)


@app.command()
def devices(
    paths: Annotated[bool, typer.Option("--paths", help="list what runs faster on the CPU, and by what")] = False,
) -> int:
    """List the devices of this machine; for what is missing, the reason and the line that mends it."""
    from nnxp.cli._devices import show_devices

    return show_devices(paths=paths)


app.command()(bench)
app.command()(report)
app.command()(compare)
app.command()(search)
app.command("find-lr", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(find_lr)


@app.command()
def check(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A folder that nnxp train --out made; else a net of many kinds of layer."),
    ] = None,
) -> int:
    """Prove a network: its gradients by finite differences, and that all devices compute the same.

    The exit status is 1 when something disagrees.
    """
    from nnxp.cli._check import check_network

    return check_network(run)


@app.command()
def export(
    run: o.RunFolder,
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="What to write: .onnx for ONNX runtimes, .py for NumPy alone.")
    ],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Of .onnx: probabilities as a second output.")
    ] = False,
    force: o.Force = False,
) -> int:
    """Write a trained network for others.

    A .py file is to be read and run where there is NumPy; weights of more than 256 KiB go into an .npz file beside it.
    """
    from nnxp.cli._export import export_run

    return export_run(run, out, probabilities, force)


@app.command()
def explain(
    run: o.RunFolder,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Where the samples come from; else what the run was trained on."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="How many, from the first on.")] = 4,
    target: o.Target = None,
) -> int:
    """Go through a trained network layer by layer: formulas, shapes, numbers, and a check of every gradient.

    The exit status is 1 when a gradient disagrees.
    """
    from nnxp.cli._explain import explain_run

    return explain_run(run, data, samples, target)


@app.command()
def reproduce(
    name: Annotated[Claim, typer.Argument(metavar="NAME", help="xor, digits, two-layer, book or affine.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FOLDER", help="MNIST as IDX files, which xor and book train on if given."),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="FOLDER", help="Where digits and two-layer put the pictures they show."),
    ] = None,
) -> int:
    """Run one of the source systems' examples and hold our result beside its claim.

    The exit status is 1 when ours falls short.
    """
    from nnxp.cli.reproduce import reproduce

    return reproduce(name.value, data, pictures)
