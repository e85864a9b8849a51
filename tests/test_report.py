"""Pages from the plain files of a run: sentences, curves, layers, and everything that may be missing or hostile."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp import CrossEntropyLoss, Linear, MSELoss, Network
from nnxp.report import (
    Evidence,
    compare_runs,
    explanation_of,
    look_at_classes,
    look_at_numbers,
    proof,
    prove,
    read_record,
    render_comparison,
    render_report,
)
from nnxp.report.health import layer_histories
from nnxp.report.words import number, percent, seconds
from tests.report_pages import CONFIG, HEAD, HISTORY, Page, write_run

HOSTILE = "<script>alert(1)</script>'\"&"


def report(folder: Path, evidence: Evidence | None = None, **options: Any) -> Page:
    found = Page(render_report(read_record(folder), evidence, **options))
    found.check()
    return found


def charts(page: Page) -> list[dict[str, Any]]:
    return [json.loads(value) for value in page.attributes("data-chart")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.58214, "0.5821"),
        (0.5, "0.5000"),
        (12345.6, "12,346"),
        (1.234e-7, "1.234e-7"),
        (0, "0"),
        (-3.14159, "-3.142"),
        (math.nan, "not a number"),
        (math.inf, "infinite"),
        (-math.inf, "minus infinite"),
        (None, "\N{EN DASH}"),
    ],
)
def test_numbers_read_as_people_write_them(value: float | None, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.9996, "99.96 %"),
        (0.99999999, "over 99.999 %"),
        (0.0004, "0.04 %"),
        (0.5, "50.0 %"),
    ],
)
def test_only_all_is_called_100_percent(share: float, shown: str) -> None:
    assert percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(2.5e-6, "2.50 µs"), (0.0117, "11.7 ms"), (4.5, "4.50 s"), (125.0, "2 min 5 s"), (7260.0, "2 h 1 min")],
)
def test_times_have_the_unit_that_suits_them(value: float, shown: str) -> None:
    assert seconds(value) == shown


def test_a_page_says_what_came_of_the_run_and_how(tmp_path: Path) -> None:
    page = report(write_run(tmp_path / "run"))
    assert "The network classifies 87.5 % of the test samples correctly, 175 of 200." in page.text
    said = (
        "It trained 4 epochs in 1.25 s on cpu; its weights are those of epoch 3, whose validation loss is the lowest."
    )
    assert said in page.text
    assert "nnxp train digits --seed=0" in page.text
    assert "best epoch 3: 0.9000" in page.text


def test_curves_hold_every_epoch_and_say_their_numbers(tmp_path: Path) -> None:
    page = report(write_run(tmp_path / "run"))
    loss, accuracy, time = charts(page)
    assert loss["x"] == ["epoch 1", "epoch 2", "epoch 3", "epoch 4"]
    assert [(line["name"], line["text"][1]) for line in loss["lines"]] == [
        ("training", "1.000"),
        ("validation", "1.100"),
    ]
    assert accuracy["lines"][1]["text"] == ["0.3000", "0.6000", "0.7000", "0.7000"]
    assert time["lines"][0]["text"][0] == "500 ms"
    assert (
        "Loss over epoch 1 to 4: training from 2.000 to 0.5000, validation from 1.900 to 0.9500; the best is epoch 3 with 0.9000."
        in page.attributes("aria-label")[1]
    )


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_not_finite_is_a_word_and_a_gap(tmp_path: Path, value: str) -> None:
    page = report(write_run(tmp_path / "run", history=HISTORY.replace("2,1.0,1.1", f"2,{value},1.1")))
    training = charts(page)[0]["lines"][0]
    assert training["top"][1] is None
    assert training["text"][1] in {"not a number", "infinite", "minus infinite"}
    assert training["text"][1] in page.text


def test_a_run_of_nothing_but_nan_still_has_a_page(tmp_path: Path) -> None:
    config = {**CONFIG, "result": {"test_loss": math.nan, "test_accuracy": math.nan, "best_epoch": 1}}
    page = report(write_run(tmp_path / "run", config=config, history="epoch,loss,seconds\n1,nan,0.1\n"))
    assert "the result is not a number that says anything" in page.text


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        (
            {"config": None},
            "config.toml is not there: options, result, versions and the command to repeat the run are unknown.",
        ),
        ({"history": None}, "history.csv is not there: there are no curves."),
        ({"diagnostics": None}, "diagnostics.csv is not there: nothing is known about single layers over time."),
        ({"config": None, "history": None}, "No epoch of this run was recorded."),
        ({"diagnostics": "a,b\n1,2\n"}, "diagnostics.csv cannot be read (it has other columns than nnxp writes)"),
    ],
)
def test_the_page_says_what_is_missing(tmp_path: Path, left_out: dict[str, Any], said: str) -> None:
    assert said in report(write_run(tmp_path / "run", **left_out)).text


def test_a_run_whose_loss_was_lost_says_so(tmp_path: Path) -> None:
    config = {name: CONFIG[name] for name in ("command", "options", "data")}
    history = "epoch,loss,accuracy\n1,nan,0.1\n2,0.5,0.1\n3,inf,0.1\n4,nan,0.1\n"
    folder = write_run(tmp_path / "run", config=config, history=history)
    said = "at epoch 4 of 4: its loss is not finite from epoch 3 on."
    assert f"The run ended {said}" in report(folder).text
    assert f"The run is {said}" in report(folder, live=True).text


def test_a_killed_run_has_the_page_of_as_far_as_it_came(tmp_path: Path) -> None:
    config = {name: CONFIG[name] for name in ("command", "options", "data")}
    folder = write_run(tmp_path / "run", config=config, history=HISTORY[:-6])
    page = report(folder)
    said = "The run has no test result: its record ends after epoch 3 of 4, with a validation accuracy of 0.7000."
    assert said in page.text


def test_files_that_are_damaged_are_told_of(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / "config.toml").write_bytes(b"options = [\xff")
    (folder / "history.csv").write_bytes(b"epoch,loss\n1,\xff\n2,x,y\n3,0.5\n")
    page = report(folder)
    assert "config.toml cannot be read (" in page.text
    line = charts(page)[0]["lines"][0]
    assert line["text"] == ["\N{EN DASH}", "0.5000"]
    assert [top is None for top in line["top"]] == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("history.csv", "loss,val_loss\n1,2\n", "history.csv cannot be read (it has other columns than nnxp writes)"),
        ("history.csv", f"epoch,loss\n1,{'9' * 200_000}\n", "history.csv cannot be read ("),
        ("config.toml", f"a={'[' * 100_000}", "config.toml cannot be read ("),
        ("config.toml", f"[result]\ntest_accuracy=1{'0' * 400}\n", "On the test samples the network was measured, but"),
        ("config.toml", f"[result]\ntest_accuracy=0.5\n[data]\ntest_samples=1{'0' * 400}\n", "classifies 50.0 %"),
    ],
    ids=["columns", "long cell", "nested", "vast result", "vast count"],
)
def test_files_of_a_stranger_break_nothing(tmp_path: Path, name: str, content: str, said: str) -> None:
    folder = write_run(tmp_path / "run")
    (folder / name).write_text(content)
    assert said in report(folder).text


def test_a_step_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    row = "{0},{0},0,Linear,0.1,1.0,0,0,32,0.5,1.0,0.001,0.1,0.1\n"
    rows = "".join(row.format(step) for step in ("1", "nan", "inf", "2"))
    page = report(write_run(tmp_path / "run", diagnostics=f"{HEAD}\n{rows}"))
    assert charts(page)[-2]["x"] == ["update 1", "update 2"]


@pytest.mark.parametrize("values", [("1e-3", "1.7e308"), ("-1.7e308", "1.7e308"), ("5e-324", "1.0")])
def test_any_numbers_have_a_chart(tmp_path: Path, values: tuple[str, str]) -> None:
    history = f"epoch,loss,seconds\n1,{values[0]},1e308\n2,{values[1]},1e308\n"
    tops = charts(report(write_run(tmp_path / "run", history=history)))[0]["lines"][0]["top"]
    assert all(0 <= top <= 100 for top in tops)
    assert tops[0] != tops[1]


def test_close_numbers_have_labels_that_differ(tmp_path: Path) -> None:
    history = "epoch,loss\n1,2.302585\n2,2.302588\n"
    page = report(write_run(tmp_path / "run", history=history))
    labels = re.findall(r'<span class="y"[^>]*>([^<]+)</span>', page.html)
    assert len(labels) > 2
    assert len(set(labels)) == len(labels)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    with (folder / "history.csv").open("r+b") as file:
        file.truncate(2**26 + 1)
    assert "history.csv cannot be read (report: history.csv: expected at most 67,108,864 bytes" in report(folder).text


def test_everything_that_comes_from_files_is_escaped(tmp_path: Path) -> None:
    config = {
        "command": f"nnxp train {HOSTILE}",
        "options": {"model": HOSTILE, HOSTILE: 1, "device": HOSTILE},
        "data": {"source": HOSTILE, "classes": [HOSTILE, "b"]},
        "result": {f"test_{HOSTILE}": 1.0, "stop_reason": HOSTILE},
        "versions": {HOSTILE: HOSTILE},
    }
    history = HISTORY.replace("accuracy", '"</script><img src=x onerror=alert(1)>"')
    rows = f'\n1,0,"{HOSTILE.replace(chr(34), chr(34) * 2)}","<b>",0,1,0.5,0.5,256,1,1,0.5,1,1\n'
    folder = write_run(tmp_path / "<i>run", config=config, history=history, diagnostics=HEAD + rows)
    net = Network(Linear(2, 2), seed=0)
    x, y = np.eye(2, dtype=np.float32), np.array([1, 1])
    findings = look_at_classes(net, x, y, [HOSTILE, "'><svg onload=alert(1)>"], pictures=False, features=[HOSTILE])
    evidence = Evidence(findings=findings, explanation=HOSTILE, notes=[HOSTILE], structure=[["name"], [HOSTILE]])
    page = report(folder, evidence)
    assert len(page.scripts) == 1
    assert not {"img", "i", "b"} & {tag for tag, _ in page.tags}
    assert page.text.count("<script>alert(1)</script>") >= 10
    compared = Page(
        render_comparison(compare_runs([read_record(folder), read_record(write_run(tmp_path / "b"))], [1, 2]))
    )
    compared.check()
    assert len(compared.scripts) == 1


def test_a_long_run_is_thinned_out(tmp_path: Path) -> None:
    lines = "".join(f"{e},{1 / e},0.01\n" for e in range(1, 20_001))
    page = report(write_run(tmp_path / "run", history=f"epoch,loss,seconds\n{lines}"))
    chart = charts(page)[0]
    assert len(chart["x"]) <= 402
    assert (chart["x"][0], chart["x"][-1]) == ("epoch 1", "epoch 20000")
    assert len(page.html) < 200_000
    assert "Of a long history not every epoch is listed; history.csv has them all." in page.text


def diagnostics(**changed: list[Any]) -> str:
    """Three measurements of a layer that is well, and of another that has changed columns."""
    well = {
        "mean": 0.1,
        "std": 1.0,
        "zeros": 0.4,
        "dead": 0.0,
        "samples": 256,
        "gradient": 1.0,
        "weight": 2.0,
        "update": 1e-3,
    }
    lines = [HEAD]
    for i in range(3):
        ill = {**well, **{name: values[i] for name, values in changed.items()}}
        for layer, row in (("0", well), ("1", ill)):
            lines.append(",".join(map(str, [i + 1, 10 * i, layer, "Linear", *row.values(), 1e-5, 2e-5])))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("changed", "word", "detail"),
    [
        ({}, None, None),
        ({"dead": [0.5, 0.4, 0.3]}, "dead units", "30.0 % of its units gave 0 to each of the last 256 samples"),
        ({"dead": [0.5, 0.4, 0.2]}, None, None),
        ({"dead": [1.0] * 3, "samples": [32, 64, 96]}, None, None),
        ({"gradient": [9e-4, 1e-5, 1e-3]}, "vanishing gradient", "its gradient has 0.00090 of the largest norm"),
        ({"gradient": [1.0, 9e-4, 1.0]}, None, None),
        ({"gradient": [0.0] * 3}, "vanishing gradient", "its gradient is 0"),
        ({"gradient": [1.0, 50.0, 200.0]}, "exploding gradient", "the norm of its gradient has grown 200-fold"),
        ({"gradient": [1.0, 1.0, math.nan]}, "exploding gradient", "the norm of its gradient is not a number"),
        ({"update": [5e-6] * 3}, "updates too small", "an update changes its weights by 5.0e-6 of their norm"),
        ({"update": [0.25, 0.5, 0.01]}, "updates too large", "an update changes its weights by 0.25 of their norm"),
        ({"std": [1.0, 0.5, 0.0]}, "constant output", "the standard deviation of its output is 0"),
    ],
)  # fmt: skip
def test_a_layer_that_looks_ill_has_a_plain_word(
    tmp_path: Path, changed: dict[str, list[Any]], word: str | None, detail: str | None
) -> None:
    folder = write_run(tmp_path / "run", diagnostics=diagnostics(**changed))
    well, other = layer_histories(read_record(folder).diagnostics)
    assert well.findings == []
    assert [(f.word, f.detail) for f in other.findings] == ([] if word is None else [(word, detail)])
    text = report(folder).text
    assert (f"{word} in layer 1 (Linear): {detail}." in text) if word else ("No layer looks ill." in text)
    assert "What counts as ill" in text


def test_layers_have_their_times(tmp_path: Path) -> None:
    text = report(write_run(tmp_path / "run", diagnostics=diagnostics())).text
    assert text.count("10.0 µs 20.0 µs 50.0 %") == 2


def network(weight: Any, bias: Any) -> Network:
    w, b = np.array(weight, np.float32), np.array(bias, np.float32)
    net = Network(Linear(w.shape[1], w.shape[0]), seed=0)
    net.load_state_dict({"weight": w, "bias": b})
    return net


def test_confusions_and_the_worst_mistakes_are_found(tmp_path: Path) -> None:
    net = network([[1, 0], [0, 1], [0, 0]], [0, 0, 0])
    x = np.array([[5, 0], [0, 5], [3, 0], [9, 0], [0, 2]], np.float32)
    findings = look_at_classes(net, x, np.array([0, 1, 2, 2, 0]), ["a", "b", "c"], pictures=False, features=["u", "v"])
    assert findings.wrong == 3
    assert findings.matrix == [[1, 1, 0], [0, 1, 0], [2, 0, 0]]
    assert findings.confusions == [
        "c is taken for a in 2 of its 2 samples, 100 %",
        "a is taken for b in 1 of its 2 samples, 50.0 %",
    ]
    worst = findings.mistakes[0]
    assert (worst.index, worst.truth, worst.prediction, worst.values) == (3, "c", "a", ["9.000", "0"])
    assert [mistake.index for mistake in findings.mistakes] == [3, 2, 4]
    text = report(write_run(tmp_path / "run"), Evidence(findings=findings)).text
    assert "3 of 5 test samples are classified wrongly" in text


def test_the_largest_errors_are_found_in_each_outputs_own_spread(tmp_path: Path) -> None:
    net = network([[1], [1000]], [0, 0])
    x = np.arange(5, dtype=np.float32)[:, None]
    y = np.concatenate([x, 1000 * x], axis=1)
    y[1, 0] += 1.0
    y[2, 1] += 100.0
    findings = look_at_numbers(net, x, y, pictures=False)
    assert [mistake.index for mistake in findings.mistakes[:2]] == [1, 2]
    assert findings.mistakes[0].detail == "off by -1.000, 0"
    page = report(write_run(tmp_path / "run"), Evidence(findings=findings))
    assert "The largest errors" in page.text
    assert "output 1 against the truth for 5 test samples" in page.attributes("aria-label")


@pytest.mark.parametrize(("classes", "cells"), [(100, True), (101, False)])
def test_a_confusion_matrix_of_many_classes_is_left_out(tmp_path: Path, classes: int, cells: bool) -> None:
    net = network(np.zeros((classes, 1)), np.zeros(classes))
    x, y = np.ones((classes, 1), np.float32), np.arange(classes)
    page = report(
        write_run(tmp_path / "run"), Evidence(findings=look_at_classes(net, x, y, range(classes), pictures=False))
    )
    assert ("matrix" in " ".join(page.attributes("class"))) is cells
    assert (f"A confusion matrix of {classes} classes could not be read, so there is none." in page.text) is not cells
    assert "1 is taken for 0 in 1 of its 1 sample" in page.text
    assert len(page.html) < 1_000_000


@pytest.mark.parametrize("shape", [(9,), (3, 4), (1, 3, 4), (3, 3, 4)])
def test_images_are_drawn(tmp_path: Path, shape: tuple[int, ...]) -> None:
    size = math.prod(shape)
    net = Network(Linear(size, 2), seed=0)
    x = np.random.default_rng(0).random((6, size), dtype=np.float32)
    wrong = 1 - net.predict(x).argmax(axis=1)

    class Flat:
        probabilities = None

        def predict(self, x: Any) -> Any:
            return net.predict(x.reshape(len(x), -1))

    findings = look_at_classes(Flat(), x.reshape(6, *shape), wrong, ["a", "b"], pictures=True)  # type: ignore[arg-type]
    page = report(write_run(tmp_path / "run"), Evidence(findings=findings))
    assert len(page.attributes("src")) == 6
    assert page.attributes("alt")[0].startswith("Test sample ")


def test_without_pillow_the_page_has_numbers_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    net = network(np.zeros((2, 4)), [1, 0])
    findings = look_at_classes(net, np.ones((1, 4), np.float32), np.array([1]), ["a", "b"], pictures=True)
    assert findings.mistakes[0].values == ["1.000"] * 4
    said = "The images could not be drawn (report: expected Pillow to be installed; pip install 'nnxp[images]')"
    assert findings.notes[0].startswith(said)


def test_gradients_are_checked_on_the_runs_data() -> None:
    net = network(np.ones((2, 3)), [0, 0])
    x, y = np.eye(3, dtype=np.float32), np.array([0, 1, 0])
    found = prove(net, x, y, CrossEntropyLoss())
    assert found.passed is True
    assert found.sentence.startswith("No gradient errors found (")
    assert found.sentence.endswith(", on 3 samples.")

    def wrong(output: Any, target: Any, sample_weight: Any = None) -> Any:
        value, dy = MSELoss()(output, target)
        return value, 2 * dy

    found = prove(net, x, np.zeros((3, 2), np.float32), wrong)
    assert found.passed is False
    assert "expected a gradient of" in found.sentence


@pytest.mark.parametrize("ending", ["", " of them"])
def test_long_names_of_classes_are_cut_and_stay_apart(ending: str) -> None:
    names = [f"{'a long name ' * 20}{k}{ending}" for k in range(3)]
    x = np.eye(3, dtype=np.float32)
    found = look_at_classes(network(np.eye(3), [0, 0, 0]), x, np.array([1, 2, 0]), names, pictures=False)
    assert max(map(len, found.classes)) < 40
    assert len(set(found.classes)) == 3


def test_formulas_that_take_long_are_left_out_with_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    net = network(np.ones((2, 3)), [0, 0])
    x, y = np.eye(3, dtype=np.float32), np.array([0, 1, 0])
    assert "Affine map" in explanation_of(net, x, y, CrossEntropyLoss())
    monkeypatch.setattr(proof, "_EXPLAINING", 0.0)
    with pytest.raises(TimeoutError) as caught:
        explanation_of(net, x, y, CrossEntropyLoss())
    page = report(write_run(tmp_path / "run"), Evidence(unexplained=str(caught.value)))
    assert "Formulas The formulas were left out, since checking their gradients takes more than 0 s here" in page.text


def test_runs_are_set_side_by_side(tmp_path: Path) -> None:
    other = {**CONFIG, "result": {"test_loss": 0.4, "test_accuracy": 0.75}, "options": {**CONFIG["options"], "lr": 0.1}}
    folders = [
        write_run(tmp_path / "first"),
        write_run(tmp_path / "second", config=other, history=HISTORY[: HISTORY.index("\n3,") + 1]),
    ]
    compared = compare_runs([read_record(folder) for folder in folders], [10, None])
    lines = [line.split("  ") for line in str(compared).splitlines()]
    table = {line[0]: [cell.strip() for cell in line[1:] if cell] for line in lines}
    assert table["test accuracy"] == ["87.5 % *", "75.0 %"]
    assert table["test loss"] == ["0.5000", "0.4000 *"]
    assert table["best validation loss"] == ["0.9000 *", "1.100"]
    assert table["parameters"] == ["10", "\N{EN DASH}"]
    assert table["lr"] == ["\N{EN DASH}", "0.1"]
    assert compared.headline == "first is best on the test samples, with an accuracy of 87.5 %."
    assert ("device", "cpu") in compared.same
    page = Page(render_comparison(compared))
    page.check()
    validation = charts(page)[0]
    assert [line["text"] for line in validation["lines"]][1] == ["1.900", "1.100", "\N{EN DASH}", "\N{EN DASH}"]


def test_runs_on_different_data_have_no_best(tmp_path: Path) -> None:
    other = {**CONFIG, "data": {"source": "iris.csv", "test_samples": 30}}
    records = [read_record(write_run(tmp_path / "a")), read_record(write_run(tmp_path / "b", config=other))]
    compared = compare_runs(records, [None, None])
    assert compared.headline == "The runs were tested on different data or targets, so none of them is called best."
    assert not any(any(best) for what, _, best in compared.results if what.startswith("test"))


@pytest.mark.parametrize("result", [{}, {"test_loss": math.nan, "test_accuracy": math.nan}])
def test_a_run_without_a_result_is_not_like_one_that_has_it(tmp_path: Path, result: dict[str, Any]) -> None:
    other = {**CONFIG, "result": result}
    records = [read_record(write_run(tmp_path / "a")), read_record(write_run(tmp_path / "b", config=other))]
    said = "Not every run has a test result that is a number, so none of them is called best."
    assert compare_runs(records, [None, None]).headline == said


def test_runs_on_different_targets_of_the_same_data_have_no_best(tmp_path: Path) -> None:
    runs = []
    for name, target, features in (("a", None, ["x"]), ("b", "y", ["x"]), ("c", "x", ["y"])):
        options = CONFIG["options"] | ({} if target is None else {"target": target})
        data = {"source": "plane.csv", "test_samples": 20, "features": features}
        result = {"test_r2": 0.5 if name == "a" else 0.25}
        config = {"options": options, "data": data, "result": result}
        runs.append(read_record(write_run(tmp_path / name, config=config)))
    assert compare_runs(runs[:2], [None, None]).headline == "a is best on the test samples, with an R² of 0.5000."
    said = "The runs were tested on different data or targets, so none of them is called best."
    assert compare_runs([runs[0], runs[2]], [None, None]).headline == said


def test_runs_of_the_same_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    records = [read_record(write_run(tmp_path / name / "run")) for name in ("a", "b")]
    compared = compare_runs(records, [1, 1])
    assert compared.names == ["a/run", "b/run"]
    assert compared.headline == "The runs are alike on the test samples."
