"""Tables as people have them: missing cells, words, their own marks; and another file read like the first."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnxp.datasets import Column, Table, load, load_all, load_csv
from nnxp.errors import FormatError

CARS = """colour,doors,price,sold
red,4,10,yes
blue,,30,no
red,2,20,yes
"green, dark",4,,no
,4,60,yes
"""
NAN = float("nan")


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(text: str, name: str = "a.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def read(file: Any) -> Any:
    return lambda text, **options: load_csv(file(text), **options)


NUMBERS = "a,b,t\n1,7,0\n,7,1\n4,,0\n10,2,1\n"


@pytest.mark.parametrize(
    ("missing", "a", "b"),
    [
        ("mean", [1, 5, 4, 10], [7, 7, 16 / 3, 2]),
        ("median", [1, 4, 4, 10], [7, 7, 7, 2]),
        ("most_frequent", [1, 1, 4, 10], [7, 7, 7, 2]),
        (-1.5, [1, -1.5, 4, 10], [7, 7, -1.5, 2]),
        (0, [1, 0, 4, 10], [7, 7, 0, 2]),
        ("drop", [1, 10], [7, 2]),
        ({"a": "median", "*": 0}, [1, 4, 4, 10], [7, 7, 0, 2]),
        ({"a": "drop", "b": "mean"}, [1, 4, 10], [7, 4.5, 2]),
        ({"[ab]": 3}, [1, 3, 4, 10], [7, 7, 3, 2]),
    ],
)
def test_missing_numbers_become_what_was_asked_for(read: Any, missing: Any, a: list[float], b: list[float]) -> None:
    data = read(NUMBERS, missing=missing)
    assert data.x.dtype == np.float32
    assert data.x.tolist() == np.array([a, b], np.float32).T.tolist()
    assert len(data.y) == len(a)


@pytest.mark.parametrize("cell", ["", "  ", "?", "nan", "NaN", "NA", "n/a", "null", "None"])
def test_a_missing_number_is_written_in_many_ways(read: Any, cell: str) -> None:
    assert read(f"a,b,t\n1,2,0\n3,{cell},1\n", missing=9).x.tolist() == [[1, 2], [3, 9]]


def test_rows_without_a_target_can_be_dropped_and_nothing_else_can_be_done(read: Any) -> None:
    text = "a,t\n1,x\n2,\n3,y\n4,?\n"
    for missing in ("drop", {"t": "drop"}):
        data = read(text, missing=missing)
        assert data.x.ravel().tolist() == [1, 3]
        assert data.classes == ("x", "y")
    for missing in ("mean", "error", {"a": "drop"}):
        with pytest.raises(
            FormatError, match=r"expected a target in .*a\.csv, line 3, column 't', got ''; missing='drop'"
        ):
            read(text, missing=missing)


def test_words_become_a_column_each(read: Any) -> None:
    data = read(CARS, missing={"colour": "most_frequent", "*": "mean"}, categories="one-hot")
    assert data.feature_names == ("colour=blue", "colour=green, dark", "colour=red", "doors", "price")
    assert data.x[:, :3].tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert data.x[:, 3].tolist() == [4, 3.5, 2, 4, 4]
    assert data.x[:, 4].tolist() == [10, 30, 20, 30, 60]
    assert data.classes == ("no", "yes")


def test_words_become_numbers(read: Any) -> None:
    options = {"missing": {"colour": "none of these", "*": 0}, "categories": "ordinal"}
    data = read(CARS, **options)
    assert data.feature_names == ("colour", "doors", "price")
    assert data.x[:, 0].tolist() == [2, 0, 2, 1, 3]
    assert data.table.columns[0].categories == ("blue", "green, dark", "red", "none of these")


def test_an_order_of_words_can_be_told(read: Any) -> None:
    text = "size,t\nL,0\nS,1\nM,0\nS,1\n"
    assert read(text, categories="ordinal").x.ravel().tolist() == [0, 2, 1, 2]
    assert read(text, categories={"size": ["S", "M", "L"]}).x.ravel().tolist() == [2, 0, 1, 0]
    with pytest.raises(
        FormatError,
        match=r"line 2, column 'size', got 'L'; in training, unseen='other' takes any other as one \(--unseen\)$",
    ):
        read(text, categories={"size": ["S", "M"]})
    assert read(text, categories={"size": ["S", "M"]}, unseen="other").x.ravel().tolist() == [2, 0, 1, 0]


def test_a_column_that_is_named_may_be_categories_of_numbers(read: Any) -> None:
    text = "zip,size,t\n10,1,0\n9,2,1\n010,3,0\n9.0,4,1\n"
    assert read(text, categories="one-hot").feature_names == ("zip", "size")
    data = read(text, categories={"zip": "one-hot"})
    assert data.feature_names == ("zip=9", "zip=10", "size")
    assert data.x.tolist() == [[0, 1, 1], [1, 0, 2], [0, 1, 3], [1, 0, 4]]


def test_a_word_that_means_nothing_among_numbers_is_a_word_among_words(read: Any) -> None:
    assert read("a,b,t\n1,none,0\n2,low,1\n", categories="ordinal").x.tolist() == [[1, 1], [2, 0]]
    assert read("a,b,t\n1,none,0\n2,5,1\n", missing=0, categories="ordinal").x.tolist() == [[1, 0], [2, 5]]


def test_a_name_may_look_like_a_pattern(read: Any) -> None:
    assert read("price [$],n,t\n,1,0\n2,3,1\n", missing={"price [$]": 7}).x.tolist() == [[7, 1], [2, 3]]


def test_the_most_frequent_word_is_one_of_those_that_were_told(read: Any) -> None:
    options = {"missing": "most_frequent", "categories": {"size": ["S", "M"]}, "unseen": "other"}
    assert read("size,n,t\nL,1,0\nL,1,1\nM,1,0\n,1,1\n", **options).x[:, 0].tolist() == [2, 2, 1, 1]


def test_words_may_come_late(read: Any) -> None:
    rows = "".join(f"{i},{i % 3},0\n" for i in range(500))
    data = read(f"a,b,t\n{rows}1,x,0\n", categories="one-hot")
    assert data.feature_names == ("a", "b=0", "b=1", "b=2", "b=x")
    assert data.x[:, 1:].sum() == 501


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("red,1,a\nblue,2,b\n", ("column 1=blue", "column 1=red", "column 2")),
        ("colour,n,t\nblue,2,b\n", ("colour=blue", "n")),
        ("colour,kind,t\nblue,x,b\n", ("colour=blue", "kind=x")),
        ("red,?,a\nblue,2,b\n", ("column 1=blue", "column 1=red", "column 2")),
    ],
)
def test_a_header_is_known_from_words_above_numbers_or_from_words_alone(read: Any, text: str, names: Any) -> None:
    assert read(text, categories="one-hot", missing=0).feature_names == names


def test_whether_there_is_a_header_can_be_told(read: Any) -> None:
    assert read("p,x,a\ne,y,b\n", categories="ordinal", header=False).x.tolist() == [[1, 0], [0, 1]]
    assert read("1,2,3\n4,5,6\n", header=True).feature_names == ("1", "2")


def test_a_comma_may_stand_before_the_fractions(read: Any) -> None:
    data = read("1,5;2,25;3\n-4;0;1,5e1\n", decimal=",")
    assert data.x.tolist() == [[1.5, 2.25], [-4, 0]]
    assert data.classes == (3, 15)
    assert read("a\tt\n0,5\t0,25\n1\t2\n", decimal=",").y.tolist() == [[0.25], [2]]
    with pytest.raises(FormatError, match=r"expected a number in .*, line 2, column 'a', got '1\.234'"):
        read("a;t\n1.234;1\n", decimal=",")
    with pytest.raises(FormatError, match=r"column 'a', got '1,5'; decimal=',' reads 1,5 as a number$"):
        read("a;t\n1,5;1\n")


def test_a_separator_can_be_told(read: Any) -> None:
    assert read("a|b|t\n1|2|3\n", separator="|").x.tolist() == [[1, 2]]


def test_quoted_cells_may_hold_separators_quotes_and_lines(read: Any) -> None:
    data = read('"a, b","c\nd",t\n"1","2","x ""y"""\n3,4,z\n')
    assert data.feature_names == ("a, b", "c\nd")
    assert data.x.tolist() == [[1, 2], [3, 4]]
    assert data.classes == ('x "y"', "z")


