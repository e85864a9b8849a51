"""The process of one peer: it builds its workloads, says what must agree, and then measures whenever it is told to.

Line by line on the standard input: ``NAME SECONDS`` asks for a turn, and is answered by one line of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

BUNDLES = 5  # a turn is the median of so many


def main() -> None:
    configuration, *names = sys.argv[1:]
    stay_on(int(os.environ["OMP_NUM_THREADS"]))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a peer prints is no answer

    def answer(**values: Any) -> None:
        answers.write(json.dumps(values) + "\n")

    from benchmarks.peers import CONFIGURATIONS
    from benchmarks.workloads import WORKLOADS

    try:
        built = {name: CONFIGURATIONS[configuration].build(WORKLOADS[name]) for name in names}
        turns = {name: Turn(one.repeat, one.per) for name, one in built.items()}
        if WORKLOADS[names[0]].kind != "job":
            answer(checks={name: one.check() for name, one in built.items()})
            for turn in turns.values():
                turn.warm_up()
            answer(ready=True, peak=peak_megabytes())
            for line in sys.stdin:
                name, seconds = line.split()
                answer(seconds=turns[name].measure(float(seconds)), peak=peak_megabytes())
            return
        started = time.perf_counter()
        one = built[names[0]]
        one.repeat(1)
        seconds = time.perf_counter() - started
        answer(seconds=seconds, accuracy=one.check()[0], peak=peak_megabytes())
    except Exception as error:
        answer(error=f"{type(error).__name__}: {one_line(str(error))}")
        raise


def stay_on(cores: int) -> None:
    """Keep to as many cores as there are threads, for those who count cores; where the system lets."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


class Turn:
    """Measures a function that repeats its work so many times."""

    def __init__(self, repeat: Callable[[int], Any], per: int) -> None:
        self.repeat, self.per, self.once = repeat, per, 0.0

    def warm_up(self, seconds: float = 0.1) -> None:
        """Run for about so long, twice at least, and learn how long once takes."""
        n = 1
        self.time(1)
        while (passed := self.time(n)) < seconds:
            n *= 2
        self.once = passed / n

    def measure(self, seconds: float) -> float:
        """Return the seconds of a step: the median over bundles that last about `seconds` together."""
        bundles = max(1, min(BUNDLES, int(seconds / self.once)))
        n = max(1, round(seconds / bundles / self.once))
        self.once = statistics.median(self.time(n) / n for _ in range(bundles))
        return self.once / self.per

    def time(self, n: int) -> float:
        started = time.perf_counter()
        self.repeat(n)
        return time.perf_counter() - started


def peak_megabytes() -> float:
    """Return the most memory that this process has had resident."""
    try:
        with open("/proc/self/status") as file:
            kilobytes = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        # Elsewhere: in bytes on macOS; and at least that of the process that started this one.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kilobytes = peak // 1024 if sys.platform == "darwin" else peak
    return kilobytes / 1024


def one_line(text: str) -> str:
    """Return the first line of an error, without paths of this machine."""
    words = text.strip().partition("\n")[0].split()
    return " ".join("..." if "/" in word else word for word in words)[:160]


if __name__ == "__main__":
    main()
