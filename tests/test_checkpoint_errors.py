"""What a run cannot be written to, or cannot go on from, is one sentence; and what was there stays as it was."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nnxp
from nnxp import (
    SGD,
    Activation,
    Adam,
    Callback,
    Checkpoint,
    CrossEntropyLoss,
    EarlyStopping,
    Linear,
    Network,
    Sequential,
    StepLR,
)
from nnxp.errors import FormatError
from nnxp.io import read_metadata, read_state_dict, write_state_dict
from nnxp.io.state import read_state
from tests.test_checkpoint import MODEL, X, Y, train


def sentence(text: str) -> str:
    return f"^{re.escape(text)}$"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(Network(MODEL, seed=0), 2, checkpoint=folder, callbacks=[EarlyStopping()])
    return folder


# -- another run ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected", "got"),
    [
        ({"batch_size": 8}, "batch_size to be 16", "8"),
        ({"x": X[:50], "y": Y[:50]}, "samples to be 48", "40"),
        ({"validation": None}, "samples to be 48", "60"),
        ({"loss": CrossEntropyLoss(label_smoothing=0.1)}, "loss.label_smoothing to be 0.0", "0.1"),
        (
            {"loss": CrossEntropyLoss(weight=[1.0, 2.0, 3.0])}, "loss.weight to be None",
            "[1.0, 2.0, 3.0]",
        ),
        ({"loss": lambda output, target: (None, None)}, "loss to be {'type': 'CrossEntropyLoss', ", "<lambda>"),
        ({"optimizer": Adam(lr=0.1)}, "optimizer.lr to be 0.001", "0.1"),
        ({"optimizer": Adam(lr=StepLR(0.1, 2))}, "optimizer.lr to be 0.001", "{'type': 'StepLR'"),
        ({"optimizer": SGD()}, "optimizer to be Adam", "SGD"),
        ({"shuffle": False}, "shuffle to be True", "False"),
        ({"clip_norm": 1.0}, "clip_norm to be None", "1.0"),
        ({"accumulate": 2}, "accumulate to be 1", "2"),
        ({"class_weight": "balanced"}, "class_weight to be None", "balanced"),
        ({"sample_weight": np.ones(60)}, "sample_weight to be None", "given"),
        ({"metrics": ["f1"]}, "columns[3] to be accuracy", "f1"),
        ({"model": Sequential(*list(MODEL.children().values())[:-1], Linear(16, 4))}, "model.layers[4].out_features to be 3", "4"),
        ({"model": Linear(6, 3)}, "model to be Sequential", "Linear"),
        ({"dtype": "float64"}, "dtype to be float32", "float64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_another_run_is_named_and_nothing_is_overwritten(
    options: dict[str, Any], expected: str, got: str, begun: Path
) -> None:
    before, options = contents(begun), dict(options)
    net = Network(options.pop("model", MODEL), dtype=options.pop("dtype", "float32"), seed=0)
    with pytest.raises(ValueError, match=r"^fit: expected ") as caught:
        train(net, 3, options.pop("optimizer", Adam()), checkpoint=begun, resume=True, **options)
    said = str(caught.value)
    assert said.startswith(f"fit: expected {expected}")
    assert f", as in the run in {begun}, got {got}" in said
    assert said.endswith("; give another folder to begin anew")
    assert "\n" not in said
    assert len(said) < 700
    assert contents(begun) == before
    assert (net.step, net.epoch) == (0, 0)


def test_a_folder_in_use_is_refused_until_somebody_wants_to_go_on(begun: Path) -> None:
    before = contents(begun)
    text = f"fit: expected checkpoint to be a folder without a state, got {str(begun)!r}; resume=True goes on with it"
    with pytest.raises(FileExistsError, match=sentence(text)):
        train(Network(MODEL, seed=0), 3, checkpoint=begun)
    assert contents(begun) == before


def test_a_best_state_without_a_last_is_not_overwritten(begun: Path, tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes((begun / "best.safetensors").read_bytes())
    text = (
        f"fit: expected last.safetensors beside best.safetensors, got {str(tmp_path)!r}; copy best.safetensors to go on"
    )
    for resume in (False, True):
        with pytest.raises(FileExistsError, match=sentence(text)):
            train(Network(MODEL, seed=0), 3, checkpoint=tmp_path, resume=resume)


def test_to_go_on_one_must_say_where() -> None:
    text = "fit: expected checkpoint, the folder of the run, with resume=True, got None"
    with pytest.raises(ValueError, match=sentence(text)):
        train(Network(MODEL, seed=0), 3, resume=True)


def test_bad_arguments() -> None:
    with pytest.raises(
        ValueError, match=sentence("Checkpoint: expected every_epochs to be a whole number of at least 1, got 0")
    ):
        Checkpoint("run", every_epochs=0)
    with pytest.raises(
        ValueError, match=sentence("Checkpoint: expected every_steps to be a whole number of at least 1, got 0")
    ):
        Checkpoint("run", every_steps=0)
    with pytest.raises(ValueError, match="^Checkpoint: expected mode to be one of 'auto', 'min', 'max', got 'best'$"):
        Checkpoint("run", mode="best")
    with pytest.raises(TypeError, match=sentence("Checkpoint: expected folder to be a path, got int")):
        train(Network(MODEL), 1, checkpoint=3)
    text = "fit: expected every callback to be a Callback, got Checkpoint"
    with pytest.raises(TypeError, match=f"^{text}.*; give it as checkpoint=$"):
        train(Network(MODEL), 1, callbacks=[Checkpoint("run")])


def test_a_column_that_will_not_be_is_refused_before_the_first_step(tmp_path: Path) -> None:
    text = "Checkpoint: expected monitor to be one of epoch, loss, accuracy, lr, seconds, got 'val_loss'; give fit validation data"
    with pytest.raises(ValueError, match=sentence(text)):
        train(Network(MODEL), 1, validation=None, checkpoint=Checkpoint(tmp_path / "run", "val_loss"))
    assert not (tmp_path / "run").exists()


def test_a_model_that_no_file_can_hold_is_refused_before_the_first_step(tmp_path: Path) -> None:
    net = Network(Sequential(Linear(6, 3), Activation(np.tanh, np.cosh)))
    with pytest.raises(TypeError, match=r"^save: expected Activation\.\w+ to hold numbers"):
        train(net, 1, checkpoint=tmp_path / "run")
    assert not (tmp_path / "run").exists()


# -- damaged and foreign files -----------------------------------------------------------------------------


def rewritten(begun: Path, folder: Path, change: Any) -> Path:
    path = begun / "last.safetensors"
    about, arrays = read_metadata(path), read_state_dict(path)
    change(about, arrays)
    write_state_dict(folder / path.name, arrays, {"format": "nnxp", "nnxp": json.dumps(about)})
    return folder


def test_a_network_alone_is_no_state(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    Network(MODEL, seed=0).save(path, training=True)
    text = f"nnxp.io.read_state({str(path)!r}): expected the state of a run, got 'a network alone'; nnxp.load reads it"
    with pytest.raises(FormatError, match=sentence(text)):
        train(Network(MODEL, seed=0), 3, checkpoint=tmp_path, resume=True)


@pytest.mark.parametrize("size", [0, 7, 100, 3000, -1])
def test_a_file_that_is_cut_off_is_a_sentence(size: int, begun: Path, tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    path.write_bytes((begun / "last.safetensors").read_bytes()[:size])
    before = contents(tmp_path)
    with pytest.raises(FormatError, match=f"^{re.escape(f'nnxp.io.read_state({str(path)!r}): expected ')}"):
        train(Network(MODEL, seed=0), 3, checkpoint=tmp_path, resume=True)
    assert contents(tmp_path) == before


def drop(*names: str) -> Any:
    def change(about: dict[str, Any], arrays: dict[str, Any]) -> None:
        place = about["run"]
        for name in names[:-1]:
            place = place[name]
        del place[names[-1]]

    return change


def put(value: Any, *names: str) -> Any:
    def change(about: dict[str, Any], arrays: dict[str, Any]) -> None:
        place = about["run"]
        for name in names[:-1]:
            place = place[name]
        place[names[-1]] = value

    return change


FOREIGN = [
    *[drop(name) for name in ("facts", "environment", "start", "begun", "history", "optimizer", "callbacks")],
    put(3, "begun"), put({}, "begun"), put({"number": "x"}, "begun"), put({"number": 0, "steps": {}}, "begun"),
    put(None, "history"), put([], "history", "updates"), put({}, "history", "columns"), put("x", "start"),
    put([3], "callbacks"), put({"no_such_field": 3}, "optimizer"), put({"lr": -1}, "optimizer"),
    put({"lr": {"type": "Adam"}}, "optimizer"), put({"threads": None}, "environment"),
    put({"$array": "nothing"}, "start"), put({"$float": "many"}, "start"), put(3, "facts"),
    lambda about, arrays: arrays.update({"run:more": np.zeros(3)}),
    lambda about, arrays: arrays.pop("4.bias"),
    lambda about, arrays: arrays.update({"4.bias": np.zeros(4, "float32")}),
    lambda about, arrays: arrays.update({"optimizer:exp_avg": np.zeros(4, "float32")}),
]  # fmt: skip


@pytest.mark.parametrize("change", FOREIGN, ids=range(len(FOREIGN)))
def test_a_state_that_fit_did_not_write_is_a_sentence(change: Any, begun: Path, tmp_path: Path) -> None:
    folder = rewritten(begun, tmp_path, change)
    before = contents(folder)
    with pytest.raises(ValueError, match=r"^(nnxp\.io\.read_state\(|fit: expected )") as caught:
        train(Network(MODEL, seed=0), 3, checkpoint=folder, resume=True, callbacks=[EarlyStopping()])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert contents(folder) == before


def test_a_run_of_another_folder_s_making_is_read_as_a_network_too(begun: Path) -> None:
    assert read_state(begun / "last.safetensors").about["epoch"] == nnxp.load(begun / "last.safetensors").epoch == 2


# -- places that cannot be written to ----------------------------------------------------------------------


class FillsUp(Callback):
    """Leaves no room for what is written after the first epoch."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed

    def on_epoch_end(self, run: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.allowed, resource.RLIM_INFINITY))


