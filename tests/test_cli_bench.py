"""``nnxp bench``: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nnxp.benchmark import NETS, StandardNet
from nnxp.cli import _bench
from nnxp.layers import Linear, Sequential
from tests.cli_runs import mistake, nnxp, write_numbers


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time no longer than it takes to see that everything is there."""
    for name in ("_TIME", "_QUICK_TIME"):
        monkeypatch.setattr(_bench, name, 0.0)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the standard nets be small ones."""
    net = StandardNet("tiny", lambda w: Sequential(Linear(6, w or 1), Linear(w or 1, 3)), (6,), 4, (2, 4, 8))
    flat = StandardNet("flat", lambda _: Linear(6, 3), (6,))
    monkeypatch.setattr(_bench, "NETS", {"tiny": net, "flat": flat})


def rows(lines: list[str]) -> list[list[str]]:
    """Return net, width, batch and device of each row; a net without a width has none."""
    return [line.split() for line in lines if " to " in line and ": " not in line]


@pytest.mark.usefixtures("tiny")
def test_every_standard_net_is_timed_by_batch_and_width() -> None:
    lines, said = nnxp("bench", "--devices", "cpu,strict")
    assert said == ""
    assert lines[0].startswith("cpu: NumPy ")
    assert lines[1].startswith("strict:device1: array-api-strict ")
    found = rows(lines)
    expected = [("32", "4"), ("128", "4"), ("512", "4"), ("128", "2"), ("128", "8")]
    assert [row[:4] for row in found[:10]] == [
        ["tiny", width, batch, device] for batch, width in expected for device in ("cpu", "strict:device1")
    ]
    assert [row[:3] for row in found[10:]] == [
        ["flat", batch, device] for batch in ("32", "128", "512") for device in ("cpu", "strict:device1")
    ]
    assert sum(line.startswith(("tiny: ", "flat: ")) for line in lines) == 2
    assert not any(line.startswith("wrote") for line in lines)


@pytest.mark.usefixtures("tiny")
def test_quick_takes_fewer_sizes_and_options_win() -> None:
    devices = ["--devices", "cpu"]
    quick = rows(nnxp("bench", "--quick", "--nets", "tiny", *devices)[0])
    assert [row[1:3] for row in quick] == [["4", "32"], ["4", "256"], ["8", "256"]]
    told = rows(nnxp("bench", "--quick", "--nets", "tiny", "--batch-sizes", "3", "--widths", "5,6", *devices)[0])
    assert [row[1:3] for row in told] == [["4", "3"], ["5", "3"], ["6", "3"]]
    assert len(rows(nnxp("bench", "--nets", "tiny", "--batch-sizes", "3", "--widths", "none", *devices)[0])) == 1


@pytest.mark.usefixtures("tiny")
def test_a_missing_device_is_a_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    options = ["--nets", "flat", "--batch-sizes", "2", "--json", tmp_path / "bench.json"]
    lines, _ = nnxp("bench", "--devices", "nowhere,cpu,cpu", *options)
    assert lines[1].startswith("nowhere: left out: Device: expected cpu, ")
    assert [row[2] for row in rows(lines)] == ["cpu"]
    assert json.loads((tmp_path / "bench.json").read_text())["missing"] == {
        "nowhere": lines[1].removeprefix("nowhere: ")
    }
    assert mistake("bench", "--devices", "nowhere", *options, "--force").startswith("Device: expected cpu, ")


@pytest.mark.usefixtures("tiny")
def test_numbers_and_picture_are_written_where_told(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    numbers, picture = tmp_path / "bench.json", tmp_path / "bench.png"
    options = ["--devices", "cpu", "--batch-sizes", "2", "--json", numbers, "--plot", picture]
    lines, _ = nnxp("bench", *options)
    assert lines[-1] == f"wrote {numbers}, {picture}"
    assert sorted(tmp_path.iterdir()) == [numbers, picture]
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(numbers.read_text())
    assert found.keys() == {
        "date", "processor", "system", "threads", "devices", "versions", "missing", "advice", "steps",
    }  # fmt: skip
    assert [line for line in lines if line in found["advice"]] == found["advice"]
    assert [(s["net"], s["width"]) for s in found["steps"]] == [("tiny", 4), ("tiny", 2), ("tiny", 8), ("flat", None)]
    for option, path in (("--json", numbers), ("--plot", picture)):
        path.write_text("mine")
        expected = f"bench: expected {option} to be a new file, got '{path}'; --force overwrites"
        assert mistake("bench", option, path) == expected
        assert path.read_text() == "mine"
    nnxp("bench", *options, "--force")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert json.loads(numbers.read_text())["steps"]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plane")
    nnxp("train", write_numbers(folder / "plane.csv"), "--epochs", 1, "--out", folder / "the run")
    return folder / "the run"


def test_a_run_is_timed_with_its_own_loss_and_samples(plane: Path) -> None:
    before = (plane / "model.safetensors").read_bytes()
    lines, _ = nnxp("bench", plane, "--devices", "cpu", "--batch-sizes", "2,4")
    assert [row[:4] for row in rows(lines)] == [["the", "run", "2", "cpu"], ["the", "run", "4", "cpu"]]
    assert lines[-1].startswith("the run: on cpu a batch of ")
    assert (plane / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("options", [["--nets", "mlp"], ["--widths", "none"]])
def test_a_run_has_neither_nets_nor_widths(options: list[str], plane: Path) -> None:
    assert mistake("bench", plane, *options) == "bench: expected either RUN, or --nets and --widths, got both"


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    assert mistake("bench", tmp_path).startswith("bench: expected a run, which is a folder with model.safetensors, ")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--nets", "mpl"], f"bench: expected --nets to be one of {', '.join(map(repr, NETS))}, got 'mpl'"),
        (["--nets", "mlp,"], "bench: expected --nets to be names with commas between them, got 'mlp,'"),
        (["--devices", ""], "bench: expected --devices to be names with commas between them, got ''"),
        (["--batch-sizes", "0"], "bench: expected --batch-sizes to be whole numbers such as 64,256, got '0'"),
        (["--batch-sizes", "none"], "bench: expected --batch-sizes to be whole numbers such as 64,256, got 'none'"),
        (["--widths", "wide"], "bench: expected --widths to be whole numbers such as 64,256, or none, got 'wide'"),
        (
            ["--json", "no-such-folder/a.json"],
            "bench: expected --json to be in a folder that exists, got 'no-such-folder/a.json'; make it first",
        ),
    ],
)
def test_options_that_make_no_sense_are_a_sentence(options: list[str], expected: str) -> None:
    assert mistake("bench", *options) == expected


def test_a_picture_that_cannot_be_drawn_is_refused_before_anything_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    said = mistake("bench", "--plot", tmp_path / "a.xyz")
    assert said.startswith("bench: expected a path ending in one of ")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = mistake("bench", "--plot", tmp_path / "a.png")
    assert said == "bench: expected matplotlib to be installed; pip install 'nnxp[plot]'"


def test_the_threads_are_set_before_anything_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(_bench, "use_threads", told.append)
    mistake("bench", "no-such-run", "--threads", "2")
    assert told == [2]
