"""The recording of a finding: a script and its data."""

from pathlib import Path
from typing import Any

import numpy as np

from nnxp._files import atomic_path, write_atomic
from nnxp.io.plain.sources import Sources
from nnxp.io.plain.writer import safe
from nnxp.training.callbacks.nan.candidates import Candidate, candidates
from nnxp.training.callbacks.nan.finding import Finding, HostArray
from nnxp.training.callbacks.nan.printing import compare, first_bad, named, summary

__all__ = ["record"]

_NAME = "replay_nan"

_SCRIPT = '''"""Where a training run first met a value that is not finite, once more.

{sentence}.

Run it: ``python {name}.py``. It needs {needs}, and {name}.npz beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path
{imports}

{types}
Arrays = dict[str, Array]


{blocks}


def replay(inputs: Arrays, weights: Arrays, recorded: Arrays) -> Arrays:
    """{about}"""
{body}
    return found


def main() -> int:
    """Print what went in and what comes out; return 0 if that is as it was in training."""
    with np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False) as archive:
        data = {{name: archive[name] for name in archive.files}}
    parts: dict[str, Arrays] = {{"in": {{}}, "weights": {{}}, "out": {{}}}}
    for name, array in data.items():
        part, slash, own = name.partition("/")
        if slash:
            parts[part][own] = array
    print({sentence_text})
    for name, array in [*parts["in"].items(), *parts["weights"].items()]:
        print(summary(name, array))
    with np.errstate(all="ignore"):
        found = replay(parts["in"], parts["weights"], parts["out"])
    size, rows = int(data["size"]), data.get("rows")
    same = [compare(name, found[name], array, size, rows) for name, array in parts["out"].items() if name in found]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
'''


def record(finding: Finding, folder: Path) -> Path:
    """Write ``replay_nan.py`` and ``replay_nan.npz``; return the script.

    Parameters
    ----------
    finding : Finding
        With its arrays on the host.
    folder : Path
        Made if it is not there; an older recording in it is replaced.

    Returns
    -------
    Path
        The script. It has been held against what was found; of several ways the most readable that agrees is taken.
    """
    ways = candidates(finding.subject)
    chosen = next((way for way in ways if _agrees(way, finding)), _SHOWN)
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"{_NAME}.py"
    arrays = _arrays(finding, chosen)
    with atomic_path(script.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    write_atomic(script, _text(chosen, finding))
    return script


# Nothing ran, or nothing that could be run again.
_SHOWN = Candidate(["found = recorded"])


def _arrays(finding: Finding, chosen: Candidate) -> dict[str, HostArray]:
    subject = finding.subject
    weights = subject.parameters if chosen is _SHOWN else chosen.weights
    arrays = {f"in/{name}": array for name, array in subject.inputs.items()}
    arrays |= {f"weights/{name}": array for name, array in weights.items()}
    arrays |= {f"out/{name}": array for name, array in subject.outputs.items()}
    arrays["size"] = np.asarray(finding.size)
    return arrays if finding.batch_rows is None else arrays | {"rows": np.asarray(finding.batch_rows)}


def _agrees(candidate: Candidate, finding: Finding) -> bool:
    """Run a candidate, and tell whether what comes out is what was found."""
    space: dict[str, Any] = {"__name__": _NAME}
    subject = finding.subject
    try:
        exec(compile(_text(candidate, finding), f"{_NAME}.py", "exec"), space)
        with np.errstate(all="ignore"):
            found = space["replay"](dict(subject.inputs), dict(candidate.weights), {})
        met = [_alike(found[name], array) for name, array in subject.outputs.items() if name in found]
    except Exception:  # a layer of somebody else's may fail in any way
        return False
    return bool(met) and all(met)


def _alike(array: Any, recorded: HostArray) -> bool:
    """Tell whether two arrays have their first entry that is not finite in the same place, and are close elsewhere."""
    array = np.asarray(array)
    if array.shape != recorded.shape or first_bad(array) != first_bad(recorded):
        return False
    good = np.isfinite(array) & np.isfinite(recorded)
    scale = float(np.max(np.abs(recorded[good]), initial=0.0))
    return bool(np.all(np.abs(array[good] - recorded[good]) <= 1e-3 * scale))


def _text(candidate: Candidate, finding: Finding) -> str:
    functions: list[Any] = [summary, compare, named, *candidate.functions]
    sources = Sources(functions)
    imports = sorted({*sources.imports, *candidate.imports} - {"import numpy as np"})
    sentence = safe_text(finding.sentence[:1].upper() + finding.sentence[1:])
    return _SCRIPT.format(
        name=_NAME,
        sentence=sentence,
        sentence_text=ascii(finding.sentence),
        needs=candidate.needs,
        imports="\n".join([*imports, "", "import numpy as np"]),
        types="\n".join(sources.types or ["Array = np.ndarray"]),
        blocks="\n\n\n".join([*candidate.blocks, *sources.functions]),
        about=_about(candidate, finding),
        body="\n".join(f"    {line}" for line in candidate.lines),
    )


def _about(candidate: Candidate, finding: Finding) -> str:
    doer = finding.subject.doer
    if doer is None:
        return "Return what was found: nothing has to run for it."
    name = safe(getattr(doer, "__name__", type(doer).__name__))
    if candidate is _SHOWN:
        return f"Return what was found: {name} has no formula that could be written here."
    what = {"update": "the update of ", "backward": "forward and backward of "}.get(finding.operation, "")
    return f"Run {what}{name} again."


def safe_text(sentence: str) -> str:
    """Return a sentence for a docstring: names in it may come from a stranger's file."""
    return "".join(c if c.isprintable() and c not in '\\"' else "?" for c in sentence)
