"""Run the benchmarks: every measurement in a fresh process, the peers taking turns, ratios from paired rounds."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec

from benchmarks.peers import PEERS, WORKLOADS, seconds_per_step

THREADS = "2"
STARTS = {
    "import numpy": "import numpy",
    "import nnxp": "import nnxp",
    "from nnxp import Network, ...": "from nnxp import Adam, CrossEntropyLoss, Linear, Network, ReLU, Sequential",
    "nnxp --help": "import sys; sys.argv = ['nnxp', '--help']; import nnxp.cli; nnxp.cli.main()",
    "import torch": "import torch",
}


def child(*arguments: str) -> str:
    """Run Python in a process of its own, with the same number of threads for everyone."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, THREADS)
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    return done.stdout


def start_seconds(code: str) -> float:
    """Time a whole process."""
    started = time.perf_counter()
    child("-c", code)
    return time.perf_counter() - started


def starts(rounds: int) -> None:
    """Print how long it takes to start, and how that compares with NumPy alone, round by round."""
    names = [name for name in STARTS if "torch" not in name or find_spec("torch")]
    times: dict[str, list[float]] = {name: [] for name in names}
    bare = []
    for _ in range(rounds):
        bare.append(start_seconds("pass"))
        for name in names:
            times[name].append(start_seconds(STARTS[name]))
    print("| whole process | median | without Python's own start | against `import numpy` |\n|---|---|---|---|")
    base = [t - b for t, b in zip(times["import numpy"], bare, strict=True)]
    for name in names:
        own = [t - b for t, b in zip(times[name], bare, strict=True)]
        ratio = statistics.median(t / n for t, n in zip(own, base, strict=True))
        print(f"| `{name}` | {statistics.median(times[name]):.3f} s | {statistics.median(own):.3f} s | {ratio:.2f} |")


def steps(rounds: int, seconds: float) -> None:
    """Print a training step of every peer; a ratio above 1 says that nnxp is faster."""
    peers = [peer for peer in PEERS if "torch" not in peer or find_spec("torch")]
    heads = " | ".join(f"{peer} / nnxp" for peer in peers[1:])
    print(f"\n| training step | nnxp | {heads} |\n|---|---|{'---|' * (len(peers) - 1)}")
    for name in WORKLOADS:
        times: dict[str, list[float]] = {peer: [] for peer in peers}
        for _ in range(rounds):
            for peer in peers:
                times[peer].append(float(child("-m", "benchmarks", "--one", peer, name, str(seconds))))
        cells = []
        for peer in peers[1:]:
            ratios = sorted(t / n for t, n in zip(times[peer], times["nnxp"], strict=True))
            cells.append(f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        print(f"| {name} | {statistics.median(times['nnxp']) * 1e6:.0f} us | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--one", nargs=3, metavar=("PEER", "WORKLOAD", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        peer, name, seconds = options.one
        print(seconds_per_step(peer, WORKLOADS[name], float(seconds)))
        return
    found = [f"{name} {version(name)}" for name in ("nnxp", "numpy", "torch") if find_spec(name)]
    where = f"{processor()}, {THREADS} threads, Python {platform.python_version()}"
    print(f"{datetime.date.today()}, {where}, {', '.join(found)}\n")
    starts(3 if options.quick else 9)
    steps(2 if options.quick else 5, 0.3 if options.quick else 1.0)


def processor() -> str:
    """Name the processor, where the system tells."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