def test_a_column_without_a_name_is_called_by_its_place(read: Any) -> None:
    assert read(",a,t\n0,1,2\n").feature_names == ("column 1", "a")


MISSING = "in training, missing='drop', 'mean', 'median', 'most_frequent' or a number says what to do (--missing)"


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a,b,a,t\n1,2,3,4\n", {}, "columns of different names in PATH, got 'a' twice; rename one, or drop it"),
        (CARS, {"categories": "one-hot"}, f"a number in PATH, line 3, column 'doors', got ''; {MISSING}"),
        (
            CARS,
            {"categories": "one-hot", "missing": {"doors": 0, "price": 0}},
            f"a category in PATH, line 6, column 'colour', got ''; {MISSING}",
        ),
        (
            CARS,
            {"categories": "one-hot", "missing": "mean"},
            "missing={'colour': 'most_frequent', 'drop' or a word} for a column of words in PATH, line 6, column 'colour', got 'mean'",
        ),
        (
            NUMBERS,
            {"missing": {"a": "unknown", "*": 0}},
            "missing={'a': 'drop' or a number} for a column of numbers in PATH, line 3, column 'a', got 'unknown'",
        ),
        (
            "a,b,t\n1,,2\n2,,3\n",
            {"missing": "median"},
            "missing={'b': 'drop' or a number} for a column of numbers in which all is missing in PATH, line 2, column 'b', got 'median'",
        ),
        ("a,b,t\n1,,2\n2,,3\n", {"missing": "drop"}, "rows without a missing cell in PATH, got 0"),
        (
            "a,t\n" + "".join(f"x{i},0\n" for i in range(1001)),
            {"categories": "ordinal"},
            "at most 1000 categories in PATH, line 1002, column 'a', got 'x1000'; leave out a column that names each row, or is free text",
        ),
        ("a,t\n1,2\n3,inf\n", {}, "a finite float32 number in PATH, line 3, column 't', got 'inf'"),
        ("a,t\n-inf,2\n", {"missing": "mean"}, "a finite float32 number in PATH, line 2, column 'a', got -inf"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_with_its_place(
    read: Any, tmp_path: Path, text: str, options: Any, sentence: str
) -> None:
    sentence = "load_csv: expected " + sentence.replace("PATH", str(tmp_path / "a.csv"))
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        read(text, **options)


POLICIES = "missing to be one of 'error', 'drop', 'mean', 'median', 'most_frequent' or a number"
CODINGS = "categories to be one of 'error', 'one-hot', 'ordinal'"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"missing": "meen"}, f"{POLICIES}, got 'meen'; did you mean 'mean'?"),
        ({"missing": {"a": "most_frequnt"}}, f"{POLICIES}, got 'most_frequnt'; did you mean 'most_frequent'?"),
        ({"missing": "unknown"}, f"{POLICIES}, got 'unknown'; a word for one column: missing={{'colour': 'unknown'}}"),
        ({"missing": NAN}, "missing in (-inf, inf), got nan"),
        ({"missing": None}, "missing in (-inf, inf), got None"),
        ({"missing": {"c": 0}}, "a pattern that fits one of a, b, t, got 'c'"),
        ({"categories": "onehot"}, f"{CODINGS}, got 'onehot'"),
        ({"categories": {"c": "one-hot"}}, "a pattern that fits one of a, b, t, got 'c'"),
        ({"categories": {"a": ["x", "x"]}}, "categories to be different words in their order, got ('x', 'x')"),
        ({"unseen": "ignore"}, "unseen to be one of 'error', 'other', got 'ignore'"),
        ({"separator": "||"}, "separator to be one character such as ',' or ';', got '||'"),
        ({"decimal": ";"}, "decimal to be one of '.', ',', got ';'"),
        ({"separator": ",", "decimal": ","}, "separator and decimal to differ, got ','"),
        ({"table": Table((Column("a"),)), "missing": 0}, "missing, categories and unseen to be the table's, got both"),
    ],
)
def test_an_option_that_cannot_be_is_refused(read: Any, options: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape('load_csv: expected ' + sentence)}$"):
        read(NUMBERS, **options)


