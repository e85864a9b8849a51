"""``nnxp report`` and ``nnxp compare``: real runs, what became of their data, and a run that is watched."""

from __future__ import annotations

import os
import shutil
import sys
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from typer.testing import CliRunner

from nnxp.cli import _report_page, app
from nnxp.report import read_record
from tests.cli_runs import mistake, nnxp, write_classes, write_images, write_numbers
from tests.report_pages import CONFIG, HISTORY, page, write_run


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "digits"
    nnxp("train", "--epochs", 4, "--out", folder)
    return folder


@pytest.fixture
def copied(digits_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(digits_run, tmp_path / "digits"))


def test_a_run_on_digits_has_a_whole_page(copied: Path) -> None:
    lines, _ = nnxp("report", copied)
    found = page(copied / "report.html")
    assert lines == [f"wrote {copied / 'report.html'}: {len(found.html.encode()) / 1000:,.0f} kB"]
    assert len(found.html) < 1_000_000
    assert "The network classifies " in found.text
    for head in (
        "Learning",
        "Which class is taken for which",
        "The worst mistakes",
        "Layers",
        "Time",
        "Gradient check",
    ):
        assert f" {head} " in found.text
    assert "No gradient errors found (" in found.text
    assert "What is missing" not in found.text
    wrong = int(found.text.partition(" of 359 test samples are classified wrongly")[0].rpartition(" ")[2])
    assert len(found.attributes("src")) == min(wrong, 24)


def test_training_writes_the_page_where_it_is_asked_to(tmp_path: Path) -> None:
    run = tmp_path / "run"
    lines, _ = nnxp("train", "--quiet", "--epochs", 1, "--batch-size", 512, "--out", run, "--report")
    assert lines[-1].startswith(f"wrote {run / 'report.html'}: ")
    assert "The network classifies " in page(run / "report.html").text
    (run / "report.html").unlink()
    nnxp("train", "--quiet", "--resume", run, "--epochs", 2, "--report")
    assert "It trained 2 epochs" in page(run / "report.html").text
    assert mistake("train", "--report") == "train: expected --out RUN with --report, got none"


