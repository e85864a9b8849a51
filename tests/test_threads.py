"""Threads: one number for ours, for BLAS's, and for a library's that is a device."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp._backend import load_library, threads
from nnxp._backend.kernels.path import numba_is_here
from nnxp.cli import _evaluate, _predict
from tests.cli_runs import mistake
from tests.cli_runs import nnxp as command


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = nnxp.get_num_threads()
    yield
    nnxp.set_num_threads(before)


def of_blas() -> set[int]:
    return {blas.get_num_threads() for blas in threads.blas_libraries()}


def test_the_number_is_ours_and_that_of_blas() -> None:
    for n in (1, 2, np.int64(1)):
        nnxp.set_num_threads(n)  # type: ignore[arg-type]
        assert nnxp.get_num_threads() == n
        assert type(nnxp.get_num_threads()) is int
        assert of_blas() == {n}


@pytest.mark.parametrize("n", [0, -1, 1025, 1.0, "2", None, True])
def test_another_number_is_refused_and_changes_nothing(n: Any) -> None:
    before = (nnxp.get_num_threads(), of_blas())
    said = f"set_num_threads: expected n to be a whole number from 1 to 1024, got {n!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        nnxp.set_num_threads(n)
    assert (nnxp.get_num_threads(), of_blas()) == before


def test_work_is_cut_into_as_many_pieces() -> None:
    pieces: list[int] = []
    nnxp.set_num_threads(2)
    threads.for_each_piece(lambda start, stop: pieces.append(stop - start), 10)
    assert pieces == [5, 5]


def test_who_comes_in_time_works_with_the_caller() -> None:
    nnxp.set_num_threads(3)
    together = threading.Barrier(3, timeout=60)
    seen: list[int] = []

    def work() -> None:
        together.wait()
        seen.append(threading.get_ident())
        together.wait()

    threads.work_together(work)
    assert len(set(seen)) == 3


def test_nobody_waits_for_who_does_not_come() -> None:
    nnxp.set_num_threads(2)
    held, release = threading.Event(), threading.Event()

    def busy() -> None:
        if threading.current_thread() is not threading.main_thread():
            held.set()
            release.wait(60)
        else:
            held.wait(60)

    seen: list[threading.Thread] = []
    threads.work_together(busy)
    threads.work_together(lambda: seen.append(threading.current_thread()))
    assert seen == [threading.main_thread()]
    release.set()
    threads.for_each_piece(lambda start, stop: None, 2)  # what the worker was late for is behind it
    assert seen == [threading.main_thread()]


def test_an_error_in_shared_work_waits_for_those_at_it() -> None:
    nnxp.set_num_threads(2)
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        if threading.current_thread() is threading.main_thread():
            begun.wait(60)
            raise KeyboardInterrupt
        begun.set()
        time.sleep(0.05)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        threads.work_together(work)
    assert ended.is_set()


LATE = """
import threading, time
from nnxp._backend import threads

begun = threading.Event()

def work():
    if threading.current_thread() is threading.main_thread():
        assert begun.wait(10)
    else:
        begun.set()
        time.sleep(0.3)
        print("ended", flush=True)

threads._team.count = 2
threads.work_together(work)
print("left", flush=True)
"""


def test_who_comes_late_is_waited_for_before_the_interpreter_is_taken_down() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["left", "ended"]


def test_a_team_that_was_dismissed_works_alone() -> None:
    team = threads.Team()
    team.count = 3
    team.run(lambda start, stop: None, [0, 1, 2, 3])
    workers = team.workers.copy()
    team.dismiss()
    team.dismiss()  # as at the end of the program
    assert len(workers) == 2
    assert not any(worker.is_alive() for worker in workers)
    assert (team.count, team.queues) == (1, [])
    seen = []
    team.share(lambda: seen.append(threading.current_thread()))
    assert seen == [threading.current_thread()]


@pytest.mark.skipif(not numba_is_here(), reason="BLAS rounds by how a product is cut")
def test_a_stack_has_the_same_bits_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(129, 300)).astype("float32")
    dy = rng.normal(size=(129, 70)).astype("float32")
    model = nnxp.Sequential(
        nnxp.Linear(300, 130), nnxp.ReLU(), nnxp.Linear(130, 200, bias=False), nnxp.Tanh(), nnxp.Linear(200, 70)
    )
    found = []
    for n in (1, 2, 3):
        nnxp.set_num_threads(n)
        net = nnxp.Network(model, seed=0)
        for _ in range(20):
            y, cache = net.forward(x, training=True)
            dx = net.backward(cache, dy)
            found.append((y, dx, net.gradient.copy()))
    for arrays in found[1:]:
        for array, expected in zip(arrays, found[0], strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "2"}, "3"),
        ({"OPENBLAS_NUM_THREADS": "2"}, "2"),
        ({"OMP_NUM_THREADS": "many", "MKL_NUM_THREADS": "5"}, "5"),
    ],
)
def test_the_environment_counts_where_nothing_is_told(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code = "import nnxp; print(nnxp.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_others_follow_from_the_last_number_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_followers", [])
    told: list[int] = []
    monkeypatch.setattr(threads, "_told", None)
    threads.follow(told.append)
    assert told == []
    nnxp.set_num_threads(2)
    threads.follow(told.append)
    nnxp.set_num_threads(1)
    assert told == [2, 2, 1, 1]


def test_pytorch_follows() -> None:
    torch = pytest.importorskip("torch")
    load_library("torch")
    for n in (2, 1):
        nnxp.set_num_threads(n)
        assert torch.get_num_threads() == n


def test_the_option_reaches_training_and_its_configuration(tmp_path: Path) -> None:
    other = 3 - min(nnxp.get_num_threads(), 2)
    command("train", "--quiet", "--epochs", 1, "--batch-size", 512, "--threads", other, "--out", tmp_path / "run")
    assert nnxp.get_num_threads() == other
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["options"]["threads"] == other
    assert f"--threads={other}" in config["command"]


@pytest.mark.parametrize(("name", "module"), [("evaluate", _evaluate), ("predict", _predict)])
def test_the_option_reaches_what_goes_on_from_a_run(name: str, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int | None] = []
    monkeypatch.setattr(module, "use_threads", told.append)
    for options in ([], ["--threads", "2"]):
        mistake(name, "no-such-run", "digits", *options)
    assert told == [None, 2]


@pytest.mark.parametrize("name", ["train", "evaluate", "predict", "bench"])
def test_the_option_takes_whole_numbers_from_one(name: str) -> None:
    arguments = ["run", "digits"] if name in ("evaluate", "predict") else []
    for wrong in ("0", "1025", "two"):
        assert mistake(name, *arguments, "--threads", wrong).startswith("Invalid value for '--threads': ")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"numba_is_here": lambda: True}, r"kernels compiled by Numba \d.*"),
        (
            {"numba_is_here": lambda: False, "switch": lambda: "1"},
            re.escape("no compiled kernels without Numba: pip install 'nnxp[fast]'"),
        ),
    ],
)
def test_the_host_says_its_threads_and_whether_numba_is_there(
    change: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in change.items():
        monkeypatch.setattr(f"nnxp._backend.numpy.{name}", value)
    nnxp.set_num_threads(2)
    [host] = load_library("numpy").devices()
    assert re.fullmatch(rf"NumPy \S+ on \w+, \d+ cores; threads: 2; {expected}", host.detail)


@pytest.mark.usefixtures("plain")
def test_the_host_says_when_faster_paths_are_switched_off() -> None:
    [host] = load_library("numpy").devices()
    assert host.detail.endswith("; no faster paths since NNXP_FAST=0")