# -- another file --------------------------------------------------------------------------------

OPTIONS: dict[str, Any] = {"missing": {"colour": "most_frequent", "*": "mean"}, "categories": "one-hot"}


def test_another_file_is_read_alike(read: Any) -> None:
    table = read(CARS, **OPTIONS).table
    other = read("colour,doors,price,sold\nblue,,,no\n,5,1,yes\n", table=table)
    assert other.x.tolist() == [[1, 0, 0, 3.5, 30], [0, 0, 1, 5, 1]]
    assert other.feature_names == table.feature_names
    assert other.table is table


def test_columns_are_found_by_their_names(read: Any) -> None:
    table = read(CARS, **OPTIONS).table
    other = read("sold,price,colour,doors\nno,1,red,2\n", table=table, target="sold")
    assert other.x.tolist() == [[0, 0, 1, 2, 1]]


def test_columns_without_names_are_found_by_their_places(read: Any) -> None:
    table = read("1,,0\n3,4,1\n", missing="mean").table
    assert read("5,,0\n,8,1\n", table=table).x.tolist() == [[5, 4], [2, 8]]
    assert read("a,b,t\n5,,0\n,8,1\n", table=table).x.tolist() == [[5, 4], [2, 8]]


def test_a_word_that_is_new_is_refused_or_another_one(read: Any, tmp_path: Path) -> None:
    text = "colour,doors,price,sold\npink,4,1,no\n"
    said = f"load_csv: expected one of the categories blue, green, dark, red in {tmp_path}/a.csv, line 2, column 'colour', got 'pink'; in training, unseen='other' takes any other as one (--unseen)"
    with pytest.raises(FormatError, match=f"^{re.escape(said)}$"):
        read(text, table=read(CARS, **OPTIONS).table)
    assert read(text, table=read(CARS, **OPTIONS, unseen="other").table).x.tolist() == [[0, 0, 0, 4, 1]]
    options = OPTIONS | {"categories": "ordinal", "unseen": "other"}
    assert read(text, table=read(CARS, **options).table).x.tolist() == [[3, 4, 1]]


