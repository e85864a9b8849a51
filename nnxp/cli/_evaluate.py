"""The work of ``nnxp evaluate``."""

from pathlib import Path

from nnxp.cli._folder import open_run
from nnxp.cli._threads import use_threads

__all__ = ["evaluate_run"]


def evaluate_run(folder: Path, data: str, target: str | None, device: str | None, threads: int | None) -> int:
    """Print loss and metric on all rows."""
    use_threads(threads)
    run = open_run("evaluate", folder, device)
    x, y = run.read("evaluate", data, target)
    found = run.net.evaluate(x, y, metrics=[run.goal.metric])
    print(f"samples: {len(x):,}")
    for name, value in found.items():
        print(f"{name}: {value:.4f}")
    return 0
