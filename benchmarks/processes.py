"""Processes of their own for all peers, with the same number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from select import select
from typing import Any

from benchmarks.peers import CONFIGURATIONS

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "BLIS_NUM_THREADS")


class Failed(Exception):  # noqa: N818 - it is reported, not raised to people
    """A process gave up, with a reason."""


def environment(threads: int, more: dict[str, str]) -> dict[str, str]:
    """Return the variables of a process: so many threads in every library that asks for a number."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    common = {"XLA_FLAGS": flags.strip(), "PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return os.environ | common | dict.fromkeys(VARIABLES, str(threads)) | more


class Child:
    """The process of one configuration, for one workload or a series of them."""

    def __init__(self, configuration: str, names: Sequence[str], threads: int, patience: float) -> None:
        self.configuration, self.patience = configuration, patience
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.child", configuration, *names],
            env=environment(threads, CONFIGURATIONS[configuration].environment),
            # Unbuffered: a line that waits in a buffer would be no sign of life.
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        )  # fmt: skip

    def read(self) -> dict[str, Any]:
        """Wait for the next answer."""
        assert self.process.stdout is not None
        if not select([self.process.stdout], [], [], self.patience)[0]:
            raise Failed(f"no answer within {self.patience:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the process ended with code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def turn(self, name: str, seconds: float) -> dict[str, Any]:
        """Let it measure once."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name} {seconds}\n".encode())
        return self.read()

    def finish(self) -> float:
        """Wait for its end; return how long the process took."""
        self.process.communicate()
        return time.perf_counter() - self.started

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()
