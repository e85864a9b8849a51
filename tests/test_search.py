"""Search for hyperparameters: drawn from the seed, resumed where it ended, told in a table."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import Adam, Callback, Linear, MSELoss, Network
from nnxp.cli import _folder
from nnxp.search import Choices, Range, SearchResult, Trial, as_space, search
from tests.cli_runs import mistake, nnxp, read_csv, write_classes, write_numbers

SPACE = {"x": Range(-1.0, 1.0), "n": {"low": 1, "high": 64, "log": True}, "kind": ["a", "b"]}


def valley(trial: Trial) -> float:
    return (trial["x"] - 0.3) ** 2 + (0.1 if trial["kind"] == "b" else 0.0)


def table(found: SearchResult) -> list[Any]:
    return [(t.number, t.values, t.value, t.outcome, t.epochs) for t in found.trials]


def sentence(text: str) -> str:
    return f"^{re.escape(text)}$"


# -- what is tried -----------------------------------------------------------------------------------------


def test_values_lie_in_their_space() -> None:
    space = {
        **SPACE,
        "step": Range(0.0, 1.0, step=0.25),
        "whole": Range(2, 10, step=4),
        "flag": [True, False],
        "f": [0.1],
    }
    found = search(lambda trial: 0.0, space, trials=30)
    values = {name: [t.values[name] for t in found.trials] for name in space}
    assert all(-1.0 <= x <= 1.0 for x in values["x"])
    assert all(type(n) is int and 1 <= n <= 64 for n in values["n"])
    assert set(values["kind"]) == {"a", "b"}
    assert set(values["step"]) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert set(values["whole"]) <= {2, 6, 10}
    assert set(values["flag"]) == {True, False}
    assert set(values["f"]) == {0.1}
    # Half of the logarithms lie below 8.
    assert 7 <= sum(n < 8 for n in values["n"]) <= 23


def test_a_search_follows_from_its_seed() -> None:
    one, two, other = (search(valley, SPACE, trials=4, seed=seed) for seed in (1, 1, 2))
    assert table(one) == table(two) != table(other)


def test_the_best_is_the_least_or_the_largest() -> None:
    least, largest = (search(valley, SPACE, trials=9, direction=d) for d in ("minimize", "maximize"))
    assert least.best is not None
    assert largest.best is not None
    assert least.best.value == min(t.value for t in least.trials)
    assert largest.best.value == max(t.value for t in largest.trials)
    assert [row["value"] for row in least.rows()] == sorted(t.value for t in least.trials)
    assert str(least).splitlines()[0].split() == ["trial", "x", "n", "kind", "value", "outcome", "epochs", "seconds"]


def test_a_trial_that_diverges_is_one_of_the_answers() -> None:
    found = search(lambda t: math.nan if t.number < 3 else 1.0, SPACE, trials=4)
    assert [t.outcome for t in found.trials] == ["diverged", "diverged", "finished"][:2] + ["finished"] * 2
    assert found.best is not None
    assert found.best.number == 3
    assert math.isnan(found.trials[0].value)
    none = search(lambda t: math.inf, SPACE, trials=2)
    assert none.best is None
    assert str(SearchResult(())) == "no trials"


# -- halving -----------------------------------------------------------------------------------------------


def test_halving_gives_the_hopeless_few_epochs() -> None:
    def objective(trial: Trial) -> float:
        for epoch in range(1, 10):
            if not trial.report(trial["level"] + 1.0 / epoch):
                break
        return float(trial["level"])

    found = search(objective, {"level": Range(0.0, 1.0)}, trials=30, method="halving", seed=1)
    everyone = search(objective, {"level": Range(0.0, 1.0)}, trials=30, seed=1)
    assert [t.values for t in found.trials] == [t.values for t in everyone.trials]
    assert {t.epochs for t in everyone.trials} == {9}
    assert {t.epochs for t in found.trials} == {1, 3, 9}
    assert sum(t.epochs for t in found.trials) < 30 * 9 / 2
    stopped = [t for t in found.trials if t.outcome == "stopped"]
    assert all(math.isnan(t.value) and t.epochs < 9 for t in stopped)
    assert found.best is not None
    assert everyone.best is not None
    assert found.best.values == everyone.best.values


def test_a_watched_fit_is_ended_with_its_reason() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    reasons: list[str] = []

    def objective(trial: Trial) -> float:
        net = Network(Linear(3, 1), seed=0)
        history = net.fit(
            x,
            y,
            loss=MSELoss(),
            optimizer=Adam(lr=trial["lr"]),
            epochs=4,
            verbose=False,
            callbacks=[trial.watch("loss")],
        )
        reasons.append(history.stop_reason)
        return min(history["loss"])

    found = search(objective, {"lr": Range(1e-4, 1.0, log=True)}, trials=8, method="halving")
    assert set(reasons) == {"all epochs are done", "other trials had come further by then"}
    stopped = [t.outcome == "stopped" for t in found.trials]
    assert stopped == [reason.startswith("other") for reason in reasons]


# -- resuming ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["random", "halving"])
def test_a_search_goes_on_where_it_ended(method: str, tmp_path: Path) -> None:
    def objective(trial: Trial) -> float:
        for _ in range(4):
            if not trial.report(valley(trial)):
                break
        return valley(trial)

    whole = search(objective, SPACE, trials=8, method=method)
    shown: list[int] = []
    for trials in (3, 3, 8):
        found = search(
            objective, SPACE, trials=trials, method=method, folder=tmp_path, show=lambda row: shown.append(row.number)
        )
    assert table(found) == table(whole)
    assert shown == list(range(1, 9))


def test_a_trial_that_was_cut_short_is_run_again(tmp_path: Path) -> None:
    seen: list[float] = []

    def fails(trial: Trial) -> float:
        seen.append(trial["x"])
        if len(seen) == 3:
            raise KeyboardInterrupt
        return valley(trial)

    with pytest.raises(KeyboardInterrupt):
        search(fails, SPACE, trials=5, folder=tmp_path)
    found = search(fails, SPACE, trials=5, folder=tmp_path)
    assert table(found) == table(search(valley, SPACE, trials=5))
    assert seen[2] == seen[3]


def test_a_search_that_was_killed_goes_on(tmp_path: Path) -> None:
    code = """
