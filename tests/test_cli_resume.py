"""``nnxp train --resume``: from any place, to the end that the run would have had."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp.cli import _folder, _train
from nnxp.io import load
from nnxp.training import Callback, Run
from tests.cli_runs import mistake, nnxp, read_csv, score, write_classes, write_numbers

OPTIONS = ["--epochs", 6, "--dropout", 0.2, "--seed", 3, "--batch-size", 64]


class PowerCutError(Exception):
    """Nobody has time to write anything down."""


def cut_after(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """Let the next training end as a power failure would end it."""

    class Cut(Callback):
        def on_step(self, run: Run) -> None:
            if run.net.epoch == epoch:
                raise PowerCutError

    monkeypatch.setattr(_train, "TerminateOnNaN", lambda *_, **__: Cut())


def assert_same_end(a: Path, b: Path) -> None:
    for name in ("model", "last", "best"):
        one, other = (load(folder / f"{name}.safetensors").state_dict() for folder in (a, b))
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=f"{name} {key}")
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in read_csv(f / "history.csv")] for f in (a, b)]
    assert rows[0] == rows[1]
    configs = [tomllib.loads((folder / "config.toml").read_text()) for folder in (a, b)]
    for config in configs:
        del config["result"]["seconds_per_epoch"], config["result"]["samples_per_second"]
    assert configs[0] == configs[1]


@pytest.fixture(scope="module", autouse=True)
def no_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_folder, "_draw", lambda *_: [])
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    nnxp("train", *OPTIONS, "--out", folder)
    return folder


@pytest.mark.parametrize("epoch", [0, 1, 4])
def test_a_run_that_was_cut_ends_as_if_it_had_not_been(
    epoch: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut_after(patch, epoch)
        with pytest.raises(PowerCutError):
            nnxp("train", *OPTIONS, "--out", tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    assert {"config.toml", "history.csv", "log.txt", "last.safetensors"} <= before
    assert "model.safetensors" not in before
    assert "result" not in tomllib.loads((tmp_path / "config.toml").read_text())
    lines, said = nnxp("train", "--resume", tmp_path)
    assert lines[1] == f"going on after epoch {epoch}/6"
    assert [line.partition(":")[0] for line in lines[2:-3]] == [f"epoch {i}/6" for i in range(epoch + 1, 7)]
    assert said == ""
    assert_same_end(tmp_path, whole)


def test_a_run_that_wrote_nothing_but_its_configuration_begins(whole: Path, tmp_path: Path) -> None:
    config = re.sub(r"(?s)\[result\].*?\n\n", "", (whole / "config.toml").read_text())
    (tmp_path / "config.toml").write_text(config)
    (tmp_path / "history.csv").write_text((whole / "history.csv").read_text().partition("\n")[0] + "\n")
    lines, _ = nnxp("train", "--resume", tmp_path)
    assert lines[1].startswith("epoch 1/6: ")
    assert_same_end(tmp_path, whole)


def test_numbers_and_tables_go_on_in_their_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_numbers(tmp_path / "plane.csv")
    nnxp("train", table, "--epochs", 4, "--out", tmp_path / "whole")
    with monkeypatch.context() as patch:
        cut_after(patch, 2)
        with pytest.raises(PowerCutError):
            nnxp("train", table, "--epochs", 4, "--out", tmp_path / "run")
    lines, _ = nnxp("train", "--resume", tmp_path / "run")
    assert_same_end(tmp_path / "run", tmp_path / "whole")
    assert score(lines, "r2") == score(nnxp("train", table, "--epochs", 4)[0], "r2")


def test_more_epochs_take_a_finished_run_further(whole: Path, tmp_path: Path) -> None:
    nnxp("train", *OPTIONS, "--epochs", 3, "--out", tmp_path / "run")
    done, _ = nnxp("train", "--resume", tmp_path / "run")
    assert done == [f"{tmp_path / 'run'}: all 3 epochs are done; --epochs goes further"]
    lines, _ = nnxp("train", "--resume", tmp_path / "run", "--epochs", 6)
    assert lines[1] == "going on after epoch 3/6"
    assert_same_end(tmp_path / "run", whole)


def test_a_run_that_stopped_early_is_finished(tmp_path: Path) -> None:
    nnxp("train", "--lr", 0.05, "--patience", 1, "--epochs", 50, "--batch-size", 512, "--out", tmp_path)
    epochs = tomllib.loads((tmp_path / "config.toml").read_text())["result"]["epochs"]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for options in ([], ["--epochs", 100]):
        lines, _ = nnxp("train", "--resume", tmp_path, *options)
        assert lines == [f"{tmp_path}: stopped after epoch {epochs}: val_loss has not improved for 1 epochs"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_log_keeps_what_was_printed(tmp_path: Path) -> None:
    first, _ = nnxp("train", *OPTIONS, "--epochs", 2, "--out", tmp_path / "run")
    again, _ = nnxp("train", "--resume", tmp_path / "run", "--epochs", 3)
    assert (tmp_path / "run" / "log.txt").read_text().splitlines() == first + again
    quiet, _ = nnxp("train", *OPTIONS, "--epochs", 2, "--quiet", "--out", tmp_path / "quiet")
    log = (tmp_path / "quiet" / "log.txt").read_text().splitlines()
    assert [line for line in log if not line.startswith("epoch ")] == quiet
    assert sum(line.startswith("epoch ") for line in log) == 2


def test_history_grows_with_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_after(monkeypatch, 2)
    with pytest.raises(PowerCutError):
        nnxp("train", *OPTIONS, "--out", tmp_path)
    assert [row["epoch"] for row in read_csv(tmp_path / "history.csv")] == ["1", "2"]


@pytest.mark.parametrize(
    "option", ["--lr=0.1", "--out=elsewhere", "--batch-size=8", "--force", "--seed=1", "--target=x"]
)
def test_what_is_the_run_s_own_may_not_be_told_again(option: str, whole: Path) -> None:
    expected = (
        "train: expected no more than DATA, --device, --epochs, --threads, --verbose and --report with --resume, "
        f"got '{option.partition('=')[0]}'"
    )
    assert mistake("train", "--resume", whole, option) == expected


def test_what_is_no_run_is_a_sentence(whole: Path, tmp_path: Path) -> None:
    assert mistake("train", "--resume", tmp_path) == (
        f"train: expected a run, which is a folder with config.toml, got '{tmp_path}'; "
        f"nnxp train --out {tmp_path} begins one"
    )
    (tmp_path / "config.toml").write_text("command = ")
    assert mistake("train", "--resume", tmp_path).startswith(f"train: expected {tmp_path}/config.toml in TOML, got ")
    for change in ('seed = "x"', 'optimizer = "newton"', 'hidden = "many"'):
        name = change.partition(" ")[0]
        text = re.sub(rf"(?m)^{name} = .*$", change, (whole / "config.toml").read_text())
        (tmp_path / "config.toml").write_text(text)
        said = mistake("train", "--resume", tmp_path)
        assert said.startswith(f"train: expected {tmp_path}/config.toml as nnxp train wrote it, got ValueError: ")


def test_another_configuration_than_the_state_s_is_a_sentence(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    text = (
        (folder / "config.toml")
        .read_text()
        .replace("batch-size = 64", "batch-size = 32")
        .replace("\nepochs = 6", "\nepochs = 9", 1)
    )
    (folder / "config.toml").write_text(text)
    state = (folder / "last.safetensors").read_bytes()
    said = mistake("train", "--resume", folder, "--quiet")
    assert said == (
        f"fit: expected batch_size to be 64, as in the run in {folder}, got 32; give another folder to begin anew"
    )
    assert (folder / "last.safetensors").read_bytes() == state


def test_a_table_that_has_grown_is_a_sentence(tmp_path: Path) -> None:
    table = write_classes(tmp_path / "kinds.csv")
    nnxp("train", table, "--target", "kind", "--epochs", 1, "--out", tmp_path / "run")
    table.write_text(table.read_text() + "1000,red fox,1\n" * 50)
    said = mistake("train", "--resume", tmp_path / "run", "--epochs", 2, "--quiet")
    assert re.match(r"fit: expected samples to be \d+, as in the run in ", said)


def test_what_is_refused_leaves_the_configuration_as_it_was(tmp_path: Path) -> None:
    table = write_classes(tmp_path / "kinds.csv")
    folder = tmp_path / "run"
    nnxp("train", table, "--target", "kind", "--epochs", 1, "--out", folder)
    longer = tmp_path / "longer.csv"
    longer.write_text(table.read_text() + "1000,red fox,1\n" * 50)
    before = (folder / "config.toml").read_bytes()
    mistake("train", longer, "--resume", folder, "--epochs", 2, "--quiet")
    assert (folder / "config.toml").read_bytes() == before
    (folder / "last.safetensors").unlink()
    mistake("train", "--resume", folder, "--epochs", 2, "--quiet")
    assert (folder / "config.toml").read_bytes() == before


def test_data_that_have_moved_may_be_told_again(tmp_path: Path) -> None:
    table = write_classes(tmp_path / "kinds.csv")
    nnxp("train", table, "--target", "kind", "--epochs", 1, "--out", tmp_path / "run")
    moved = table.rename(tmp_path / "moved.csv")
    lines, _ = nnxp("train", moved, "--resume", tmp_path / "run", "--epochs", 2)
    assert lines[1] == "going on after epoch 1/2"


def test_another_device_goes_on(tmp_path: Path) -> None:
    nnxp("train", "--epochs", 1, "--batch-size", 512, "--out", tmp_path / "run")
    lines, _ = nnxp("train", "--resume", tmp_path / "run", "--epochs", 2, "--device", "strict")
    assert lines[0].endswith("on strict:device1")
    assert tomllib.loads((tmp_path / "run" / "config.toml").read_text())["options"]["device"] == "strict:device1"


def test_the_number_of_threads_is_set_again_or_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp._backend.threads._told", None)
    told: list[Any] = []
    nnxp("train", "--epochs", 1, "--batch-size", 512, "--out", tmp_path / "run")
    config = tmp_path / "run" / "config.toml"
    threads = tomllib.loads(config.read_text())["options"]["threads"]
    with monkeypatch.context() as patch:
        patch.setattr(_train, "use_threads", told.append)
        nnxp("train", "--resume", tmp_path / "run", "--epochs", 2)
    assert told == [threads]
    state = tmp_path / "run" / "last.safetensors"
    text = state.read_bytes().replace(b'\\"threads\\":1', b'\\"threads\\":9')
    assert text != state.read_bytes()
    state.write_bytes(text)
    config.write_text(config.read_text().replace(f"threads = {threads}", "threads = 9"))
    monkeypatch.setattr("nnxp._backend.threads.cores", lambda: 2)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        lines, _ = nnxp("train", "--resume", tmp_path / "run", "--epochs", 3)
    note = f"note: fit: the run in {tmp_path / 'run'} had 9 threads (now 1, on 2 cores): results may differ in rounding"
    assert note in lines


def test_ctrl_c_says_how_to_go_on(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Press(Callback):
        def on_gradient(self, run: Run) -> None:
            if run.net.step == 50:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(_train, "TerminateOnNaN", lambda *_, **__: Press())
        lines, _ = nnxp("train", *OPTIONS, "--out", tmp_path, status=130)
    assert f"nnxp train --resume {tmp_path} goes on" in lines
    assert load(tmp_path / "last.safetensors").step == 51
    lines, _ = nnxp("train", "--resume", tmp_path)
    assert lines[1] == "going on after epoch 2/6"
    assert_same_end(tmp_path, whole)


def test_force_clears_an_earlier_run_away(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    nnxp("report", folder)
    nnxp("train", *OPTIONS, "--epochs", 2, "--out", folder, "--force")
    assert not (folder / "report.html").exists()
    assert load(folder / "last.safetensors").epoch == 2
    assert len(read_csv(folder / "history.csv")) == 2
    assert (folder / "log.txt").read_text().count("epoch 1/") == 1


def killed(folder: Path, times: int) -> None:
    """Train in processes that are killed at random moments, and once more to the end."""
    rng = random.Random(1)
    first = ["train", *map(str, OPTIONS), "--epochs", "60", "--quiet", "--out", str(folder)]
    for i in range(times):
        path = folder / "last.safetensors"
        before = path.stat().st_mtime_ns if path.exists() else 0
        arguments = ["train", "--resume", str(folder)] if (folder / "config.toml").exists() else first
        process = subprocess.Popen([sys.executable, "-m", "nnxp", *arguments], stdout=subprocess.DEVNULL)
        while process.poll() is None and i % 4 and (path.stat().st_mtime_ns if path.exists() else 0) == before:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.02 if i % 4 else 1.0))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    subprocess.run([sys.executable, "-m", "nnxp", "train", "--resume", str(folder)], check=True)


@pytest.mark.slow
def test_a_run_that_is_killed_at_random_ends_the_same(tmp_path: Path) -> None:
    nnxp("train", *OPTIONS, "--epochs", 60, "--quiet", "--out", tmp_path / "whole")
    killed(tmp_path / "run", 8)
    assert_same_end(tmp_path / "run", tmp_path / "whole")
    assert not list((tmp_path / "run").glob(".nnxp-*"))


def test_the_names_of_a_run_are_all_cleared(whole: Path) -> None:
    _folder.make(whole, resume=False)
    assert list(whole.iterdir()) == []
