"""Fixtures for every test: the backends, and a clean environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends import NAMES, Backend, backend_param, no_host_reads


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNXP_DEVICE", raising=False)


@pytest.fixture(params=[backend_param(name) for name in NAMES])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param.startswith("strict"):
        with no_host_reads():
            yield Backend(request.param)
    else:
        yield Backend(request.param)
