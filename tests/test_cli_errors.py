"""The command line's entry points, its help, and a sentence for every mistake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnxp as package
from nnxp.cli import _train
from nnxp.errors import DeviceError, FormatError
from nnxp.network import Network
from tests.cli_runs import mistake, nnxp, write_classes, write_numbers, write_rows

PYTHON = [sys.executable, "-m", "nnxp"]


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["bench", "--help"], []])
def test_help_does_not_wait_for_numpy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom nnxp.cli import main\n"
        f"sys.argv = ['nnxp', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'typer' in sys.modules\nassert 'numpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: nnxp" in done.stdout


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "devices", "bench", "check", "reproduce"])
def test_every_command_is_listed_and_has_help(command: str) -> None:
    listed, _ = nnxp("--help")
    assert listed == nnxp()[0]
    assert any(line.strip("│ ").startswith(f"{command} ") for line in listed)
    lines, _ = nnxp(command, "--help")
    assert any(f"Usage: nnxp {command}" in line or f"Usage: root {command}" in line for line in lines)


def test_the_version_is_the_packages() -> None:
    assert nnxp("--version")[0] == [f"nnxp {package.__version__}"]


def test_the_module_trains_and_writes_its_result_to_standard_output() -> None:
    done = subprocess.run([*PYTHON, "train", "--epochs", "2"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("test accuracy: 0.")


def test_the_module_ends_with_two_and_a_sentence() -> None:
    done = subprocess.run([*PYTHON, "train", "nothing.csv"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "nnxp: load: expected digits, a .csv, .npz or .npy file, or a folder of .npy files, of IDX files or of images, got 'nothing.csv'; "
        "there is no such file\n"
    )


def test_ctrl_c_ends_a_run_and_keeps_what_it_has(tmp_path: Path) -> None:
    command = [*PYTHON, "train", "--epochs", "100000", "--patience", "0", "--out", str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("epoch 2/"):
            pass
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    assert "interrupted by Ctrl-C" in out
    assert out.splitlines()[-1].startswith("test accuracy: 0.")
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_ctrl_c_elsewhere_is_a_line_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_train, "load", interrupted)
    assert nnxp("train", status=130) == ([], "nnxp: interrupted\n")


def test_ctrl_c_before_the_first_epoch_ends_leaves_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = Network.fit

    def interrupted(net: Network, *arguments: object, **named: object) -> object:
        history = fit(net, *arguments, **(named | {"epochs": 0}))  # type: ignore[arg-type]
        history.stop_reason = "interrupted by Ctrl-C"
        return history

    monkeypatch.setattr(Network, "fit", interrupted)
    _, said = nnxp("train", "--out", tmp_path / "run", status=130)
    assert said == "nnxp: interrupted\n"
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "error", [ValueError("operands could not be broadcast"), TypeError("'int' is not callable"), RuntimeError("a bug")]
)
def test_a_bug_keeps_its_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(_train, "load", broken)
    with pytest.raises(type(error), match=str(error)):
        nnxp("train")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("f: expected a, got b"), "f: expected a, got b"),
        (TypeError("f: expected a, got b"), "f: expected a, got b"),
        (ImportError("f: expected matplotlib to be installed"), "f: expected matplotlib to be installed"),
        (DeviceError("no such device"), "no such device"),
        (FormatError("damaged\nfile"), "damaged file"),
        (PermissionError(13, "Permission denied", "x.csv"), "x.csv: Permission denied"),
        (OSError("the disk is full"), "the disk is full"),
        (MemoryError("Unable to allocate 9 TiB"), "not enough memory; Unable to allocate 9 TiB"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_that_a_user_may_mend_is_a_sentence(
    error: Exception, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(_train, "load", broken)
    assert mistake("train") == expected


GRAMMAR = "cpu, cuda[:N], gpu[:N], torch[:device], strict[:device] or auto"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--hidden", "128,x"], "train: expected --hidden to be widths such as 128,64, or none, got '128,x'"),
        (["--hidden", "0"], "train: expected --hidden to be widths such as 128,64, or none, got '0'"),
        (["--hidden", ""], "train: expected --hidden to be widths such as 128,64, or none, got ''"),
        (
            ["--hidden", "9" * 5000],
            f"train: expected --hidden to be widths such as 128,64, or none, got '{'9' * 5000}'",
        ),
        (["--dropout", "1.5"], "Dropout: expected p in [0, 1], got 1.5"),
        (["--lr=-1"], "Adam: expected lr to be a number of at least 0 or a schedule, got -1.0"),
        (["--lr", "inf"], "Adam: expected lr to be a number of at least 0 or a schedule, got inf"),
        (["--weight-decay=-1"], "Adam: expected weight_decay in [0, inf), got -1.0"),
        (["--validation", "2"], "train: expected --validation in [0, 1], got 2.0"),
        (["--validation", "nan"], "train: expected --validation in [0, 1], got nan"),
        (
            ["--validation", "1"],
            "fit: expected validation to leave samples on both sides of a split of 1438, got 1.0",
        ),
        (["--label-smoothing", "3"], "CrossEntropyLoss: expected label_smoothing in [0, 1], got 3.0"),
        (
            ["--loss", "mse"],
            "train: expected --loss to be cross-entropy, since the target is made of classes, got 'mse'",
        ),
        (["--device", "abacus"], f"Device: expected {GRAMMAR}, got 'abacus'"),
        (["--target", "kind"], "load: expected target with a .csv or .npy file alone, got 'digits'"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_a_wrong_option_is_a_sentence(options: list[str], expected: str) -> None:
    assert mistake("train", "digits", *options) == expected


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["train", "--epochs", "0"], "--epochs"),
        (["train", "--epochs", "many"], "--epochs"),
        (["train", "--batch-size", "0"], "--batch-size"),
        (["train", "--patience=-1"], "--patience"),
        (["train", "--seed=-1"], "--seed"),
        (["train", "--activation", "step"], "'softplus'"),
        (["train", "--optimizer", "newton"], "'adadelta'"),
        (["train", "--loss", "hinge"], "'smooth-l1'"),
        (["train", "--dtype", "float16"], "'float64'"),
        (["train", "--colour", "red"], "--colour"),
        (["--colour"], "--colour"),
        (["train", "digits", "more"], "more"),
        (["dance"], "dance"),
        (["evaluate"], "RUN"),
        (["evaluate", "run"], "DATA"),
        (["predict", "run"], "DATA"),
        (["reproduce"], "NAME"),
        (["reproduce", "alchemy"], "'two-layer'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_parser_refuses_is_one_line_that_names_it(arguments: list[str], part: str) -> None:
    # The words are the parser's own and change with its version.
    assert part in mistake(*arguments)


def test_wrong_data_are_a_sentence(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "table.csv", [["a", "b", "c"], [1, "x", 2], [3, 4, 5]])
    hint = "categories='one-hot' or 'ordinal' makes numbers of words (--categories)"
    assert mistake("train", table) == f"load: expected a number in {table}, line 2, column 'b', got 'x'; {hint}"
    kinds = write_classes(tmp_path / "kinds.csv")
    assert mistake("train", kinds, "--target", "kin") == (
        f"load: expected target to be the name or the place of a column in {kinds}, got 'kin'; did you mean 'kind'?"
    )
    one = write_rows(tmp_path / "one.csv", [[i, 7] for i in range(50)])
    assert mistake("train", one) == "train: expected a target of at least two classes, got 7 alone"
    numbers = write_numbers(tmp_path / "numbers.csv")
    assert mistake("train", numbers, "--label-smoothing", 0.1) == (
        "train: expected --label-smoothing with classes alone, got numbers to predict"
    )
    assert mistake("train", numbers, "--loss", "cross-entropy") == (
        "train: expected --loss to be mse, l1, smooth-l1 or huber, since the target is made of numbers to predict, "
        "got 'cross-entropy'"
    )
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 not a zip")
    assert "damaged.npz" in mistake("train", tmp_path / "damaged.npz")
    (tmp_path / "empty").mkdir()
    assert mistake("train", tmp_path / "empty").startswith("load_idx_folder: expected a pair of IDX files")
    (tmp_path / "notes.txt").write_text("hello")
    assert mistake("train", tmp_path / "notes.txt") == (
        f"load: expected digits, a .csv, .npz or .npy file, or a folder of .npy files, of IDX files or of images, got '{tmp_path / 'notes.txt'}'"
    )


def test_bad_data_leave_no_folder_behind(tmp_path: Path) -> None:
    mistake("train", "nothing.csv", "--out", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder_for_a_run_even_with_force(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text("mine")
    assert (
        mistake("train", "--out", path, "--force")
        == f"train: expected --out to be a folder, got {path}, which is a file"
    )
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_is_known_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    expected = f"train: expected --out to be a folder that may be written to, got '{tmp_path}'"
    assert mistake("train", "--out", tmp_path) == expected


@pytest.mark.parametrize("options", [["--lr", "1e30"], ["--lr", "1e30", "--validation", "0"]])
def test_a_run_that_diverges_is_a_sentence_and_leaves_no_model(tmp_path: Path, options: list[str]) -> None:
    said = mistake("train", "--quiet", "--epochs", "3", "--optimizer", "sgd", *options, "--out", tmp_path / "run")
    assert said.startswith("train: expected a loss that stays finite, got ")
    assert said.endswith("; lower --lr")
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_too_little_memory_is_a_sentence() -> None:
    said = mistake("train", "--quiet", "--hidden", "900000000,900000000")
    assert said.startswith("not enough memory; Unable to allocate")


def test_several_targets_of_one_sample_are_refused_where_they_do_not_fit(tmp_path: Path) -> None:
    np.savez(tmp_path / "short.npz", x=np.zeros((5, 2)), y=np.zeros(4))
    assert "y as long as x (5)" in mistake("train", tmp_path / "short.npz")
