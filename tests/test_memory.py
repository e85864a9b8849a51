"""Freed memory stays with the process, so that a step of training finds it again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nnxp._backend.memory import _VARIABLES, keep_freed_memory

FAULTS = """
import resource
import numpy as np
import nnxp
nnxp.Network(nnxp.Linear(2, 2), seed=0)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(2**20, dtype="float32") for _ in range(8)]
    del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(sum(faults() for _ in range(5)))
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}), reason="another C library")
def test_arrays_of_a_step_reuse_the_memory_of_the_step_before() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    run = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True, env=environment)
    # 160 MiB are 40,960 pages of 4 KiB.
    assert int(run.stdout) < 1000


@pytest.mark.parametrize("name", _VARIABLES)
def test_settings_of_the_environment_stay(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "131072")
    assert not keep_freed_memory()


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert not keep_freed_memory()
