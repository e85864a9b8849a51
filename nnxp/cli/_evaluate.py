"""The work of ``nnxp evaluate``."""

from pathlib import Path

from nnxp.cli._build import samples
from nnxp.cli._folder import open_run
from nnxp.cli._threads import use_threads
from nnxp.datasets import load_all

__all__ = ["evaluate_run"]


def evaluate_run(folder: Path, data: str, target: str | None, device: str | None, threads: int | None) -> int:
    """Print loss and metric on all rows."""
    use_threads(threads)
    run = open_run("evaluate", folder, device)
    x, y = load_all(data, target or run.target_in(data), classes=run.goal.classes)
    x = samples(x)
    run.check_samples("evaluate", x.shape[1:], data)
    assert y is not None  # a target is required where `features` is not given
    found = run.net.evaluate(x, y if run.goal.classes else y.reshape(len(y), -1), metrics=[run.goal.metric])
    print(f"samples: {len(x):,}")
    for name, value in found.items():
        print(f"{name}: {value:.4f}")
    return 0
