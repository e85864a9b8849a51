"""Killed at any moment: a run goes on from its last complete state, and ends as if nobody had killed it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nnxp
from nnxp.io.state import read_state
from tests.test_checkpoint import assert_same

# Twenty epochs of 32 steps: states are written after every fifth step, and each takes a good part of the time.
RUN = """
import sys, numpy as np, nnxp
from nnxp import *
rng = np.random.default_rng(0)
x = rng.normal(size=(640, 20)).astype("float32")
net = Network(Sequential(Linear(20, 64), BatchNorm1d(64), ReLU(), Dropout(0.2), Linear(64, 3)), seed=0)
history = net.fit(x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0), loss=CrossEntropyLoss(), optimizer=Adam(), epochs=20,
                  batch_size=16, validation=0.2, metrics=["accuracy"], verbose=False, resume=True,
                  callbacks=[EarlyStopping(patience=20), CSVLog(sys.argv[1] + "/log.csv")],
                  checkpoint=Checkpoint(sys.argv[1] + "/run", every_steps=5))
np.savez(sys.argv[1] + "/end.npz", theta=net.theta, loss=history["val_loss"], batch_loss=history.batch_loss)
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    # Without what takes its time to load.
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder)], env=os.environ | {"NNXP_FAST": "numpy"})


def finish(folder: Path) -> None:
    assert start(folder).wait() == 0


def kill_at_random(folder: Path, times: int, rng: random.Random) -> list[tuple[int, int]]:
    """Kill a run again and again, and list how far its states had come: epochs, and steps."""
    path, found = folder / "run" / "last.safetensors", []
    while len(found) < times:
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = start(folder)
        while process.poll() is None and (path.stat().st_mtime_ns if path.exists() else 0) == before:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.015))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        about = read_state(path).about  # whole, or this raises
        found.append((about["epoch"], about["step"]))
    return found


def check(tmp_path: Path, times: int) -> None:
    finish(tmp_path / "whole")
    found = kill_at_random(tmp_path / "killed", times, random.Random(0))
    finish(tmp_path / "killed")
    assert found == sorted(found)
    assert len(found) == times
    assert len({step % 32 for _, step in found}) > times // 4  # not always the end of an epoch
    ends = [np.load(tmp_path / name / "end.npz") for name in ("whole", "killed")]
    for name in ends[0]:
        np.testing.assert_array_equal(ends[1][name], ends[0][name], err_msg=name)
    for state in ("last", "best"):
        assert_same(*(nnxp.load(tmp_path / name / "run" / f"{state}.safetensors") for name in ("whole", "killed")))
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("whole", "killed")]
    assert [line.rpartition(",")[0] for line in logs[1]] == [line.rpartition(",")[0] for line in logs[0]]
    assert sorted(path.name for path in (tmp_path / "killed" / "run").iterdir()) == [
        "best.safetensors",
        "last.safetensors",
    ]


def test_a_run_that_is_killed_twice_ends_the_same(tmp_path: Path) -> None:
    check(tmp_path, 2)


@pytest.mark.slow
def test_a_run_that_is_killed_twenty_times_ends_the_same(tmp_path: Path) -> None:
    check(tmp_path, 20)
