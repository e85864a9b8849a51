"""The work of ``nnxp explain``."""

from pathlib import Path

from nnxp.cli._folder import open_run

__all__ = ["explain_run"]

_CHECK_FAILED = 1


def explain_run(folder: Path, data: str | None, count: int, target: str | None) -> int:
    """Print what happens to a few samples in a run's network; return 1 where a gradient disagrees."""
    run = open_run("explain", folder, "cpu")
    data = run.data if data is None else data
    x, y = run.read("explain", data, target)
    assert y is not None  # a target is required
    explanation = run.net.explain(x[:count], y[:count], loss=run.goal.loss)
    print(explanation)
    return 0 if explanation.agrees else _CHECK_FAILED