import os, sys
from nnxp.search import search
from tests.test_search import SPACE, valley

def objective(trial):
    if trial.number == 3:
        os._exit(9)
    return valley(trial)

search(objective, SPACE, trials=5, folder=sys.argv[1])
"""
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    found = search(valley, SPACE, trials=5, folder=tmp_path)
    assert table(found) == table(search(valley, SPACE, trials=5))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"seed": 1}, "the seed of the search in {0}, 0, got 1; give a new folder"),
        ({"method": "halving"}, "the method of the search in {0}, random, got halving; give a new folder"),
        ({"facts": {"data": "b"}}, "the data of the search in {0}, a, got b; give a new folder"),
        (
            {"space": {"x": [1]}},
            "the space of the search in {0}, {{'x': {{'kind': 'Choices', 'values': [1, 2]}}}}, "
            "got {{'x': {{'kind': 'Choices', 'values': [1]}}}}; give a new folder",
        ),
    ],
)
def test_the_folder_of_another_search_is_refused(options: dict[str, Any], text: str, tmp_path: Path) -> None:
    same: dict[str, Any] = {"space": {"x": [1, 2]}, "trials": 1, "folder": tmp_path, "facts": {"data": "a"}}
    search(lambda trial: 0.0, **same)
    search(lambda trial: 0.0, **same)
    with pytest.raises(ValueError, match=sentence(f"search: expected {text.format(tmp_path)}")):
        search(lambda trial: 0.0, **same | options)


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    text = f"search: expected a new or empty folder, or that of an earlier search, got '{tmp_path}'"
    with pytest.raises(ValueError, match=sentence(text)):
        search(valley, SPACE, trials=1, folder=tmp_path)
    text = f"search: expected the name of a folder, got {tmp_path / 'letter.txt'}, which is a file"
    with pytest.raises(ValueError, match=sentence(text)):
        search(valley, SPACE, trials=1, folder=tmp_path / "letter.txt")


def test_optuna_is_left_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    search(valley, SPACE, trials=2, folder=tmp_path)
    assert optuna.logging.get_verbosity() == before
    assert capsys.readouterr() == ("", "")


def test_without_optuna_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    text = "search: expected Optuna to be installed; pip install 'nnxp[search]'"
    with pytest.raises(ImportError, match=sentence(text)):
        search(valley, SPACE, trials=1)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: as_space({}), "search: expected a space of at least one name, got {}"),
        (
            lambda: as_space({"lr": 0.1}),
            "search: lr: expected a list of choices, or a table with low and high, got 0.1",
        ),
        (
            lambda: as_space({"lr": []}),
            "search: lr: expected a list of texts, numbers or booleans, and at least one, got ()",
        ),
        (lambda: as_space({"lr": [1, 1]}), "search: lr: expected every value once, got (1, 1)"),
        (
            lambda: as_space({"lr": {"low": 1, "hihg": 2}}),
            "search: lr: expected no more than low, high, log, step, got 'hihg'; did you mean 'high'?",
        ),
        (lambda: as_space({"lr": {"low": 1}}), "search: lr: expected low and high, got low"),
        (lambda: as_space({"lr": {"low": 2, "high": 1}}), "search: lr: expected numbers low < high, got (2, 1)"),
        (lambda: as_space({"lr": {"low": "1", "high": 2}}), "search: lr: expected numbers low < high, got ('1', 2)"),
        (
            lambda: as_space({"lr": {"low": 0.0, "high": 1.0, "log": True}}),
            "search: lr: expected low above 0 with log, got 0.0",
        ),
        (lambda: Range(0, 1, log=1), "Range: expected log to be true or false, got 1"),  # type: ignore[arg-type]
        (
            lambda: Range(1, 2, step=0.5),
            "Range: expected step above 0, whole where the ends are, and without log, got 0.5",
        ),
        (
            lambda: Choices(([1],)),
            "Choices: expected a list of texts, numbers or booleans, and at least one, got ([1],)",
        ),  # type: ignore[arg-type]
        (
            lambda: search(valley, SPACE, trials=0),
            "search: expected trials to be a whole number of at least 1, got 0",
        ),
        (
            lambda: search(valley, SPACE, trials=1, method="grid"),
            "search: expected method to be one of 'random', 'halving', got 'grid'",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=sentence(text)):
        make()


# -- the command line --------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_folder, "_draw", lambda *_: [])


def write_space(folder: Path, text: str) -> Path:
    path = folder / "space.toml"
    path.write_text(text)
    return path


SMALL = """
[fixed]
epochs = 4
hidden = [16]