@pytest.fixture
def limits() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("limits")
def test_a_full_disk_is_a_sentence_and_the_state_before_it_is_whole(tmp_path: Path) -> None:
    whole, folder = Network(MODEL, seed=0), tmp_path / "run"
    expected = train(whole, 3)
    text = f"^{re.escape(f'write({str(folder)!r}'[:-1])}.*: expected a disk that takes the file, got '.*'; what was there before is unchanged$"
    with pytest.raises(OSError, match=text):
        train(Network(MODEL, seed=0), 3, checkpoint=folder, callbacks=[FillsUp(1000)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert [path.name for path in folder.iterdir()] == ["last.safetensors"]
    again = Network(MODEL, seed=0)
    found = train(again, 3, checkpoint=folder, resume=True)
    assert found["loss"] == expected["loss"]
    np.testing.assert_array_equal(again.theta, whole.theta)


MOUNTED = """
import sys, nnxp
from tests.test_checkpoint import *
try:
    train(Network(MODEL, seed=0), 3, checkpoint=sys.argv[1], resume=True)
except OSError as error:
    print(error)
"""


def mount(*arguments: str) -> bool:
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    return done.returncode == 0


def test_a_disk_that_is_really_full_is_a_sentence(tmp_path: Path) -> None:
    if not mount("-t", "tmpfs", "-o", "size=12k", "tmpfs", str(tmp_path)):
        pytest.skip("this system lets nobody mount here")
    try:
        done = subprocess.run(
            [sys.executable, "-c", MOUNTED, str(tmp_path)], capture_output=True, text=True, check=True
        )
        assert "expected a disk that takes the file, got 'No space left on device'; what was there" in done.stdout
        assert done.stdout.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]
        assert read_state(tmp_path / "last.safetensors").about["epoch"] < 3
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_folder_that_is_read_only_is_a_sentence(begun: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name, content in contents(begun).items():
        (folder / name).write_bytes(content)
    if not mount("--bind", str(folder), str(folder)):
        pytest.skip("this system lets nobody mount here")
    try:
        assert mount("-o", "remount,bind,ro", str(folder))
        before = contents(folder)
        text = f"Checkpoint: expected a folder that may be written to, got {str(folder)!r}"
        with pytest.raises(PermissionError, match=sentence(text)):
            train(Network(MODEL, seed=0), 3, checkpoint=folder, resume=True)
        with pytest.raises(
            OSError, match=r"^Checkpoint: expected a folder that can be made, got .*Read-only file system"
        ):
            train(Network(MODEL, seed=0), 3, checkpoint=folder / "new")
        assert contents(folder) == before
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_folder_that_may_not_be_written_to_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    text = f"Checkpoint: expected a folder that may be written to, got {str(tmp_path)!r}"
    with pytest.raises(PermissionError, match=sentence(text)):
        train(Network(MODEL, seed=0), 3, checkpoint=tmp_path)


@pytest.mark.parametrize("below", ["", "deep/run"])
def test_a_file_where_the_folder_should_be_is_a_sentence(below: str, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    place = tmp_path / "run" / below
    with pytest.raises(OSError, match=rf"^Checkpoint: expected a folder that can be made, got {place} \([\w ]+\)$"):
        train(Network(MODEL, seed=0), 3, checkpoint=place)
    assert (tmp_path / "run").read_text() == "mine"


def test_what_a_killed_writer_has_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".nnxp-0123456789ab.safetensors").write_bytes(b"half of it")
    (tmp_path / "mine.safetensors").write_bytes(b"mine")
    train(Network(MODEL, seed=0), 1, checkpoint=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.safetensors", "last.safetensors", "mine.safetensors",
    ]  # fmt: skip


def test_a_file_system_without_second_names_is_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    train(Network(MODEL, seed=0), 1, checkpoint=tmp_path / "links")
    monkeypatch.setattr(os, "link", refuse)
    train(Network(MODEL, seed=0), 1, checkpoint=tmp_path / "copies")
    for folder, same in [("links", True), ("copies", False)]:
        last, best = (tmp_path / folder / f"{name}.safetensors" for name in ("last", "best"))
        assert last.samefile(best) == same
        np.testing.assert_array_equal(nnxp.load(last).theta, nnxp.load(best).theta)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=3))
def test_flipped_bytes_go_on_or_are_refused(flips: list[tuple[float, int]], begun: Path, tmp_path: Path) -> None:
    content = bytearray((begun / "last.safetensors").read_bytes())
    header = int.from_bytes(content[:8], "little")
    for place, mask in flips:
        content[8 + int(place * header)] ^= mask
    (tmp_path / "last.safetensors").write_bytes(content)
    with suppress(ValueError), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        train(Network(MODEL, seed=0), 3, checkpoint=tmp_path, resume=True, callbacks=[EarlyStopping()])
