"""The benchmarks compare like with like, their arithmetic is right, and README says what was measured."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import nnxp
from benchmarks import networks, readme, report, runner
from benchmarks.__main__ import chosen, options_of
from benchmarks.child import Turn, one_line
from benchmarks.peers import CONFIGURATIONS
from benchmarks.peers.common import cross_entropy
from benchmarks.peers.floor import affine_maps
from benchmarks.peers.ours import network
from benchmarks.processes import Failed
from benchmarks.starts import requirements, sizes
from benchmarks.workloads import WORKLOADS, Workload

ROOT = Path(__file__).parent.parent
SMALL = WORKLOADS["64-20-20-10"]


def test_a_quick_run_checks_times_and_writes_everything(tmp_path: Path) -> None:
    peers = ["floor", *(["torch fused"] if find_spec("torch") else [])]
    out = tmp_path / "new" / "results.json"
    arguments = ["--quick", "--only", SMALL.name, "--threads", "1", "--out", str(out), "--peers", *peers]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    results = json.loads(out.read_text())
    (work,) = results["workloads"]
    assert set(work["measured"]) == {"nnxp", "nnxp, fit", *peers}
    assert work["left_out"] == {}
    for found in work["measured"].values():
        assert len(found["seconds"]) == 3
        assert min(found["seconds"]) > 0
        assert found["peak_megabytes"] > 10
    assert results["threads"] == 1
    assert results["quick"] is True
    assert results["versions"]["nnxp"] == nnxp.__version__
    for path in (str(ROOT), str(tmp_path), sys.prefix):
        assert path not in out.read_text()
    assert report.ratios(results, "step") in done.stdout
    assert out.with_suffix(".svg").read_text().startswith("<?xml")


def results_of(**seconds: list[float]) -> dict[str, Any]:
    measured = {
        name: {"column": CONFIGURATIONS[name].column, "seconds": times, "peak_megabytes": 100.0 * len(name)}
        for name, times in seconds.items()
    }
    work = {"name": "w", "title": "work", "kind": "step", "sweep": "", "measured": measured, "left_out": {}}
    return {"workloads": [work]}


def test_a_ratio_is_the_median_over_paired_rounds_with_its_quartiles() -> None:
    (work,) = results_of(nnxp=[1.0, 10.0, 2.0], torch=[2.0, 40.0, 6.0])["workloads"]
    assert report.ratio(work, "torch") == (2.5, 3.0, 3.5)
    assert report.ratio(work, "jax") is None


def test_the_fastest_configuration_of_a_column_counts() -> None:
    results = results_of(**{"nnxp": [2.0, 2.0], "nnxp, fit": [1.0, 1.0], "torch": [0.5, 0.5], "floor": [0.25, 0.25]})
    (work,) = results["workloads"]
    assert report.fastest(work, "nnxp") == "nnxp, fit"
    assert report.ratios(results, "step") == (
        "| training step | nnxp | torch / nnxp | floor / nnxp |\n"
        "| --- | --- | --- | --- |\n"
        "| work | 1.00 s (1.00 s to 1.00 s) by fit | **0.50** (0.50 to 0.50) | 0.25 (0.25 to 0.25) |"
    )
    assert report.memory(results).splitlines()[-1] == "| work | 900 | 500 |"


def test_one_round_has_no_spread() -> None:
    assert report.spread([3.0]) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.4e-6, "59 us"), (0.00314, "3.14 ms"), (0.25, "250 ms"), (12.345, "12.35 s")]
)
def test_times_are_written_in_their_unit(seconds: float, text: str) -> None:
    assert report.duration(seconds) == text


def test_starts_are_compared_without_pythons_own() -> None:
    starts = {"": [0.1, 0.1], "nnxp": [0.3, 0.3], "torch": [0.9, 1.7]}
    sizes = {"torch": {"megabytes": 700.0, "with_requirements": 750.4}}
    assert report.starting({"starts": starts, "sizes": sizes}).splitlines()[2:] == [
        "| nnxp | 200 ms | 1 |  |  |",
        "| torch | 1.20 s | 6.00 (5.00 to 7.00) | 700.0 | 750 |",
    ]


def test_sizes_count_what_is_required_too() -> None:
    found = sizes()
    assert 0.1 < found["nnxp"]["megabytes"] < 5
    assert found["nnxp"]["with_requirements"] > found["nnxp"]["megabytes"] + found["numpy"]["megabytes"]
    assert requirements(["nnxp"]) >= {"nnxp", "numpy", "safetensors", "markdown-it-py"}
    assert "torch" not in requirements(["nnxp"])


class Actor:
    """A process of a peer, played."""

    said: dict[str, Any] = {}
    turns: list[str] = []

    def __init__(self, configuration: str, names: list[str], *_: Any) -> None:
        self.name, self.answers = configuration, [{"checks": {SMALL.name: self.said[configuration]}}, {"ready": True}]
        if self.said[configuration] is None:
            self.answers = []

    def read(self) -> Any:
        if not self.answers:
            raise Failed("broken")
        return self.answers.pop(0)

    def turn(self, name: str, seconds: float) -> Any:
        self.turns.append(self.name)
        return {"seconds": seconds, "peak": 1.0}

    def stop(self) -> None:
        pass


def test_who_differs_or_breaks_is_reported_and_the_others_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"nnxp": [2.3, 2.2], "torch": [2.3, 2.2002], "jax": [2.3, 2.21], "thinc": None, "floor": []}
    monkeypatch.setattr(Actor, "said", said)
    monkeypatch.setattr(Actor, "turns", [])
    monkeypatch.setattr(runner, "Child", Actor)
    plan = runner.Plan(threads=1, seconds=0.1, fewest=2, most=5, jobs=1)
    (outcome,) = runner.take_turns([SMALL], list(said), plan)
    assert Actor.turns == ["nnxp", "torch", "floor"] * 2
    assert outcome.left_out == {"thinc": "broken", "jax": "differs: 2.3 2.21 where nnxp has 2.3 2.2"}
    assert set(outcome.as_json()["measured"]) == {"nnxp", "torch", "floor"}


def test_rounds_go_on_until_the_ratios_are_steady() -> None:
    assert runner.steady([1.0, 1.0, 1.0, 1.0], [2.0, 2.01, 1.99, 2.0])
    assert not runner.steady([1.0, 1.0, 1.0, 1.0], [2.0, 3.0, 1.0, 2.0])


def test_a_turn_is_the_median_of_bundles_for_one_step() -> None:
    done: list[int] = []
    turn = Turn(done.append, per=4)
    times = iter([4.0, 8.0, 2.0, 6.0, 40.0])
    turn.once, turn.time = 0.02, lambda n: next(times) * n  # type: ignore[method-assign]
    assert turn.measure(0.1) == 6.0 / 4


@pytest.mark.parametrize("name", ["lenet5", "deep_convnet"])
def test_the_descriptions_are_those_of_our_models(name: str) -> None:
    options = {"dropout": 0.0} if name == "deep_convnet" else {}
    ours = nnxp.Network(getattr(nnxp.models, name)(**options), input_shape=(1, 28, 28), seed=0)
    described = getattr(networks, name)().weights()
    assert [a.shape for a in described.values()] == [a.shape for a in ours.parameters.values()]


@pytest.mark.parametrize("name", [name for name, work in WORKLOADS.items() if work.kind != "job"])
def test_the_floor_multiplies_as_often_as_the_network(name: str) -> None:
    work = WORKLOADS[name]
    multiplied = sum(one.rows * one.n_in * one.n_out * one.times * one.stacks for one in affine_maps(work))
    assert multiplied == network(work).summary(work.batch).multiply_adds


def test_cross_entropy_is_that_of_our_loss() -> None:
    import numpy as np

    outputs = np.random.default_rng(0).standard_normal((5, 3))
    labels = np.array([0, 2, 1, 1, 0])
    assert cross_entropy(outputs, labels) == pytest.approx(float(nnxp.CrossEntropyLoss()(outputs, labels)[0]))


def test_errors_are_passed_on_in_one_line_without_paths() -> None:
    assert one_line("cannot open /usr/lib/thing.so here\nand more") == "cannot open ... here"


def test_a_quick_run_leaves_out_what_starts_slowly_and_the_series() -> None:
    def names(work: Workload, *arguments: str) -> set[str]:
        return set(chosen(work, options_of(list(arguments))))

    there = {name for name, one in CONFIGURATIONS.items() if one.installed()}
    assert names(SMALL) == there
    assert names(SMALL, "--quick") == there - {"torch.compile"}
    assert names(SMALL, "--peers", "floor") == {"nnxp", "nnxp, fit", "floor"}
    assert names(WORKLOADS["lenet5"]) == there - {"scikit-learn", "thinc"}


def test_the_block_of_a_readme_is_found_between_its_markers() -> None:
    text = f"before\n{readme.BEGIN}\ninside\n{readme.END}\nafter"
    assert readme.present(text) == "inside"
    message = f"README.md: expected the lines {readme.BEGIN!r} and {readme.END!r} once each"
    with pytest.raises(ValueError, match=re.escape(message)):
        readme.present("no markers")


@pytest.mark.skipif(not readme.RESULTS.exists(), reason="nothing was measured yet")
def test_readme_says_what_was_measured() -> None:
    assert readme.present(readme.README.read_text()) == readme.committed()


class Mortal:
    """A process that answers so many times."""

    def __init__(self, lives: int) -> None:
        self.lives = lives

    def turn(self, name: str, seconds: float) -> dict[str, Any]:
        self.lives -= 1
        if self.lives < 0:
            raise BrokenPipeError("gone")
        return {"seconds": 1.0, "peak": 1.0}

    def stop(self) -> None:
        self.lives = 0


def test_a_peer_that_dies_in_its_rounds_is_left_out_of_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PAUSE", 0.0)
    plan = runner.Plan(threads=1, seconds=0.0, fewest=3, most=3, jobs=1)
    outcomes = [runner.Outcome(SMALL), runner.Outcome(SMALL)]
    children: Any = {"nnxp": Mortal(99), "torch": Mortal(1)}
    runner.rounds(children, outcomes[0], plan, outcomes)
    assert outcomes[0].seconds == {"nnxp": [1.0] * 3}
    assert [outcome.left_out for outcome in outcomes] == [{"torch": "gone"}] * 2
    assert children.keys() == {"nnxp"}
    with pytest.raises(BrokenPipeError):
        runner.rounds({"nnxp": Mortal(1)}, outcomes[1], plan, outcomes)  # type: ignore[dict-item]
