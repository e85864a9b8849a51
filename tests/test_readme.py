"""The README is true: its Python runs and prints what it says, and its commands are those that exist."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import nnxp
from nnxp.datasets.rows import load_all
from tests.cli_runs import nnxp as command_line

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"```python\n(.*?)```(?:\n```text\n(.*?)```)?", re.DOTALL)


def test_the_code_runs_and_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = BLOCK.findall(README)
    assert len(blocks) >= 6
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        check = doctest.OutputChecker().check_output(expected, printed.getvalue(), doctest.ELLIPSIS)
        assert check, f"README says\n{expected}\nbut this is printed:\n{printed.getvalue()}"


def test_every_command_is_one_that_there_is() -> None:
    listed = set(re.findall(r"^\| `nnxp ([\w-]+)", README, re.MULTILINE))
    shown = subprocess.run([sys.executable, "-m", "nnxp", "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^\W*([a-z][a-z-]*) {2,}", shown.partition("Commands")[2], re.MULTILINE)
    assert listed == set(commands)


def test_the_tour_of_a_run_ends_in_files_that_others_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tour = README.partition("From a run to a page in the browser")[2].partition("```console")[2].partition("```")[0]
    commands = [line[2:] for line in tour.strip().splitlines()]
    assert len(commands) == 5
    for command in commands:
        command_line(*shlex.split(command, comments=True)[1:])
    assert "It trained 60 epochs" in (tmp_path / "run" / "report.html").read_text()
    written = np.loadtxt("predictions.csv", delimiter=",", skiprows=1)
    x, y = load_all("digits", classes=tuple(range(10)))
    assert y is not None
    _, p = onnxruntime.InferenceSession("digits.onnx").run(None, {"input": x})
    np.testing.assert_allclose(runpy.run_path("predict.py")["predict_proba"](x), p, atol=1e-5)
    np.testing.assert_allclose(written[:, 1:], p, atol=1e-5)
    np.testing.assert_array_equal(written[:, 0], p.argmax(axis=1))
    assert (p.argmax(axis=1) == y).mean() > 0.97


def test_the_two_commands_are_what_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    commands = re.findall(r"^\$ (python3 -m venv.*)$", README, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert command in ci


def test_every_extra_exists() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    for extra in re.findall(r"\[([a-z0-9]+)\]'", README):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_every_requirement_and_every_extra_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        assert re.split(r"[^\w-]", requirement)[0] in README.lower(), requirement
    for extra in project["optional-dependencies"]:
        assert f"`{extra}`" in README, extra


def test_the_lists_of_what_there_is_are_complete() -> None:
    from nnxp.layers import Layer
    from nnxp.losses import Loss
    from nnxp.optimizers import Optimizer
    from nnxp.training import Callback, Prefetch

    families = re.findall(r"(\w+)1d/2d/3d", README)
    listed = README + " ".join(f"{family}{axes}d" for family in families for axes in (1, 2, 3))
    for name in nnxp.__all__:
        member = getattr(nnxp, name)
        if (
            isinstance(member, type)
            and issubclass(member, (Layer, Loss, Optimizer, Callback, Prefetch))
            and member not in {Layer, Loss, Optimizer, Callback}
        ):
            assert re.search(rf"\b{name}\b", listed), f"README does not mention {name}"
