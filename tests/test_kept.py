"""Machine code that is kept: it starts without Numba, and is never taken for what it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp._backend.kernels import kept
from nnxp._backend.kernels.kept import Kernel
from nnxp._backend.kernels.path import numba_is_here

pytestmark = [
    pytest.mark.skipif(not numba_is_here(), reason="Numba is not installed"),
    pytest.mark.skipif(not kept._DOORS, reason="doors are for CPython on Linux"),
]

TRAINING = """
import sys
import numpy as np
from nnxp import Adam, CrossEntropyLoss, Linear, Network, ReLU, Sequential
rng = np.random.default_rng(0)
x, labels = rng.normal(size=(70, 5)).astype("float32"), rng.integers(0, 3, 70)
net = Network(Sequential(Linear(5, 9), ReLU(), Linear(9, 3)), seed=0)
net.fit(x, labels, loss=CrossEntropyLoss(), optimizer=Adam(), epochs=3, batch_size=16, verbose=False)
print(float(net.predict(x).sum()).hex(), "numba" in sys.modules)
"""

LABELS = np.array([0, 3, 1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep machine code in an empty folder."""
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def kernel(folder: Path) -> Callable[[], Kernel]:
    """Make a small kernel as a new process would."""
    return lambda: Kernel("descent_loops", "are_classes")


def is_kept(kernel: Kernel) -> bool:
    """Tell whether a call finds its door in a file."""
    return kernel._kept(("l1", "q")) is not None


def in_a_process(folder: Path) -> list[str]:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.split()


def test_the_second_process_trains_and_predicts_without_numba(tmp_path: Path) -> None:
    first = in_a_process(tmp_path)
    assert first[1] == "True"
    assert {file.name.split(".")[1] for file in (tmp_path / "nnxp").iterdir()} == {"are_classes", "descend", "forward"}
    assert in_a_process(tmp_path) == [first[0], "False"]


def test_a_door_gives_what_the_kernel_gives(kernel: Callable[[], Kernel]) -> None:
    fresh = kernel()
    assert fresh(LABELS, 4) is True
    assert fresh(LABELS, 3) is False
    assert kernel()(LABELS, 3) is False
    assert fresh._door is not kept._closed


def test_nothing_is_returned_as_none_and_a_number_as_a_float(folder: Path) -> None:
    y, target = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    dy = np.empty_like(y)
    value = Kernel("descent_loops", "squares")(y, target, dy)
    assert type(value) is float
    assert value == 1.0
    np.testing.assert_allclose(dy, 1 / 3)
    counter = np.zeros(2, np.int64)
    assert Kernel("atomics", "wait_for")(counter, 1, 0) is None


@pytest.mark.parametrize(
    "args",
    [
        (LABELS,),
        (LABELS, 4, 4),
        (LABELS, 4.0),
        (LABELS, True),
        (None, 4),
        (LABELS.astype(np.int32), 4),
        (LABELS.astype(">i8"), 4),
        (LABELS[::2], 4),
        (LABELS.reshape(1, 3), 4),
        (np.ma.masked_array(LABELS), 4),
        (LABELS.tolist(), 4),
    ],
    ids=repr,
)
def test_a_door_takes_nothing_else(args: tuple[Any, ...], kernel: Callable[[], Kernel]) -> None:
    made = kernel()
    assert made(LABELS, 4)
    with pytest.raises(TypeError):
        made._door(*args)


def test_a_door_takes_no_array_that_may_not_be_written_to(kernel: Callable[[], Kernel]) -> None:
    made, labels = kernel(), LABELS.copy()
    assert made(labels, 4)
    labels.flags.writeable = False
    with pytest.raises(TypeError):
        made._door(labels, 4)
    assert made(labels, 4)  # by Numba's own way
    assert is_kept(made)


def test_other_types_have_doors_of_their_own(folder: Path) -> None:
    made, found = Kernel("descent_loops", "squares"), []
    for dtype in (np.float32, np.float64, np.float32):
        y = np.full((2, 3), 2.0, dtype)
        found.append(made(y, np.zeros_like(y), np.empty_like(y)))
    assert found == [4.0, 4.0, 4.0]
    assert len(list(folder.iterdir())) == 2


def test_what_fits_no_kernel_is_a_type_error(kernel: Callable[[], Kernel]) -> None:
    with pytest.raises(TypeError):
        kernel()(LABELS)


@pytest.mark.parametrize("part", range(7), ids=["sources", "numba", "llvmlite", "name", "features", "python", "numpy"])
def test_what_was_made_of_something_else_is_made_again(
    part: int, kernel: Callable[[], Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kernel()(LABELS, 4)
    assert is_kept(kernel())
    facts = list(kept.made_of())
    facts[part] += "x"
    monkeypatch.setattr(kept, "made_of", lambda: facts)
    assert not is_kept(kernel())
    assert kernel()(LABELS, 4)
    assert is_kept(kernel())


@pytest.mark.parametrize("damage", ["empty", "torn", "changed", "no head", "no sum", "list"])
def test_a_damaged_file_is_made_again(damage: str, kernel: Callable[[], Kernel], folder: Path) -> None:
    assert kernel()(LABELS, 4)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    head, _, code = whole.partition(b"\n")
    facts = json.loads(head)
    without = {name: fact for name, fact in facts.items() if name != "sum"}
    file.write_bytes(
        {
            "empty": b"",
            "torn": whole[:-100],
            "changed": whole[:-1] + bytes([whole[-1] ^ 1]),
            "no head": code,
            "no sum": json.dumps(without).encode() + b"\n" + code,
            "list": b"[]\n" + code,
        }[damage]
    )
    assert not is_kept(kernel())
    assert kernel()(LABELS, 4)
    assert is_kept(kernel())


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_time(
    kernel: Callable[[], Kernel], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setattr(kept, "folder", lambda: blocked)
    assert kernel()(LABELS, 4)
    assert blocked.read_text() == "in the way"


def test_where_there_are_no_doors_numba_calls(kernel: Callable[[], Kernel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_DOORS", False)
    made = kernel()
    assert made(LABELS, 4)
    assert made._door is kept._closed


def test_code_that_would_want_numba_is_not_kept(
    kernel: Callable[[], Kernel], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_FOREIGN", (b"PyLong_Type",))
    made = kernel()
    assert made(LABELS, 4)
    assert list(folder.iterdir()) == []


def test_other_threads_run_meanwhile(folder: Path) -> None:
    import threading

    counter = np.zeros(1, np.int64)
    wait = Kernel("atomics", "wait_for")
    wait(counter, 0, 0)
    waiting = threading.Thread(target=wait, args=(counter, 0, 1), daemon=True)
    waiting.start()
    counter[0] = 1
    waiting.join(10)
    assert not waiting.is_alive()


def test_the_folder_is_where_python_keeps_its_own_or_a_user_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find = kept.folder.__wrapped__
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(kept, "_HERE", tmp_path)
    assert find() == tmp_path / "__pycache__"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert find() == tmp_path / "cache" / "nnxp"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "told"))
    assert find() == tmp_path / "told" / "nnxp"