def test_what_was_not_missing_in_training_may_be_missing_later_only_if_it_was_told(read: Any) -> None:
    full, holed = "a,b,t\n1,2,0\n3,4,1\n", "a,b,t\n1,,0\n"
    assert read(holed, table=read(full, missing="mean").table).x.tolist() == [[1, 3]]
    assert read(holed + "5,6,1\n", table=read(full, missing="drop").table).x.tolist() == [[5, 6]]
    with pytest.raises(FormatError, match=r"line 2, column 'b', got ''; in training, missing='drop'"):
        read(holed, table=read(full).table)


@pytest.mark.parametrize(
    ("text", "got"),
    [("colour,doors,sold\nred,1,no\n", "no 'price'"), ("colour,doors,price,age,sold\nred,1,2,3,no\n", "another column 'age'")],
)  # fmt: skip
def test_a_file_of_other_columns_is_refused(read: Any, tmp_path: Path, text: str, got: str) -> None:
    table = read(CARS, **OPTIONS).table
    sentence = f"load_csv: expected the columns colour, doors, price in {tmp_path}/a.csv, got {got}"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        read(text, table=table)


def test_a_table_survives_json(read: Any) -> None:
    for options in (OPTIONS, {"missing": "drop", "categories": "ordinal", "unseen": "other"}):
        table = read(CARS, **options).table
        assert Table.from_json(json.loads(json.dumps(table.to_json()))) == table


GOOD = {"name": "a", "fill": 1.0, "drop": False, "categories": None, "coding": "ordinal"}


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"fill": NAN},
        {"fill": "x"},
        {"drop": 1},
        {"coding": "error"},
        {"categories": ["x", "x"], "fill": None},
        {"categories": [], "fill": None},
        {"categories": [1], "fill": None},
        {"categories": ["x"], "fill": "y"},
        {"more": 1},
    ],
)
def test_a_table_that_is_none_is_refused(change: Any) -> None:
    kept = {"unseen": "error", "drops_targets": False, "columns": [GOOD]}
    assert Table.from_json(kept).columns[0].name == "a"
    for wrong in ({"columns": [GOOD | change]}, {"columns": []}, {"unseen": "x"}, {"drops_targets": 0}):
        with pytest.raises((ValueError, TypeError)):
            Table.from_json(kept | wrong)


# -- through the door of the command line ----------------------------------------------------------


def test_what_stands_in_is_learned_from_the_training_rows_alone(file: Any) -> None:
    rows = [f"{i if i % 4 else ''},{'xy'[i % 2]},{i % 3}" for i in range(40)]
    path = file("\n".join(["a,kind,t", *rows]))
    data = load(path, missing="mean", categories="one-hot", seed=3)
    assert data.table is not None
    fill = data.table.columns[0].fill
    there = data.x_train[data.x_train[:, 0] != np.float32(fill), 0]
    assert fill == pytest.approx(there.mean(), rel=1e-6)
    assert data.feature_names == ("a", "kind=x", "kind=y")
    x, y = load_all(path, classes=data.classes, table=data.table)
    assert x[0].tolist() == [np.float32(fill), 1, 0]
    assert y is not None
    assert y.tolist() == [i % 3 for i in range(40)]