def test_a_page_goes_where_it_is_told_and_over_nothing_else(copied: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    nnxp("report", copied, "--out", out)
    nnxp("report", copied)
    nnxp("report", copied)
    said = mistake("report", copied, "--out", out)
    assert said == f"report: expected --out to be a new file, got '{out}'; --force overwrites"
    nnxp("report", copied, "--out", out, "--force")
    page(out)


def test_a_table_of_classes_shows_rows(tmp_path: Path) -> None:
    table = write_classes(tmp_path / "kinds.csv")
    nnxp("train", table, "--target", "kind", "--epochs", 1, "--lr", 1e-5, "--out", tmp_path / "run")
    nnxp("report", tmp_path / "run")
    found = page(tmp_path / "run" / "report.html")
    assert "test sample true predicted how sure length weight" in found.text
    assert found.attributes("src") == []


def test_numbers_show_errors_and_a_cloud(tmp_path: Path) -> None:
    nnxp("train", write_numbers(tmp_path / "plane.csv"), "--epochs", 3, "--out", tmp_path / "run")
    nnxp("report", tmp_path / "run")
    found = page(tmp_path / "run" / "report.html")
    for words in ("Predictions and truth", "The largest errors", "R²", "The target was brought to mean 0"):
        assert words in found.text


@pytest.mark.slow
def test_a_model_of_ones_own_from_toml(tmp_path: Path) -> None:
    model = tmp_path / "net.toml"
    model.write_text('[[layers]]\ntype = "Flatten"\n[[layers]]\ntype = "Linear"\nin_features = 64\nout_features = 10\n')
    data = write_images(tmp_path / "images.npz")
    nnxp("train", data, "--model", model, "--epochs", 1, "--out", tmp_path / "run")
    nnxp("report", tmp_path / "run")
    found = page(tmp_path / "run" / "report.html")
    assert f"--model={model}" in found.text
    assert found.attributes("src")


def test_data_that_are_gone_are_told_of(tmp_path: Path) -> None:
    table = write_classes(tmp_path / "kinds.csv")
    nnxp("train", table, "--target", "kind", "--epochs", 1, "--out", tmp_path / "run")
    table.unlink()
    nnxp("report", tmp_path / "run")
    found = page(tmp_path / "run" / "report.html")
    said = f"The data {table} could not be read again, so there are no mistakes to show and no gradients to check ("
    assert said in found.text
    assert "The network, layer by layer" in found.text


def test_data_that_have_changed_are_told_of(tmp_path: Path) -> None:
    table = write_classes(tmp_path / "kinds.csv")
    nnxp("train", table, "--target", "kind", "--epochs", 1, "--out", tmp_path / "run")
    table.write_text("kind,a\nx,1\ny,2\nx,3\ny,4\nx,5\n")
    nnxp("report", tmp_path / "run")
    assert f"The data {table} could not be read again" in page(tmp_path / "run" / "report.html").text


def test_data_with_other_classes_or_fewer_rows_are_told_of(tmp_path: Path) -> None:
    table = write_classes(tmp_path / "kinds.csv")
    nnxp("train", table, "--target", "kind", "--epochs", 1, "--out", tmp_path / "run")
    before, *rows = table.read_text().splitlines()
    for lines, said in ((rows[: len(rows) // 2], " now, and had "), (rows, " are not the run's classes ")):
        first = lines[0].split(",")
        place = before.split(",").index("kind")
        if said.startswith(" are"):
            first[place] = "aaa"
        table.write_text("\n".join([before, ",".join(first), *lines[1:]]) + "\n")
        nnxp("report", tmp_path / "run")
        text = page(tmp_path / "run" / "report.html").text
        assert f"The data {table} could not be read again" in text
        assert said in text


def test_a_run_that_met_nan_shows_where(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    (copied / "replay_nan.py").touch()
    config = {name: value for name, value in CONFIG.items() if name != "result"}
    write_run(copied, config=config, history="epoch,loss\n1,nan\n")
    nnxp("report", copied)
    text = page(copied / "report.html").text
    assert f"python {copied / 'replay_nan.py'} shows where its numbers ceased to be finite." in text
    assert "goes on with it" not in text


def test_a_network_that_is_damaged_is_told_of(copied: Path) -> None:
    (copied / "model.safetensors").write_bytes(b"damaged")
    nnxp("report", copied)
    said = "The network could not be read, so nothing is said of mistakes, gradients and formulas ("
    assert said in page(copied / "report.html").text


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        expected = "expected a run, which is a folder that nnxp train made"
        assert mistake("report", folder) == f"report: {expected}, got '{folder}'; nnxp train --out {folder} makes one"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "said"), [("jinja2", "report: expected jinja2 to be installed; pip install 'nnxp[report]'")]
)
def test_what_is_not_installed_is_one_sentence(
    copied: Path, monkeypatch: pytest.MonkeyPatch, module: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert mistake("report", copied) == said
    assert not (copied / "report.html").exists()


def test_the_page_opens_in_the_browser(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: not opened.append(uri))
    assert len(nnxp("report", copied, "--open")[0]) == 1
    assert opened == [(copied / "report.html").resolve().as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda uri: False)
    assert nnxp("report", copied, "--open")[0][1] == f"no browser was found; the page is {copied / 'report.html'}"


def asleep(monkeypatch: pytest.MonkeyPatch, *events: Callable[[], Any]) -> None:
    """Let something happen each time that the watch sleeps."""
    waiting: Iterator[Callable[[], Any]] = iter(events)
    monkeypatch.setattr(_report_page.time, "sleep", lambda _: next(waiting)())


def reloads(path: Path) -> bool:
    return "refresh" in page(path).attributes("http-equiv")


def test_a_run_that_goes_on_is_watched_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = tmp_path / "run", tmp_path / "page.html"
    folder.mkdir()
    seen: list[tuple[bool, str]] = []

    def look() -> None:
        seen.append((reloads(out), page(out).text))

    def begin() -> None:
        look()
        write_run(
            folder,
            config={k: v for k, v in CONFIG.items() if k != "result"},
            history=HISTORY[: HISTORY.index("\n4,") + 1],
        )

    def end() -> None:
        look()
        write_run(folder)

    asleep(monkeypatch, begin, end)
    lines, _ = nnxp("report", folder, "--watch", "--out", out)
    assert lines[0] == f"watching {folder}: {out} follows the run; Ctrl-C ends it"
    assert [reload for reload, _ in seen] == [True, True]
    assert "The run is about to begin: no epoch has ended yet." in seen[0][1]
    assert "The run is at epoch 3 of 4, with a validation accuracy of 0.7000." in seen[1][1]
    assert not reloads(out)
    assert "The network classifies 87.5 %" in page(out).text


def test_a_watch_reads_a_run_again_only_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "run", config={k: v for k, v in CONFIG.items() if k != "result"})
    read: list[Path] = []
    monkeypatch.setattr(_report_page, "read_record", lambda path: read.append(path) or read_record(path))
    asleep(monkeypatch, *(lambda: None,) * 5, lambda: write_run(folder))
    nnxp("report", folder, "--watch")
    assert len(read) <= 3


def test_ctrl_c_ends_the_watch_and_leaves_a_page_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "run", config=None)

    def interrupt() -> None:
        assert reloads(folder / "report.html")
        raise KeyboardInterrupt

    asleep(monkeypatch, interrupt)
    result = CliRunner().invoke(app, ["report", str(folder), "--watch"])
    assert result.exit_code == 130
    assert result.stderr == "nnxp: interrupted\n"
    assert not reloads(folder / "report.html")


def test_the_watch_of_a_run_that_was_killed_ends(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", config=None)
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    lines, _ = nnxp("report", folder, "--watch")
    assert lines[1].startswith("nothing was written for ")
    assert lines[1].endswith(" s: the run seems to have been killed")
    assert not reloads(folder / "report.html")


def test_a_killed_run_says_how_it_goes_on(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    write_run(copied, config={name: value for name, value in CONFIG.items() if name != "result"})
    nnxp("report", copied)
    found = page(copied / "report.html")
    assert "The run has no test result: its record ends after epoch 4 of 4" in found.text
    assert f"nnxp train --resume {copied} goes on with it." in found.text


def test_a_watched_page_opens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "run", config=None)
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: not opened.append(uri))
    asleep(monkeypatch, lambda: None, lambda: write_run(folder))
    nnxp("report", folder, "--watch", "--open")
    assert len(opened) == 1


def test_runs_are_compared_in_the_terminal_and_on_a_page(copied: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(copied, other)
    config = (other / "config.toml").read_text()
    (other / "config.toml").write_text(config.replace('hidden = "128,64"', 'hidden = "16"'))
    (other / "model.safetensors").unlink()
    lines, _ = nnxp("compare", copied, other)
    assert lines[0].split() == ["digits", "other"]
    assert next(line for line in lines if line.startswith("hidden")).split() == ["hidden", "128,64", "16"]
    shown = next(line for line in lines if line.startswith("parameters")).split()
    assert shown == ["parameters", "17,226", "\N{EN DASH}"]
    assert not list(tmp_path.glob("*.html"))
    out = tmp_path / "compare.html"
    assert nnxp("compare", copied, other, "--out", out)[0] == [*lines, f"wrote {out}"]
    assert "What differs" in page(out).text
    assert mistake("compare", copied, other, "--out", out).startswith("compare: expected --out to be a new file, got ")


def test_one_run_cannot_be_compared(copied: Path) -> None:
    for runs in ([copied], [copied, copied]):
        assert mistake("compare", *runs).startswith("compare: expected at least two runs, got ")
    assert mistake("compare", copied, copied / "no").startswith("compare: expected a run, which is a folder")


def test_class_names_from_a_table_are_escaped(tmp_path: Path) -> None:
    rows = "".join(f"{i % 7},{i},{'<script>alert(1)</script>' if i % 2 else 'b&b'}\n" for i in range(60))
    (tmp_path / "t.csv").write_text(f"a,b,kind\n{rows}")
    nnxp("train", tmp_path / "t.csv", "--epochs", 1, "--out", tmp_path / "run")
    nnxp("report", tmp_path / "run")
    found = page(tmp_path / "run" / "report.html")
    assert len(found.scripts) == 1
    assert "<script>alert(1)</script>" in found.text


def test_a_run_without_the_callbacks_table_is_no_less_a_run(copied: Path) -> None:
    (copied / "diagnostics.csv").unlink(missing_ok=True)
    (copied / "config.toml").write_text(tomli_w.dumps({"command": "nnxp train"}))
    nnxp("report", copied)
    assert "diagnostics.csv is not there" in page(copied / "report.html").text
