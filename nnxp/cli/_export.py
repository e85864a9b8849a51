"""The work of ``nnxp export``."""

from pathlib import Path

from nnxp._checks import Words, message
from nnxp.cli._folder import open_run
from nnxp.io import export
from nnxp.io.plain import export_plain

__all__ = ["export_run"]


def export_run(folder: Path, out: Path, probabilities: bool, force: bool) -> int:
    """Write a run's network for others."""
    plain = out.suffix.lower() == ".py"
    if probabilities and plain:
        hint = "a .py file has predict_proba beside predict"
        raise ValueError(message("export", "--probabilities with a .onnx file", Words(str(out)), hint))
    for path in (out, out.with_suffix(".npz")) if plain else (out,):
        if path.exists() and not force:
            raise ValueError(message("export", "FILE to be new", str(path), "--force overwrites"))
    run = open_run("export", folder, "cpu")
    written = [out]
    if plain:
        written = export_plain(run.net, out, classes=run.goal.classes)
    else:
        export(run.net, out, probabilities=probabilities)
    print(f"wrote {' and '.join(map(str, written))}")
    return 0