[space]
lr = { low = 1e-3, high = 0.1, log = true }
optimizer = ["adam", "sgd"]
batch-size = { low = 16, high = 64, log = true }
"""


def untimed(lines: list[str]) -> list[str]:
    """Leave the seconds out, which end the rows of the table."""
    return [re.sub(r"\s+(seconds|-+|[\d.e+-]+)$", "", line) for line in lines]


def test_a_search_prints_its_trials_and_the_command_of_the_best(tmp_path: Path) -> None:
    space, out = write_space(tmp_path, SMALL), tmp_path / "out"
    lines, _ = nnxp("search", space, "digits", "--trials", 4, "--out", out, "--seed", 3)
    assert [line.partition(":")[0] for line in lines[:4]] == [f"trial {i}/4" for i in range(1, 5)]
    assert lines[4].split() == ["trial", "lr", "optimizer", "batch-size", "value", "outcome", "epochs", "seconds"]
    rows = read_csv(out / "trials.csv")
    assert len(rows) == 4
    best = tomllib.loads((out / "best.toml").read_text())
    least = min(float(row["value"]) for row in rows)
    assert best["result"]["val_loss"] == least == float(rows[0]["value"])
    assert lines[-2] == f"best: {best['command']}"
    assert lines[-1] == f"validation loss: {least:.4f}"


def test_the_command_of_the_best_repeats_it(tmp_path: Path) -> None:
    space, out = write_space(tmp_path, SMALL), tmp_path / "out"
    nnxp("search", space, "digits", "--trials", 3, "--out", out, "--seed", 3, "--threads", 1)
    best = tomllib.loads((out / "best.toml").read_text())
    nnxp(*shlex.split(best["command"])[1:], "--out", tmp_path / "run", "--quiet")
    assert (
        min(float(row["val_loss"]) for row in read_csv(tmp_path / "run" / "history.csv")) == best["result"]["val_loss"]
    )


def test_a_search_on_the_command_line_goes_on(tmp_path: Path) -> None:
    space = write_space(tmp_path, SMALL)
    whole, _ = nnxp("search", space, "--trials", 3, "--method", "halving")
    nnxp("search", space, "--trials", 1, "--method", "halving", "--out", tmp_path / "out")
    rest, _ = nnxp("search", space, "--trials", 3, "--method", "halving", "--out", tmp_path / "out")
    assert untimed(rest[:2]) == untimed(whole[1:3])
    assert sorted(untimed(rest[4:7])) == sorted(untimed(whole[5:8]))
    again, _ = nnxp("search", space, "--trials", 3, "--method", "halving", "--out", tmp_path / "out")
    assert again == rest[2:]


def test_tables_of_classes_and_of_numbers_are_searched(tmp_path: Path) -> None:
    space = write_space(tmp_path, '[fixed]\nepochs = 2\n[space]\nhidden = ["none", "8", "8,4"]\n')
    classes, numbers = write_classes(tmp_path / "classes.csv"), write_numbers(tmp_path / "numbers.csv")
    lines, _ = nnxp("search", space, classes, "--trials", 2, "--target", "kind")
    assert "--target=kind" in lines[-2]
    assert nnxp("search", space, numbers, "--trials", 2)[0][-1].startswith("validation loss: ")


def test_ctrl_c_in_a_trial_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Press(Callback):
        def on_step(self, run: Any) -> None:
            run.interrupt("interrupted by Ctrl-C")

    monkeypatch.setattr("nnxp.cli._search.TerminateOnNaN", lambda *_: Press())
    _, said = nnxp("search", write_space(tmp_path, SMALL), "--out", tmp_path / "out", status=130)
    assert said == "nnxp: interrupted\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[space\n", "a file in TOML, got a mistake (Expected ']' at the end of a table declaration (at line 1, column 7))"),
        ("", "a table [space], and perhaps [fixed], got nothing"),
        ("[spcae]\nlr = [1]\n", "a table [space], and perhaps [fixed], got spcae"),
        ("space = 3\n", "a table [space], and perhaps [fixed], got space"),
        ("[space]\nseed = [1, 2]\n", "options of nnxp train without seed, got 'seed'; give it to nnxp search"),
        ("[space]\nlr = [0.1]\n[fixed]\nlr = 0.2\n", "every option once, got lr in both tables"),
        ("[space]\nlr = [0.1]\n[fixed]\nvalidation = 0.0\n", None),
    ],
)  # fmt: skip
def test_a_space_with_a_mistake_is_told_in_one_sentence(text: str, said: str | None, tmp_path: Path) -> None:
    space = write_space(tmp_path, text)
    found = mistake("search", space, "--trials", 1)
    if said is None:
        assert found == "search: expected --validation in (0, 1], got 0.0"
    else:
        assert found == f"search: {space}: expected {said}"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("[space]\noptimizer = ['adam', 'adma']\n", "optimizer", "'adma'"),
        ("[space]\nhidden = ['64', '64;32']\n", "hidden", "'64;32'"),
        ("[space]\nepochs = {low = 0, high = 5}\n", "epochs", "0"),
        ("[space]\nlr = [0.1]\n[fixed]\nmodel = 'lenet'\n", "model", "'lenet'"),
    ],
)
def test_a_value_that_its_option_does_not_take_is_found_before_any_trial(
    text: str, name: str, value: str, tmp_path: Path
) -> None:
    space = write_space(tmp_path, text)
    # What follows is the option's own reason.
    assert mistake("search", space).startswith(f"search: {space}: expected a value that --{name} takes, got {value}; ")
    assert not (tmp_path / "out").exists()


def test_an_option_that_is_none_is_told_with_the_nearest(tmp_path: Path) -> None:
    space = write_space(tmp_path, "[space]\nbatchsize = [16]\n")
    found = mistake("search", space)
    assert found.startswith(f"search: {space}: expected options of nnxp train, activation, augment, batch-size, ")
    assert found.endswith(", got 'batchsize'; did you mean 'batch-size'?")
    assert mistake("search", tmp_path / "none.toml") == f"{tmp_path / 'none.toml'}: No such file or directory"


def test_find_lr_ends_with_the_rate(tmp_path: Path) -> None:
    picture = tmp_path / "lr.png"
    lines, _ = nnxp("find-lr", "--optimizer", "sgd", "digits", "--hidden=32", "--plot", picture)
    assert lines[0] == f"wrote {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert re.fullmatch(r"lr=(\S+), a tenth of \S+, where the loss is least; it falls most steeply at \S+", lines[1])
    assert lines[2] == f"lr: {lines[1].split(',')[0].removeprefix('lr=')}"
    assert 0.01 < float(lines[2].removeprefix("lr: ")) < 1.0
    assert (
        mistake("find-lr", "--plot", picture)
        == f"find-lr: expected --plot to be a new file, got '{picture}'; --force overwrites"
    )
    assert mistake("find-lr", "--out", "x").startswith("find-lr: expected options of nnxp train without --out")
    assert mistake("find-lr", "--optmizer", "sgd").startswith("No such option: --optmizer")


@pytest.mark.parametrize("command", ["search", "find-lr"])
def test_the_commands_are_listed_and_their_help_does_not_wait_for_numpy(command: str) -> None:
    assert any(line.strip("│ ").startswith(f"{command} ") for line in nnxp("--help")[0])
    code = (
        f"import sys\nfrom nnxp.cli import main\nsys.argv = ['nnxp', {command!r}, '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\nassert 'numpy' not in sys.modules\n"
    )
    assert (
        f"{command} [OPTIONS]"
        in subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )
