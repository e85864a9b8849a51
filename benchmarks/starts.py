"""How long it takes to start, and how much is installed."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from benchmarks.processes import environment

STARTS = {
    "numpy": ("numpy", "import numpy"),
    "nnxp": ("nnxp", "from nnxp import Adam, CrossEntropyLoss, Linear, Network, ReLU, Sequential"),
    "nnxp, no name of it": ("nnxp", "import nnxp"),
    "nnxp --help": ("nnxp", "import sys; sys.argv = ['nnxp', '--help']; import nnxp.cli; nnxp.cli.main()"),
    "torch": ("torch", "import torch"),
    "jax": ("jax", "import jax.numpy"),
    "scikit-learn": ("sklearn", "from sklearn.neural_network import MLPClassifier"),
    "thinc": ("thinc", "import thinc.api"),
}
# What to install, and the module that shows whether it is.
PACKAGES = {
    ("numpy",): "numpy",
    ("nnxp",): "nnxp",
    ("nnxp", "numba"): "numba",
    ("torch",): "torch",
    ("jax",): "jax",
    ("scikit-learn",): "sklearn",
    ("thinc",): "thinc",
}


def starts(rounds: int, threads: int) -> dict[str, list[float]]:
    """Time whole processes in turns; "" is Python alone."""
    codes = {"": "pass", **{name: code for name, (needs, code) in STARTS.items() if find_spec(needs)}}
    times: dict[str, list[float]] = {name: [] for name in codes}
    for code in codes.values():  # once, so that everything lies in the system's cache
        seconds(code, threads)
    for _ in range(rounds):
        for name, code in codes.items():
            times[name].append(seconds(code, threads))
    return times


def seconds(code: str, threads: int) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment(threads, {}), capture_output=True, check=True)
    return time.perf_counter() - started


def sizes() -> dict[str, dict[str, float]]:
    """Return the megabytes of each package's files, and with all that it requires; caches are not counted."""
    found = {}
    for names, needs in PACKAGES.items():
        if find_spec(needs):
            own, everything = sum(map(size, names)), sum(map(size, requirements(names)))
            found[" and ".join(names)] = {"megabytes": own / 1e6, "with_requirements": everything / 1e6}
    return found


def requirements(names: Iterable[str]) -> set[str]:
    """Return the distributions that some need, themselves included, extras left out."""
    todo, seen = [canonical(name) for name in names], set()
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        try:
            required = metadata.requires(one) or []
        except metadata.PackageNotFoundError:
            continue  # not on this system
        seen.add(one)
        todo += [canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in required if "extra ==" not in line]
    return seen


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def size(name: str) -> int:
    """Return the bytes of a distribution's files; of an editable one those of its package."""
    paths = [Path(str(entry.locate())) for entry in metadata.files(name) or []]
    if name == "nnxp":
        spec = find_spec("nnxp")
        assert spec is not None
        paths = [path for place in spec.submodule_search_locations or [] for path in Path(place).rglob("*")]
    return sum(path.stat().st_size for path in paths if path.is_file() and "__pycache__" not in path.parts)
