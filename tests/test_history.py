"""The table of a run."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from nnxp.training import History


@pytest.fixture
def history() -> History:
    table = History()
    table.record({"epoch": 1, "loss": 0.5, "seconds": 0.25}, np.array([0.6, 0.4]))
    table.record({"epoch": 2, "loss": 0.25, "seconds": 0.125}, np.array([0.3, 0.2, 0.1]))
    return table


def test_a_column_is_a_list(history: History) -> None:
    assert history["loss"] == [0.5, 0.25]
    assert list(history) == ["epoch", "loss", "seconds"]
    assert "val_loss" not in history
    assert len(history) == 3


def test_every_batch_is_remembered(history: History) -> None:
    np.testing.assert_array_equal(history.batch_loss, [0.6, 0.4, 0.3, 0.2, 0.1])
    assert history.updates == [2, 5]


def test_an_empty_history_has_no_batches() -> None:
    assert History().batch_loss.shape == (0,)
    assert History().rows() == []
    assert dict(History(["epoch", "loss"])) == {"epoch": [], "loss": []}


def test_the_table_reads_back_from_csv(history: History, tmp_path: Path) -> None:
    history.to_csv(tmp_path / "history.csv")
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [0.5, 0.25]
    assert [int(row["epoch"]) for row in rows] == [1, 2]


def test_the_table_becomes_a_data_frame(history: History) -> None:
    pytest.importorskip("pandas")
    frame = history.to_pandas()
    assert list(frame.columns) == ["epoch", "loss", "seconds"]
    assert frame["loss"].tolist() == [0.5, 0.25]


def test_without_pandas_one_sentence_says_so(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r"^History.to_pandas: expected pandas to be installed; pip install pandas$"):
        history.to_pandas()


def test_the_table_prints(history: History) -> None:
    assert repr(history).splitlines() == [
        "epoch  loss  seconds",
        "-----  ----  -------",
        "    1   0.5     0.25",
        "    2  0.25    0.125",
    ]
