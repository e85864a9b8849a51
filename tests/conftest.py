"""Fixtures for every test: the backends, and a clean environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

# One thread for each test process, before NumPy or PyTorch starts a pool: the processes share the cores already.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# In the background of a script Ctrl-C is ignored, also by what is started from there; the tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from nnxp._backend.numpy import NumPyLibrary  # noqa: E402 - NumPy comes with it
from tests.backends import NAMES, Backend, backend_param, every_path_open, no_host_reads  # noqa: E402


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNXP_DEVICE", raising=False)


@pytest.fixture(params=[backend_param(name) for name in NAMES])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param.startswith("strict"):
        with no_host_reads():
            yield Backend(request.param)
    elif request.param == "fast":
        with every_path_open():
            yield Backend(request.param)
    else:
        yield Backend(request.param)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every layer run by its own formula, on NumPy too."""
    monkeypatch.setattr(NumPyLibrary, "faster", {})