def test_rows_are_predicted_one_for_one(file: Any) -> None:
    table = load_csv(file(NUMBERS), missing="drop").table
    path = file("a,b\n1,2\n3,\n", "new.csv")
    assert load_all(file("a,b\n1,2\n", "bare.csv"), classes=None, features=2, table=table)[1] is None
    with pytest.raises(FormatError, match=r"^load_all: expected a number in .*new\.csv, line 3, column 'b', got ''"):
        load_all(path, classes=None, features=2, table=table)
    x, _ = load_all(file("a,b,t\n1,2,0\n3,,1\n", "tested.csv"), classes=(0, 1), table=table)
    assert x.tolist() == [[1, 2]]


def test_categories_may_come_without_a_target(file: Any) -> None:
    table = load_csv(file(CARS), **OPTIONS).table
    x, y = load_all(file("price,colour,doors\n1,red,\n", "new.csv"), classes=("no", "yes"), features=5, table=table)
    assert y is None
    assert x.tolist() == [[0, 0, 1, 3.5, 1]]
    said = "load_all: expected 3 columns of features in PATH, and a target or none, got 2"
    path = file("price,colour\n1,red\n", "few.csv")
    with pytest.raises(FormatError, match=f"^{re.escape(said.replace('PATH', str(path)))}$"):
        load_all(path, classes=("no", "yes"), features=5, table=table)


def test_options_are_for_data_of_their_kind() -> None:
    for option, whose in (
        ({"missing": 0}, "a .csv file"),
        ({"size": 3}, "a folder of images"),
        ({"x": 1}, "no data at all"),
    ):
        said = f"load: expected {next(iter(option))} with {whose} alone, got 'digits'"
        with pytest.raises(TypeError, match=f"^{re.escape(said)}$"):
            load("digits", **option)


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(
    content=st.text(alphabet='019.,;\n"ab -?', max_size=60),
    missing=st.sampled_from(["error", "drop", "mean", "median", "most_frequent", 0]),
    categories=st.sampled_from(["error", "one-hot", "ordinal"]),
)
def test_any_text_ends_in_a_table_that_reads_it_again_or_a_format_error(
    file: Any, content: str, missing: Any, categories: str
) -> None:
    path = file(content)
    try:
        data = load_csv(path, missing=missing, categories=categories)
    except FormatError:
        return
    assert len(data.x) == len(data.y) > 0
    assert np.isfinite(data.x).all()
    assert data.x.shape[1] == len(data.feature_names)
    if all(column.categories is None for column in data.table.columns):
        assert np.array_equal(load_csv(path, table=data.table).x, data.x)


@pytest.mark.slow
def test_a_large_table_takes_little_more_memory_than_its_numbers(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "large.csv"
    n = 60_000
    path.write_text("a,b,kind,t\n" + "".join(f"{i},,{'uvw'[i % 3]},{i % 2}\n{i},7,u,0\n" for i in range(n // 2)))
    tracemalloc.start()
    data = load_csv(path, missing="mean", categories="one-hot")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.x.shape == (n, 5)
    # The raw columns, their lines, and the cells of the target stand beside the result for a while.
    assert peak < 3 * data.x.nbytes + 20 * n


def test_a_number_to_fill_in_must_fit_float32(read: Any) -> None:
    with pytest.raises(ValueError, match="^load_csv: expected missing to be a number that float32 can hold, got 1e"):
        read("a,t\n,0\n1,1\n", missing=1e39)


def test_a_word_that_is_filled_in_is_not_the_other_one(read: Any) -> None:
    text = "size,t\nS,0\nM,1\n,1\nXXL,0\nXL,1\n"
    options: Any = {"categories": {"size": ["S", "M"]}, "missing": {"size": "XL"}, "unseen": "other"}
    data = read(text, **options)
    assert data.x.tolist() == [[0], [1], [2], [3], [2]]
    assert read(text, table=data.table).x.tolist() == data.x.tolist()


def test_an_order_counts_numbers_that_are_the_same_once(read: Any) -> None:
    data = read("a,t\n1,0\n2,1\n", categories={"a": ["1", "1.0", "2"]})
    assert data.x.tolist() == [[0], [1]]
    assert data.table.columns[0].categories == ("1", "2")


def test_long_names_made_of_digits_stay_apart(read: Any) -> None:
    data = read("a,t\n123456789012345678,0\n123456789012345679,1\n1_2,0\n12,1\n", categories={"a": "one-hot"})
    assert data.table.columns[0].categories == ("12", "123456789012345678", "123456789012345679", "1_2")
